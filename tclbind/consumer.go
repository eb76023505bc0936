package tclbind

import (
	"maps"
	"math/big"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

var consumerCommands = []command{
	{"add_consumer", []string{"jet_stream", "stream", "args"}, on(cmdAddConsumer)},
	{"add_pull_consumer", []string{"jet_stream", "stream", "name", "args"}, on(cmdAddPullConsumer)},
	{"add_push_consumer", []string{"jet_stream", "stream", "name", "deliver_subject", "args"}, on(cmdAddPushConsumer)},
	{"update_consumer", []string{"jet_stream", "stream", "args"}, on(cmdUpdateConsumer)},
	{"add_consumer_from_json", []string{"jet_stream", "stream", "consumer", "json"}, on(cmdAddConsumerFromJSON)},
	{"delete_consumer", []string{"jet_stream", "stream", "consumer"}, on(cmdDeleteConsumer)},
	{"consumer_info", []string{"jet_stream", "stream", "consumer"}, on(cmdConsumerInfo)},
	{"consumer_names", []string{"jet_stream", "stream"}, on(cmdConsumerNames)},
	{"pause_consumer", []string{"jet_stream", "stream", "consumer", "?until"}, on(cmdPauseConsumer)},
	{"ordered_consumer", []string{"jet_stream", "stream", "args"}, on(cmdOrderedConsumer)},
	{"consumer_info_of", []string{"consumer"}, on(cmdConsumerInfoOf)},
	{"consumer_name", []string{"consumer"}, on(cmdConsumerName)},
}

func cmdAddConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	return changeConsumer(p, args[0], args[1:], options{}, j.js.AddConsumer)
}

func cmdAddPullConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	return changeConsumer(p, args[0], args[2:], options{"durable_name": args[1].Text()}, j.js.AddConsumer)
}

func cmdAddPushConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	return changeConsumer(p, args[0], args[3:],
		options{"durable_name": args[1].Text(), "deliver_subject": args[2].Text()}, j.js.AddConsumer)
}

func cmdUpdateConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	return changeConsumer(p, args[0], args[1:], nil, j.js.UpdateConsumer)
}

// changeConsumer sends a consumer's config: the options, and what the method itself says,
// nil for an update.
func changeConsumer(p *Package, stream Value, args []Value, own options, send func(string, dict.Dict, func(dict.Dict, error)) error) (any, error) {
	o, err := parseOptions(args, consumerOptions)
	if err != nil {
		return nil, err
	}
	maps.Copy(o, own)
	if o.has("name") && o.has("durable_name") {
		// A config that was read has both, and they are one.
		if own != nil || o["name"] != o["durable_name"] {
			return nil, invalid("-name conflicts with -durable_name")
		}
		delete(o, "name")
	}
	config := jsonConfig(o, consumerOptions)
	return begin(p, func(done func(dict.Dict, error)) error {
		return send(stream.Text(), config, done)
	}, configInMillis(consumerOptions))
}

func cmdAddConsumerFromJSON(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func(string, error)) error {
		return j.js.AddConsumerJSON(args[0].Text(), args[1].Text(), []byte(args[2].Text()), done)
	}, plain)
}

func cmdDeleteConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	return beginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteConsumer(args[0].Text(), args[1].Text(), done)
	})
}

func cmdConsumerInfo(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func(dict.Dict, error)) error {
		return j.js.ConsumerInfo(args[0].Text(), args[1].Text(), done)
	}, configInMillis(consumerOptions))
}

func cmdConsumerNames(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func([]string, error)) error {
		return j.js.ConsumerNames(args[0].Text(), done)
	}, plain)
}

// cmdPauseConsumer pauses a consumer until a time, or without one lets it go on.
func cmdPauseConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	until := ""
	if len(args) > 2 {
		if until = args[2].Text(); until == "" {
			return nil, invalid("Invalid time ")
		}
	}
	return begin(p, func(done func(dict.Dict, error)) error {
		return j.js.PauseConsumer(args[0].Text(), args[1].Text(), until, done)
	}, plain)
}

// orderedConsumer is what a nats::ordered_consumer object stands on.
type orderedConsumer struct {
	object
	consumer *js.OrderedConsumer
	c        *connection
	source   source
	deliver  Value // the callback, retained; nil for a watcher's
	ended    bool
}

var orderedConsumerOptions = []option{
	{name: "callback", kind: prefix, required: true, about: "called as `cmd message`"},
	{name: "description", kind: nonempty, about: "a text for people"},
	{name: "headers_only", kind: truth, about: "messages come without their payload"},
	{name: "deliver_policy", kind: enum, fallback: "all", allowed: deliverPolicies, about: "where it begins"},
	{name: "idle_heartbeat", kind: duration, fallback: big.NewRat(5000, 1), about: "after three of which in silence it starts anew"},
	{name: "filter_subject", kind: nonempty, about: "of the messages that it gets"},
}

// cmdOrderedConsumer creates the consumer; the wait's result is its handle.
func cmdOrderedConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], orderedConsumerOptions)
	if err != nil {
		return nil, err
	}
	oc := &orderedConsumer{c: j.c, source: source{mailbox: &p.mailbox}}
	config := js.OrderedConfig{
		Description:   o.text("description"),
		HeadersOnly:   o.bool("headers_only"),
		DeliverPolicy: o.text("deliver_policy"),
		IdleHeartbeat: time.Duration(o.nanos("idle_heartbeat")),
		FilterSubject: o.text("filter_subject"),
		Deliver:       func(_ *js.OrderedConsumer, m *nats.Msg, _ js.Metadata) { oc.source.post(&consumed{oc, m}) },
		Failed:        oc.failed,
	}
	oc.deliver = o["callback"].(Value).Retain()
	id, err := begin(p,
		func(done func(*js.OrderedConsumer, error)) error {
			return j.js.OrderedConsumer(args[0].Text(), config, done)
		},
		func(core *js.OrderedConsumer) (any, error) {
			oc.consumer = core
			return p.add(oc, j), nil
		},
		(*js.OrderedConsumer).Stop)
	if err != nil {
		oc.deliver.Release()
	}
	return id, err
}

func (oc *orderedConsumer) release(*Package) {
	oc.ended = true
	oc.consumer.Stop()
	if oc.deliver != nil {
		oc.deliver.Release()
	}
}

// opened lets the callbacks come. A watcher opens its consumer's itself.
func (oc *orderedConsumer) opened(*Package) { oc.source.release() }

// failed is called by the consumer's goroutine.
func (oc *orderedConsumer) failed(e *wire.Error) { oc.source.post(&consumerFailure{oc, e}) }

// consumed is one message on its way to the callback of an ordered consumer.
type consumed struct {
	oc *orderedConsumer
	m  *nats.Msg
}

func (d *consumed) run(p *Package) {
	if d.oc.ended {
		return
	}
	// Before the callback, which may destroy the consumer or wait.
	d.oc.consumer.Taken()
	p.host.Deliver(d.oc.deliver, d)
}

// WriteTo writes the callback's arguments.
func (d *consumed) WriteTo(w Writer) {
	w.List(1)
	message := messageRecord{c: d.oc.c, m: d.m}
	message.WriteTo(w)
}

// consumerFailure tells of a new start or of the end: in the log, and in last_error.
type consumerFailure struct {
	oc *orderedConsumer
	e  *wire.Error
}

func (f *consumerFailure) run(p *Package) {
	if f.oc.ended {
		return
	}
	f.oc.c.wire.Logf(wire.LogWarn, "Ordered consumer %s: %s", f.oc.namespace, f.e.Text)
	p.report(p.host.SetVar(f.oc.namespace+"::last_error", errorDict(f.e)))
}

func cmdConsumerInfoOf(_ *Package, oc *orderedConsumer, _ []Value) (any, error) {
	return configInMillis(consumerOptions)(oc.consumer.Info())
}

func cmdConsumerName(_ *Package, oc *orderedConsumer, _ []Value) (any, error) {
	return oc.consumer.Name(), nil
}
