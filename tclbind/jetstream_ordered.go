// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"math/big"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var orderedCommands = []bridge.Command{
	{Name: "ordered_consumer", Usage: "jet_stream stream args", Run: bridge.On(cmdOrderedConsumer)},
	{Name: "consumer_info_of", Usage: "consumer", Run: bridge.On(cmdConsumerInfoOf)},
	{Name: "consumer_name", Usage: "consumer", Run: bridge.On(cmdConsumerName)},
}

// orderedConsumer is what a nats::ordered_consumer object stands on.
type orderedConsumer struct {
	bridge.Object
	consumer *js.OrderedConsumer
	c        *connection
	source   *bridge.Source
	deliver  bridge.Value // the callback, retained; nil for a watcher's
	watcher  string       // what the log calls it, where it is a watcher's: the script knows no other object
	ended    bool
}

var orderedConsumerOptions = option.Table{
	{Name: "callback", Kind: option.Prefix, Required: true, About: "called as `cmd message`"},
	coroutineOption,
	{Name: "description", Kind: option.Nonempty, About: "a text for people"},
	{Name: "headers_only", Kind: option.Bool, About: "messages come without their payload"},
	{Name: "deliver_policy", Kind: option.Enum, Default: "all", Allowed: deliverPolicies, About: "the message to begin at"},
	{Name: "idle_heartbeat", Kind: option.Duration, Default: big.NewRat(5000, 1), About: "how often a silent server shows that it lives; after three times as long without a sign the consumer starts anew"},
	{Name: "filter_subject", Kind: option.Nonempty, About: "the subject of the messages that it gets"},
	{Name: "filter_subjects", Kind: option.List, About: "several subjects, in place of -filter_subject"},
	{Name: "opt_start_seq", Kind: option.Natural, About: "the sequence number, for by_start_sequence"},
	{Name: "opt_start_time", Kind: option.Nonempty, About: "the time, for by_start_time, such as 2026-01-01T00:00:00Z"},
	{Name: "replay_policy", Kind: option.Enum, Default: "instant", Allowed: replayPolicies, About: "instant: messages come at once; original: as slowly as they were published"},
	{Name: "inactive_threshold", Kind: option.Duration, Default: big.NewRat(2000, 1), About: "after which time the server removes the consumer if nobody listens to it"},
	{Name: "metadata", Kind: metadata, About: "texts for programs"},
	{Name: "name_prefix", Kind: option.Nonempty, About: "the consumer's names are this prefix, _ and a number: 1, 2 and so on; without it the server makes the names"},
	{Name: "max_reset_attempts", Kind: option.Natural, Default: dict.Number("0"), About: "how many new starts in a row may fail before the consumer ends; 0: no limit"},
}

// cmdOrderedConsumer creates the consumer; the wait's result is its handle.
func cmdOrderedConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := orderedConsumerOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	oc := &orderedConsumer{c: j.c, source: p.NewSource()}
	config := js.OrderedConfig{
		Description:       o.Text("description"),
		HeadersOnly:       o.Bool("headers_only"),
		DeliverPolicy:     o.Text("deliver_policy"),
		IdleHeartbeat:     time.Duration(o.Nanos("idle_heartbeat")),
		FilterSubject:     o.Text("filter_subject"),
		FilterSubjects:    o.List("filter_subjects"),
		OptStartSeq:       uint64(o.Int("opt_start_seq")),
		OptStartTime:      o.Text("opt_start_time"),
		ReplayPolicy:      o.Text("replay_policy"),
		InactiveThreshold: time.Duration(o.Nanos("inactive_threshold")),
		Metadata:          dictOf(o, "metadata"),
		NamePrefix:        o.Text("name_prefix"),
		MaxResetAttempts:  small(o.Int("max_reset_attempts")),
		Deliver:           func(_ *js.OrderedConsumer, m *wire.Lent, _ js.Metadata) { oc.source.Post(&consumed{oc, m.Keep()}) },
		Failed:            oc.failed,
	}
	oc.deliver = j.c.callbackOf(p, o)
	return bridge.BeginHolding(p, oc.deliver.Release,
		func(done func(*js.OrderedConsumer, error)) error {
			return j.js.OrderedConsumer(args[0].Text(), config, done)
		},
		func(core *js.OrderedConsumer) (any, error) {
			oc.consumer = core
			return p.Add(oc, j), nil
		},
		(*js.OrderedConsumer).Stop)
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
func (oc *orderedConsumer) failed(e *fault.Error) { oc.source.Post(&consumerFailure{oc, e}) }

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
	d.oc.c.deliver(p, d.oc.deliver, d)
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
	e  *fault.Error
}

func (f *consumerFailure) Run(p *bridge.Package) {
	if f.oc.ended {
		return
	}
	name := f.oc.watcher
	if name == "" {
		name = "Ordered consumer " + f.oc.Namespace()
	}
	f.oc.c.wire.Logf(wire.LogWarn, "%s: %s", name, f.e.Text)
	p.Report(p.Host.SetVar(f.oc.Namespace()+"::last_error", errorDict(f.e)))
}

func cmdConsumerInfoOf(_ *bridge.Package, oc *orderedConsumer, _ []bridge.Value) (any, error) {
	return configInMillis(consumerOptions)(oc.consumer.Info())
}

func cmdConsumerName(_ *bridge.Package, oc *orderedConsumer, _ []bridge.Value) (any, error) {
	return oc.consumer.Name(), nil
}
