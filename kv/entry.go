package kv

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
)

// Operation is what was done to a key.
type Operation string

const (
	Put    Operation = "PUT"
	Delete Operation = "DEL"
	Purge  Operation = "PURGE"
)

// Entry is one revision of a key.
type Entry struct {
	Bucket    string
	Key       string
	Value     []byte // empty for Delete and Purge
	Revision  uint64 // from 1 on: the sequence number in the bucket's stream
	Created   time.Time
	Delta     uint64 // matching messages that the server still had to send; not of Get
	Operation Operation
}

// Dict is the entry as Tcl has it: value is what the payload is to a script, and delta
// is there where the entry comes from watch or history.
func (e *Entry) Dict(value any, delta bool) dict.Dict {
	d := make(dict.Dict, 0, 7)
	d = append(d,
		dict.Field{Key: "bucket", Value: e.Bucket},
		dict.Field{Key: "key", Value: e.Key},
		dict.Field{Key: "value", Value: value},
		dict.Field{Key: "revision", Value: e.Revision},
		dict.Field{Key: "created", Value: e.Created.UnixMilli()})
	if delta {
		d = append(d, dict.Field{Key: "delta", Value: e.Delta})
	}
	return append(d, dict.Field{Key: "operation", Value: string(e.Operation)})
}

// operationOf reads the headers of a message of a bucket.
func operationOf(h nats.Header) Operation {
	if len(h) == 0 {
		return Put
	}
	switch h.Get("KV-Operation") {
	case "DEL":
		return Delete
	case "PURGE":
		return Purge
	}
	// A limit of the server's took the message, and left a marker (ADR-43).
	switch reason := h.Get("Nats-Marker-Reason"); {
	case reason == "":
		return Put
	case strings.EqualFold(reason, "Remove"):
		return Delete
	}
	return Purge
}

// entryOf makes an entry of a message that a consumer brought.
func (b *Bucket) entryOf(m *nats.Msg, meta js.Metadata) Entry {
	e := Entry{
		Bucket:    b.name,
		Key:       strings.TrimPrefix(m.Subject, b.read),
		Revision:  meta.StreamSeq,
		Created:   meta.Time,
		Delta:     meta.Pending,
		Operation: operationOf(m.Header),
	}
	if e.Operation == Put {
		e.Value = m.Data
	}
	return e
}
