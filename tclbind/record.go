package tclbind

import (
	"math"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
)

// sharedWords are the values that every entry and every message has, the interpreter's own.
type sharedWords struct {
	bucket, key, value, revision, created, delta, operation bridge.Value
	header, data, subject, reply, subID, seq, time          bridge.Value
	operations                                              map[kv.Operation]bridge.Value
	empty                                                   bridge.Value
}

func wordsOf(p *bridge.Package) *sharedWords {
	return &sharedWords{
		bucket: p.Word("bucket"), key: p.Word("key"), value: p.Word("value"), revision: p.Word("revision"),
		created: p.Word("created"), delta: p.Word("delta"), operation: p.Word("operation"),
		header: p.Word("header"), data: p.Word("data"), subject: p.Word("subject"), reply: p.Word("reply"),
		subID: p.Word("sub_id"), seq: p.Word("seq"), time: p.Word("time"),
		operations: map[kv.Operation]bridge.Value{
			kv.Put: p.Word("PUT"), kv.Delete: p.Word("DEL"), kv.Purge: p.Word("PURGE"),
		},
		empty: p.Word(""),
	}
}

// entryRecord is an entry as Tcl has it (kv-details.md, Entries).
type entryRecord struct {
	c      *connection
	bucket bridge.Value // its name
	*kv.Entry
	delta bool // there is one: it comes from watch or history
}

func (e *entryRecord) WriteTo(w bridge.Writer) {
	n := 12
	if e.delta {
		n = 14
	}
	w.List(n)
	words := e.c.words
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

func (l *entryRecords) WriteTo(w bridge.Writer) {
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
	w.Int(r.Time.UnixMilli())
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
