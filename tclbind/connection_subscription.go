// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"math"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// What a subscription may have undelivered unless it says otherwise: the limits of
// nats.go; 0 is none. Past either messages are dropped, and ErrSlowConsumer is told.
const (
	pendingMessages = "524288"
	pendingBytes    = "67108864"
)

// subscription delivers messages to a script's callback.
type subscription struct {
	bridge.Object
	c        *connection
	sub      *wire.Sub
	subject  bridge.Value // as it was given; retained
	name     string       // the same
	queue    string
	callback bridge.Value // retained; nil where the script wants none
	sync     bool         // the script asks for each message
	next     nextMessages // where it does
	asDict   bool
	most     int // messages that the callback gets in all, 0 for no limit
	called   int
	ended    bool // no further callback starts
	last     bool // nothing comes any more but what is in the mailbox

	// Shared with the connection's reader.
	backlog  backlog
	dropped  atomic.Int64 // messages
	dropping atomic.Bool
}

var subscribeOptions = option.Table{
	{Name: "queue", Kind: option.Text, About: "the queue group: each message goes to one of its members"},
	{Name: "callback", Kind: option.Prefix, About: "called as `cmd subject message reply`; without it, and without -sync, messages are thrown away"},
	coroutineOption,
	{Name: "sync", Kind: option.Bool, Default: false, About: "messages wait for `next_msg`; excludes -callback"},
	{Name: "confirm", Kind: option.Bool, Default: false, About: "subscribe waits until the server has accepted the subscription, for -request_timeout at most, and throws ErrPermissions if the server refuses it"},
	{Name: "max_msgs", Kind: option.Natural, Default: dict.Number("0"), About: "the subscription ends after so many messages; 0: no limit"},
	{Name: "dictmsg", Kind: option.Bool, About: "messages are dicts; by default what the connection's -dictmsg says when subscribe is called"},
	// The pure-Tcl client calls back at once with false. Here every callback is from the event loop.
	{Name: "post", Kind: option.Bool, About: "accepted without effect: callbacks come from the event loop in any case"},
	{Name: "pending_msgs", Kind: option.Natural, Default: dict.Number(pendingMessages), About: "how many messages may wait for the script; further ones are dropped; 0: no limit"},
	{Name: "pending_bytes", Kind: option.Natural, Default: dict.Number(pendingBytes), About: "how many bytes of payloads and headers may wait for the script; further messages are dropped; 0: no limit"},
}

func cmdSubscribe(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := subscribeOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	if o.Bool("sync") && o.Has("callback") {
		return nil, invalid("-sync excludes -callback: the messages wait for next_msg")
	}
	subject := args[0].Text()
	s := &subscription{
		c: c, name: subject, queue: o.Text("queue"), sync: o.Bool("sync"),
		asDict: c.settings.values.Bool("dictmsg"), most: small(o.Int("max_msgs")),
	}
	s.backlog.limitMessages.Store(o.Int("pending_msgs"))
	s.backlog.limitBytes.Store(o.Int("pending_bytes"))
	if o.Has("dictmsg") {
		s.asDict = o.Bool("dictmsg")
	}
	s.sub, err = c.wire.Subscribe(subject, s.queue, s.most, func(m *nats.Msg) { s.deliver(p, m) })
	if err != nil {
		return nil, err
	}
	s.callback = c.callbackOf(p, o)
	s.subject = p.Host.NewValue(subject)
	p.Add(s, c)
	c.subscriptions[s.sub.ID()] = s
	if o.Bool("confirm") {
		return s.confirm(p)
	}
	return s.sub.ID(), nil
}

// confirm waits until the server has taken the subscription. One that it refuses is no more.
func (s *subscription) confirm(p *bridge.Package) (any, error) {
	return bridge.Begin(p, func(done func(error, error)) error {
		return s.sub.Confirm(s.c.settings.values.Duration("request_timeout"), func(err error) { done(err, nil) })
	}, func(refused error) (any, error) {
		if refused != nil {
			p.Drop(s)
			return nil, refused
		}
		return s.sub.ID(), nil
	})
}

// small brings a number into the range of an int: more messages nobody counts.
func small(n int64) int { return int(min(n, math.MaxInt32)) }

func (s *subscription) Release(p *bridge.Package) {
	s.next.close(s.errEnded(p))
	s.ended = true
	delete(s.c.subscriptions, s.sub.ID())
	s.subject.Release()
	if s.callback != nil {
		s.callback.Release()
	}
}

// deliver runs in the connection's reader: it never blocks, but drops.
func (s *subscription) deliver(p *bridge.Package, m *nats.Msg) {
	if !s.backlog.put(int64(wire.Size(m))) {
		s.dropped.Add(1)
		if !s.dropping.Swap(true) {
			s.c.wire.ReportAsync(fault.New(fault.SlowConsumer,
				"Slow consumer: messages on "+s.name+" are dropped"))
		}
		if !s.sub.Alive() { // it was the last one of -max_msgs
			p.Post(&subscriptionEnd{s})
		}
		return
	}
	p.Post(&delivery{s, m})
}

// subscriptionEnd comes behind the last delivery of a subscription that does not see it by
// counting.
type subscriptionEnd struct{ s *subscription }

func (e *subscriptionEnd) Run(p *bridge.Package) { e.s.finish(p) }

// finish is the end of a subscription to which nothing comes any more. What waits for next_msg is still
// given out.
func (s *subscription) finish(p *bridge.Package) {
	left := int(s.backlog.messages())
	if !s.sync || left == 0 || s.ended {
		p.Drop(s)
		return
	}
	s.most = s.called + left
}

// taken counts a message that waits for the script no longer. Where so much has been taken that the script keeps up again, the
// next drop is told anew.
func (s *subscription) taken(m *nats.Msg) {
	s.backlog.take(int64(wire.Size(m)))
	if s.dropping.Load() && s.backlog.isHalf() {
		s.dropping.Store(false)
	}
}

// isLast tells, behind a message, whether none comes any more.
func (s *subscription) isLast() bool {
	return s.most > 0 && s.called >= s.most || s.last && s.backlog.messages() == 0
}

// delivery is one message on its way to the callback.
type delivery struct {
	s *subscription
	m *nats.Msg
}

func (d *delivery) Run(p *bridge.Package) {
	s := d.s
	if s.sync {
		s.keep(d.m)
		return
	}
	s.taken(d.m)
	if s.ended {
		return
	}
	s.called++
	isLast := s.isLast()
	if s.callback == nil {
		if isLast {
			p.Drop(s)
		}
		return
	}
	if !isLast {
		s.c.deliver(p, s.callback, d)
		return
	}
	callback := s.callback.Retain()
	p.Drop(s)
	s.c.deliver(p, callback, d)
	callback.Release()
}

// WriteTo writes the callback's arguments.
func (d *delivery) WriteTo(w bridge.Writer) {
	c := d.s.c
	w.List(3)
	if d.m.Subject == d.s.name && !d.s.ended {
		w.Any(d.s.subject)
	} else {
		w.Text(d.m.Subject)
	}
	if d.s.asDict {
		message := messageRecord{c, d.m, d.s.sub.ID()}
		message.WriteTo(w)
	} else {
		c.write(w, d.m.Data)
	}
	if d.m.Reply == "" {
		w.Any(c.words.empty)
	} else {
		w.Text(d.m.Reply)
	}
}

// forgetSubscriptions is the end of the connection: what had been received before is still
// delivered.
func (c *connection) forgetSubscriptions(p *bridge.Package) {
	for _, s := range c.subscriptions {
		switch {
		case s.sub.Alive(): // of a connection that was made since
		case s.backlog.messages() == 0:
			p.Drop(s)
		default:
			s.last = true
		}
	}
}

// subscriptionOf finds the subscription of an ID, of a connection that has not ended.
func (c *connection) subscriptionOf(v bridge.Value) (*subscription, error) {
	if c.status == wire.Closed {
		return nil, wire.NoConnection()
	}
	return c.known(v)
}

var unsubscribeOptions = option.Table{{Name: "max_msgs", Kind: option.Natural, Default: dict.Number("0"), About: "the subscription ends when so many messages have come in all; 0: at once"}}

func cmdUnsubscribe(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := unsubscribeOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	s, err := c.subscriptionOf(args[0])
	if err != nil {
		return nil, err
	}
	most := small(o.Int("max_msgs"))
	// Those that have come may have used it up for the wire, but not for the script yet; or
	// it is drained.
	if err := c.wire.Unsubscribe(s.sub.ID(), most); err != nil && (s.last || fault.CodeOf(err) != fault.BadSubscription) {
		return nil, err
	}
	switch {
	case most == 0 || s.called >= most:
		p.Drop(s)
	case s.most == 0 || most < s.most:
		s.most = most
	}
	return nil, nil
}
