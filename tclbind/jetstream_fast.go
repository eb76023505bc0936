// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var fastCommands = []bridge.Command{
	{Name: "fast_publisher", Usage: "jet_stream args", Run: bridge.On(cmdFastPublisher)},
	{Name: "fast_add", Usage: "fast_publisher subject message args", Run: bridge.On(cmdFastAdd)},
	{Name: "fast_add_msg", Usage: "fast_publisher msg args", Run: bridge.On(cmdFastAddMsg)},
	{Name: "fast_commit", Usage: "fast_publisher args", Run: bridge.On(cmdFastCommit)},
	{Name: "fast_sent", Usage: "fast_publisher", Run: bridge.On(cmdFastSent)},
	{Name: "fast_acked", Usage: "fast_publisher", Run: bridge.On(cmdFastAcked)},
}

// fastPublisher is what a nats::fast_publisher object stands on.
type fastPublisher struct {
	bridge.Object
	j      *jetStream
	core   *js.FastPublisher
	failed bridge.Value // the callback, retained; nil for none
	ended  bool
}

var fastPublisherOptions = option.Table{
	{Name: "flow", Kind: option.Natural, Default: dict.Number("100"), About: "the server is asked to acknowledge each time after so many messages, 65535 at most; it may do so sooner or later"},
	{Name: "outstanding", Kind: option.Natural, Default: dict.Number("2"), About: "how many acknowledgements may be missing before `add` waits"},
	{Name: "gap", Kind: option.Enum, Default: "fail", Allowed: []string{"fail", "ok"}, About: "what happens if a message is lost. fail: the batch ends; ok: the callback is called, and the batch goes on"},
	{Name: "timeout", Kind: option.Millis, About: "how long to wait for a server that is silent; by default the jet_stream's -timeout; 0: no limit"},
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called as `cmd seq error` for a message that was lost or refused: seq counts from 1 in the batch, error is a dict like last_error"},
}

func cmdFastPublisher(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := fastPublisherOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	f := &fastPublisher{j: j}
	config := js.FastConfig{
		Flow: small(o.Int("flow")), Outstanding: small(o.Int("outstanding")), GapOK: o.Text("gap") == "ok", Timeout: j.js.Timeout(),
		Failed: func(seq uint64, err *fault.Error) { p.Post(&fastFailure{f, seq, err}) },
	}
	if o.Has("timeout") {
		config.Timeout = o.Duration("timeout")
	}
	switch {
	case config.Flow < 1 || config.Flow > 65535:
		return nil, invalid("-flow is from 1 to 65535")
	case config.Outstanding < 1:
		return nil, invalid("-outstanding is 1 at least")
	}
	if f.core, err = j.js.FastPublisher(config); err != nil {
		return nil, err
	}
	if callback, given := o.Get("callback").(bridge.Value); given {
		f.failed = callback.Retain()
	}
	return p.Add(f, j), nil
}

func (f *fastPublisher) Release(*bridge.Package) {
	f.ended = true
	f.core.Stop()
	if f.failed != nil {
		f.failed.Release()
	}
}

// fastFailure is on its way to the callback.
type fastFailure struct {
	f   *fastPublisher
	seq uint64
	err *fault.Error
}

func (d *fastFailure) Run(p *bridge.Package) {
	if d.f.ended || d.f.failed == nil {
		return
	}
	p.Host.Callback(d.f.failed, d.seq, errorDict(d.err))
}

func cmdFastAdd(p *bridge.Package, f *fastPublisher, args []bridge.Value) (any, error) {
	m, err := f.j.outgoingMessage(args)
	if err != nil {
		return nil, err
	}
	return f.add(p, m)
}

func cmdFastAddMsg(p *bridge.Package, f *fastPublisher, args []bridge.Value) (any, error) {
	m, err := f.j.outgoingDict(args)
	if err != nil {
		return nil, err
	}
	return f.add(p, m)
}

// add waits only where there is no room.
func (f *fastPublisher) add(p *bridge.Package, m *nats.Msg) (any, error) {
	if added, err := f.core.TryAdd(m); added || err != nil {
		f.j.c.wire.Hold()
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error { return f.core.Add(m, done) })
}

// cmdFastCommit commits with a last message, or without arguments what was added.
func cmdFastCommit(p *bridge.Package, f *fastPublisher, args []bridge.Value) (any, error) {
	var m *nats.Msg
	switch len(args) {
	case 0:
	case 1:
		return nil, invalid("A subject and a message, or neither")
	default:
		var err error
		if m, err = f.j.outgoingMessage(args); err != nil {
			return nil, err
		}
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error { return f.core.Commit(m, done) }, bridge.Plain)
}

func cmdFastSent(_ *bridge.Package, f *fastPublisher, _ []bridge.Value) (any, error) {
	return f.core.Sent(), nil
}

func cmdFastAcked(_ *bridge.Package, f *fastPublisher, _ []bridge.Value) (any, error) {
	return f.core.Acked(), nil
}
