package tclbind

import (
	"math"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv"
	"natstcl/kv/js"
)

// sharedWords are the values that every entry and every message has: made once for an interpreter, and
// shared.
type sharedWords struct {
	bucket, key, value, revision, created, delta, operation Value
	header, data, subject, reply, subID, seq, time          Value
	operations                                              map[kv.Operation]Value
	empty                                                   Value
}

func (p *Package) makeWords() {
	word := func(s string) Value { return p.host.NewValue(s) }
	p.words = sharedWords{
		bucket: word("bucket"), key: word("key"), value: word("value"), revision: word("revision"),
		created: word("created"), delta: word("delta"), operation: word("operation"),
		header: word("header"), data: word("data"), subject: word("subject"), reply: word("reply"),
		subID: word("sub_id"), seq: word("seq"), time: word("time"),
		operations: map[kv.Operation]Value{kv.Put: word("PUT"), kv.Delete: word("DEL"), kv.Purge: word("PURGE")},
		empty:      word(""),
	}
}

func (w *sharedWords) release() {
	for _, v := range []Value{
		w.bucket, w.key, w.value, w.revision, w.created, w.delta, w.operation,
		w.header, w.data, w.subject, w.reply, w.subID, w.seq, w.time, w.empty,
		w.operations[kv.Put], w.operations[kv.Delete], w.operations[kv.Purge],
	} {
		if v != nil { // where the package did not come to life
			v.Release()
		}
	}
}

// entryRecord is an entry as Tcl has it (kv-details.md, Entries).
type entryRecord struct {
	c      *connection
	bucket Value // its name
	*kv.Entry
	delta bool // there is one: it comes from watch or history
}

func (e *entryRecord) WriteTo(w Writer) {
	n := 12
	if e.delta {
		n = 14
	}
	w.List(n)
	words := &e.c.p.words
	w.Any(words.bucket)
	w.Any(e.bucket)
	w.Any(words.key)
	w.Text(e.Key)
	w.Any(words.value)
	e.c.write(w, e.Value)
	w.Any(words.revision)
	writeUint(w, e.Revision)
	w.Any(words.created)
	w.Int(e.Created.UnixMilli())
	if e.delta {
		w.Any(words.delta)
		writeUint(w, e.Delta)
	}
	w.Any(words.operation)
	w.Any(words.operations[e.Operation])
}

// entryRecords is a list of entries.
type entryRecords struct {
	entryRecord
	entries []kv.Entry
}

func (l *entryRecords) WriteTo(w Writer) {
	w.List(len(l.entries))
	for i := range l.entries {
		l.Entry = &l.entries[i]
		l.entryRecord.WriteTo(w)
	}
}

// messageRecord is a message as nats::msg has it (core-nats.md, nats::msg).
type messageRecord struct {
	c     *connection
	m     *nats.Msg
	subID int
}

func (r *messageRecord) WriteTo(w Writer) {
	w.List(10)
	r.fields(w)
}

func (r *messageRecord) fields(w Writer) {
	words := &r.c.p.words
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

// storedRecord is a message as read from a stream: nats::msg's keys with seq and time.
type storedRecord struct {
	messageRecord
	*js.Message
}

func (r *storedRecord) WriteTo(w Writer) {
	w.List(14)
	r.fields(w)
	w.Any(r.c.p.words.seq)
	writeUint(w, r.Seq)
	w.Any(r.c.p.words.time)
	w.Int(r.Time.UnixMilli())
}

// write writes a payload, by -utf8_convert.
func (c *connection) write(w Writer, data []byte) {
	if c.settings.utf8Convert {
		w.Text(decodeUTF8(data))
	} else {
		w.Bytes(data)
	}
}

func writeUint(w Writer, n uint64) {
	if n <= math.MaxInt64 {
		w.Int(int64(n))
	} else {
		w.Text(strconv.FormatUint(n, 10))
	}
}
