// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// asked is a request with a callback, until its end is told.
type asked interface {
	// end takes it off the connection, and back where it has no answer: its callback is not called any more.
	end()
}

// request is the part that all of them have, and the whole of one by request and request_msg.
type request struct {
	c         *connection
	number    int64
	callback  bridge.Value // retained
	asDict    bool
	pending   *wire.Pending
	gathering *gathering // of several replies; nil for one
	ended     bool
}

// requestMsgTable has the options of request_msg.
var requestMsgTable = option.Table{
	{Name: "timeout", Kind: option.Millis, About: "how long to wait for the reply; by default what the connection's -request_timeout says; 0: no limit"},
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called as `cmd timedOut message`; an empty prefix means no callback"},
	{Name: "dictmsg", Kind: option.Bool, About: "the reply is a dict; by default what the connection's -dictmsg says"},
	coroutineOption,
	expiresOption,
}

var requestOptions = slices.Concat(requestMsgTable, option.Table{
	{Name: "max_msgs", Kind: option.Natural, About: "gathers so many replies, or those that come in time; 0: all that come in time. The result is a list of dicts"},
	{Name: "stall", Kind: option.Millis, About: "gathers replies as long as each one comes within this time after the one before; 0: no limit"},
	{Name: "sentinel", Kind: sentinel, About: "gathers replies up to the last one, which is left out. The word empty: the last one has no payload. A command: it is called as `cmd message`, and returns true for the last one"},
	{Name: "header", Kind: headers, About: "headers of the message: keys with lists of values; not with request_msg"},
})

// cmdRequest sends a request. With a callback the result is the request's ID.
func cmdRequest(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := requestOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: args[0].Text(), Data: c.outgoing(args[1])}
	m.Header, _ = o.Get("header").(nats.Header)
	return c.ask(p, m, o)
}

// cmdRequestMsg is cmdRequest with a message of nats::msg.
func cmdRequestMsg(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := requestMsgTable.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	m, err := c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	if m.Reply != "" {
		c.wire.Logf(wire.LogWarn, "The reply subject %s of a request is ignored", m.Reply)
		c.news.lines(p)
	}
	return c.ask(p, m, o)
}

func (c *connection) ask(p *bridge.Package, m *nats.Msg, o option.Values) (any, error) {
	timeout := c.settings.values.Duration("request_timeout")
	if o.Has("timeout") {
		timeout = o.Duration("timeout")
	}
	asDict := c.settings.values.Bool("dictmsg")
	if o.Has("dictmsg") {
		asDict = o.Bool("dictmsg")
	}
	if callback := c.callbackOf(p, o); callback != nil {
		defer callback.Release()
		return c.askAsync(p, m, timeout, callback, asDict, o)
	}
	if gathers(o) {
		return c.collect(p, m, timeout, o)
	}
	var pending *wire.Pending
	return bridge.Begin(p,
		func(done func(*nats.Msg, error)) (err error) {
			pending, err = c.wire.Request(m, timeout, func(reply *nats.Msg, err error) { done(reply, unheard(err)) })
			expire(pending, m, o)
			return err
		},
		func(reply *nats.Msg) (any, error) { return c.reply(reply, pending, asDict), nil })
}

// unheard gives the error of a request to which nobody listens the text of the pure-Tcl client, which names no subject:
// errorInfo has the other text, which does.
func unheard(err error) error {
	if fault.CodeOf(err) != fault.NoResponders {
		return err
	}
	return &fault.Error{Code: fault.NoResponders, Text: "No responders available for request", Help: err.Error()}
}

// expire is -expires of a request that was begun; nil: it could not be.
func expire(pending *wire.Pending, m *nats.Msg, o option.Values) {
	if pending != nil && o.Bool("expires") {
		pending.Expire(m)
	}
}

// reply is a message that came for a request, as a callback or a caller gets it.
func (c *connection) reply(m *nats.Msg, to *wire.Pending, asDict bool) any {
	if asDict {
		return c.messageDict(m, to.SubID())
	}
	return c.incoming(m.Data)
}

// askAsync sends a request whose replies go to a callback. It returns the request's ID.
func (c *connection) askAsync(p *bridge.Package, m *nats.Msg, timeout time.Duration, callback bridge.Value, asDict bool, o option.Values) (any, error) {
	r := &request{c: c, asDict: asDict || gathers(o)}
	tell := func(m *nats.Msg, timedOut, last bool) { p.Post(&answer{r: r, m: m, timedOut: timedOut, last: last}) }
	failed := func(m *nats.Msg, err error) {
		switch {
		case fault.CodeOf(err) == fault.ConnectionClosed:
			tell(nil, false, true) // dropped: nobody is called
		case wire.IsLate(err):
			p.PostUrgent(&answer{r: r, m: m, timedOut: true, last: true})
		default:
			tell(m, true, true)
		}
	}
	var err error
	if gathers(o) {
		told := false // the last one
		r.gathering = c.newGathering(o)
		err = r.gathering.send(p, m, timeout,
			func(reply *nats.Msg, last bool) {
				told = last
				tell(reply, false, last)
			},
			func(m *nats.Msg, err error) {
				switch {
				case err != nil:
					failed(m, err)
				case !told:
					p.Post(&answer{r: r, last: true, complete: true})
				}
			})
		r.pending = r.gathering.pending
	} else {
		r.pending, err = c.wire.Request(m, timeout, func(reply *nats.Msg, err error) {
			if err != nil {
				failed(reply, err)
			} else {
				tell(reply, false, true)
			}
		})
		expire(r.pending, m, o)
	}
	if err != nil {
		if r.gathering != nil {
			r.gathering.letGo()
		}
		return nil, err
	}
	r.begin(r, callback)
	c.wire.Hold()
	return r.number, nil
}

// begin gives a request that is out its number; whole is what it is a part of.
func (r *request) begin(whole asked, callback bridge.Value) {
	r.c.lastRequest++
	r.number, r.callback = r.c.lastRequest, callback.Retain()
	r.c.requests.Put(uint64(r.number), whole)
}

func (r *request) end() {
	if r.ended {
		return
	}
	r.ended = true
	r.pending.Cancel()
	if r.gathering != nil {
		r.gathering.letGo()
	}
	r.c.requests.Delete(uint64(r.number))
	r.callback.Release()
}

// endRequests is the end of the connection.
func (c *connection) endRequests() {
	for _, r := range c.requests.All() {
		r.end()
	}
}

// answer is one call of a request's callback; without a message and without a timeout it
// only ends the request.
type answer struct {
	r        *request
	m        *nats.Msg
	timedOut bool
	last     bool
	complete bool // further replies could have come, but -stall or -sentinel has ended it: an empty message tells that
}

func (a *answer) Run(p *bridge.Package) {
	r := a.r
	if a.timedOut && r.asDict {
		// It may have come before replies that were there in time.
		runFirst(p, func(it bridge.Item) bool {
			other, ok := it.(*answer)
			return ok && other.r == r
		})
	}
	if r.gathering == nil {
		a.Finish(p)
		return
	}
	r.gathering.turns.Take(p, a)
}

// Prepare has the command of -sentinel look at the reply.
func (a *answer) Prepare(p *bridge.Package) {
	r := a.r
	if !r.ended && a.m != nil && !a.timedOut && r.gathering.isSentinel(p, a.m) {
		a.m, a.last, a.complete = nil, true, true
	}
}

func (a *answer) Finish(p *bridge.Package) {
	r := a.r
	if r.ended { // the command of -sentinel may have done so
		return
	}
	callback := r.callback.Retain()
	defer callback.Release()
	if a.last {
		r.end()
	}
	if a.m == nil && !a.timedOut && !a.complete {
		return
	}
	var message any = ""
	if a.m != nil {
		message = r.c.reply(a.m, r.pending, r.asDict)
	}
	timedOut := 0
	if a.timedOut {
		timedOut = 1
	}
	r.c.call(p, callback, timedOut, message)
}

// runFirst runs those items of the mailbox that match.
func runFirst(p *bridge.Package, match func(bridge.Item) bool) {
	for _, it := range p.Extract(match) {
		if !p.Closed() {
			it.Run(p)
		}
	}
}

func cmdCancelRequest(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	id, err := bridge.Integer(args[0])
	r := c.requests.Get(uint64(id))
	if err != nil || r == nil {
		return nil, invalid("Invalid request ID " + args[0].Text())
	}
	r.end()
	return nil, nil
}

func cmdInbox(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	return c.wire.NewInbox(), nil
}
