package tclbind

import (
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Publishing with acknowledgements, and acknowledging (jetstream.md, Publishing,
// Fetching).

var acknowledgeCommands = []command{
	{"js_publish", []string{"jet_stream", "subject", "message", "args"}, on(cmdJSPublish)},
	{"js_publish_msg", []string{"jet_stream", "msg", "args"}, on(cmdJSPublishMsg)},
	{"ack", []string{"jet_stream", "msg"}, acknowledgement("+ACK")},
	{"nak", []string{"jet_stream", "msg", "args"}, on(cmdNak)},
	{"term", []string{"jet_stream", "msg"}, acknowledgement("+TERM")},
	{"in_progress", []string{"jet_stream", "msg"}, acknowledgement("+WPI")},
	{"ack_sync", []string{"jet_stream", "msg"}, on(cmdAckSync)},
}

// Those behind stream the contract has not (ADR-4, 43).
var jsPublishOptions = []option{
	{name: "timeout", kind: millis, about: "the jet_stream's where it is not given; 0: without end"},
	{name: "callback", kind: prefix, about: "called as `cmd timedOut pubAck pubError`"},
	{name: "stream", kind: nonempty, sent: "Nats-Expected-Stream", about: "that is expected to take it"},
	{name: "msg_id", kind: nonempty, sent: "Nats-Msg-Id", about: "twice the same within the duplicate_window is stored once"},
	{name: "expect_last_seq", kind: natural, sent: "Nats-Expected-Last-Sequence", about: "of the stream: else ErrWrongLastSequence"},
	{name: "expect_last_subject_seq", kind: natural, sent: "Nats-Expected-Last-Subject-Sequence", about: "of the subject, 0 for none: else ErrWrongLastSequence"},
	{name: "expect_last_msg_id", kind: nonempty, sent: "Nats-Expected-Last-Msg-Id", about: "of the stream: else an error"},
	{name: "ttl", kind: millis, sent: "Nats-TTL", about: "how long the message stays, 1000 at least, in a stream with -allow_msg_ttl"},
	{name: "retry_attempts", kind: natural, fallback: dict.Number(strconv.Itoa(wire.DefaultRetry.Attempts)), about: "further ones, where nobody listens: the stream's leader may be changing"},
	{name: "retry_wait", kind: millis, fallback: wire.DefaultRetry.Wait, about: "before each further attempt; there is none that -timeout leaves no time for"},
	{name: "header", kind: headers, about: "keys and values; not of `publish_msg`"},
}

// cmdJSPublish publishes with an acknowledgement. With a callback the result is the
// request's ID.
func cmdJSPublish(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[2:], jsPublishOptions)
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: args[0].Text(), Data: j.c.outgoing(args[1])}
	m.Header, _ = o["header"].(nats.Header)
	return j.publish(p, m, o)
}

// cmdJSPublishMsg is cmdJSPublish with a message of nats::msg.
func cmdJSPublishMsg(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], jsPublishOptions[:len(jsPublishOptions)-1])
	if err != nil {
		return nil, err
	}
	m, err := j.c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	return j.publish(p, m, o)
}

func (j *jetStream) publish(p *Package, m *nats.Msg, o options) (any, error) {
	for i := range jsPublishOptions {
		row := &jsPublishOptions[i]
		if row.sent == "" || !o.has(row.name) {
			continue
		}
		value := o.headerValue(row)
		if !headerSafe(value) {
			return nil, invalid("Invalid value for the option " + row.name + " : " + value)
		}
		if m.Header == nil {
			m.Header = nats.Header{}
		}
		m.Header[row.sent] = []string{value}
	}
	timeout := j.js.Timeout()
	if o.has("timeout") {
		timeout = o.duration("timeout")
	}
	retry := wire.Retry{Attempts: int(o.int("retry_attempts")), Wait: o.duration("retry_wait")}
	callback, async := o["callback"].(Value)
	if !async {
		id, err := begin(p, func(done func(dict.Dict, error)) error {
			_, err := j.js.Publish(m, timeout, retry, done)
			return err
		}, plain)
		return id, err
	}
	r := &request{c: j.c}
	var err error
	r.pending, err = j.js.Publish(m, timeout, retry, func(ack dict.Dict, err error) {
		p.mailbox.post(&published{r, ack, err})
	})
	if err != nil {
		return nil, err
	}
	r.begin(p, callback)
	return r.number, nil
}

// headerValue is what an option is as a header.
func (o options) headerValue(row *option) string {
	switch {
	case row.kind == millis:
		return o.duration(row.name).String()
	case row.kind == natural:
		return string(o[row.name].(dict.Number))
	}
	return o.text(row.name)
}

// published is the end of one publish with a callback.
type published struct {
	r   *request
	ack dict.Dict
	err error
}

func (d *published) run(p *Package) {
	if d.r.ended {
		return
	}
	callback := d.r.callback.Retain()
	defer callback.Release()
	p.drop(d.r)
	var told any = ""
	var api *js.APIError
	switch {
	case errors.As(d.err, &api):
		told = pubError(api.Code, api.ErrCode, d.err)
	case wire.CodeOf(d.err) == "ErrConnectionClosed":
		return // dropped: nobody is called
	case wire.CodeOf(d.err) == "ErrProtocol":
		told = pubError("0", "0", d.err) // a reply that is none of JetStream's
	case d.err != nil:
		p.host.Callback(callback, 1, "", "")
		return
	}
	var ack any = ""
	if d.err == nil {
		ack = d.ack
	}
	p.host.Callback(callback, 0, ack, told)
}

func pubError(code, errCode string, err error) dict.Dict {
	return dict.Dict{
		{Key: "code", Value: dict.Number(code)},
		{Key: "err_code", Value: dict.Number(errCode)},
		{Key: "errorMessage", Value: err.Error()},
	}
}

// acknowledgement is a command that publishes one of the words that a consumer understands.
func acknowledgement(word string) func(*Package, []Value) (any, error) {
	return on(func(_ *Package, j *jetStream, args []Value) (any, error) {
		return nil, j.answer(args[0], word)
	})
}

func (j *jetStream) answer(msg Value, word string) error {
	m, err := j.c.messageOf(msg)
	if err != nil {
		return err
	}
	return j.c.wire.Publish(&nats.Msg{Subject: m.Reply, Data: []byte(word)})
}

var nakOptions = []option{{name: "delay", kind: millis, about: "before it comes again"}}

func cmdNak(_ *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], nakOptions)
	if err != nil {
		return nil, err
	}
	word := "-NAK"
	if o.has("delay") {
		word += ` {"delay": ` + strconv.FormatInt(int64(o.duration("delay")), 10) + `}`
	}
	return nil, j.answer(args[0], word)
}

// cmdAckSync waits until the server has taken the acknowledgement.
func cmdAckSync(p *Package, j *jetStream, args []Value) (any, error) {
	m, err := j.c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	return begin(p,
		func(done func(*nats.Msg, error)) error {
			return j.js.AckSync(m.Reply, done)
		},
		func(reply *nats.Msg) (any, error) {
			return j.c.payload(reply, 0, j.c.settings.values.bool("dictmsg")), nil
		})
}
