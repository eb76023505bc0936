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

// At the end of a process its interpreters end one after another. If one of them has waited for all of its grace,
// an interpreter that ends within directly after it waits no longer than hardlyAny: what that one had published was
// on its way for as long.
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

// Late is called by a Release whose work outlasts it. The end of the interpreter waits until ended is closed, as the
// thread or the process may end with it; it waits for all such work together, for two seconds at most.
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
