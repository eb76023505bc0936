// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"math"
	"math/rand/v2"
	"natstcl/kv/fault"
	"net"
	"slices"
	"strconv"
	"time"
)

// lost is called by an engine's reader when the connection has ended and all that had
// come is delivered.
func (c *Conn) lost(e *engine, cause *fault.Error) {
	end := func() {}
	c.mu.Lock()
	defer func() {
		c.mu.Unlock()
		end()
	}()
	e.lost = true
	if c.engine != e {
		return // by Disconnect, or by Reconnect; or it is not the current one yet, and upLocked tells
	}
	c.engine = nil
	c.leftLocked()
	e.settling.Stop()
	if e.restored && time.Since(e.since) < c.probationLocked() {
		c.failedLocked(e.server, true)
	}
	c.reportLocked(cause)
	c.logLostLocked(e)
	if c.options.NoReconnect {
		c.obs.Log(LogError, "The connection is lost for good: "+fault.Option("reconnect")+" is off")
		end = c.closeLocked(errLost)
		return
	}
	c.beginLocked(func() {}, c.reconnect)
}

// logLostLocked tells what was waiting to be sent by an engine that has ended.
func (c *Conn) logLostLocked(e *engine) {
	if n := e.socket.lostBytes(); n > 0 {
		c.obs.Log(LogWarn, strconv.Itoa(n)+" bytes that were waiting to be sent to "+e.server.address()+" are lost")
	}
}

// beginLocked begins reconnecting: after first has returned, run makes the attempts.
func (c *Conn) beginLocked(first func(), run func(context.Context) error) {
	c.setStatusLocked(Reconnecting)
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel()
	c.cancel = cancel
	// Ends with success, with the pool, or with ctx.
	go c.Guarded(func() {
		first()
		_ = c.attempts(ctx, run)
	})
}

// Reconnect ends the connection and begins another one, to the next server in turn: for credentials that
// were changed, or a pool that was. What was published is flushed before, for two seconds at most. It returns at
// once, with the status Reconnecting. Between two attempts it ends the wait; while the first connection is
// being made it does no more than that. ErrConnectionClosed: there is no connection.
//
// Options.NoReconnect does not count here: each server is tried once then.
func (c *Conn) Reconnect() error {
	c.handOver()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() {
		return NoConnection()
	}
	e := c.engine
	if e == nil {
		c.hurried = true
		c.nudgeLocked()
		return nil
	}
	if c.shown == Connecting {
		return nil // it has just been made, which the caller does not know yet
	}
	c.engine = nil
	e.settling.Stop()
	c.obs.Log(LogInfo, "Leaving the server at "+e.server.address())
	if c.shown != Closed {
		c.shown = Reconnecting // the caller knows
	}
	left := make(chan struct{})
	c.leaving = left
	run := c.reconnect
	if c.options.NoReconnect {
		run = c.connectFirst
	}
	c.beginLocked(func() {
		// A script that does nothing else must not make a storm of connections.
		defer close(left)
		time.Sleep(time.Until(e.since.Add(leastPause)))
		if !e.leave(nil).end() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.logLostLocked(e)
		}
	}, run)
	return nil
}

// ReplaceServers replaces the pool in whatever status, all or nothing; it counts from the next attempt on. What is
// known of the failures of a server that stays is kept. ErrInvalidArg: a bad URL, or none.
func (c *Conn) ReplaceServers(urls []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := newPool(urls, c.options.Randomize)
	if err != nil {
		return err
	}
	if len(p) == 0 {
		return fault.New(fault.InvalidArg, "The server pool cannot be made empty")
	}
	before := make(map[string]*server, len(c.servers))
	for _, s := range c.servers {
		before[s.url] = s
	}
	var current *server
	for i, s := range p {
		old := before[s.url]
		if old == nil {
			continue
		}
		delete(before, s.url) // a URL may be there twice
		old.discovered = false
		p[i] = old
		if old == c.current {
			current = old
		}
	}
	// Those that have not failed come first.
	slices.SortStableFunc(p, func(a, b *server) int { return a.lastAttempt.Compare(b.lastAttempt) })
	c.servers = p
	if current != nil && c.engine != nil {
		c.servers.toBack(current)
	}
	c.nudgeLocked()
	return nil
}

// SetInProcess has the connection made by dial, without a network, in place of a pool. ErrInvalidArg: the connection
// is not closed.
func (c *Conn) SetInProcess(dial func() (net.Conn, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closedLocked() {
		return errConfigured()
	}
	c.servers = pool{{scheme: "nats", host: "in-process", url: "in-process", inProcess: dial}}
	return nil
}

// reconnect tries the servers in turn until one is connected or none is left.
func (c *Conn) reconnect(ctx context.Context) error {
	var last *fault.Error // of the attempts
	for {
		s, err := c.awaitTurn(ctx)
		if err == nil {
			if err = c.try(ctx, s, true); err == nil {
				return nil
			}
			if last = err; !c.refusedAgain(s) {
				continue
			}
		} else if err.Code == fault.NoServers && last != nil {
			err.Help = "every server has left it, after as many failed attempts as " + fault.Option("max_reconnect_attempts") + " allows; the last: " + last.Text
		}
		if ctx.Err() != nil {
			return errDisconnected
		}
		c.giveUp(ctx, err)
		return err
	}
}

// refusedAgain tells whether a server need not be tried any more (Options.AuthErrorAbort).
func (c *Conn) refusedAgain(s *server) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.AuthErrorAbort && s.refusals > 1
}

// refusedLogin is called by an engine's reader when a server does not take the login, or takes it back.
func (c *Conn) refusedLogin(s *server, code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.refusedWith != code {
		s.refusedWith, s.refusals = code, 0
	}
	s.refusals++
}

// turn is the server that is tried next, and what the owner has said of it.
type turn struct {
	server *server
	asked  bool // Options.ChooseServer has answered
	chosen bool // with this server and this wait
	wait   time.Duration
	since  time.Time // of the answer
	delay  *time.Duration
}

// awaitTurn waits until the next server may be tried. The options, and the pool, count as they are at each
// moment. ErrNoServers: none is left; another error: ctx has ended.
func (c *Conn) awaitTurn(ctx context.Context) (*server, *fault.Error) {
	var t turn
	for {
		c.mu.Lock()
		if ctx.Err() != nil {
			c.mu.Unlock()
			return nil, errDisconnected
		}
		if len(c.servers) == 0 {
			c.mu.Unlock()
			return nil, errEmptyPool()
		}
		if t.chosen && !slices.Contains(c.servers, t.server) {
			t = turn{} // it has left the pool: the owner is asked again
		}
		if !t.chosen && t.server != c.servers[0] {
			t = turn{server: c.servers[0], asked: t.asked}
		}
		o, nudge := c.options, c.nudge
		c.mu.Unlock()
		if o.ChooseServer != nil && !t.asked {
			c.choose(ctx, &t, o)
			continue
		}
		at, ok := c.mayBeTried(ctx, &t, o)
		if !ok {
			return nil, errDisconnected
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-timer.C:
			if ctx.Err() == nil {
				return t.server, nil
			}
		case <-nudge:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// choose asks the owner for the server, and for the wait before it.
func (c *Conn) choose(ctx context.Context, t *turn, o Options) {
	c.mu.Lock()
	info := c.info
	c.mu.Unlock()
	url, wait := o.ChooseServer(ctx, c.Servers(), info)
	c.mu.Lock()
	defer c.mu.Unlock()
	t.asked = true
	if s := c.servers.find(url); s != nil {
		*t = turn{server: s, asked: true, chosen: true, wait: wait, since: time.Now()}
	}
}

// mayBeTried is when a server's turn comes: at once if it has not failed. It may ask the owner
// (Options.CustomReconnectDelay); false where ctx ends meanwhile.
func (c *Conn) mayBeTried(ctx context.Context, t *turn, o Options) (at time.Time, ok bool) {
	c.mu.Lock()
	s, hurried := t.server, c.hurried
	failedAt, luck, description := s.lastAttempt, s.luck, s.dict()
	c.mu.Unlock()
	earliest := failedAt.Add(leastPause)
	var wait time.Duration
	switch {
	case hurried:
		return earliest, true
	case t.chosen:
		return latest(earliest, t.since.Add(t.wait)), true
	case failedAt.IsZero():
		return failedAt, true
	case o.CustomReconnectDelay:
		if t.delay == nil {
			answer := make(chan time.Duration, 1)
			c.obs.ReconnectDelay(description, func(d time.Duration) { answer <- d })
			select {
			case d := <-answer:
				t.delay = &d
			case <-ctx.Done():
				return at, false
			}
		}
		wait = *t.delay
	default:
		jitter := o.ReconnectJitter
		if o.demandsTLS(s) {
			jitter = o.ReconnectJitterTLS
		}
		wait = longer(o.ReconnectTimeWait, time.Duration(luck*float64(jitter)))
	}
	return latest(earliest, failedAt.Add(wait)), true
}

// longer adds two durations, up to the longest that there is.
func longer(a, b time.Duration) time.Duration {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxInt64
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// failedLocked counts a failed attempt at a server: it goes to the end of the queue, or with counting out of
// it when there were too many.
func (c *Conn) failedLocked(s *server, counting bool) {
	s.reconnects++
	s.lastAttempt, s.luck = time.Now(), rand.Float64()
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
