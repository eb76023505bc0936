package tclbind

import (
	"math/big"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// jetStream is what a nats::jet_stream object stands on.
type jetStream struct {
	object
	js *js.JetStream
	c  *connection
}

// A jet_stream holds nothing of its own: requests that are out end by themselves.
func (*jetStream) release(*Package) {}

var jetStreamCommands = []command{
	{"api_prefix", []string{"jet_stream"}, on(cmdAPIPrefix)},
	{"timeout", []string{"jet_stream"}, on(cmdTimeout)},
	{"stream_info", []string{"jet_stream", "stream"}, on(cmdStreamInfo)},
	{"add_stream", []string{"jet_stream", "stream", "args"}, on(cmdAddStream)},
	{"update_stream", []string{"jet_stream", "stream", "args"}, on(cmdUpdateStream)},
	{"add_stream_from_json", []string{"jet_stream", "json"}, on(cmdAddStreamFromJSON)},
	{"delete_stream", []string{"jet_stream", "stream"}, on(cmdDeleteStream)},
	{"delete_consumer", []string{"jet_stream", "stream", "consumer"}, on(cmdDeleteConsumer)},
	{"make_stream_source", []string{"args"}, cmdMakeStreamSource},
	{"make_subject_transform", []string{"args"}, cmdMakeSubjectTransform},
	{"make_republish", []string{"args"}, cmdMakeRepublish},
}

var jetStreamOptions = []option{
	{name: "timeout", kind: millis, fallback: 5 * time.Second},
	{name: "domain", kind: nonempty},
	{name: "api_prefix", kind: nonempty},
	{name: "trace", kind: truth},
}

// cmdJetStream returns the handle of a new jet_stream.
func cmdJetStream(p *Package, c *connection, args []Value) (any, error) {
	o, err := parseOptions(args, jetStreamOptions)
	if err != nil {
		return nil, err
	}
	core, err := js.New(c.wire, js.Options{
		Timeout:   o.duration("timeout"),
		Domain:    o.text("domain"),
		APIPrefix: o.text("api_prefix"),
		Trace:     o.bool("trace"),
	})
	if err != nil {
		return nil, err
	}
	return p.add(&jetStream{js: core, c: c}, c), nil
}

func cmdAPIPrefix(_ *Package, j *jetStream, _ []Value) (any, error) {
	return j.js.APIPrefix(), nil
}

func cmdTimeout(_ *Package, j *jetStream, _ []Value) (any, error) {
	return j.js.Timeout().Milliseconds(), nil
}

func cmdStreamInfo(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func(dict.Dict, error)) error {
		return j.js.StreamInfo(args[0].Text(), done)
	}, plain)
}

func cmdAddStream(p *Package, j *jetStream, args []Value) (any, error) {
	return changeStream(p, args, j.js.AddStream)
}

func cmdUpdateStream(p *Package, j *jetStream, args []Value) (any, error) {
	return changeStream(p, args, j.js.UpdateStream)
}

// changeStream sends a stream's config. Options that the table does not know are
// passed over, so that the config from stream_info can be given back.
func changeStream(p *Package, args []Value, send func(string, dict.Dict, func(dict.Dict, error)) error) (any, error) {
	given, err := parseGiven(args[1:], streamOptions, true)
	if err != nil {
		return nil, err
	}
	config, err := jsonConfig(given.orDefaults(streamOptions), streamOptions)
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(dict.Dict, error)) error {
		return send(args[0].Text(), config, done)
	}, plain)
}

func cmdAddStreamFromJSON(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func(string, error)) error {
		return j.js.AddStreamJSON([]byte(args[0].Text()), done)
	}, plain)
}

func cmdDeleteStream(p *Package, j *jetStream, args []Value) (any, error) {
	return beginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteStream(args[0].Text(), done)
	})
}

func cmdDeleteConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	return beginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteConsumer(args[0].Text(), args[1].Text(), done)
	})
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

var consumerCommands = []command{
	{"ordered_consumer", []string{"jet_stream", "stream", "args"}, on(cmdOrderedConsumer)},
	{"consumer_info_of", []string{"consumer"}, on(cmdConsumerInfoOf)},
	{"consumer_name", []string{"consumer"}, on(cmdConsumerName)},
}

var orderedConsumerOptions = []option{
	{name: "callback", kind: prefix, required: true},
	{name: "description", kind: nonempty},
	{name: "headers_only", kind: truth},
	{name: "deliver_policy", kind: enum, fallback: "all",
		allowed: []string{"all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"}},
	{name: "idle_heartbeat", kind: duration, fallback: big.NewRat(5000, 1)},
	{name: "filter_subject", kind: nonempty},
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
	p.host.Callback(d.oc.deliver, d.oc.c.messageDict(d.m, 0))
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
	return oc.consumer.Info(), nil
}

func cmdConsumerName(_ *Package, oc *orderedConsumer, _ []Value) (any, error) {
	return oc.consumer.Name(), nil
}
