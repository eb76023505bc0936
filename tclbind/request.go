package tclbind

import (
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/wire"
)

// request is one with a callback, until its end is told.
type request struct {
	object
	c        *connection
	number   int64
	callback Value // retained
	asDict   bool
	pending  *wire.Pending
	ended    bool
}

var requestOptions = []option{
	{name: "timeout", kind: millis, about: "by default what -request_timeout says; 0: without end"},
	{name: "callback", kind: prefix, about: "called as `cmd timedOut message`"},
	{name: "dictmsg", kind: truth, about: "the reply is a dict; by default what -dictmsg says"},
	{name: "max_msgs", kind: natural, about: "gathers replies: complete, or as many as come in time (0: all that do); dicts"},
	{name: "header", kind: headers, about: "keys and their values; not with request_msg"},
}

// cmdRequest sends a request. With a callback the result is the request's ID.
func cmdRequest(p *Package, c *connection, args []Value) (any, error) {
	o, err := parseOptions(args[2:], requestOptions)
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: args[0].Text(), Data: c.outgoing(args[1])}
	m.Header, _ = o["header"].(nats.Header)
	return c.ask(p, m, o)
}

// cmdRequestMsg is cmdRequest with a message of nats::msg.
func cmdRequestMsg(p *Package, c *connection, args []Value) (any, error) {
	o, err := parseOptions(args[1:], requestOptions[:3])
	if err != nil {
		return nil, err
	}
	m, err := c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	if m.Reply != "" {
		c.wire.Logf(wire.LogWarn, "The reply subject %s of a request is ignored", m.Reply)
	}
	return c.ask(p, m, o)
}

func (c *connection) ask(p *Package, m *nats.Msg, o options) (any, error) {
	timeout := c.settings.values.duration("request_timeout")
	if o.has("timeout") {
		timeout = o.duration("timeout")
	}
	asDict := c.settings.values.bool("dictmsg")
	if o.has("dictmsg") {
		asDict = o.bool("dictmsg")
	}
	if callback, async := o["callback"].(Value); async {
		return c.askAsync(p, m, timeout, callback, asDict, o)
	}
	if o.has("max_msgs") {
		return c.gather(p, m, timeout, small(o.int("max_msgs")))
	}
	return begin(p,
		func(done func(*nats.Msg, error)) error {
			_, err := c.wire.Request(m, timeout, done)
			return err
		},
		func(reply *nats.Msg) (any, error) { return c.payload(reply, 0, asDict), nil })
}

// gather waits for several replies: complete, or as many as came before the timeout.
func (c *connection) gather(p *Package, m *nats.Msg, timeout time.Duration, most int) (any, error) {
	return begin(p,
		func(done func([]*nats.Msg, error)) error {
			var replies []*nats.Msg
			_, err := c.wire.Collect(m, timeout,
				func(reply *nats.Msg) bool {
					replies = append(replies, reply)
					return len(replies) == most
				},
				func(_ *nats.Msg, err error) {
					if wire.IsDeadline(err) && len(replies) > 0 {
						err = nil
					}
					done(replies, err)
				})
			return err
		},
		func(replies []*nats.Msg) (any, error) {
			list := make([]any, len(replies))
			for i, reply := range replies {
				list[i] = c.messageDict(reply, 0)
			}
			return list, nil
		})
}

// askAsync sends a request whose replies go to a callback. It returns the request's ID.
func (c *connection) askAsync(p *Package, m *nats.Msg, timeout time.Duration, callback Value, asDict bool, o options) (any, error) {
	r := &request{c: c, asDict: asDict || o.has("max_msgs")}
	tell := func(m *nats.Msg, timedOut, last bool) { p.mailbox.post(&answer{r, m, timedOut, last}) }
	failed := func(m *nats.Msg, err error) {
		if wire.CodeOf(err) == "ErrConnectionClosed" {
			tell(nil, false, true) // dropped: nobody is called
			return
		}
		tell(m, true, true)
	}
	var err error
	if o.has("max_msgs") {
		most, n := small(o.int("max_msgs")), 0
		r.pending, err = c.wire.Collect(m, timeout,
			func(reply *nats.Msg) bool {
				n++
				tell(reply, false, n == most)
				return n == most
			},
			func(m *nats.Msg, err error) {
				if err != nil {
					failed(m, err)
				}
			})
	} else {
		r.pending, err = c.wire.Request(m, timeout, func(reply *nats.Msg, err error) {
			if err != nil {
				failed(reply, err)
			} else {
				tell(reply, false, true)
			}
		})
	}
	if err != nil {
		return nil, err
	}
	r.begin(p, callback)
	return r.number, nil
}

// begin gives a request that is out its number.
func (r *request) begin(p *Package, callback Value) {
	r.c.lastRequest++
	r.number, r.callback = r.c.lastRequest, callback.Retain()
	p.add(r, r.c)
	r.c.requests[r.number] = r
}

func (r *request) release(*Package) {
	r.ended = true
	r.pending.Cancel()
	delete(r.c.requests, r.number)
	r.callback.Release()
}

// answer is one call of a request's callback; without a message and without a timeout it
// only ends the request.
type answer struct {
	r        *request
	m        *nats.Msg
	timedOut bool
	last     bool
}

func (a *answer) run(p *Package) {
	r := a.r
	if r.ended {
		return
	}
	callback := r.callback.Retain()
	defer callback.Release()
	if a.last {
		p.drop(r)
	}
	if a.m == nil && !a.timedOut {
		return
	}
	var message any = ""
	if a.m != nil {
		message = r.c.payload(a.m, 0, r.asDict)
	}
	timedOut := 0
	if a.timedOut {
		timedOut = 1
	}
	r.c.call(p, callback, timedOut, message)
}

func cmdCancelRequest(p *Package, c *connection, args []Value) (any, error) {
	id, err := integer(args[0])
	r := c.requests[id]
	if err != nil || r == nil {
		return nil, invalid("Invalid request ID " + args[0].Text())
	}
	p.drop(r)
	return nil, nil
}
