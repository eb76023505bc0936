// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"natstcl/kv/fault"
	"time"
)

// Drain begins the end of a connection in which nothing is lost: subscriptions with an ID get
// nothing new, further ones are refused (ErrConnectionDraining), and done is called when all that
// had come for them is delivered. All else goes on until Disconnect, which is the caller's to
// call, after WhenIdle and Flush where it wants them.
//
// It waits through reconnects. Errors: ErrConnectionClosed.
func (c *Conn) Drain(done func(error)) error {
	c.handOver()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() {
		return NoConnection()
	}
	c.draining = true
	c.obs.Log(LogInfo, "Draining the connection")
	subs := make([]*Sub, 0, len(c.subs))
	for _, s := range c.subs {
		subs = append(subs, s)
		s.endLocked()
	}
	c.pingLocked(0, nil, func(_ time.Duration, err error) {
		for _, s := range subs {
			s.Stop()
		}
		done(err)
	})
	return nil
}

// Flush has done called when a server has seen all that went before, and all that it sent
// before is delivered. It waits through reconnects. Errors: ErrConnectionClosed.
func (c *Conn) Flush(done func(error)) error {
	c.handOver()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() {
		return NoConnection()
	}
	c.pingLocked(0, nil, func(_ time.Duration, err error) { done(err) })
	return nil
}

// Drain ends a subscription: the server sends nothing more, and done is called when what it
// had sent before is delivered, or has gone with its connection. Errors: ErrTimeout (0: without
// end), ErrConnectionClosed; the subscription has ended then all the same.
func (s *Sub) Drain(timeout time.Duration, done func(error)) {
	c := s.conn
	c.mu.Lock()
	if !s.endLocked() {
		c.mu.Unlock()
		done(nil)
		return
	}
	c.pingLocked(timeout, errDrainTimeout(), func(_ time.Duration, err error) {
		s.Stop()
		done(err)
	})
	c.mu.Unlock()
}

func errDrainTimeout() *fault.Error { return fault.New(fault.Timeout, "Drain timed out") }

// endLocked tells the server that nothing more is wanted. What it has sent before still comes,
// until Stop; false where there is nothing to come.
func (s *Sub) endLocked() bool {
	c := s.conn
	if c.engine == nil || s.engine != c.engine || !s.engine.out.say(unsub(s.sid, 0)) {
		c.dropLocked(s)
		return false
	}
	s.quiet = true
	delete(c.subs, s.id) // it is not restored
	delete(c.internal, s)
	return true
}

// WhenIdle has f called once, by any goroutine, when no request waits for its reply any more and the ends of
// all are told.
func (c *Conn) WhenIdle(f func()) {
	t := &c.pending
	t.mu.Lock()
	t.idle = append(t.idle, f)
	t.mu.Unlock()
	t.tellIdle()
}

// Requests tells how many were begun, and how many of them wait for their reply.
func (c *Conn) Requests() (begun uint64, open int) {
	t := &c.pending
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last, int(t.open.Load())
}

// told is called after the end of each request.
func (t *pendings) told() {
	if t.open.Add(-1) == 0 {
		t.tellIdle()
	}
}

func (t *pendings) tellIdle() {
	t.mu.Lock()
	var idle []func()
	if t.open.Load() == 0 {
		idle, t.idle = t.idle, nil
	}
	t.mu.Unlock()
	for _, f := range idle {
		f()
	}
}
