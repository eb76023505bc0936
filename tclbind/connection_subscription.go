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
	callback bridge.Value // retained; nil where the script wants none
	asDict   bool
	most     int // messages that the callback gets in all, 0 for no limit
	called   int
	ended    bool // no further callback starts
	last     bool // nothing comes any more but what is in the mailbox

	// Shared with the connection's reader.
	limitMessages, limitBytes int64
	messages, bytes           atomic.Int64 // in the mailbox
	dropping                  atomic.Bool
}

var subscribeOptions = option.Table{
	{Name: "queue", Kind: option.Text, About: "the queue group"},
	{Name: "callback", Kind: option.Prefix, About: "called as `cmd subject message reply`"},
	{Name: "max_msgs", Kind: option.Natural, Default: dict.Number("0"), About: "then the subscription ends; 0: no limit"},
	{Name: "dictmsg", Kind: option.Bool, About: "messages are dicts; by default what -dictmsg says, when subscribe is called"},
	// The pure-Tcl client calls back at once with false. Here every callback is from the event loop.
	{Name: "post", Kind: option.Bool, About: "accepted: callbacks come from the event loop in either case"},
	{Name: "pending_msgs", Kind: option.Natural, Default: dict.Number(pendingMessages), About: "that wait for the script, then further ones are dropped; 0: no limit"},
	{Name: "pending_bytes", Kind: option.Natural, Default: dict.Number(pendingBytes), About: "of payloads and headers, likewise"},
}

func cmdSubscribe(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := subscribeOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	s := &subscription{
		c: c, asDict: c.settings.values.Bool("dictmsg"), most: small(o.Int("max_msgs")),
		limitMessages: o.Int("pending_msgs"), limitBytes: o.Int("pending_bytes"),
	}
	subject := args[0].Text()
	if o.Has("dictmsg") {
		s.asDict = o.Bool("dictmsg")
	}
	s.sub, err = c.wire.Subscribe(subject, o.Text("queue"), s.most, func(m *nats.Msg) { s.deliver(p, m) })
	if err != nil {
		return nil, err
	}
	if callback, ok := o["callback"].(bridge.Value); ok {
		s.callback = callback.Retain()
	}
	s.subject = p.Host.NewValue(subject)
	p.Add(s, c)
	c.subscriptions[s.sub.ID()] = s
	return s.sub.ID(), nil
}

// small brings a number into the range of an int: more messages nobody counts.
func small(n int64) int { return int(min(n, math.MaxInt32)) }

func (s *subscription) Release(*bridge.Package) {
	s.ended = true
	delete(s.c.subscriptions, s.sub.ID())
	s.subject.Release()
	if s.callback != nil {
		s.callback.Release()
	}
}

// deliver runs in the connection's reader: it never blocks, but drops.
func (s *subscription) deliver(p *bridge.Package, m *nats.Msg) {
	size := int64(wire.Size(m))
	if s.limitMessages > 0 && s.messages.Load() >= s.limitMessages ||
		s.limitBytes > 0 && s.bytes.Load()+size > s.limitBytes {
		if !s.dropping.Swap(true) {
			s.c.wire.ReportAsync(fault.New(fault.SlowConsumer,
				"Slow consumer: messages on "+m.Sub.Subject+" are dropped"))
		}
		if !s.sub.Alive() { // it was the last one of -max_msgs
			p.Post(&subscriptionEnd{s})
		}
		return
	}
	s.messages.Add(1)
	s.bytes.Add(size)
	p.Post(&delivery{s, m})
}

// keepsUp tells whether so much of what may wait has been taken that the next drop is told
// anew.
func (s *subscription) keepsUp() bool {
	return (s.limitMessages == 0 || s.messages.Load() <= s.limitMessages/2) &&
		(s.limitBytes == 0 || s.bytes.Load() <= s.limitBytes/2)
}

// subscriptionEnd comes behind the last delivery of a subscription that does not see it by
// counting.
type subscriptionEnd struct{ s *subscription }

func (e *subscriptionEnd) Run(p *bridge.Package) { p.Drop(e.s) }

// delivery is one message on its way to the callback.
type delivery struct {
	s *subscription
	m *nats.Msg
}

func (d *delivery) Run(p *bridge.Package) {
	s := d.s
	left := s.messages.Add(-1)
	s.bytes.Add(-int64(wire.Size(d.m)))
	if s.dropping.Load() && s.keepsUp() {
		s.dropping.Store(false)
	}
	if s.ended {
		return
	}
	s.called++
	isLast := s.most > 0 && s.called >= s.most || s.last && left == 0
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
	if d.m.Subject == d.m.Sub.Subject && !d.s.ended {
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
		case s.messages.Load() == 0:
			p.Drop(s)
		default:
			s.last = true
		}
	}
}

// subscriptionOf finds the subscription of an ID.
func (c *connection) subscriptionOf(v bridge.Value) (*subscription, error) {
	id, err := bridge.Integer(v)
	if c.status == wire.Closed {
		return nil, fault.New(fault.ConnectionClosed, "No connection to NATS server")
	}
	if err != nil || id < 1 || id > math.MaxInt32 || c.subscriptions[int(id)] == nil {
		return nil, fault.New(fault.BadSubscription, "Invalid subscription ID "+v.Text())
	}
	return c.subscriptions[int(id)], nil
}

var unsubscribeOptions = option.Table{{Name: "max_msgs", Kind: option.Natural, Default: dict.Number("0"), About: "it ends when so many have come in all; 0: at once"}}

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
