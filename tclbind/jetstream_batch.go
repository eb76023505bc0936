// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var batchCommands = []bridge.Command{
	{Name: "batch", Usage: "jet_stream args", Run: bridge.On(cmdBatch)},
	{Name: "publish_batch", Usage: "jet_stream messages args", Run: bridge.On(cmdPublishBatch)},
	{Name: "batch_add", Usage: "batch subject message args", Run: bridge.On(cmdBatchAdd)},
	{Name: "batch_add_msg", Usage: "batch msg args", Run: bridge.On(cmdBatchAddMsg)},
	{Name: "batch_commit", Usage: "batch args", Run: bridge.On(cmdBatchCommit)},
	{Name: "batch_commit_msg", Usage: "batch msg args", Run: bridge.On(cmdBatchCommitMsg)},
	{Name: "batch_discard", Usage: "batch", Run: bridge.On(cmdBatchDiscard)},
	{Name: "batch_size", Usage: "batch", Run: bridge.On(cmdBatchSize)},
	{Name: "batch_closed", Usage: "batch", Run: bridge.On(cmdBatchClosed)},
}

// atomicBatch is what a nats::batch object stands on.
type atomicBatch struct {
	bridge.Object
	j    *jetStream
	core *js.Batch
}

// Release discards what was not committed: the server forgets it by itself.
func (*atomicBatch) Release(*bridge.Package) {}

var atomicBatchOptions = option.Table{
	{Name: "ack_every", Kind: option.Natural, Default: dict.Number("0"), About: "the server is asked each time after so many messages whether all is well; 0: only after the first one"},
	{Name: "timeout", Kind: option.Millis, About: "how long to wait for the answer to each such question, and to the commit; by default the jet_stream's -timeout; 0: no limit"},
}

// inBatchOptions are those of a message in a batch.
var inBatchOptions = slices.Concat(messageOptions, headerOptions)

func cmdBatch(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := atomicBatchOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	config := js.BatchConfig{AckEvery: small(o.Int("ack_every")), Timeout: j.js.Timeout()}
	if o.Has("timeout") {
		config.Timeout = o.Duration("timeout")
	}
	return p.Add(&atomicBatch{j: j, core: j.js.Batch(config)}, j), nil
}

var publishBatchOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, About: "how long to wait; by default the jet_stream's -timeout; 0: no limit"},
}

// cmdPublishBatch publishes a list of messages of nats::msg.
func cmdPublishBatch(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := publishBatchOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	list, err := args[0].List()
	if err != nil {
		return nil, invalid("Invalid list of messages")
	}
	messages := make([]*nats.Msg, len(list))
	for i, v := range list {
		if messages[i], err = j.outgoingDict([]bridge.Value{v}); err != nil {
			return nil, err
		}
	}
	timeout := j.js.Timeout()
	if o.Has("timeout") {
		timeout = o.Duration("timeout")
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.PublishBatch(messages, timeout, wire.DefaultRetry, done)
	}, bridge.Plain)
}

// outgoingMessage is a message of a subject, a payload and options.
func (j *jetStream) outgoingMessage(args []bridge.Value) (*nats.Msg, error) {
	o, err := inBatchOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: args[0].Text(), Data: j.c.outgoing(args[1])}
	m.Header, _ = o.Get("header").(nats.Header)
	return m, stamp(m, o)
}

// outgoingDict is a message of nats::msg and options.
func (j *jetStream) outgoingDict(args []bridge.Value) (*nats.Msg, error) {
	o, err := messageOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	m, err := j.c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	m.Reply = ""
	return m, stamp(m, o)
}

func cmdBatchAdd(p *bridge.Package, b *atomicBatch, args []bridge.Value) (any, error) {
	m, err := b.j.outgoingMessage(args)
	if err != nil {
		return nil, err
	}
	return b.add(p, m)
}

func cmdBatchAddMsg(p *bridge.Package, b *atomicBatch, args []bridge.Value) (any, error) {
	m, err := b.j.outgoingDict(args)
	if err != nil {
		return nil, err
	}
	return b.add(p, m)
}

// add waits only where the server is asked.
func (b *atomicBatch) add(p *bridge.Package, m *nats.Msg) (any, error) {
	asked := false
	id, err := bridge.BeginPlain(p, nil, func(done func(error)) (err error) {
		if asked, err = b.core.Add(m, done); err == nil && !asked {
			done(nil)
		}
		return err
	})
	b.j.c.wire.Hold()
	return id, err
}

// cmdBatchCommit commits with a last message, or without arguments what was added.
func cmdBatchCommit(p *bridge.Package, b *atomicBatch, args []bridge.Value) (any, error) {
	switch len(args) {
	case 0:
		return b.commit(p, nil)
	case 1:
		return nil, invalid("A subject and a message, or neither")
	}
	m, err := b.j.outgoingMessage(args)
	if err != nil {
		return nil, err
	}
	return b.commit(p, m)
}

func cmdBatchCommitMsg(p *bridge.Package, b *atomicBatch, args []bridge.Value) (any, error) {
	m, err := b.j.outgoingDict(args)
	if err != nil {
		return nil, err
	}
	return b.commit(p, m)
}

func (b *atomicBatch) commit(p *bridge.Package, m *nats.Msg) (any, error) {
	return bridge.Begin(p, func(done func(dict.Dict, error)) error { return b.core.Commit(m, done) }, bridge.Plain)
}

func cmdBatchDiscard(_ *bridge.Package, b *atomicBatch, _ []bridge.Value) (any, error) {
	return nil, b.core.Discard()
}

func cmdBatchSize(_ *bridge.Package, b *atomicBatch, _ []bridge.Value) (any, error) {
	return b.core.Size(), nil
}

func cmdBatchClosed(_ *bridge.Package, b *atomicBatch, _ []bridge.Value) (any, error) {
	return b.core.Closed(), nil
}
