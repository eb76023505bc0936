package kv

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"
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
