// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var whichOptions = option.Table{
	{Name: "last_by_subj", Kind: option.Nonempty, About: "the last message of this subject"},
	{Name: "next_by_subj", Kind: option.Nonempty, About: "the first message of this subject, from -seq or -start_time on"},
	{Name: "seq", Kind: option.Natural, About: "the message with this sequence number"},
	{Name: "start_time", Kind: option.Nonempty, About: "the first message from this time on, 2026-01-01T00:00:00Z; excludes -seq and -last_by_subj"},
}

func cmdStreamMsgGet(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return getMessage(p, j, args, j.js.MsgGet)
}

func cmdStreamDirectGet(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return getMessage(p, j, args, j.js.DirectGet)
}

func getMessage(p *bridge.Package, j *jetStream, args []bridge.Value, get func(string, js.Which, func(*js.Message, error)) error) (any, error) {
	o, err := whichOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	which := js.Which{
		Seq: uint64(o.Int("seq")), LastBySubject: o.Text("last_by_subj"), NextBySubject: o.Text("next_by_subj"), StartTime: o.Text("start_time"),
	}
	return bridge.Begin(p,
		func(done func(*js.Message, error)) error { return get(args[0].Text(), which, done) },
		func(m *js.Message) (any, error) { return j.c.storedDict(m), nil })
}

func (c *connection) storedDict(m *js.Message) bridge.Record {
	return &storedRecord{messageRecord{c: c, m: &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}}, m}
}

var batchOptions = option.Table{
	{Name: "multi_last", Kind: option.List, About: "a list of subjects; returns the last message of each"},
	{Name: "up_to_seq", Kind: option.Natural, About: "with -multi_last: the messages as they were at this sequence number"},
	{Name: "up_to_time", Kind: option.Nonempty, About: "with -multi_last: the messages as they were at this time, such as 2026-01-01T00:00:00Z"},
	{Name: "batch", Kind: option.Natural, About: "in place of -multi_last: how many messages to return"},
	{Name: "seq", Kind: option.Natural, About: "from this sequence number on"},
	{Name: "start_time", Kind: option.Nonempty, About: "from this time on, such as 2026-01-01T00:00:00Z"},
	{Name: "next_by_subj", Kind: option.Nonempty, About: "only messages of this subject"},
	{Name: "max_bytes", Kind: option.Natural, About: "how many bytes all messages together may have"},
	{Name: "cursor", Kind: option.Nonempty, About: "the name of a variable that gets a dict: num_pending, last_sequence, up_to_sequence (0: the server did not tell)"},
}

// cmdStreamDirectGetBatch returns a list: the messages, where the next request goes on, and the
// name of the variable that wants to know.
func cmdStreamDirectGetBatch(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := batchOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	if !o.Has("multi_last") && o.Int("batch") < 1 {
		return nil, invalid("Option multi_last or batch is required")
	}
	if !o.Has("multi_last") && !o.Has("seq") && !o.Has("start_time") {
		o.Put("seq", dict.Number("1")) // the server wants a beginning
	}
	request := jsonConfig(o, batchOptions).Without("cursor")
	return bridge.Begin(p,
		func(done func(*js.Page, error)) error {
			return j.js.DirectGetPage(args[0].Text(), request, done)
		},
		func(page *js.Page) (any, error) {
			list := make([]any, len(page.Messages))
			for i, m := range page.Messages {
				list[i] = j.c.storedDict(m)
			}
			cursor := dict.Dict{
				{Key: "num_pending", Value: page.Pending},
				{Key: "last_sequence", Value: page.Last},
				{Key: "up_to_sequence", Value: page.UpTo},
			}
			return []any{list, cursor, o.Text("cursor")}, nil
		})
}

var msgDeleteOptions = option.Table{
	{Name: "seq", Kind: option.Natural, Required: true, About: "the message's sequence number"},
	{Name: "no_erase", Kind: option.Bool, Default: true, About: "true: the message's bytes stay in the file until that is compacted; false: they are overwritten"},
}

func cmdStreamMsgDelete(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := msgDeleteOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteMsg(args[0].Text(), uint64(o.Int("seq")), !o.Bool("no_erase"), done)
	})
}

// storedRecord is a message as read from a stream: nats::msg's keys with seq and time.
type storedRecord struct {
	messageRecord
	*js.Message
}

func (r *storedRecord) WriteTo(w bridge.Writer) {
	w.List(14)
	r.fields(w)
	w.Any(r.c.words.seq)
	writeUint(w, r.Seq)
	w.Any(r.c.words.time)
	w.Text(r.Stamp)
}
