// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// WriteOption refines one write.
type WriteOption func(*write)

type write struct {
	ttl      time.Duration
	header   nats.Header
	expected *uint64
}

// Forever is a time to live without end, where the bucket's own would hold otherwise.
const Forever time.Duration = -1

// WithTTL lets what is written live no longer than d, a second or more, or Forever (ADR-43, ADR-48). The bucket
// needs BucketConfig.LimitMarkerTTL: else ErrNotSupported. When the time is over the server deletes the revision; with
// Put and Update that would bring back the revision before it, so they take it in a bucket of History 1 alone.
func WithTTL(d time.Duration) WriteOption { return func(w *write) { w.ttl = d } }

// WithHeader adds headers to the message. Those that NATS gives a meaning to (Nats-*, KV-*) are
// ErrInvalidArg.
func WithHeader(h nats.Header) WriteOption { return func(w *write) { w.header = h } }

// WithRevision makes a Purge depend on the key's last revision, as Delete can: else
// ErrWrongLastSequence.
func WithRevision(revision uint64) WriteOption { return func(w *write) { w.expected = &revision } }

// minTTL is the least that servers take.
const minTTL = time.Second

// checked reads the options, and refuses what cannot be.
func checked(options []WriteOption) (write, error) {
	if len(options) == 0 {
		return write{}, nil
	}
	var w write
	for _, o := range options {
		o(&w)
	}
	if w.ttl != 0 && w.ttl != Forever && w.ttl < minTTL {
		return w, invalid("A time to live is 1000 ms or more")
	}
	if err := js.CheckTTL("The time to live", w.ttl); err != nil {
		return w, err
	}
	for name := range w.header {
		if upper := strings.ToUpper(name); strings.HasPrefix(upper, "NATS-") || strings.HasPrefix(upper, "KV-") {
			return w, invalid("Header " + name + " has a meaning of its own in a bucket")
		}
	}
	return w, nil
}

// add puts the options into the headers of a message.
func (w *write) add(h nats.Header) nats.Header {
	if h == nil && (w.ttl != 0 || len(w.header) > 0) {
		h = nats.Header{}
	}
	for name, values := range w.header {
		h[name] = values
	}
	switch w.ttl {
	case 0:
	case Forever:
		h["Nats-TTL"] = []string{"never"}
	default:
		h["Nats-TTL"] = []string{js.TTLHeader(w.ttl)}
	}
	return h
}

// ttlOfValue is the rule for a time to live of put and update.
func (b *Bucket) ttlOfValue(w write) error {
	if w.ttl != 0 && b.history != 1 {
		return invalid("A time to live of put and update needs a bucket of history 1: in bucket " + b.name +
			" the value before would come back when it ends")
	}
	return nil
}

func (b *Bucket) noTTL() error {
	return lacks("Keys of bucket "+b.name+" cannot have a time to live of their own", "limit_marker_ttl", "2.11")
}

// whereAllowed goes on where the bucket's stream has a field of its config set, which it had not when the bucket was
// bound: the bucket is asked again. refusal is the error where it has not got it since.
func (b *Bucket) whereAllowed(field string, refusal func() error, goOn func() error, failed func(error)) error {
	return bucketInfo(b.js, b.name, func(info dict.Dict, err error) {
		if err == nil {
			if allowed, _ := info.Path("config", field).(bool); !allowed {
				err = refusal()
			}
		}
		if err == nil {
			err = goOn()
		}
		if err != nil {
			failed(err)
		}
	})
}

// late has the error of a request whose time is over name the key.
func (b *Bucket) late(key string, err error) error {
	if !wire.IsDeadline(err) {
		return err
	}
	return wire.Late(err, "key "+key+" of bucket "+b.name)
}

// tooLongValue tells whether the server has refused a value for its length.
func tooLongValue(err error) bool {
	return js.Refused(err, "10054")
}

// tellLimit adds to the server's refusal of a value how long it is, and how long it may be.
func (b *Bucket) tellLimit(m *nats.Msg, refusal error, done func(error)) {
	j, stream := b.origin, b.originStream
	size := wire.HeaderSize(m.Header) + len(m.Data)
	asked := j.StreamInfo(stream, func(info dict.Dict, err error) {
		var e *fault.Error
		if err == nil && errors.As(refusal, &e) {
			more := *e
			more.Text += ": bucket " + b.name + " takes " + info.Text("config", "max_msg_size") + " bytes of value and headers, and this has " + strconv.Itoa(size)
			refusal = &more
		}
		done(refusal)
	})
	if asked != nil {
		done(refusal)
	}
}

// lacks is the error of what a bucket cannot do before it has an option, which servers know from a release on.
func lacks(what, option, release string) error {
	return fault.New(fault.NotSupported, what+": it needs "+option+" (update_kv_bucket), and a nats-server of "+release+" or newer")
}

// Touch lets the current value of a key begin its life anew: with WithTTL that one, else the one that it was
// written with, or the bucket's. It returns the new revision. A write that comes in between is not lost: then its value gets the new life. ErrKeyNotFound:
// there is no value; ErrInvalidArg: WithTTL where History is not 1.
func (b *Bucket) Touch(key string, done func(uint64, error), options ...WriteOption) error {
	w, err := checked(options)
	if err == nil {
		err = b.ttlOfValue(w)
	}
	if err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	return b.touch(key, w, 0, done)
}

// touch is one attempt. before is the revision of the last one, 0 for none: who is refused over the same revision twice is
// not refused for somebody's write.
func (b *Bucket) touch(key string, w write, before uint64, done func(uint64, error)) error {
	return b.lastWritten(key, func(e Entry, err error) {
		if err == nil && e.Operation != Put {
			err = errDeleted(key, 0)
		}
		again := w
		again.header = e.Header
		if again.ttl == 0 {
			again.ttl = e.TTL
		}
		if err == nil {
			err = b.ttlOfValue(again)
		}
		if err == nil {
			err = b.publish(key, e.Value, nil, &e.Revision, again, func(revision uint64, err error) {
				if fault.CodeOf(err) == fault.WrongLastSequence && e.Revision != before {
					if err = b.touch(key, w, e.Revision, done); err == nil {
						return
					}
				}
				done(revision, err)
			})
		}
		if err != nil {
			done(0, err)
		}
	})
}
