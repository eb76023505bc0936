// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"sync"
)

// loop is an event loop in a test: Drains that were asked for, in the order in
// which a Tcl notifier would bring them.
type loop struct {
	Host // what a test does not need is not there

	mu     sync.Mutex
	queue  int // Wake and Again
	timers int // Later
}

func (l *loop) add(n *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*n++
}

func (l *loop) Wake()  { l.add(&l.queue) }
func (l *loop) Again() { l.add(&l.queue) }
func (l *loop) Later() { l.add(&l.timers) }

// one serves one event: of the queue, or where that is empty a timer.
func (l *loop) one(p *Package) (timer, ok bool) {
	l.mu.Lock()
	switch {
	case l.queue > 0:
		l.queue--
	case l.timers > 0:
		l.timers--
		timer = true
	default:
		l.mu.Unlock()
		return false, false
	}
	l.mu.Unlock()
	p.Drain()
	return timer, true
}

func newLoop() (*loop, *Package) {
	l := &loop{}
	return l, newPackage(l, &Extension{Name: "test", Namespace: "::test::"})
}
