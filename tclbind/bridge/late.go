// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"sync/atomic"
	"time"
)

// late is what resources still have to do behind their Release.
type late struct {
	ends  []<-chan struct{}
	until time.Time // zero: nobody has waited yet
}

// grace bounds how long the end of an interpreter waits for all that is late.
const grace = 2 * time.Second

// The end of a process is that of its interpreters, one directly after the other. Where one has taken all of
// its grace, the next one gets hardly any: what it had published was on its way as long.
const (
	directly  = 100 * time.Millisecond
	hardlyAny = 20 * time.Millisecond
)

// exhausted is when an interpreter last took all the time that it had, in ns since 1970.
var exhausted atomic.Int64

func graceNow() time.Duration {
	if time.Now().UnixNano()-exhausted.Load() < int64(directly) {
		return hardlyAny
	}
	return grace
}

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
		l.until = time.Now().Add(graceNow())
	}
	over := time.NewTimer(time.Until(l.until))
	defer over.Stop()
	for _, ended := range l.ends {
		select {
		case <-ended:
		case <-over.C:
			exhausted.Store(time.Now().UnixNano())
			return
		}
	}
	l.ends = nil
}
