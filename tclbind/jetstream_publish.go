// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var publishCommands = []bridge.Command{
	{Name: "js_publish", Usage: "jet_stream subject message args", Run: bridge.On(cmdJSPublish)},
	{Name: "js_publish_msg", Usage: "jet_stream msg args", Run: bridge.On(cmdJSPublishMsg)},
}

// messageOptions are those that become a header of the message; behind stream the pure-Tcl client
// has none of them (ADR-4, 43, 51).
var messageOptions = option.Table{
	{Name: "stream", Kind: option.Nonempty, Sent: "Nats-Expected-Stream", About: "the stream that is expected to store the message"},
	{Name: "msg_id", Kind: option.Nonempty, Sent: "Nats-Msg-Id", About: "the message's ID: of several messages with the same ID within the stream's duplicate_window only the first is stored"},
	{Name: "expect_last_seq", Kind: option.Natural, Sent: "Nats-Expected-Last-Sequence", About: "the stream's last sequence number has to be this one, else ErrWrongLastSequence"},
	{Name: "expect_last_subject_seq", Kind: option.Natural, Sent: "Nats-Expected-Last-Subject-Sequence", About: "the subject's last sequence number has to be this one, or 0 for none, else ErrWrongLastSequence"},
	{Name: "expect_last_subject", Kind: option.Nonempty, Sent: "Nats-Expected-Last-Subject-Sequence-Subject", About: "the subject that -expect_last_subject_seq is about, if it is another one; may have wildcards"},
	{Name: "expect_last_msg_id", Kind: option.Nonempty, Sent: "Nats-Expected-Last-Msg-Id", About: "the ID of the stream's last message has to be this one, else an error"},
	{Name: "ttl", Kind: messageTTL, Sent: "Nats-TTL", About: "how long the message stays, 1000 at least, rounded up to whole seconds, in a stream with -allow_msg_ttl; never: for ever, whatever the stream's -max_age"},
	{Name: "rollup", Kind: option.Enum, Allowed: []string{"sub", "all"}, Sent: "Nats-Rollup", About: "the message replaces the earlier ones of its subject, or of the whole stream, which needs -allow_rollup_hdrs"},
	{Name: "schedule", Kind: option.Nonempty, Sent: "Nats-Schedule", About: "when to publish the message, in a stream with -allow_msg_schedules: `@at 2040-01-01T00:00:00Z`, `@every 1h`, `@hourly`, or a cron line of six fields"},
	{Name: "schedule_at", Kind: scheduleAt, Sent: "Nats-Schedule", About: "in place of -schedule: once, at this time"},
	{Name: "schedule_every", Kind: scheduleEvery, Sent: "Nats-Schedule", About: "in place of -schedule: again and again after this time, 1000 at least"},
	{Name: "schedule_cron", Kind: option.Nonempty, Sent: "Nats-Schedule", About: "in place of -schedule: a cron line of six fields"},
	{Name: "schedule_target", Kind: option.Nonempty, Sent: "Nats-Schedule-Target", About: "the subject, of the same stream, that the message is published to when its time comes"},
	{Name: "schedule_source", Kind: option.Nonempty, Sent: "Nats-Schedule-Source", About: "the subject whose last message gives the payload, in place of this message's own"},
	{Name: "schedule_ttl", Kind: messageTTL, Sent: "Nats-Schedule-TTL", About: "the -ttl of the messages that are published"},
	{Name: "schedule_time_zone", Kind: option.Nonempty, Sent: "Nats-Schedule-Time-Zone", About: "the time zone of a cron line, such as Europe/Berlin; UTC by default"},
	{Name: "schedule_rollup", Kind: option.Enum, Allowed: []string{"sub"}, Sent: "Nats-Schedule-Rollup", About: "the -rollup of the messages that are published"},
}

var headerOptions = option.Table{{Name: "header", Kind: headers, About: "headers: keys with lists of values; not for a message of `nats::msg`"}}

var jsPublishMsgOptions = slices.Concat(option.Table{
	{Name: "timeout", Kind: option.Millis, About: "how long to wait; by default the jet_stream's -timeout; 0: no limit"},
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called as `cmd timedOut pubAck pubError`; an empty prefix means no callback"},
	expiresOption,
}, messageOptions, option.Table{
	{Name: "retry_attempts", Kind: option.Natural, Default: dict.Number(strconv.Itoa(wire.DefaultRetry.Attempts)), About: "how many further attempts are made if nobody listens, because the stream may be changing its leader"},
	{Name: "retry_wait", Kind: option.Millis, Default: wire.DefaultRetry.Wait, About: "how long to wait before each further attempt; if -timeout leaves no time for it, there is none"},
})

var jsPublishOptions = slices.Concat(jsPublishMsgOptions, headerOptions)

// cmdJSPublish publishes with an acknowledgement. With a callback the result is the
// request's ID.
func cmdJSPublish(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := jsPublishOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: args[0].Text(), Data: j.c.outgoing(args[1])}
	m.Header, _ = o.Get("header").(nats.Header)
	return j.publish(p, m, o)
}

// cmdJSPublishMsg is cmdJSPublish with a message of nats::msg.
func cmdJSPublishMsg(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := jsPublishMsgOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	m, err := j.c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	return j.publish(p, m, o)
}

// stamp makes headers of the options that are some.
func stamp(m *nats.Msg, o option.Values) error {
	schedules := 0
	for row := range o.Sent() {
		value := headerValue(o, row)
		if !headerSafe(value) {
			return invalid("Invalid value for the " + row.Kind.Word + " option " + row.Name + " : " + value)
		}
		if row.Sent == "Nats-Schedule" {
			schedules++
		}
		if m.Header == nil {
			m.Header = nats.Header{}
		}
		m.Header[row.Sent] = []string{value}
	}
	if schedules > 1 {
		return invalid("-schedule, -schedule_at, -schedule_every and -schedule_cron are mutually exclusive")
	}
	return nil
}

func (j *jetStream) publish(p *bridge.Package, m *nats.Msg, o option.Values) (any, error) {
	if err := stamp(m, o); err != nil {
		return nil, err
	}
	timeout := j.js.Timeout()
	if o.Has("timeout") {
		timeout = o.Duration("timeout")
	}
	retry := wire.Retry{Attempts: int(o.Int("retry_attempts")), Wait: o.Duration("retry_wait")}
	callback, async := o.Get("callback").(bridge.Value)
	if !async {
		return bridge.Begin(p, func(done func(js.Ack, error)) error {
			s := &slot{p: p, j: j}
			return s.whenFree(func() error {
				pending, err := j.js.Publish(m, timeout, retry, func(ack js.Ack, err error) {
					done(ack, err)
					s.giveBack()
				})
				expire(pending, m, o)
				return err
			}, func(err error) { done(js.Ack{}, err) })
		}, func(ack js.Ack) (any, error) { return &ackRecord{j.c, ack}, nil })
	}
	d := &published{request: request{c: j.c}, slot: slot{p: p, j: j}}
	if j.unanswered.most > 0 {
		return d.later(callback, func() error { return d.send(m, timeout, retry, callback, o) })
	}
	err := d.take(func() error { return d.send(m, timeout, retry, callback, o) })
	j.c.wire.Hold()
	return d.number, err
}

func (d *published) send(m *nats.Msg, timeout time.Duration, retry wire.Retry, callback bridge.Value, o option.Values) (err error) {
	if d.pending, err = d.j.js.Publish(m, timeout, retry, d.answered); err != nil {
		return err
	}
	expire(d.pending, m, o)
	d.begin(d, callback)
	return nil
}

// later publishes with a callback in its turn: the wait's result is the request's ID.
func (d *published) later(callback bridge.Value, send func() error) (any, error) {
	held := callback.Retain() // until the request has it
	return bridge.Begin(d.p, func(done func(int64, error)) error {
		err := d.whenFree(func() error {
			err := send()
			if err == nil {
				held.Release()
				done(d.number, nil)
			}
			return err
		}, func(err error) {
			held.Release()
			done(0, err)
		})
		if err != nil {
			held.Release()
		}
		return err
	}, bridge.Plain)
}

// headerValue is what an option is as a header.
func headerValue(o option.Values, row *option.Row) string {
	if text, ok := o.Get(row.Name).(string); ok {
		return text
	}
	switch row.Kind {
	case messageTTL:
		return js.TTLHeader(o.Duration(row.Name))
	case option.Millis:
		return o.Duration(row.Name).String()
	case option.Natural:
		return string(o.Get(row.Name).(dict.Number))
	}
	return ""
}

// published is a message with a callback.
type published struct {
	request
	slot
	ack js.Ack // what it has come to, as err
	err error
}

// answered is called by the connection's reader, or by its timer. The slot is given back when the callback's turn comes:
// until then publish_wait has something to wait for.
func (d *published) answered(ack js.Ack, err error) {
	d.ack, d.err = ack, err
	if wire.IsLate(err) {
		d.p.PostUrgent(d)
	} else {
		d.p.Post(d)
	}
}

func (d *published) end() {
	d.request.end()
	d.giveBack()
}

// Run tells the callback.
func (d *published) Run(p *bridge.Package) {
	if d.ended {
		return
	}
	callback := d.callback.Retain()
	defer callback.Release()
	d.end()
	if fault.CodeOf(d.err) == fault.ConnectionClosed {
		return // dropped: nobody is called
	}
	d.c.deliver(p, callback, d)
}

// WriteTo writes the callback's arguments.
func (d *published) WriteTo(w bridge.Writer) {
	empty := d.c.words.empty
	var timedOut int64
	var refusal any = empty
	api, isAPI := errors.AsType[*js.APIError](d.err)
	switch code := fault.CodeOf(d.err); {
	case d.err == nil:
	case isAPI:
		refusal = pubError(api.Code, api.ErrCode, d.err)
	case code == fault.Protocol, code == fault.Permissions:
		refusal = pubError("0", "0", d.err) // a reply that is none of JetStream's, or its refusal by the server
	default:
		timedOut = 1
	}
	w.List(3)
	w.Int(timedOut)
	if d.err == nil {
		ack := ackRecord{d.c, d.ack}
		ack.WriteTo(w)
	} else {
		w.Any(empty)
	}
	w.Any(refusal)
}

// ackRecord is an acknowledgement as Tcl has it.
type ackRecord struct {
	c *connection
	js.Ack
}

func (r *ackRecord) WriteTo(w bridge.Writer) {
	if r.Fields != nil {
		w.Any(r.Fields)
		return
	}
	w.List(4)
	w.Any(r.c.words.stream)
	w.Text(r.Stream)
	w.Any(r.c.words.seq)
	writeUint(w, r.Seq)
}

func pubError(code, errCode string, err error) dict.Dict {
	return dict.Dict{
		{Key: "code", Value: dict.Number(code)},
		{Key: "err_code", Value: dict.Number(errCode)},
		{Key: "errorMessage", Value: err.Error()},
	}
}
