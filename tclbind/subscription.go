package tclbind

import (
	"math"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// What a subscription may have undelivered unless it says otherwise: the limits of
// nats.go; 0 is none. Past either messages are dropped, and ErrSlowConsumer is told.
const (
	pendingMessages = "524288"
	pendingBytes    = "67108864"
)

// subscription delivers messages to a script's callback.
type subscription struct {
	object
	c        *connection
	sub      *wire.Sub
	subject  Value // as it was given; retained
	callback Value // retained; nil where the script wants none
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

var subscribeOptions = []option{
	{name: "queue", kind: anyText, about: "the queue group"},
	{name: "callback", kind: prefix, about: "called as `cmd subject message reply`"},
	{name: "max_msgs", kind: natural, fallback: dict.Number("0"), about: "then the subscription ends; 0: no limit"},
	{name: "dictmsg", kind: truth, about: "messages are dicts; by default what -dictmsg says, when subscribe is called"},
	// true, too, is from the event loop here: the contract allows it to be later.
	{name: "post", kind: truth, about: "accepted: callbacks come from the event loop in either case"},
	{name: "pending_msgs", kind: natural, fallback: dict.Number(pendingMessages), about: "that wait for the script, then further ones are dropped; 0: no limit"},
	{name: "pending_bytes", kind: natural, fallback: dict.Number(pendingBytes), about: "of payloads and headers, likewise"},
}

func cmdSubscribe(p *Package, c *connection, args []Value) (any, error) {
	o, err := parseOptions(args[1:], subscribeOptions)
	if err != nil {
		return nil, err
	}
	s := &subscription{
		c: c, asDict: c.settings.values.bool("dictmsg"), most: small(o.int("max_msgs")),
		limitMessages: o.int("pending_msgs"), limitBytes: o.int("pending_bytes"),
	}
	subject := args[0].Text()
	if o.has("dictmsg") {
		s.asDict = o.bool("dictmsg")
	}
	s.sub, err = c.wire.Subscribe(subject, o.text("queue"), s.most, func(m *nats.Msg) { s.deliver(p, m) })
	if err != nil {
		return nil, err
	}
	if callback, ok := o["callback"].(Value); ok {
		s.callback = callback.Retain()
	}
	s.subject = p.host.NewValue(subject)
	p.add(s, c)
	c.subscriptions[s.sub.ID()] = s
	return s.sub.ID(), nil
}

// small brings a number into the range of an int: more messages nobody counts.
func small(n int64) int { return int(min(n, math.MaxInt32)) }

func (s *subscription) release(*Package) {
	s.ended = true
	delete(s.c.subscriptions, s.sub.ID())
	s.subject.Release()
	if s.callback != nil {
		s.callback.Release()
	}
}

// deliver runs in the connection's reader: it never blocks, but drops.
func (s *subscription) deliver(p *Package, m *nats.Msg) {
	size := int64(wire.Size(m))
	if s.limitMessages > 0 && s.messages.Load() >= s.limitMessages ||
		s.limitBytes > 0 && s.bytes.Load()+size > s.limitBytes {
		if !s.dropping.Swap(true) {
			s.c.wire.ReportAsync(wire.Fail("ErrSlowConsumer",
				"Slow consumer: messages on "+m.Sub.Subject+" are dropped"))
		}
		if !s.sub.Alive() { // it was the last one of -max_msgs
			p.mailbox.post(&subscriptionEnd{s})
		}
		return
	}
	s.messages.Add(1)
	s.bytes.Add(size)
	p.mailbox.post(&delivery{s, m})
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

func (e *subscriptionEnd) run(p *Package) { p.drop(e.s) }

// delivery is one message on its way to the callback.
type delivery struct {
	s *subscription
	m *nats.Msg
}

func (d *delivery) run(p *Package) {
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
			p.drop(s)
		}
		return
	}
	if !isLast {
		s.c.deliver(p, s.callback, d)
		return
	}
	callback := s.callback.Retain()
	p.drop(s)
	s.c.deliver(p, callback, d)
	callback.Release()
}

// WriteTo writes the callback's arguments.
func (d *delivery) WriteTo(w Writer) {
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
		w.Any(c.p.words.empty)
	} else {
		w.Text(d.m.Reply)
	}
}

// payload is a message as a callback gets it.
func (c *connection) payload(m *nats.Msg, subID int, asDict bool) any {
	if asDict {
		return c.messageDict(m, subID)
	}
	return c.incoming(m.Data)
}

// forgetSubscriptions is the end of the connection: what had been received before is still
// delivered.
func (c *connection) forgetSubscriptions(p *Package) {
	for _, s := range c.subscriptions {
		switch {
		case s.sub.Alive(): // of a connection that was made since
		case s.messages.Load() == 0:
			p.drop(s)
		default:
			s.last = true
		}
	}
}

// subscriptionOf finds the subscription of an ID.
func (c *connection) subscriptionOf(v Value) (*subscription, error) {
	id, err := integer(v)
	if c.wire.Status() == wire.Closed {
		return nil, wire.Fail("ErrConnectionClosed", "No connection to NATS server")
	}
	if err != nil || id < 1 || id > math.MaxInt32 || c.subscriptions[int(id)] == nil {
		return nil, wire.Fail("ErrBadSubscription", "Invalid subscription ID "+v.Text())
	}
	return c.subscriptions[int(id)], nil
}

var unsubscribeOptions = []option{{name: "max_msgs", kind: natural, fallback: dict.Number("0"), about: "it ends when so many have come in all; 0: at once"}}

func cmdUnsubscribe(p *Package, c *connection, args []Value) (any, error) {
	o, err := parseOptions(args[1:], unsubscribeOptions)
	if err != nil {
		return nil, err
	}
	s, err := c.subscriptionOf(args[0])
	if err != nil {
		return nil, err
	}
	most := small(o.int("max_msgs"))
	// Those that have come may have used it up for the wire, but not for the script yet; or
	// it is drained.
	if err := c.wire.Unsubscribe(s.sub.ID(), most); err != nil && (s.last || wire.CodeOf(err) != "ErrBadSubscription") {
		return nil, err
	}
	switch {
	case most == 0 || s.called >= most:
		p.drop(s)
	case s.most == 0 || most < s.most:
		s.most = most
	}
	return nil, nil
}
