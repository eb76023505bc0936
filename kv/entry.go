// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"strconv"
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
	Key       string // in one piece of memory with Value, of a history also with other entries: who keeps it alone clones it
	Value     []byte // empty for Delete and Purge
	Revision  uint64 // from 1 on: the sequence number in the bucket's stream
	Created   time.Time
	Delta     uint64 // matching messages that the server still had to send; not of Get
	Operation Operation

	// Reason is why a server put a marker in the place of a value: MaxAge where its time was over. Empty
	// for what a client wrote.
	Reason string
	// TTL is the time to live that was given with it (WithTTL), 0 for none.
	TTL time.Duration
	// Header has the headers of the message that mean nothing to the bucket (WithHeader).
	Header nats.Header
	// Size is that of the value where it was left out (WatchOptions.MetaOnly), in bytes.
	Size int
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

// ownHeader is the part of a message's header that is the writer's.
func ownHeader(h nats.Header) nats.Header {
	var out nats.Header
	for name, values := range h {
		if strings.HasPrefix(name, "Nats-") || strings.HasPrefix(name, "KV-") {
			continue
		}
		if out == nil {
			out = nats.Header{}
		}
		out[name] = values
	}
	return out
}

// keyOf is the key of a subject. A server may deliver what it was not asked for.
func (b *Bucket) keyOf(subject string) string { return strings.TrimPrefix(subject, b.read) }

// stored makes an entry of a message that was read by its place.
func (b *Bucket) stored(m *js.Message) Entry {
	e := Entry{Bucket: b.name, Key: b.keyOf(m.Subject), Revision: m.Seq, Created: m.Time}
	e.fill(m.Header, m.Data)
	return e
}

// fill is what the message itself tells.
func (e *Entry) fill(h nats.Header, data []byte) {
	e.Operation = operationOf(h)
	if e.Operation == Put {
		e.Value = data
	}
	if len(h) == 0 {
		return
	}
	e.Reason = h.Get("Nats-Marker-Reason")
	e.TTL = ttlOf(h.Get("Nats-TTL"))
	e.Header = ownHeader(h)
	e.Size, _ = strconv.Atoi(h.Get("Nats-Msg-Size"))
}

// ttlOf reads a Nats-TTL header: "never", a duration of Go's, or whole seconds (ADR-43).
func ttlOf(text string) time.Duration {
	if text == "" {
		return 0
	}
	if text == "never" {
		return Forever
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	n, _ := strconv.ParseInt(text, 10, 32)
	return time.Duration(n) * time.Second
}

// entryOf makes an entry of a message that a consumer brought.
func (b *Bucket) entryOf(m *nats.Msg, meta js.Metadata) Entry {
	e := Entry{Bucket: b.name, Key: b.keyOf(m.Subject), Revision: meta.StreamSeq, Created: meta.Time, Delta: meta.Pending}
	e.fill(m.Header, m.Data)
	return e
}
