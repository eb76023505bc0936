// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
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
	coroutineOption,
	{Name: "error_callback", Kind: option.Prefix, Empty: true, About: "called as `cmd last_error` each time last_error is written"},
	{Name: "stop_after", Kind: option.Natural, Default: dict.Number("0"), About: "the consumer ends after so many messages; 0: no limit"},
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
	turns            bridge.Turns // of its errors: each is told before the next one is in last_error
	ending           bool         // it has ended by itself, and an error before that is being told

	next nextMessages // without a callback
	left int          // how many messages next still has to get, because of -stop_after; 0: no limit
}

func newConsuming(p *bridge.Package, j *jetStream, args []bridge.Value) *consuming {
	return &consuming{j: j, stream: args[0].Text(), consumer: args[1].Text(), source: p.NewSource()}
}

// begin starts the core's consumer; the wait's result is the handle.
func begin[C consumer](p *bridge.Package, c *consuming, o option.Values, start func(done func(C, error)) error) (any, error) {
	c.deliver, c.left = c.j.c.callbackOf(p, o), small(o.Int("stop_after"))
	if v, given := o.Get("error_callback").(bridge.Value); given {
		c.told = v.Retain()
	}
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
	c.stopped, c.ending = true, false
	c.core.Stop()
	c.next.close(fault.New(fault.ConsumerNotActive, "stopped"))
}

// The three that follow are called by the core's goroutines.
func (c *consuming) delivered(m *nats.Msg) { c.source.Post(&consumedMessage{c, m}) }
func (c *consuming) failed(e *fault.Error) { c.source.Post(&consumerTrouble{c, e}) }
func (c *consuming) over(why *fault.Error) { c.source.Post(&consumerEnd{consumerTrouble{c, why}}) }

// consumedMessage is one message on its way to the callback of a nats::consumer, or to its next.
type consumedMessage struct {
	c *consuming
	m *nats.Msg
}

func (d *consumedMessage) Run(p *bridge.Package) {
	c := d.c
	switch {
	case c.stopped || c.next.ended != nil:
	case c.deliver != nil:
		c.j.c.deliver(p, c.deliver, d)
		c.core.Taken(d.m)
	default:
		c.next.put(d.m)
		c.countDown()
	}
}

// countDown ends the giving out with the last message of -stop_after, and not with the core's word that follows
// it: a script that has taken that message finds the consumer closed.
func (c *consuming) countDown() {
	if c.left == 0 {
		return
	}
	if c.left--; c.left == 0 {
		c.next.end(fault.New(fault.ConsumerNotActive, "stopped"))
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

// Run leaves out what comes behind the end.
func (f *consumerTrouble) Run(p *bridge.Package) {
	if f.c.next.ended == nil {
		f.c.turns.Take(p, f)
	}
}

func (f *consumerTrouble) Prepare(p *bridge.Package) {
	c := f.c
	if c.stopped {
		return
	}
	c.j.c.wire.Logf(wire.LogWarn, "Consumer %s of the stream %s: %s", c.consumer, c.stream, f.e.Text)
	p.Report(p.Host.SetVar(c.Namespace()+"::last_error", errorDict(f.e)))
}

func (f *consumerTrouble) Finish(p *bridge.Package) {
	if c := f.c; c.told != nil && !c.stopped { // a trace may have ended it
		c.j.c.call(p, c.told, errorDict(f.e))
	}
}

// consumerEnd is behind the last message of a consumer that has ended by itself. Whoever hears of the reason finds it closed.
type consumerEnd struct{ consumerTrouble } // e is nil where it has what it was to have

// Run ends the waits of next at once: a trace on last_error that was called for an earlier error may wait there.
func (d *consumerEnd) Run(p *bridge.Package) {
	if d.e == nil {
		d.c.next.end(fault.New(fault.ConsumerNotActive, "stopped"))
		return
	}
	d.c.next.end(d.e)
	d.c.ending = !d.c.stopped
	d.c.turns.Take(p, d)
}

func (d *consumerEnd) Prepare(p *bridge.Package) {
	d.c.ending = false
	d.consumerTrouble.Prepare(p)
}

// cmdConsumerNext returns the next message, or waits for it.
func cmdConsumerNext(p *bridge.Package, c *consuming, args []bridge.Value) (any, error) {
	o, err := nextOptions.Parse(args)
	switch {
	case err != nil:
		return nil, err
	case c.deliver != nil:
		return nil, invalid("A consumer with -callback has no next")
	}
	return c.next.next(p, o.Duration("timeout"), c.give)
}

// give hands a message to the script.
func (c *consuming) give(m *nats.Msg) (any, error) {
	c.core.Taken(m)
	return c.j.c.messageDict(m, 0), nil
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

// cmdConsumerClosed tells whether nothing comes any more, and all is given out. Whoever is told of an error before the end
// does not find it closed yet.
func cmdConsumerClosed(_ *bridge.Package, c *consuming, _ []bridge.Value) (any, error) {
	return c.next.ended != nil && len(c.next.ready) == 0 && !c.ending, nil
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
