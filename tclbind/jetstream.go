package tclbind

import (
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
)

// jetStream is what a nats::jet_stream object stands on.
type jetStream struct {
	object
	js        *js.JetStream
	c         *connection
	fetches   map[int64]*fetch // those with a callback, by their IDs
	lastFetch int64
}

// A jet_stream holds nothing of its own: requests that are out end by themselves.
func (*jetStream) release(*Package) {}

var jetStreamCommands = []command{
	{"api_prefix", []string{"jet_stream"}, on(cmdAPIPrefix)},
	{"timeout", []string{"jet_stream"}, on(cmdTimeout)},
	{"account_info", []string{"jet_stream"}, on(cmdAccountInfo)},
	{"stream_info", []string{"jet_stream", "stream"}, on(cmdStreamInfo)},
	{"stream_names", []string{"jet_stream", "args"}, on(cmdStreamNames)},
	{"stream_subjects", []string{"jet_stream", "stream", "args"}, on(cmdStreamSubjects)},
	{"add_stream", []string{"jet_stream", "stream", "args"}, on(cmdAddStream)},
	{"update_stream", []string{"jet_stream", "stream", "args"}, on(cmdUpdateStream)},
	{"add_stream_from_json", []string{"jet_stream", "json"}, on(cmdAddStreamFromJSON)},
	{"delete_stream", []string{"jet_stream", "stream"}, on(cmdDeleteStream)},
	{"purge_stream", []string{"jet_stream", "stream", "args"}, on(cmdPurgeStream)},
	{"stream_msg_get", []string{"jet_stream", "stream", "args"}, on(cmdStreamMsgGet)},
	{"stream_direct_get", []string{"jet_stream", "stream", "args"}, on(cmdStreamDirectGet)},
	{"stream_direct_get_batch", []string{"jet_stream", "stream", "args"}, on(cmdStreamDirectGetBatch)},
	{"stream_msg_delete", []string{"jet_stream", "stream", "args"}, on(cmdStreamMsgDelete)},
	{"make_stream_source", []string{"args"}, cmdMakeStreamSource},
	{"make_subject_transform", []string{"args"}, cmdMakeSubjectTransform},
	{"make_republish", []string{"args"}, cmdMakeRepublish},
}

var jetStreamOptions = []option{
	{name: "timeout", kind: millis, fallback: 5 * time.Second, about: "of each request; 0: without end"},
	{name: "domain", kind: anyText, about: "the JetStream domain; excludes -api_prefix"},
	{name: "api_prefix", kind: anyText, about: "in place of $JS.API"},
	{name: "trace", kind: truth, fallback: false, about: "requests and replies go to the log at level debug"},
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
	return p.add(&jetStream{js: core, c: c, fetches: map[int64]*fetch{}}, c), nil
}

func cmdAPIPrefix(_ *Package, j *jetStream, _ []Value) (any, error) {
	return j.js.APIPrefix(), nil
}

func cmdTimeout(_ *Package, j *jetStream, _ []Value) (any, error) {
	return j.js.Timeout().Milliseconds(), nil
}

func cmdAccountInfo(p *Package, j *jetStream, _ []Value) (any, error) {
	return begin(p, j.js.AccountInfo, plain)
}

func cmdStreamInfo(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func(dict.Dict, error)) error {
		return j.js.StreamInfo(args[0].Text(), done)
	}, configInMillis(streamOptions))
}

var streamNamesOptions = []option{{name: "subject", kind: nonempty, about: "of streams that listen to it"}}

func cmdStreamNames(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args, streamNamesOptions)
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func([]string, error)) error {
		return j.js.StreamNames(o.text("subject"), done)
	}, plain)
}

var streamSubjectsOptions = []option{{name: "filter", kind: nonempty, fallback: ">", about: "of the subjects"}}

func cmdStreamSubjects(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], streamSubjectsOptions)
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(dict.Dict, error)) error {
		return j.js.StreamSubjects(args[0].Text(), o.text("filter"), done)
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
	config := jsonConfig(given.orDefaults(streamOptions), streamOptions)
	return begin(p, func(done func(dict.Dict, error)) error {
		return send(args[0].Text(), config, done)
	}, configInMillis(streamOptions))
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

var purgeStreamOptions = []option{
	{name: "filter", kind: nonempty, about: "of the subjects"},
	{name: "keep", kind: natural, about: "so many stay"},
	{name: "seq", kind: natural, about: "what is before it goes"},
}

func cmdPurgeStream(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], purgeStreamOptions)
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return j.js.PurgeStream(args[0].Text(), jsonConfig(o, purgeStreamOptions), done)
	}, plain)
}

// Single messages ------------------------------------------------------------------------

var whichOptions = []option{
	{name: "last_by_subj", kind: nonempty, about: "the last one of a subject"},
	{name: "next_by_subj", kind: nonempty, about: "the first one of a subject from -seq on"},
	{name: "seq", kind: natural, about: "the one with this sequence number"},
}

func cmdStreamMsgGet(p *Package, j *jetStream, args []Value) (any, error) {
	return getMessage(p, j, args, j.js.MsgGet)
}

func cmdStreamDirectGet(p *Package, j *jetStream, args []Value) (any, error) {
	return getMessage(p, j, args, j.js.DirectGet)
}

func getMessage(p *Package, j *jetStream, args []Value, get func(string, js.Which, func(*js.Message, error)) error) (any, error) {
	o, err := parseOptions(args[1:], whichOptions)
	if err != nil {
		return nil, err
	}
	which := js.Which{Seq: uint64(o.int("seq")), LastBySubject: o.text("last_by_subj"), NextBySubject: o.text("next_by_subj")}
	return begin(p,
		func(done func(*js.Message, error)) error { return get(args[0].Text(), which, done) },
		func(m *js.Message) (any, error) { return j.c.storedDict(m), nil })
}

func (c *connection) storedDict(m *js.Message) Record {
	return &storedRecord{messageRecord{c: c, m: &nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}}, m}
}

var batchOptions = []option{
	{name: "multi_last", kind: words, about: "the last message of each of these subjects"},
	{name: "up_to_seq", kind: natural, about: "with -multi_last: as it was then"},
	{name: "up_to_time", kind: nonempty, about: "with -multi_last: as it was then, 2026-01-01T00:00:00Z"},
	{name: "batch", kind: natural, about: "in place of -multi_last: so many messages"},
	{name: "seq", kind: natural, about: "from this one on"},
	{name: "start_time", kind: nonempty, about: "from this time on"},
	{name: "next_by_subj", kind: nonempty, about: "of this subject"},
	{name: "max_bytes", kind: natural, about: "of all messages together"},
}

func cmdStreamDirectGetBatch(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], batchOptions)
	if err != nil {
		return nil, err
	}
	if !o.has("multi_last") && o.int("batch") < 1 {
		return nil, invalid("Option multi_last or batch is required")
	}
	if !o.has("multi_last") && !o.has("seq") && !o.has("start_time") {
		o["seq"] = dict.Number("1") // the server wants a beginning
	}
	request := jsonConfig(o, batchOptions)
	return begin(p,
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

var msgDeleteOptions = []option{
	{name: "seq", kind: natural, required: true, about: "its sequence number"},
	{name: "no_erase", kind: truth, fallback: true, about: "its bytes stay in the file until that is compacted"},
}

func cmdStreamMsgDelete(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], msgDeleteOptions)
	if err != nil {
		return nil, err
	}
	return beginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteMsg(args[0].Text(), uint64(o.int("seq")), !o.bool("no_erase"), done)
	})
}
