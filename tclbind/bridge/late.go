// SPDX-License-Identifier: Apache-2.0

package bridge

import "time"

// late is what resources still have to do behind their Release.
type late struct {
	ends  []<-chan struct{}
	until time.Time // zero: nobody has waited yet
}

// grace bounds how long the end of an interpreter waits for all that is late.
const grace = 2 * time.Second

// Late is for a Release at the end of the interpreter: the thread or the process may end with it, with
// their memory and their goroutines. The end waits for ended, and for all others together, for
// two seconds at most.
func (p *Package) Late(ended <-chan struct{}) { p.late.ends = append(p.late.ends, ended) }

// AwaitLate waits for what is late now: for a Release that takes away what the others need.
func (p *Package) AwaitLate() {
	l := &p.late
	if len(l.ends) == 0 {
		return
	}
	if l.until.IsZero() {
		l.until = time.Now().Add(grace)
	}
	over := time.NewTimer(time.Until(l.until))
	defer over.Stop()
	for _, ended := range l.ends {
		select {
		case <-ended:
		case <-over.C:
			return
		}
	}
	l.ends = nil
}
