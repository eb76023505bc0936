package tclbind

import (
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var publishCommands = []bridge.Command{
	{Name: "js_publish", Usage: "jet_stream subject message args", Run: bridge.On(cmdJSPublish)},
	{Name: "js_publish_msg", Usage: "jet_stream msg args", Run: bridge.On(cmdJSPublishMsg)},
}

// Those behind stream the contract has not (ADR-4, 43).
var jsPublishOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, About: "the jet_stream's where it is not given; 0: without end"},
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called as `cmd timedOut pubAck pubError`; an empty one is none"},
	{Name: "stream", Kind: option.Nonempty, Sent: "Nats-Expected-Stream", About: "that is expected to take it"},
	{Name: "msg_id", Kind: option.Nonempty, Sent: "Nats-Msg-Id", About: "twice the same within the duplicate_window is stored once"},
	{Name: "expect_last_seq", Kind: option.Natural, Sent: "Nats-Expected-Last-Sequence", About: "of the stream: else ErrWrongLastSequence"},
	{Name: "expect_last_subject_seq", Kind: option.Natural, Sent: "Nats-Expected-Last-Subject-Sequence", About: "of the subject, 0 for none: else ErrWrongLastSequence"},
	{Name: "expect_last_msg_id", Kind: option.Nonempty, Sent: "Nats-Expected-Last-Msg-Id", About: "of the stream: else an error"},
	{Name: "ttl", Kind: messageTTL, Sent: "Nats-TTL", About: "how long the message stays, 1000 at least, in a stream with -allow_msg_ttl; never: for ever, whatever the stream's -max_age"},
	{Name: "retry_attempts", Kind: option.Natural, Default: dict.Number(strconv.Itoa(wire.DefaultRetry.Attempts)), About: "further ones, where nobody listens: the stream's leader may be changing"},
	{Name: "retry_wait", Kind: option.Millis, Default: wire.DefaultRetry.Wait, About: "before each further attempt; there is none that -timeout leaves no time for"},
	{Name: "header", Kind: headers, About: "keys and values; not of `publish_msg`"},
}

// cmdJSPublish publishes with an acknowledgement. With a callback the result is the
// request's ID.
func cmdJSPublish(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := jsPublishOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: args[0].Text(), Data: j.c.outgoing(args[1])}
	m.Header, _ = o["header"].(nats.Header)
	return j.publish(p, m, o)
}

// cmdJSPublishMsg is cmdJSPublish with a message of nats::msg.
func cmdJSPublishMsg(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := jsPublishOptions[:len(jsPublishOptions)-1].Parse(args[1:])
	if err != nil {
		return nil, err
	}
	m, err := j.c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	return j.publish(p, m, o)
}

func (j *jetStream) publish(p *bridge.Package, m *nats.Msg, o option.Values) (any, error) {
	for i := range jsPublishOptions {
		row := &jsPublishOptions[i]
		if row.Sent == "" || !o.Has(row.Name) {
			continue
		}
		value := headerValue(o, row)
		if !headerSafe(value) {
			return nil, invalid("Invalid value for the " + row.Kind.Word + " option " + row.Name + " : " + value)
		}
		if m.Header == nil {
			m.Header = nats.Header{}
		}
		m.Header[row.Sent] = []string{value}
	}
	timeout := j.js.Timeout()
	if o.Has("timeout") {
		timeout = o.Duration("timeout")
	}
	retry := wire.Retry{Attempts: int(o.Int("retry_attempts")), Wait: o.Duration("retry_wait")}
	callback, async := o["callback"].(bridge.Value)
	if !async {
		id, err := bridge.Begin(p, func(done func(dict.Dict, error)) error {
			_, err := j.js.Publish(m, timeout, retry, done)
			return err
		}, bridge.Plain)
		return id, err
	}
	r := &request{c: j.c}
	var err error
	r.pending, err = j.js.Publish(m, timeout, retry, func(ack dict.Dict, err error) {
		p.Post(&published{r, ack, err})
	})
	if err != nil {
		return nil, err
	}
	r.begin(p, callback)
	j.c.wire.Hold()
	return r.number, nil
}

// headerValue is what an option is as a header.
func headerValue(o option.Values, row *option.Row) string {
	if text, ok := o[row.Name].(string); ok {
		return text
	}
	switch row.Kind {
	case option.Millis, messageTTL:
		return o.Duration(row.Name).String()
	case option.Natural:
		return string(o[row.Name].(dict.Number))
	}
	return ""
}

// published is the end of one publish with a callback.
type published struct {
	r   *request
	ack dict.Dict
	err error
}

func (d *published) Run(p *bridge.Package) {
	if d.r.ended {
		return
	}
	callback := d.r.callback.Retain()
	defer callback.Release()
	p.Drop(d.r)
	var told any = ""
	var api *js.APIError
	switch {
	case errors.As(d.err, &api):
		told = pubError(api.Code, api.ErrCode, d.err)
	case wire.CodeOf(d.err) == "ErrConnectionClosed":
		return // dropped: nobody is called
	case wire.CodeOf(d.err) == "ErrProtocol", wire.CodeOf(d.err) == "ErrPermissions":
		told = pubError("0", "0", d.err) // a reply that is none of JetStream's, or its refusal by the server
	case d.err != nil:
		p.Host.Callback(callback, 1, "", "")
		return
	}
	var ack any = ""
	if d.err == nil {
		ack = d.ack
	}
	p.Host.Callback(callback, 0, ack, told)
}

func pubError(code, errCode string, err error) dict.Dict {
	return dict.Dict{
		{Key: "code", Value: dict.Number(code)},
		{Key: "err_code", Value: dict.Number(errCode)},
		{Key: "errorMessage", Value: err.Error()},
	}
}
