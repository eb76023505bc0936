package tclbind

import (
	"maps"
	"math/big"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var consumerCommands = []bridge.Command{
	{Name: "add_consumer", Usage: "jet_stream stream args", Run: bridge.On(cmdAddConsumer)},
	{Name: "add_pull_consumer", Usage: "jet_stream stream name args", Run: bridge.On(cmdAddPullConsumer)},
	{Name: "add_push_consumer", Usage: "jet_stream stream name deliver_subject args", Run: bridge.On(cmdAddPushConsumer)},
	{Name: "update_consumer", Usage: "jet_stream stream args", Run: bridge.On(cmdUpdateConsumer)},
	{Name: "add_consumer_from_json", Usage: "jet_stream stream consumer json", Run: bridge.On(cmdAddConsumerFromJSON)},
	{Name: "delete_consumer", Usage: "jet_stream stream consumer", Run: bridge.On(cmdDeleteConsumer)},
	{Name: "consumer_info", Usage: "jet_stream stream consumer", Run: bridge.On(cmdConsumerInfo)},
	{Name: "consumer_names", Usage: "jet_stream stream", Run: bridge.On(cmdConsumerNames)},
	{Name: "pause_consumer", Usage: "jet_stream stream consumer ?until", Run: bridge.On(cmdPauseConsumer)},
	{Name: "ordered_consumer", Usage: "jet_stream stream args", Run: bridge.On(cmdOrderedConsumer)},
	{Name: "consumer_info_of", Usage: "consumer", Run: bridge.On(cmdConsumerInfoOf)},
	{Name: "consumer_name", Usage: "consumer", Run: bridge.On(cmdConsumerName)},
}

func cmdAddConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeConsumer(p, args[0], args[1:], option.Values{}, j.js.AddConsumer)
}

func cmdAddPullConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeConsumer(p, args[0], args[2:], option.Values{"durable_name": args[1].Text()}, j.js.AddConsumer)
}

func cmdAddPushConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeConsumer(p, args[0], args[3:],
		option.Values{"durable_name": args[1].Text(), "deliver_subject": args[2].Text()}, j.js.AddConsumer)
}

func cmdUpdateConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeConsumer(p, args[0], args[1:], nil, j.js.UpdateConsumer)
}

// changeConsumer sends a consumer's config: the options, and what the method itself says,
// nil for an update.
func changeConsumer(p *bridge.Package, stream bridge.Value, args []bridge.Value, own option.Values, send func(string, dict.Dict, func(dict.Dict, error)) error) (any, error) {
	o, err := consumerOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	maps.Copy(o, own)
	if o.Has("name") && o.Has("durable_name") {
		// A config that was read has both, and they are one.
		if own != nil || o["name"] != o["durable_name"] {
			return nil, invalid("-name conflicts with -durable_name")
		}
		delete(o, "name")
	}
	config := jsonConfig(o, consumerOptions)
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return send(stream.Text(), config, done)
	}, configInMillis(consumerOptions))
}

func cmdAddConsumerFromJSON(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(string, error)) error {
		return j.js.AddConsumerJSON(args[0].Text(), args[1].Text(), []byte(args[2].Text()), done)
	}, bridge.Plain)
}

func cmdDeleteConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteConsumer(args[0].Text(), args[1].Text(), done)
	})
}

func cmdConsumerInfo(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.ConsumerInfo(args[0].Text(), args[1].Text(), done)
	}, configInMillis(consumerOptions))
}

func cmdConsumerNames(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func([]string, error)) error {
		return j.js.ConsumerNames(args[0].Text(), done)
	}, bridge.Plain)
}

// cmdPauseConsumer pauses a consumer until a time, or without one lets it go on.
func cmdPauseConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	until := ""
	if len(args) > 2 {
		if until = args[2].Text(); until == "" {
			return nil, invalid("Invalid time ")
		}
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.PauseConsumer(args[0].Text(), args[1].Text(), until, done)
	}, bridge.Plain)
}

// orderedConsumer is what a nats::ordered_consumer object stands on.
type orderedConsumer struct {
	bridge.Object
	consumer *js.OrderedConsumer
	c        *connection
	source   *bridge.Source
	deliver  bridge.Value // the callback, retained; nil for a watcher's
	ended    bool
}

var orderedConsumerOptions = option.Table{
	{Name: "callback", Kind: option.Prefix, Required: true, About: "called as `cmd message`"},
	{Name: "description", Kind: option.Nonempty, About: "a text for people"},
	{Name: "headers_only", Kind: option.Bool, About: "messages come without their payload"},
	{Name: "deliver_policy", Kind: option.Enum, Default: "all", Allowed: deliverPolicies, About: "where it begins"},
	{Name: "idle_heartbeat", Kind: option.Duration, Default: big.NewRat(5000, 1), About: "after three of which in silence it starts anew"},
	{Name: "filter_subject", Kind: option.Nonempty, About: "of the messages that it gets"},
}

// cmdOrderedConsumer creates the consumer; the wait's result is its handle.
func cmdOrderedConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := orderedConsumerOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	oc := &orderedConsumer{c: j.c, source: p.NewSource()}
	config := js.OrderedConfig{
		Description:   o.Text("description"),
		HeadersOnly:   o.Bool("headers_only"),
		DeliverPolicy: o.Text("deliver_policy"),
		IdleHeartbeat: time.Duration(o.Nanos("idle_heartbeat")),
		FilterSubject: o.Text("filter_subject"),
		Deliver:       func(_ *js.OrderedConsumer, m *nats.Msg, _ js.Metadata) { oc.source.Post(&consumed{oc, m}) },
		Failed:        oc.failed,
	}
	oc.deliver = o["callback"].(bridge.Value).Retain()
	id, err := bridge.Begin(p,
		func(done func(*js.OrderedConsumer, error)) error {
			return j.js.OrderedConsumer(args[0].Text(), config, done)
		},
		func(core *js.OrderedConsumer) (any, error) {
			oc.consumer = core
			return p.Add(oc, j), nil
		},
		(*js.OrderedConsumer).Stop)
	if err != nil {
		oc.deliver.Release()
	}
	return id, err
}

func (oc *orderedConsumer) Release(*bridge.Package) {
	oc.ended = true
	oc.consumer.Stop()
	if oc.deliver != nil {
		oc.deliver.Release()
	}
}

// opened lets the callbacks come. A watcher opens its consumer's itself.
func (oc *orderedConsumer) Opened(*bridge.Package) { oc.source.Open() }

// failed is called by the consumer's goroutine.
func (oc *orderedConsumer) failed(e *wire.Error) { oc.source.Post(&consumerFailure{oc, e}) }

// consumed is one message on its way to the callback of an ordered consumer.
type consumed struct {
	oc *orderedConsumer
	m  *nats.Msg
}

func (d *consumed) Run(p *bridge.Package) {
	if d.oc.ended {
		return
	}
	// Before the callback, which may destroy the consumer or wait.
	d.oc.consumer.Taken()
	p.Host.Deliver(d.oc.deliver, d)
}

// WriteTo writes the callback's arguments.
func (d *consumed) WriteTo(w bridge.Writer) {
	w.List(1)
	message := messageRecord{c: d.oc.c, m: d.m}
	message.WriteTo(w)
}

// consumerFailure tells of a new start or of the end: in the log, and in last_error.
type consumerFailure struct {
	oc *orderedConsumer
	e  *wire.Error
}

func (f *consumerFailure) Run(p *bridge.Package) {
	if f.oc.ended {
		return
	}
	f.oc.c.wire.Logf(wire.LogWarn, "Ordered consumer %s: %s", f.oc.Namespace(), f.e.Text)
	p.Report(p.Host.SetVar(f.oc.Namespace()+"::last_error", errorDict(f.e)))
}

func cmdConsumerInfoOf(_ *bridge.Package, oc *orderedConsumer, _ []bridge.Value) (any, error) {
	return configInMillis(consumerOptions)(oc.consumer.Info())
}

func cmdConsumerName(_ *bridge.Package, oc *orderedConsumer, _ []bridge.Value) (any, error) {
	return oc.consumer.Name(), nil
}
