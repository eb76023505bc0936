package tclbind

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var pullCommands = []bridge.Command{
	{Name: "pull_consumer", Usage: "jet_stream stream consumer args", Run: bridge.On(cmdPullConsumer)},
	{Name: "pull_drain", Usage: "consumer", Run: bridge.On(cmdPullDrain)},
	{Name: "pull_stop", Usage: "consumer", Run: bridge.On(cmdPullStop)},
	{Name: "pull_place", Usage: "consumer", Run: bridge.On(cmdPullPlace)},
}

// pullConsumer is what a nats::consumer object stands on.
type pullConsumer struct {
	bridge.Object
	j                *jetStream
	stream, consumer string
	pull             *js.PullConsumer
	source           *bridge.Source
	deliver          bridge.Value // the callback, retained
	ended            bool
}

// The limits of what is asked for and not yet taken are those of nats.go.
var pullConsumerOptions = append(option.Table{
	{Name: "callback", Kind: option.Prefix, Required: true, About: "called as `cmd message`"},
	{Name: "max_messages", Kind: option.Natural, Default: dict.Number("500"), About: "that are asked for and not yet taken"},
	{Name: "max_bytes", Kind: option.Natural, About: "that are asked for and not yet taken"},
	{Name: "expires", Kind: option.Millis, Default: 30 * time.Second, About: "of one request, 1000 at least"},
	{Name: "threshold", Kind: option.Natural, About: "it asks for more when so many are left; half of -max_messages"},
	{Name: "idle_heartbeat", Kind: option.Millis, About: "of the server; half of -expires, 30000 at most"},
}, groupOptions...)

// leastExpires is that of nats.go: requests that end sooner would keep the server busy.
const leastExpires = time.Second

// cmdPullConsumer begins to pull; the wait's result is the consumer's handle.
func cmdPullConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := pullConsumerOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	c := &pullConsumer{j: j, stream: args[0].Text(), consumer: args[1].Text(), source: p.NewSource()}
	config := js.PullConfig{
		MaxMessages: small(o.Int("max_messages")), MaxBytes: o.Int("max_bytes"),
		Expires: o.Duration("expires"),
		Deliver: func(m *nats.Msg) { c.source.Post(&pulled{c, m}) },
		Failed:  func(e *wire.Error) { c.source.Post(&pullFailure{c, e}) },
	}
	if config.Group, err = groupConfig(o); err != nil {
		return nil, err
	}
	config.Threshold = config.MaxMessages / 2
	if o.Has("threshold") {
		config.Threshold = small(o.Int("threshold"))
	}
	config.IdleHeartbeat = min(config.Expires/2, 30*time.Second)
	if o.Has("idle_heartbeat") {
		config.IdleHeartbeat = o.Duration("idle_heartbeat")
	}
	switch {
	case config.MaxMessages < 1:
		return nil, invalid("Invalid value for the pos_int option max_messages : 0")
	case config.Expires < leastExpires:
		return nil, wire.Fail("ErrBadTimeout", "-expires is at least "+strconv.FormatInt(leastExpires.Milliseconds(), 10))
	case config.Threshold >= config.MaxMessages:
		return nil, invalid("-threshold is less than -max_messages")
	case config.IdleHeartbeat > config.Expires/2:
		return nil, wire.Fail("ErrBadTimeout", "-idle_heartbeat is at most half of -expires")
	}
	c.deliver = o["callback"].(bridge.Value).Retain()
	id, err := bridge.Begin(p,
		func(done func(*js.PullConsumer, error)) error {
			return j.js.PullConsumer(c.stream, c.consumer, config, done)
		},
		func(core *js.PullConsumer) (any, error) {
			c.pull = core
			return p.Add(c, j), nil
		},
		(*js.PullConsumer).Stop)
	if err != nil {
		c.deliver.Release()
	}
	return id, err
}

func (c *pullConsumer) Release(*bridge.Package) {
	c.ended = true
	c.pull.Stop()
	c.deliver.Release()
}

// opened lets the callbacks come.
func (c *pullConsumer) Opened(*bridge.Package) { c.source.Open() }

// pulled is one message on its way to the callback of a nats::consumer.
type pulled struct {
	c *pullConsumer
	m *nats.Msg
}

func (d *pulled) Run(p *bridge.Package) {
	if d.c.ended {
		return
	}
	p.Host.Deliver(d.c.deliver, d)
	d.c.pull.Taken(d.m)
}

// WriteTo writes the callback's arguments.
func (d *pulled) WriteTo(w bridge.Writer) {
	w.List(1)
	message := messageRecord{c: d.c.j.c, m: d.m}
	message.WriteTo(w)
}

// pullFailure tells what was wrong, in the log and in last_error.
type pullFailure struct {
	c *pullConsumer
	e *wire.Error
}

func (f *pullFailure) Run(p *bridge.Package) {
	if f.c.ended {
		return
	}
	f.c.j.c.wire.Logf(wire.LogWarn, "Consumer %s: %s", f.c.Namespace(), f.e.Text)
	p.Report(p.Host.SetVar(f.c.Namespace()+"::last_error", errorDict(f.e)))
}

// cmdPullDrain waits until what the server has sent was given to the callback.
func cmdPullDrain(p *bridge.Package, c *pullConsumer, _ []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		// The wait's end is behind the messages in the mailbox.
		c.pull.Drain(func() { done(nil) })
		return nil
	})
}

// cmdPullStop ends the callbacks at once. Messages that were not given to one are there
// again when the consumer's ack_wait is over.
func cmdPullStop(_ *bridge.Package, c *pullConsumer, _ []bridge.Value) (any, error) {
	c.ended = true
	c.pull.Stop()
	return nil, nil
}

// cmdPullPlace returns what the consumer belongs to, for consumer_info.
func cmdPullPlace(_ *bridge.Package, c *pullConsumer, _ []bridge.Value) (any, error) {
	return []any{c.j.ID(), c.stream, c.consumer}, nil
}
