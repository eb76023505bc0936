// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"maps"
	"math"
	"slices"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// Subscriptions whose messages a script asks for (-sync), and what a script may ask of any.

// errEnded is why a subscription has no next message.
func (s *subscription) errEnded(p *bridge.Package) error {
	if s.c.status == wire.Closed || !p.Alive(s.c) || s.last {
		return fault.New(fault.ConnectionClosed, "Connection closed")
	}
	return fault.New(fault.BadSubscription, "The subscription to "+s.name+" has ended")
}

// keep gives a message of a -sync subscription to whoever waits for it, or keeps it.
func (s *subscription) keep(m *nats.Msg) {
	if !s.ended {
		s.next.put(m)
	}
}

// give hands a message to the script: it waits no longer.
func (s *subscription) give(p *bridge.Package) func(*nats.Msg) (any, error) {
	return func(m *nats.Msg) (any, error) {
		s.taken(m)
		s.called++
		message := s.c.messageDict(m, s.sub.ID())
		if s.isLast() {
			p.Drop(s)
		}
		return message, nil
	}
}

// known finds the subscription of an ID, also that of a connection that has ended and whose messages are
// not all taken.
func (c *connection) known(v bridge.Value) (*subscription, error) {
	id, err := bridge.Integer(v)
	if err == nil && 0 < id && id <= math.MaxInt32 && c.subscriptions[int(id)] != nil {
		return c.subscriptions[int(id)], nil
	}
	if c.status == wire.Closed {
		return nil, wire.NoConnection()
	}
	return nil, fault.New(fault.BadSubscription, "Invalid subscription ID "+v.Text())
}

func cmdNextMsg(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := nextOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	s, err := c.known(args[0])
	if err != nil {
		return nil, err
	}
	if !s.sync {
		return nil, invalid("Subscription " + args[0].Text() + " has no next_msg: subscribe with -sync true")
	}
	return s.next.next(p, o.Duration("timeout"), s.give(p))
}

func cmdSubscriptionInfo(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	s, err := c.known(args[0])
	if err != nil {
		return nil, err
	}
	return dict.Dict{
		{Key: "subject", Value: s.name},
		{Key: "queue", Value: s.queue},
		{Key: "max_msgs", Value: s.most},
		{Key: "delivered", Value: s.called},
		{Key: "pending_msgs", Value: s.backlog.messages()},
		{Key: "pending_bytes", Value: s.backlog.bytes()},
		{Key: "dropped", Value: s.dropped.Load()},
		{Key: "limits", Value: dict.Dict{
			{Key: "msgs", Value: s.backlog.limitMessages.Load()}, {Key: "bytes", Value: s.backlog.limitBytes.Load()},
		}},
	}, nil
}

func cmdSubscriptions(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	ids := []any{}
	for _, id := range slices.Sorted(maps.Keys(c.subscriptions)) {
		ids = append(ids, id)
	}
	return ids, nil
}

var setPendingOptions = option.Table{
	{Name: "msgs", Kind: option.Natural, About: "how many messages may wait for the script; further ones are dropped; 0: no limit"},
	{Name: "bytes", Kind: option.Natural, About: "how many bytes of payloads and headers may wait for the script; further messages are dropped; 0: no limit"},
}

func cmdSetPending(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := setPendingOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	s, err := c.known(args[0])
	if err != nil {
		return nil, err
	}
	if o.Has("msgs") {
		s.backlog.limitMessages.Store(o.Int("msgs"))
	}
	if o.Has("bytes") {
		s.backlog.limitBytes.Store(o.Int("bytes"))
	}
	return nil, nil
}

// cmdRespond publishes to the reply subject of a message.
func cmdRespond(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := respondOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Data: c.outgoing(args[1])}
	if m.Subject, err = messageField(args[0], "reply"); err != nil {
		return nil, err
	}
	if m.Subject == "" {
		return nil, invalid("The message has no reply subject: nobody waits for an answer")
	}
	m.Header, _ = o.Get("header").(nats.Header)
	err = c.wire.Publish(m)
	c.wire.Hold()
	return nil, err
}
