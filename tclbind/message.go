// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"math"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv"
	"natstcl/tclbind/bridge"
)

// messageDict is a message as nats::msg has it (docs/connection.md "nats::msg and nats::header").
func (c *connection) messageDict(m *nats.Msg, subID int) bridge.Record {
	return &messageRecord{c, m, subID}
}

// messageOf reads a message dict, as nats::msg create makes it.
func (c *connection) messageOf(v bridge.Value) (*nats.Msg, error) {
	list, err := v.List()
	if err != nil || len(list)%2 == 1 {
		return nil, invalid("Invalid message " + v.Text())
	}
	m := &nats.Msg{}
	for i := 0; i < len(list); i += 2 {
		value := list[i+1]
		switch list[i].Text() {
		case "subject":
			m.Subject = value.Text()
		case "reply":
			m.Reply = value.Text()
		case "data":
			m.Data = c.outgoing(value)
		case "header":
			if m.Header, err = header(value); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// sharedWords are the values that every entry and every message has, the interpreter's own.
type sharedWords struct {
	bucket, key, value, revision, created, delta, operation bridge.Value
	header, data, subject, reply, subID, seq, time, stream  bridge.Value
	operations                                              map[kv.Operation]bridge.Value
	empty                                                   bridge.Value
}

func wordsOf(p *bridge.Package) *sharedWords {
	return &sharedWords{
		bucket: p.Word("bucket"), key: p.Word("key"), value: p.Word("value"), revision: p.Word("revision"),
		created: p.Word("created"), delta: p.Word("delta"), operation: p.Word("operation"),
		header: p.Word("header"), data: p.Word("data"), subject: p.Word("subject"), reply: p.Word("reply"),
		subID: p.Word("sub_id"), seq: p.Word("seq"), time: p.Word("time"), stream: p.Word("stream"),
		operations: map[kv.Operation]bridge.Value{
			kv.Put: p.Word("PUT"), kv.Delete: p.Word("DEL"), kv.Purge: p.Word("PURGE"),
		},
		empty: p.Word(""),
	}
}

// messageRecord is a message as nats::msg has it (docs/connection.md "nats::msg and nats::header").
type messageRecord struct {
	c     *connection
	m     *nats.Msg
	subID int
}

func (r *messageRecord) WriteTo(w bridge.Writer) {
	w.List(10)
	r.fields(w)
}

func (r *messageRecord) fields(w bridge.Writer) {
	words := r.c.words
	w.Any(words.header)
	if len(r.m.Header) == 0 {
		w.Any(words.empty)
	} else {
		w.Any(headerDict(r.m.Header))
	}
	w.Any(words.data)
	r.c.write(w, r.m.Data)
	w.Any(words.subject)
	w.Text(r.m.Subject)
	w.Any(words.reply)
	if r.m.Reply == "" {
		w.Any(words.empty)
	} else {
		w.Text(r.m.Reply)
	}
	w.Any(words.subID)
	w.Int(int64(r.subID))
}

// write writes a payload, by -utf8_convert.
func (c *connection) write(w bridge.Writer, data []byte) {
	if c.settings.utf8Convert {
		w.Text(bridge.DecodeUTF8(data))
	} else {
		w.Bytes(data)
	}
}

func writeUint(w bridge.Writer, n uint64) {
	if n <= math.MaxInt64 {
		w.Int(int64(n))
	} else {
		w.Text(strconv.FormatUint(n, 10))
	}
}

// messageField reads one field of a message dict that is a text, empty where there is none. No
// other field is looked at: a payload may be long, and asking for its text costs as much. As in a
// dict, the last value of a key counts.
func messageField(msg bridge.Value, name string) (string, error) {
	list, err := msg.List()
	if err != nil || len(list)%2 == 1 {
		return "", invalid("Invalid message " + msg.Text())
	}
	for i := len(list) - 2; i >= 0; i -= 2 {
		if list[i].Text() == name {
			return list[i+1].Text(), nil
		}
	}
	return "", nil
}
