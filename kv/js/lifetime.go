// SPDX-License-Identifier: Apache-2.0

package js

import (
	"sync"
	"time"

	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// lifetime is what ends with a consumer, a fetch or a batch: its subscription, its timer, and what the connection
// tells it.
type lifetime struct {
	mu      sync.Mutex // guards this, and what its owner says it guards
	stopped bool
	sub     *wire.Sub   // nil where there is none
	timer   *time.Timer // nil where none was ever set
	leave   []func()    // what OnState and OnRefusal have returned

	// telling is held while the owner is told of an error, so that the end is told last. Nobody has mu then, and who is told
	// must not block.
	telling sync.Mutex
}

// listenLocked follows the connection's status, and then begins to listen: a connection that ends behind the first is told, and on
// one that has ended nobody can listen. mu is held.
func (l *lifetime) listenLocked(conn *wire.Conn, changed func(wire.Status), listen func() (*wire.Sub, error)) (err error) {
	leave := conn.OnState(changed)
	if l.sub, err = listen(); err != nil {
		leave()
		return err
	}
	l.leave = append(l.leave, leave)
	return nil
}

// stop ends it: nothing is called any more but what runs already. False where it has ended before.
func (l *lifetime) stop() bool {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return false
	}
	l.stopped = true
	if l.timer != nil {
		l.timer.Stop()
	}
	sub, leave := l.sub, l.leave
	l.sub, l.leave = nil, nil
	l.mu.Unlock()
	for _, leave := range leave {
		leave()
	}
	if sub != nil {
		sub.Stop()
	}
	return true
}

// alarmLocked sets the one timer, in place of what it was set to. mu is held.
func (l *lifetime) alarmLocked(conn *wire.Conn, after time.Duration, ring func()) {
	if l.timer == nil {
		l.timer = time.AfterFunc(after, func() { conn.Guarded(ring) })
	} else {
		l.timer.Reset(after)
	}
}

// reading is the lifetime of a consumer that was there before and stays, and what its owner hears of it.
type reading struct {
	lifetime
	failed func(*fault.Error) // what was wrong, and it goes on
	ended  func(*fault.Error) // the end, and why; nil is told where all has come
	told   string             // the error of failed since the server has last shown itself; guarded by mu
}

// failOnce calls failed, unless the same error was told since the server last sent something, or it has ended.
func (r *reading) failOnce(e *fault.Error) {
	r.telling.Lock()
	defer r.telling.Unlock()
	r.mu.Lock()
	again := r.stopped || r.told == e.Text
	r.told = e.Text
	r.mu.Unlock()
	if !again {
		r.failed(e)
	}
}

// end stops the reading for good, and tells why.
func (r *reading) end(why *fault.Error) {
	if r.stop() {
		r.telling.Lock()
		defer r.telling.Unlock()
		r.ended(why)
	}
}

// complete stops the reading when all has come that was to come.
func (r *reading) complete() { r.end(nil) }

// Stop ends the reading: nothing that comes later is delivered. It may be called more than once.
func (r *reading) Stop() { r.stop() }

// drainTimeout bounds how long the end of a consumer waits for its server.
const drainTimeout = 10 * time.Second

// drain listens no longer, and has done called when what the server has sent is delivered.
func (r *reading) drain(done func()) {
	r.mu.Lock()
	sub := r.sub
	r.mu.Unlock()
	if sub == nil { // it has ended
		done()
		return
	}
	sub.Drain(drainTimeout, func(error) {
		r.stop()
		done()
	})
}
