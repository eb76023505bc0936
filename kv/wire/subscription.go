// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"maps"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
)

// Sub is a subscription. It survives reconnects.
type Sub struct {
	conn    *Conn
	id      int // 0 for one of Listen's
	number  int // of one of Listen's, once somebody has asked for it; guarded by conn.mu
	subject string
	queue   string
	deliver func(*Lent)

	// The connection at which a server knows it, nil for none; guarded by conn.mu.
	engine *engine
	sid    int   // its number there
	told   int   // how many messages the server was told to send, 0 for all
	before int64 // received, before it was known there
	quiet  bool  // the server was told that nothing more is wanted, and what it has sent may still come

	most     atomic.Int64 // messages it may have in all, 0 for no limit
	received atomic.Int64
	stopped  atomic.Bool

	// Why the server that is connected does not permit it. It may come before Subscribe has returned.
	refusal atomic.Pointer[fault.Error]
}

// ID is the subscription's number, 0 for one of Listen's.
func (s *Sub) ID() int { return s.id }

// Subject is what was subscribed to.
func (s *Sub) Subject() string { return s.subject }

// Subscribe subscribes to subject, in a queue group where queue is not empty, for max
// messages (0: no limit). IDs count from 1, and go on after a disconnect.
//
// Errors: ErrConnectionClosed, ErrConnectionDraining, ErrBadSubject, ErrBadQueueName.
func (c *Conn) Subscribe(subject, queue string, max int, deliver Deliver) (*Sub, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() {
		return nil, NoConnection()
	}
	if c.draining {
		return nil, fault.New(fault.ConnectionDraining, "Connection is draining")
	}
	check := c.options.CheckSubjects
	if err := checkSubject("subject", subject, check, true); err != nil {
		return nil, err
	}
	if queue != "" && (!SafeSubject(queue) || check && !ValidQueue(queue)) {
		return nil, BadQueue(queue)
	}
	s := &Sub{conn: c, subject: subject, queue: queue, deliver: deliver.kept}
	s.most.Store(int64(max))
	if err := c.startLocked(s); err != nil {
		return nil, err
	}
	c.lastID++
	s.id = c.lastID
	c.subs[s.id] = s
	return s, nil
}

// Listen is Subscribe for the core itself: without an ID. Sub.Stop ends it.
func (c *Conn) Listen(subject string, deliver Deliver) (*Sub, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listenLocked(&Sub{conn: c, subject: subject, deliver: deliver.kept})
}

// ListenLending is Listen for one who copies of a message what is to stay.
func (c *Conn) ListenLending(subject string, deliver func(*Lent)) (*Sub, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.listenLocked(&Sub{conn: c, subject: subject, deliver: deliver})
}

// ListenQueue is Listen in a queue group. ErrConnectionDraining: Drain has been called.
func (c *Conn) ListenQueue(subject, queue string, deliver Deliver) (*Sub, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return nil, fault.New(fault.ConnectionDraining, "Connection is draining")
	}
	return c.listenLocked(&Sub{conn: c, subject: subject, queue: queue, deliver: deliver.kept})
}

func (c *Conn) listenLocked(s *Sub) (*Sub, error) {
	if c.closedLocked() {
		return nil, NoConnection()
	}
	if !SafeSubject(s.subject) || hasEmptyToken(s.subject) {
		return nil, BadSubject(s.subject, true)
	}
	if s.queue != "" && !SafeSubject(s.queue) {
		return nil, BadQueue(s.queue)
	}
	if err := c.startLocked(s); err != nil {
		return nil, err
	}
	c.internal[s] = struct{}{}
	return s, nil
}

// startLocked brings a new subscription to the server, if there is one.
func (c *Conn) startLocked(s *Sub) error {
	if c.engine == nil {
		return nil
	}
	err := c.engine.subscribe(s, int(s.most.Load()))
	if err == nats.ErrConnectionClosed {
		return nil // lost, and about to be told: the next engine restores it
	}
	if err != nil {
		return c.publishErrorLocked(err)
	}
	return nil
}

// mostCounted is the largest number of messages that a server can count: it takes an UNSUB
// with more digits as one without a number.
const mostCounted = 999_999_999

// restore brings the subscription to a new engine, with what is left of its messages.
func (s *Sub) restore(e *engine) error {
	s.refusal.Store(nil)
	s.engine = nil
	left := s.most.Load()
	if left > 0 {
		if left -= s.received.Load(); left <= 0 {
			return nil
		}
	}
	return e.subscribe(s, int(left))
}

// Unsubscribe ends a subscription at once (max 0), or when max messages have come in
// all. ErrBadSubscription: there is none of this ID, or it is used up.
func (c *Conn) Unsubscribe(id, max int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() {
		return NoConnection()
	}
	s := c.subs[id]
	if s == nil {
		return fault.New(fault.BadSubscription, "Invalid subscription ID "+strconv.Itoa(id))
	}
	if max <= 0 || s.received.Load() >= int64(max) {
		c.dropLocked(s)
		return nil
	}
	s.most.Store(int64(max))
	if s.received.Load() >= int64(max) {
		c.dropLocked(s) // the last one has come meanwhile
		return nil
	}
	if s.engine != nil {
		s.tellMost(max)
	}
	return nil
}

// tellMost tells the server how many messages it has to send in all. They are counted here: it is told so that it does not
// send what nobody wants.
func (s *Sub) tellMost(most int) {
	if most > 0 && most <= mostCounted && s.engine.out.say(unsub(s.sid, most)) {
		s.told = most
	}
}

// usedUp tells whether the server has ended it, because it has sent what it was told to.
func (s *Sub) usedUp() bool { return s.told > 0 && s.received.Load()-s.before >= int64(s.told) }

// Alive tells whether messages may still come: it was not stopped, is not used up, and
// its connection has not ended.
func (s *Sub) Alive() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	_, listed := s.conn.internal[s]
	return listed || s.id != 0 && s.conn.subs[s.id] == s
}

// Stop ends the subscription: deliver is not called again by what comes later. It may
// be called more than once.
func (s *Sub) Stop() {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	s.conn.dropLocked(s)
}

func (c *Conn) dropLocked(s *Sub) {
	s.stopped.Store(true)
	delete(c.subs, s.id)
	delete(c.internal, s)
	if s.engine != nil {
		s.engine.unsubscribe(s.sid, !s.quiet && !s.usedUp())
	}
	s.engine = nil
}

// take delivers one message, in turn.
func (s *Sub) take(m *Lent) {
	n := s.received.Add(1)
	if most := s.most.Load(); most > 0 && n >= most {
		if n > most {
			return
		}
		s.Stop()
	}
	s.deliver(m)
}

// leftLocked has the subscriptions forget the connection that knew them, which has ended, or ends.
func (c *Conn) leftLocked() {
	for _, s := range c.subs {
		s.engine = nil
	}
	for s := range c.internal {
		s.engine = nil
	}
}

// allSubsLocked are those with an ID, in the order of their IDs, and those without.
func (c *Conn) allSubsLocked() []*Sub {
	all := make([]*Sub, 0, len(c.subs)+len(c.internal))
	for _, id := range slices.Sorted(maps.Keys(c.subs)) {
		all = append(all, c.subs[id])
	}
	for s := range c.internal {
		all = append(all, s)
	}
	return all
}
