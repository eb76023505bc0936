// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var consumingCommands = []bridge.Command{
	{Name: "consumer_next", Usage: "consumer args", Run: bridge.On(cmdConsumerNext)},
	{Name: "consumer_drain", Usage: "consumer", Run: bridge.On(cmdConsumerDrain)},
	{Name: "consumer_stop", Usage: "consumer", Run: bridge.On(cmdConsumerStop)},
	{Name: "consumer_closed", Usage: "consumer", Run: bridge.On(cmdConsumerClosed)},
	{Name: "consumer_pinned", Usage: "consumer", Run: bridge.On(cmdConsumerPinned)},
	{Name: "consumer_place", Usage: "consumer", Run: bridge.On(cmdConsumerPlace)},
}

var consumingOptions = option.Table{
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called as `cmd message`; without it the method `next` has the messages"},
	{Name: "error_callback", Kind: option.Prefix, Empty: true, About: "called as `cmd last_error` when that was written"},
	{Name: "stop_after", Kind: option.Natural, Default: dict.Number("0"), About: "messages, then the consumer ends; 0: without end"},
}

// consumer is what the core has for a nats::consumer: it pulls, or is pushed to.
type consumer interface {
	Taken(*nats.Msg)
	Stop()
	Drain(done func())
}

// consuming is what a nats::consumer object stands on.
type consuming struct {
	bridge.Object
	j                *jetStream
	stream, consumer string
	core             consumer
	source           *bridge.Source
	deliver, told    bridge.Value // the callbacks for messages and errors, retained; nil for none
	stopped          bool         // no callback starts, and nothing is given out any more

	// Without a callback.
	ready []*nats.Msg // that have come, and nobody has asked for
	next  []*nextWait // who waits, in the order in which they came
	ended error       // why nothing comes any more behind ready; nil while something may
}

// nextWait is one who waits for a message.
type nextWait struct {
	done  func(*nats.Msg, error) // nil when it has its end
	timer *time.Timer            // nil: it waits without end
}

func newConsuming(p *bridge.Package, j *jetStream, args []bridge.Value) *consuming {
	return &consuming{j: j, stream: args[0].Text(), consumer: args[1].Text(), source: p.NewSource()}
}

// begin starts the core's consumer; the wait's result is the handle.
func begin[C consumer](p *bridge.Package, c *consuming, o option.Values, start func(done func(C, error)) error) (any, error) {
	retain := func(name string) bridge.Value {
		if v, given := o[name].(bridge.Value); given {
			return v.Retain()
		}
		return nil
	}
	c.deliver, c.told = retain("callback"), retain("error_callback")
	return bridge.BeginHolding(p, c.forget, start, func(core C) (any, error) {
		c.core = core
		return p.Add(c, c.j), nil
	}, C.Stop)
}

// forget releases the callbacks.
func (c *consuming) forget() {
	for _, v := range []bridge.Value{c.deliver, c.told} {
		if v != nil {
			v.Release()
		}
	}
	c.deliver, c.told = nil, nil
}

func (c *consuming) Release(*bridge.Package) {
	c.stop()
	c.forget()
}

// Opened lets the callbacks come.
func (c *consuming) Opened(*bridge.Package) { c.source.Open() }

// stop ends what is given out. Messages that were not are there again when the consumer's
// ack_wait is over.
func (c *consuming) stop() {
	c.stopped = true
	c.ready = nil
	c.core.Stop()
	c.end(fault.New(fault.ConsumerNotActive, "stopped"))
}

// end is why nothing comes any more: those who wait hear of it.
func (c *consuming) end(why error) {
	if c.ended == nil {
		c.ended = why
	}
	waiting := c.next
	c.next = nil
	for _, w := range waiting {
		w.finish(nil, c.ended)
	}
}

func (w *nextWait) finish(m *nats.Msg, err error) {
	if w.timer != nil {
		w.timer.Stop()
	}
	done := w.done
	w.done = nil
	done(m, err)
}

// The three that follow are called by the core's goroutines.
func (c *consuming) delivered(m *nats.Msg) { c.source.Post(&consumedMessage{c, m}) }
func (c *consuming) failed(e *fault.Error) { c.source.Post(&consumerTrouble{c, e}) }
func (c *consuming) over(why *fault.Error) { c.source.Post(&consumerEnd{c, why}) }

// consumedMessage is one message on its way to the callback of a nats::consumer, or to its next.
type consumedMessage struct {
	c *consuming
	m *nats.Msg
}

func (d *consumedMessage) Run(p *bridge.Package) {
	c := d.c
	switch {
	case c.stopped:
	case c.deliver != nil:
		c.j.c.deliver(p, c.deliver, d)
		c.core.Taken(d.m)
	case len(c.next) > 0:
		first := c.next[0]
		c.next = c.next[1:]
		first.finish(d.m, nil)
	default:
		c.ready = append(c.ready, d.m)
	}
}

// WriteTo writes the callback's arguments.
func (d *consumedMessage) WriteTo(w bridge.Writer) {
	w.List(1)
	message := messageRecord{c: d.c.j.c, m: d.m}
	message.WriteTo(w)
}

// consumerTrouble tells what was wrong: in the log, in last_error, and to the callback for that.
type consumerTrouble struct {
	c *consuming
	e *fault.Error
}

func (f *consumerTrouble) Run(p *bridge.Package) {
	c := f.c
	if c.stopped {
		return
	}
	c.j.c.wire.Logf(wire.LogWarn, "Consumer %s: %s", c.Namespace(), f.e.Text)
	told := errorDict(f.e)
	p.Report(p.Host.SetVar(c.Namespace()+"::last_error", told))
	if c.told != nil && !c.stopped { // a trace may have ended it
		c.j.c.call(p, c.told, told)
	}
}

// consumerEnd is behind the last message of a consumer that has ended by itself.
type consumerEnd struct {
	c   *consuming
	why *fault.Error // nil: it has what it was to have
}

func (d *consumerEnd) Run(*bridge.Package) {
	if d.why == nil {
		d.c.end(fault.New(fault.ConsumerNotActive, "stopped"))
	} else {
		d.c.end(d.why)
	}
}

var nextOptions = option.Table{{Name: "timeout", Kind: option.Millis, Default: time.Duration(0), About: "then ErrTimeout; 0: without end"}}

// cmdConsumerNext returns the next message, or waits for it.
func cmdConsumerNext(p *bridge.Package, c *consuming, args []bridge.Value) (any, error) {
	o, err := nextOptions.Parse(args)
	switch {
	case err != nil:
		return nil, err
	case c.deliver != nil:
		return nil, invalid("A consumer with -callback has no next")
	case len(c.ready) > 0:
		m := c.ready[0]
		c.ready = c.ready[1:]
		return c.give(m)
	case c.ended != nil:
		return nil, c.ended
	}
	return bridge.Begin(p, func(done func(*nats.Msg, error)) error {
		w := &nextWait{done: done}
		if timeout := o.Duration("timeout"); timeout > 0 {
			w.timer = p.After(timeout, func() { p.PostUrgent(&nextLate{c, w}) })
		}
		c.next = append(c.next, w)
		return nil
	}, c.give, func(m *nats.Msg) { p.Post(&givenBack{c, m}) })
}

// give hands a message to the script.
func (c *consuming) give(m *nats.Msg) (any, error) {
	c.core.Taken(m)
	return c.j.c.messageDict(m, 0), nil
}

// nextLate is the end of the time of one who waits.
type nextLate struct {
	c *consuming
	w *nextWait
}

func (l *nextLate) Run(*bridge.Package) {
	if l.w.done == nil {
		return // it has its end
	}
	for i, w := range l.c.next {
		if w == l.w {
			l.c.next = append(l.c.next[:i:i], l.c.next[i+1:]...)
			break
		}
	}
	l.w.finish(nil, fault.New(fault.Timeout, "No message came in time"))
}

// givenBack is a message for one who does not wait any more: the next one gets it.
type givenBack struct {
	c *consuming
	m *nats.Msg
}

func (g *givenBack) Run(p *bridge.Package) {
	c := g.c
	if c.stopped {
		return
	}
	if len(c.next) > 0 {
		(&consumedMessage{c, g.m}).Run(p)
		return
	}
	c.ready = append([]*nats.Msg{g.m}, c.ready...)
}

// cmdConsumerDrain waits until what the server has sent was given to the callback, or is there
// for next.
func cmdConsumerDrain(p *bridge.Package, c *consuming, _ []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		// Both are behind the messages in the mailbox.
		c.core.Drain(func() {
			c.over(nil)
			done(nil)
		})
		return nil
	})
}

// cmdConsumerStop ends it at once.
func cmdConsumerStop(_ *bridge.Package, c *consuming, _ []bridge.Value) (any, error) {
	c.stop()
	return nil, nil
}

// cmdConsumerClosed tells whether nothing comes any more, and all is given out.
func cmdConsumerClosed(_ *bridge.Package, c *consuming, _ []bridge.Value) (any, error) {
	return c.ended != nil && len(c.ready) == 0, nil
}

// cmdConsumerPinned returns the ID of the pinned client of a group, empty for another.
func cmdConsumerPinned(_ *bridge.Package, c *consuming, _ []bridge.Value) (any, error) {
	if pulling, ok := c.core.(*js.PullConsumer); ok {
		return pulling.Pinned(), nil
	}
	return "", nil
}

// cmdConsumerPlace returns what the consumer belongs to, for consumer_info.
func cmdConsumerPlace(_ *bridge.Package, c *consuming, _ []bridge.Value) (any, error) {
	return []any{c.j.ID(), c.stream, c.consumer}, nil
}
