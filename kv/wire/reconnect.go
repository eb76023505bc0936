// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"natstcl/kv/fault"
	"strconv"
	"time"
)

// lost is called by an engine's reader when the connection has ended and all that had
// come is delivered.
func (c *Conn) lost(e *engine, cause *fault.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine != e {
		return // by Disconnect
	}
	c.engine = nil
	e.settling.Stop()
	if e.restored && time.Since(e.since) < c.probationLocked() {
		c.failedLocked(e.server, true)
	}
	c.reportLocked(cause)
	if n := e.socket.lostBytes(); n > 0 {
		c.obs.Log(LogWarn, strconv.Itoa(n)+" bytes that were waiting to be sent to "+e.server.address()+" are lost")
	}
	c.setStatusLocked(Reconnecting)
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel()
	c.cancel = cancel
	// Ends with success, with the pool, or with ctx.
	go c.Guarded(func() { _ = c.attempts(ctx, c.reconnect) })
}

// reconnect tries the servers in turn until one is connected or none is left.
func (c *Conn) reconnect(ctx context.Context) error {
	for {
		c.mu.Lock()
		if ctx.Err() != nil {
			c.mu.Unlock()
			return errDisconnected
		}
		if len(c.servers) == 0 {
			c.mu.Unlock()
			none := errEmptyPool()
			c.giveUp(ctx, none)
			return none
		}
		s := c.servers[0]
		c.mu.Unlock()
		if !c.awaitTurn(ctx, s) {
			return errDisconnected
		}
		if c.try(ctx, s, true) == nil {
			return nil
		}
	}
}

// awaitTurn waits until a server that has failed may be tried again. The options count
// as they are at each moment.
func (c *Conn) awaitTurn(ctx context.Context, s *server) bool {
	var asked *time.Duration
	for {
		c.mu.Lock()
		failedAt, options, nudge := s.lastAttempt, c.options, c.nudge
		description := s.dict()
		c.mu.Unlock()
		if failedAt.IsZero() {
			return ctx.Err() == nil
		}
		wait := options.ReconnectTimeWait
		if options.CustomReconnectDelay {
			if asked == nil {
				answer := make(chan time.Duration, 1)
				c.obs.ReconnectDelay(description, func(d time.Duration) { answer <- d })
				select {
				case d := <-answer:
					asked = &d
				case <-ctx.Done():
					return false
				}
			}
			wait = *asked
		}
		wait = max(wait, leastPause)
		timer := time.NewTimer(time.Until(failedAt.Add(wait)))
		select {
		case <-timer.C:
			return true
		case <-nudge:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// failedLocked counts a failed attempt at a server: it goes to the end of the queue, or with counting out of
// it when there were too many.
func (c *Conn) failedLocked(s *server, counting bool) {
	s.reconnects++
	s.lastAttempt = time.Now()
	c.servers.toBack(s)
	if most := c.options.MaxReconnectAttempts; counting && most >= 0 && s.reconnects >= most {
		c.servers.remove(s)
	}
}

// leastPause is between two attempts at one server, whatever the options say.
const leastPause = 10 * time.Millisecond

// probationLocked is how long a connection has to live for its server's failures to be forgotten. One that
// came by reconnecting and ends sooner, as at a proxy without a server behind it, is a failed attempt itself.
func (c *Conn) probationLocked() time.Duration {
	d := c.options.ReconnectTimeWait
	if ping := c.options.PingInterval; ping > 0 {
		d = min(d, ping)
	}
	return max(d, leastPause)
}

// settleLocked forgets a server's failures when its connection has lived for long enough.
func (c *Conn) settleLocked(e *engine) {
	e.since, e.restored = time.Now(), c.status == Reconnecting
	e.settling = time.AfterFunc(c.probationLocked(), func() {
		c.Guarded(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.engine == e {
				e.server.reconnects, e.server.lastAttempt = 0, time.Time{}
			}
		})
	})
}
