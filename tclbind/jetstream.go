package tclbind

import (
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// jetStream is what a nats::jet_stream object stands on.
type jetStream struct {
	bridge.Object
	js        *js.JetStream
	c         *connection
	fetches   map[int64]*fetch // those with a callback, by their IDs
	lastFetch int64
}

// A jet_stream holds nothing of its own: requests that are out end by themselves.
func (*jetStream) Release(*bridge.Package) {}

var jetStreamCommands = []bridge.Command{
	{Name: "api_prefix", Usage: "jet_stream", Run: bridge.On(cmdAPIPrefix)},
	{Name: "timeout", Usage: "jet_stream", Run: bridge.On(cmdTimeout)},
	{Name: "account_info", Usage: "jet_stream", Run: bridge.On(cmdAccountInfo)},
	{Name: "stream_info", Usage: "jet_stream stream", Run: bridge.On(cmdStreamInfo)},
	{Name: "stream_names", Usage: "jet_stream args", Run: bridge.On(cmdStreamNames)},
	{Name: "stream_subjects", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamSubjects)},
	{Name: "add_stream", Usage: "jet_stream stream args", Run: bridge.On(cmdAddStream)},
	{Name: "update_stream", Usage: "jet_stream stream args", Run: bridge.On(cmdUpdateStream)},
	{Name: "add_stream_from_json", Usage: "jet_stream json", Run: bridge.On(cmdAddStreamFromJSON)},
	{Name: "delete_stream", Usage: "jet_stream stream", Run: bridge.On(cmdDeleteStream)},
	{Name: "purge_stream", Usage: "jet_stream stream args", Run: bridge.On(cmdPurgeStream)},
	{Name: "stream_msg_get", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamMsgGet)},
	{Name: "stream_direct_get", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamDirectGet)},
	{Name: "stream_direct_get_batch", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamDirectGetBatch)},
	{Name: "stream_msg_delete", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamMsgDelete)},
	{Name: "make_stream_source", Usage: "args", Run: cmdMakeStreamSource},
	{Name: "make_subject_transform", Usage: "args", Run: cmdMakeSubjectTransform},
	{Name: "make_republish", Usage: "args", Run: cmdMakeRepublish},
}

var jetStreamOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, Default: 5 * time.Second, About: "of each request; 0: without end"},
	{Name: "domain", Kind: option.Text, About: "the JetStream domain; excludes -api_prefix"},
	{Name: "api_prefix", Kind: option.Text, About: "in place of $JS.API"},
	{Name: "trace", Kind: option.Bool, Default: false, About: "requests and replies go to the log at level debug"},
}

// cmdJetStream returns the handle of a new jet_stream.
func cmdJetStream(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := jetStreamOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	core, err := js.New(c.wire, js.Options{
		Timeout:   o.Duration("timeout"),
		Domain:    o.Text("domain"),
		APIPrefix: o.Text("api_prefix"),
		Trace:     o.Bool("trace"),
	})
	if err != nil {
		return nil, err
	}
	return p.Add(&jetStream{js: core, c: c, fetches: map[int64]*fetch{}}, c), nil
}

func cmdAPIPrefix(_ *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return j.js.APIPrefix(), nil
}

func cmdTimeout(_ *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return j.js.Timeout().Milliseconds(), nil
}

func cmdAccountInfo(p *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, j.js.AccountInfo, bridge.Plain)
}

func cmdStreamInfo(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.StreamInfo(args[0].Text(), done)
	}, configInMillis(streamOptions))
}

var streamNamesOptions = option.Table{{Name: "subject", Kind: option.Nonempty, About: "of streams that listen to it"}}

func cmdStreamNames(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := streamNamesOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func([]string, error)) error {
		return j.js.StreamNames(o.Text("subject"), done)
	}, bridge.Plain)
}

var streamSubjectsOptions = option.Table{{Name: "filter", Kind: option.Nonempty, Default: ">", About: "of the subjects"}}

func cmdStreamSubjects(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := streamSubjectsOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.StreamSubjects(args[0].Text(), o.Text("filter"), done)
	}, bridge.Plain)
}

func cmdAddStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeStream(p, args, j.js.AddStream)
}

func cmdUpdateStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeStream(p, args, j.js.UpdateStream)
}

// changeStream sends a stream's config. Options that the table does not know are
// passed over, so that the config from stream_info can be given back.
func changeStream(p *bridge.Package, args []bridge.Value, send func(string, dict.Dict, func(dict.Dict, error)) error) (any, error) {
	given, err := streamOptions.ParseKnown(args[1:])
	if err != nil {
		return nil, err
	}
	config := jsonConfig(given.OrDefaults(streamOptions), streamOptions)
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return send(args[0].Text(), config, done)
	}, configInMillis(streamOptions))
}

func cmdAddStreamFromJSON(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(string, error)) error {
		return j.js.AddStreamJSON([]byte(args[0].Text()), done)
	}, bridge.Plain)
}

func cmdDeleteStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteStream(args[0].Text(), done)
	})
}

var purgeStreamOptions = option.Table{
	{Name: "filter", Kind: option.Nonempty, About: "of the subjects"},
	{Name: "keep", Kind: option.Natural, About: "so many stay"},
	{Name: "seq", Kind: option.Natural, About: "what is before it goes"},
}

func cmdPurgeStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := purgeStreamOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(uint64, error)) error {
		return j.js.PurgeStream(args[0].Text(), jsonConfig(o, purgeStreamOptions), done)
	}, bridge.Plain)
}

// Single messages ------------------------------------------------------------------------

var whichOptions = option.Table{
	{Name: "last_by_subj", Kind: option.Nonempty, About: "the last one of a subject"},
	{Name: "next_by_subj", Kind: option.Nonempty, About: "the first one of a subject from -seq on"},
	{Name: "seq", Kind: option.Natural, About: "the one with this sequence number"},
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
	which := js.Which{Seq: uint64(o.Int("seq")), LastBySubject: o.Text("last_by_subj"), NextBySubject: o.Text("next_by_subj")}
	return bridge.Begin(p,
		func(done func(*js.Message, error)) error { return get(args[0].Text(), which, done) },
		func(m *js.Message) (any, error) { return j.c.storedDict(m), nil })
}

func (c *connection) storedDict(m *js.Message) bridge.Record {
	return &storedRecord{messageRecord{c: c, m: &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}}, m}
}

var batchOptions = option.Table{
	{Name: "multi_last", Kind: option.List, About: "the last message of each of these subjects"},
	{Name: "up_to_seq", Kind: option.Natural, About: "with -multi_last: as it was then"},
	{Name: "up_to_time", Kind: option.Nonempty, About: "with -multi_last: as it was then, 2026-01-01T00:00:00Z"},
	{Name: "batch", Kind: option.Natural, About: "in place of -multi_last: so many messages"},
	{Name: "seq", Kind: option.Natural, About: "from this one on"},
	{Name: "start_time", Kind: option.Nonempty, About: "from this time on"},
	{Name: "next_by_subj", Kind: option.Nonempty, About: "of this subject"},
	{Name: "max_bytes", Kind: option.Natural, About: "of all messages together"},
}

func cmdStreamDirectGetBatch(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := batchOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	if !o.Has("multi_last") && o.Int("batch") < 1 {
		return nil, invalid("Option multi_last or batch is required")
	}
	if !o.Has("multi_last") && !o.Has("seq") && !o.Has("start_time") {
		o["seq"] = dict.Number("1") // the server wants a beginning
	}
	request := jsonConfig(o, batchOptions)
	return bridge.Begin(p,
		func(done func([]*js.Message, error)) error {
			return j.js.DirectGetBatch(args[0].Text(), request, done)
		},
		func(messages []*js.Message) (any, error) {
			list := make([]any, len(messages))
			for i, m := range messages {
				list[i] = j.c.storedDict(m)
			}
			return list, nil
		})
}

var msgDeleteOptions = option.Table{
	{Name: "seq", Kind: option.Natural, Required: true, About: "its sequence number"},
	{Name: "no_erase", Kind: option.Bool, Default: true, About: "its bytes stay in the file until that is compacted"},
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
