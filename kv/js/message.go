// SPDX-License-Identifier: Apache-2.0

package js

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// Message is a message of a stream, by its place there.
type Message struct {
	Subject string
	Seq     uint64
	Time    time.Time
	Stamp   string      // the same as the server wrote it
	Header  nats.Header // without those that the server adds for a direct get
	Data    []byte
}

// Which names one message: exactly one of Seq, StartTime and LastBySubject, or NextBySubject with
// Seq or StartTime, or with neither from the first message on.
type Which struct {
	Seq           uint64
	LastBySubject string
	NextBySubject string
	StartTime     string // the first message of this time or a later one, as 2026-01-01T00:00:00Z
}

func (w Which) json() []byte {
	d := dict.Dict{}
	if w.LastBySubject != "" {
		d.Set("last_by_subj", w.LastBySubject)
	}
	if w.NextBySubject != "" {
		d.Set("next_by_subj", w.NextBySubject)
	}
	if w.Seq > 0 {
		d.Set("seq", w.Seq)
	}
	if w.StartTime != "" {
		d.Set("start_time", w.StartTime)
	}
	return d.JSON()
}

// errNoMessage is the text of both ways to get one.
func errNoMessage() error { return fault.New(fault.MsgNotFound, "no message found") }

// MsgGet reads one message from the stream's leader.
func (j *JetStream) MsgGet(stream string, which Which, done func(*Message, error)) error {
	api := at("STREAM.MSG.GET", stream)
	return j.call(api, which.json(), func(reply dict.Dict, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		m, ok := storedMessage(reply)
		if !ok {
			err = badReply(j.prefix+"."+api.path, "its message cannot be read")
		}
		done(m, err)
	}, aText("message.subject"), aCount("message.seq"))
}

func storedMessage(reply dict.Dict) (m *Message, ok bool) {
	m = &Message{
		Subject: reply.Text("message", "subject"), Seq: count(reply, "message", "seq"), Stamp: reply.Text("message", "time"),
	}
	var err error
	if m.Time, err = time.Parse(time.RFC3339Nano, m.Stamp); err != nil {
		return nil, false
	}
	if m.Data, err = base64.StdEncoding.DecodeString(reply.Text("message", "data")); err != nil {
		return nil, false
	}
	raw, err := base64.StdEncoding.DecodeString(reply.Text("message", "hdrs"))
	if err != nil {
		return nil, false
	}
	if m.Header, ok = wire.ParseHeader(string(raw)); !ok {
		return nil, false
	}
	return m, true
}

// DirectGet reads one message from any replica or mirror that answers direct gets.
// Nobody does: ErrNoResponders.
func (j *JetStream) DirectGet(stream string, which Which, done func(*Message, error)) error {
	e, body := at("DIRECT.GET", stream), which.json()
	// The last message of a subject is asked for by that subject: this is the form that a user's
	// permissions can name, key by key (ADR-31). Wildcards are for subscribing.
	if subject := which.LastBySubject; which == (Which{LastBySubject: subject}) && subject != "" && !strings.ContainsAny(subject, "*>") {
		e.path, body = e.path+"."+subject, nil
	}
	subject, err := j.subject(e)
	if err != nil {
		return err
	}
	request := j.question(subject, body)
	return j.request(j.asks.RequestAgain, request, nil, func(m *wire.Lent, err error) {
		if err != nil {
			done(nil, indirect(stream, err))
			return
		}
		m.Own()
		out, err := directMessage(subject, &m.Msg, directHeaders)
		done(out, err)
	})
}

// The headers that the server adds to a message that it sends by itself, and to one of a page.
var (
	directHeaders = []string{"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp"}
	pageHeaders   = append(slices.Clone(directHeaders), "Nats-Num-Pending", "Nats-Last-Sequence")
)

func directMessage(subject string, m *nats.Msg, added []string) (*Message, error) {
	status := m.Header.Get("Status")
	if m.Header.Get("Nats-Sequence") != "" {
		status = "" // a header of the message's own
	}
	switch status {
	case "":
	case "404":
		return nil, errNoMessage()
	case "408":
		return nil, fault.New(fault.InvalidArg, "Invalid request")
	default:
		return nil, &fault.Error{Code: fault.JSResponse, Words: []string{status, "0"}, Text: m.Header.Get("Description")}
	}
	seq, err := strconv.ParseUint(lastValue(m.Header, "Nats-Sequence"), 10, 64)
	stamp := lastValue(m.Header, "Nats-Time-Stamp")
	at, timeErr := time.Parse(time.RFC3339Nano, stamp)
	if err != nil || timeErr != nil {
		return nil, badReply(subject, "its headers tell no message")
	}
	out := &Message{Subject: lastValue(m.Header, "Nats-Subject"), Seq: seq, Time: at, Stamp: stamp, Header: m.Header, Data: m.Data}
	for _, key := range added {
		if own := len(out.Header[key]) - 1; own > 0 {
			out.Header[key] = out.Header[key][:own]
		} else {
			delete(out.Header, key)
		}
	}
	return out, nil
}

// lastValue is the value that the server gave a header. It writes its own behind those that the message was stored with:
// one that another stream has republished has headers of these names.
func lastValue(header nats.Header, key string) string {
	values := header[key]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// DeleteMsg removes a message from a stream; with erase its place is overwritten.
func (j *JetStream) DeleteMsg(stream string, seq uint64, erase bool, done func(error)) error {
	request := dict.Dict{{Key: "seq", Value: seq}}
	if !erase {
		request.Set("no_erase", true)
	}
	return j.callOnce(at("STREAM.MSG.DELETE", stream), request.JSON(), func(_ dict.Dict, twice bool, err error) {
		if !twice || fault.CodeOf(err) != fault.JSResponse {
			done(err)
			return
		}
		// The server has several errors for a message that is gone, and others of the same codes.
		asked := j.MsgGet(stream, Which{Seq: seq}, func(_ *Message, answer error) {
			if fault.CodeOf(answer) == fault.MsgNotFound {
				err = nil // the first request has removed it
			}
			done(err)
		})
		if asked != nil {
			done(err)
		}
	}, success)
}

// Page is what one request for many messages brings, and where the next one goes on (ADR-31).
type Page struct {
	Messages []*Message
	Cursor
}

// Cursor is what the server says of a page beside its messages.
type Cursor struct {
	Count   uint64 // how many messages it has
	Pending uint64 // messages that match and were not sent
	Last    uint64 // sequence number of the last one sent
	UpTo    uint64 // the sequence number up to which last messages were looked for; 0: not told
}

// DirectGetBatch is DirectGetPage for one who wants no more than its messages.
func (j *JetStream) DirectGetBatch(stream string, batch dict.Dict, done func([]*Message, error)) error {
	return j.DirectGetPage(stream, batch, func(page *Page, err error) { done(page.Messages, err) })
}

// DirectGetPage is DirectGetEach for one who wants all messages at once. The page is never nil.
func (j *JetStream) DirectGetPage(stream string, batch dict.Dict, done func(*Page, error)) error {
	page := &Page{}
	return j.DirectGetEach(stream, batch, func(m *Message) { page.Messages = append(page.Messages, m) }, func(at Cursor, err error) {
		page.Cursor = at
		done(page, err)
	})
}

// DirectGetEach reads many messages in one request, whose fields are those of ADR-31, from
// any replica or mirror that answers direct gets. take gets each message as it comes, and done the end.
// Nothing there: no message. Nobody answers: ErrNoResponders. Where a connection was lost, and some of the replies with it,
// it is ErrTimeout as soon as that is seen, and take got the messages before the gap. Where a message was removed while the
// server sent the page, that ends before it: the Cursor's Pending is not 0, though the request has set no limit.
func (j *JetStream) DirectGetEach(stream string, batch dict.Dict, take func(*Message), done func(Cursor, error)) error {
	subject, err := j.subject(at("DIRECT.GET", stream))
	if err != nil {
		return err
	}
	return j.page(subject, batch, mostPages, take, func(at Cursor, err error) { done(at, indirect(stream, err)) })
}

// mostPages bounds how often a page is asked for of which the first message was removed each time.
const mostPages = 5

func (j *JetStream) page(subject string, batch dict.Dict, pages int, take func(*Message), done func(Cursor, error)) error {
	request := j.question(subject, batch.JSON())
	if j.options.Trace {
		j.conn.Logf(wire.LogDebug, ">>> %s %s", request.Subject, request.Data)
	}
	var at Cursor
	var removed bool
	var failure error
	_, err := j.conn.Collect(request, j.options.Timeout,
		func(m *nats.Msg) (last bool) {
			if j.options.Trace {
				j.conn.Logf(wire.LogDebug, "<<< %s %s", request.Subject, m.Data)
			}
			var got *Message
			if at.gap(m) {
				failure = fault.Helped(wire.TimedOut(subject), "some of its replies were lost with a connection")
				return true
			}
			removed = wasRemoved(m) && (at.Count > 0 || batch.Path("multi_last") != nil)
			if got, last, failure = at.next(subject, m); got != nil {
				take(got)
			}
			return last
		},
		func(_ *nats.Msg, err error) {
			if err == nil && removed && at.Count == 0 {
				if pages > 1 {
					if err = j.page(subject, batch, pages-1, take, done); err == nil {
						return
					}
				} else {
					err = badReply(subject, "it brings none of what is there")
				}
			}
			if err == nil && fault.CodeOf(failure) != fault.MsgNotFound {
				err = failure
			}
			done(at, err)
		})
	return err
}

// wasRemoved tells whether a reply says that a message that the server had found was removed before it was sent. Where there
// is none at all the description is another one, if the last messages of subjects are asked for (multi_last).
func wasRemoved(m *nats.Msg) bool {
	return m.Header.Get("Status") == "404" && m.Header.Get("Nats-Sequence") == "" && m.Header.Get("Description") == "Message Not Found"
}

// gap tells whether replies are missing before this one: it has the sequence number of the message that was sent before
// it, which is 0 at the beginning. Where the connection was lost a server sends the rest of a page to the next one.
func (at *Cursor) gap(m *nats.Msg) bool {
	before, told := decimal(lastValue(m.Header, "Nats-Last-Sequence"))
	return told && before != at.Last
}

// next reads one reply: a message, or the end, after which no other comes.
func (at *Cursor) next(subject string, m *nats.Msg) (got *Message, last bool, err error) {
	// 204: the end of the batch.
	if m.Header.Get("Status") == "204" && m.Header.Get("Nats-Sequence") == "" {
		for key, field := range map[string]*uint64{"Nats-Num-Pending": &at.Pending, "Nats-Last-Sequence": &at.Last, "Nats-UpTo-Sequence": &at.UpTo} {
			if n, ok := decimal(m.Header.Get(key)); ok {
				*field = n
			}
		}
		return nil, true, nil
	}
	pending, told := decimal(lastValue(m.Header, "Nats-Num-Pending"))
	if got, err = directMessage(subject, m, pageHeaders); err != nil {
		return nil, true, err
	}
	if told {
		at.Pending = pending // in case that the end does not tell it
	}
	at.Last = got.Seq
	at.Count++
	return got, false, nil
}

// indirect has the error of a direct get that nobody answers say what may be missing.
func indirect(stream string, err error) error {
	return unanswered(err, "there is no stream "+stream+" with "+fault.Option("allow_direct")+", or its server is away")
}

// unanswered gives the error of a request that nobody has taken its help.
func unanswered(err error, help string) error {
	if fault.CodeOf(err) != fault.NoResponders {
		return err
	}
	return fault.Helped(err, help)
}

// AckSync acknowledges a consumer's message by its reply subject, and has done called with
// the server's confirmation. Nobody answers: ErrNoResponders.
func (j *JetStream) AckSync(reply string, done func(*nats.Msg, error)) (*wire.Pending, error) {
	return j.conn.Request(&nats.Msg{Subject: reply, Data: []byte("+ACK")}, j.options.Timeout, done)
}
