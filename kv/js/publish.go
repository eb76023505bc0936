// SPDX-License-Identifier: Apache-2.0

package js

import (
	"bytes"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/nats-io/nats.go"
	"github.com/tidwall/gjson"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// Ack is the server's acknowledgement of a message; that of a message in a batch that is not its last one is empty.
type Ack struct {
	Stream string
	Seq    uint64
	Fields dict.Dict // all that the server has sent; nil where that is the two above
}

// Publish publishes with an acknowledgement, the server's reply; that of a message in a batch
// that is not its last one is empty. Nobody listens, also after the attempts of retry:
// ErrNoResponders. timeout 0 is without end. Messages reach the stream in the order of the calls,
// those aside that needed another attempt.
func (j *JetStream) Publish(m *nats.Msg, timeout time.Duration, retry wire.Retry, done func(Ack, error)) (*wire.Pending, error) {
	subject, inBatch := m.Subject, m.Header.Get(batchID) != ""
	return j.asks.RequestAgain(m, timeout, retry, func(reply *wire.Lent, err error) {
		if err != nil {
			done(Ack{}, unstored(subject, err))
			return
		}
		if inBatch && len(reply.Data) == 0 {
			done(Ack{Fields: dict.Dict{}}, nil)
			return
		}
		if stream, seq, ok := plainAck(reply.Data); ok && !inBatch { // of a batch all is wanted as fields
			done(Ack{Stream: string(stream), Seq: seq}, nil)
			return
		}
		fields, err := parseReply(subject, reply.Data, aText("stream"), aCount("seq"))
		done(Ack{fields.Text("stream"), count(fields, "seq"), fields}, err)
	})
}

// unstored has the error of a message that nobody takes say what is missing.
func unstored(subject string, err error) error {
	return unanswered(err, "no stream has a subject that "+subject+" matches, or its server is away")
}

// PublishForSeq is Publish for one who wants no more than the sequence number, with
// wire.DefaultRetry.
func (j *JetStream) PublishForSeq(m *nats.Msg, done func(uint64, error)) error {
	subject := m.Subject
	pending, err := j.asks.RequestAgain(m, j.options.Timeout, wire.DefaultRetry, func(reply *wire.Lent, err error) {
		if err != nil {
			done(0, err)
			return
		}
		if seq, ok := ackedSeq(reply.Data); ok {
			done(seq, nil)
			return
		}
		ack, err := parseReply(subject, reply.Data, aText("stream"), aCount("seq"))
		done(count(ack, "seq"), err)
	})
	if err == nil && j.options.Expires {
		pending.Expire(m)
	}
	return err
}

// plainAck reads an acknowledgement of which stream and seq are all there is, in the form in which servers write it. Where
// ok is false it is another one, or none, and has to be parsed. stream is a part of the text.
func plainAck(text []byte) (stream []byte, seq uint64, ok bool) {
	rest, isOne := bytes.CutPrefix(text, []byte(`{"stream":"`))
	name, rest, named := bytes.Cut(rest, []byte(`","seq":`))
	digits, ended := bytes.CutSuffix(rest, []byte("}"))
	const most = 19 // digits that every uint64 has room for
	if !isOne || !named || !ended || len(name) == 0 || len(digits) == 0 || len(digits) > most || digits[0] == '0' {
		return nil, 0, false
	}
	for _, c := range name {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return nil, 0, false
		}
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return nil, 0, false
		}
		seq = 10*seq + uint64(c-'0')
	}
	return name, seq, true
}

// ackedSeq reads the sequence number of an acknowledgement without making a Dict of it;
// false where it is a refusal, or none at all.
func ackedSeq(ack []byte) (seq uint64, ok bool) {
	if _, seq, ok := plainAck(ack); ok {
		return seq, true
	}
	if !dict.Valid(ack) {
		return 0, false
	}
	var named, refused bool
	// Nothing of the text outlives this, nor does anybody write it meanwhile: no copy is made.
	gjson.Parse(unsafe.String(unsafe.SliceData(ack), len(ack))).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "seq":
			seq, ok = decimal(value.Raw)
		case "stream":
			named = value.Type == gjson.String && value.Str != ""
		case "error":
			refused = true
		}
		return true
	})
	return seq, ok && named && !refused
}
