// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"natstcl/kv/fault"
	"sync"
	"time"
)

// ping is one PING of the script's. It outlives the engine it was sent on.
type ping struct {
	conn   *Conn
	done   func(took time.Duration, err error)
	once   sync.Once
	ctx    context.Context // ends with the ping
	cancel context.CancelFunc
}

// Ping has done called when the server has answered a PING, and all that came before
// the answer is delivered. Errors: ErrTimeout, ErrConnectionClosed (also at once, where
// the status is not Connected).
func (c *Conn) Ping(timeout time.Duration, done func(error)) error {
	return c.RTT(timeout, func(_ time.Duration, err error) { done(err) })
}

// RTT is Ping, and tells how long the answer took; after a reconnect in the middle of it the
// answer of the new connection counts.
func (c *Conn) RTT(timeout time.Duration, done func(took time.Duration, err error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shown != Connected {
		return c.noServerLocked()
	}
	if timeout <= 0 {
		return errPingTimeout()
	}
	c.pingLocked(timeout, errPingTimeout(), done)
	return nil
}

// pingLocked sends a PING to the server that is connected, or that will be. late is its error
// after timeout (0: without end).
func (c *Conn) pingLocked(timeout time.Duration, late *fault.Error, done func(took time.Duration, err error)) {
	if timeout <= 0 {
		timeout = forever // nats.go wants a deadline
	}
	p := &ping{conn: c, done: done}
	p.ctx, p.cancel = context.WithTimeout(context.Background(), timeout)
	context.AfterFunc(p.ctx, func() { c.Guarded(func() { p.finish(0, late) }) })
	c.pings[p] = struct{}{}
	if c.engine != nil {
		p.sendOn(c.engine)
	}
}

const forever = 100 * 365 * 24 * time.Hour

func errPingTimeout() *fault.Error { return fault.New(fault.Timeout, "PING timeout") }

// sendOn sends the PING. Its goroutine ends with the answer, the engine or the ping.
func (p *ping) sendOn(e *engine) {
	go p.conn.Guarded(func() {
		start := time.Now()
		if e.nc.FlushWithContext(p.ctx) == nil {
			took := time.Since(start)
			e.inTurn(func() { p.finish(took, nil) }, false)
		}
	})
}

func (p *ping) finish(took time.Duration, err error) {
	p.once.Do(func() {
		p.conn.mu.Lock()
		delete(p.conn.pings, p)
		p.conn.mu.Unlock()
		p.cancel()
		p.done(took, err)
	})
}
