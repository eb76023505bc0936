// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Bucket is a bucket as bound. It holds nothing, and any goroutine may use it.
type Bucket struct {
	js     *js.JetStream
	name   string
	stream string
	read   string // what precedes a key in the stream's subjects
	write  string // and where it is written
	whole  bool   // all subjects of the stream are keys of the bucket

	direct *js.Direct // shared with its copies
	// The stream that is written to: a mirror's origin, elsewhere the bucket's own.
	origin       *js.JetStream
	originStream string

	history int64 // revisions kept of each key, when it was bound
	ttls    bool  // keys may have a time to live of their own
	atomic  bool  // it takes batches
	mirror  bool  // what is written goes to another bucket
}

// newBucket finds out where keys are read and written: docs/key-value.md, Domains, prefixes,
// mirrors.
func newBucket(j *js.JetStream, name string, info dict.Dict) *Bucket {
	config, _ := info.Path("config").(dict.Dict)
	b := &Bucket{js: j, name: name, stream: streamPrefix + name, direct: js.DirectOf(config)}
	b.ttls, _ = config.Path("allow_msg_ttl").(bool)
	b.atomic, _ = config.Path("allow_atomic").(bool)
	b.history = integer(config, "max_msgs_per_subject")
	b.origin, b.originStream = j, b.stream
	b.read = subjectPrefix + name + "."
	if mirror, ok := config.Path("mirror").(dict.Dict); ok {
		b.mirror = true
		b.originStream = mirror.Text("name")
		b.read = subjectPrefix + strings.TrimPrefix(b.originStream, streamPrefix) + "."
		if api := mirror.Text("external", "api"); api != "" {
			b.origin = j.At(api)
		}
	}
	b.write = b.read
	if b.origin.Foreign() {
		b.write = b.origin.APIPrefix() + "." + b.read
	}
	b.whole = onlyKeys(config, b.read)
	return b
}

// onlyKeys tells whether a stream has no subjects but those of a bucket's keys.
func onlyKeys(config dict.Dict, prefix string) bool {
	if mirror, ok := config.Path("mirror").(dict.Dict); ok {
		return mirror.Path("subject_transforms") == nil
	}
	sources, _ := config.Path("sources").([]any)
	subjects, _ := config.Path("subjects").([]any)
	return len(sources) == 0 && config.Path("subject_transform") == nil && len(subjects) == 1 && subjects[0] == prefix+">"
}

// WithTimeout returns the same bucket with another limit of how long a request may take; 0: without end.
func (b *Bucket) WithTimeout(limit time.Duration) *Bucket {
	other := *b
	other.js = b.js.WithTimeout(limit)
	other.origin = b.origin.WithTimeout(limit)
	return &other
}

// Expiring returns the same bucket, whose Put, Create and Update are never sent later where they were not sent within
// their time: while there is no connection. Else a write that ends with ErrTimeout may still happen.
func (b *Bucket) Expiring() *Bucket {
	other := *b
	other.js = b.js.Expiring()
	return &other
}

// Name of the bucket.
func (b *Bucket) Name() string { return b.name }

// Get reads the last entry of a key, or with a revision above 0 that one.
// ErrKeyNotFound: no such key, it is deleted or purged, or the revision is another key's.
func (b *Bucket) Get(key string, revision uint64, done func(Entry, error)) error {
	return b.Read(key, ReadOptions{Revision: revision}, done)
}

// ReadOptions refine a read.
type ReadOptions struct {
	Revision uint64 // above 0: that one, which is ErrKeyNotFound where it is another key's
	// Leader asks the stream's leader: any replica or mirror may answer otherwise, which may not have the last
	// write yet.
	Leader  bool
	Deleted bool // the marker of a key that is deleted or purged is an entry
}

// Read is Get with options.
func (b *Bucket) Read(key string, o ReadOptions, done func(Entry, error)) error {
	if err := checkKey(key); err != nil {
		return err
	}
	which := js.Which{LastBySubject: b.read + key}
	if o.Revision > 0 {
		which = js.Which{Seq: o.Revision}
	}
	direct := b.direct
	if o.Leader {
		direct = nil
	}
	return b.js.Read(b.stream, which, direct, func(m *js.Message, err error) {
		e, err := b.found(key, m, b.late(key, err))
		if err == nil && e.Operation != Put && !o.Deleted {
			err = errDeleted(key, o.Revision)
		}
		if o.Revision > 0 {
			err = b.ofRevision(key, o.Revision, m, err)
		}
		if fault.CodeOf(err) == fault.StreamNotFound {
			err = errBucketNotFound(b.name)
		}
		done(e, err)
	})
}

// found makes an entry of what a stream has for a key, or the error of what is none.
func (b *Bucket) found(key string, m *js.Message, err error) (Entry, error) {
	switch subject := b.read + key; {
	case fault.CodeOf(err) == fault.MsgNotFound:
		return Entry{}, fault.New(fault.KeyNotFound, "Key "+key+" not found in bucket "+b.name)
	case err != nil:
		return Entry{}, err
	case m.Subject != subject:
		return Entry{}, fault.New(fault.KeyNotFound, "Expected "+subject+", got "+m.Subject)
	}
	return b.stored(m), nil
}

// errDeleted is the error of reading a marker: the key's last entry, or the revision that was asked for.
func errDeleted(key string, revision uint64) error {
	e := fault.New(fault.KeyNotFound, "Key "+key+" was deleted or purged")
	if revision > 0 {
		e.Help = "revision " + strconv.FormatUint(revision, 10) + " is a deletion, and has no value; delete makes another one"
	}
	return e
}

// ofRevision adds to the error of a read by revision that it is the revision which is not there, and not the key.
func (b *Bucket) ofRevision(key string, revision uint64, m *js.Message, err error) error {
	var e *fault.Error
	if fault.CodeOf(err) != fault.KeyNotFound || !errors.As(err, &e) {
		return err
	}
	number := strconv.FormatUint(revision, 10)
	switch {
	case m == nil:
		e.Help = "bucket " + b.name + " has no revision " + number + ", or has not got it any more"
	case m.Subject != b.read+key:
		e.Help = "revision " + number + " is one of another key: " + b.keyOf(m.Subject)
	}
	return e
}

// lastWritten reads the last entry of a key, or the marker of its deletion, from the leader of the stream
// that is written to: nobody else is sure to have what a write was refused for.
func (b *Bucket) lastWritten(key string, done func(Entry, error)) error {
	return b.origin.MsgGet(b.originStream, js.Which{LastBySubject: b.read + key}, func(m *js.Message, err error) {
		done(b.found(key, m, err))
	})
}

// publish writes to a key. expected is the revision that must be the last one, nil for any.
func (b *Bucket) publish(key string, value []byte, header nats.Header, expected *uint64, w write, done func(uint64, error)) error {
	if err := checkKey(key); err != nil {
		return err
	}
	header = w.add(header)
	if expected != nil {
		if err := checkRevision(*expected); err != nil {
			return err
		}
		if header == nil {
			header = nats.Header{}
		}
		header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(*expected, 10))
	}
	m := &nats.Msg{Subject: b.write + key, Data: value, Header: header}
	if w.ttl == 0 || b.ttls || b.mirror { // a mirror does not tell what its origin takes: that answers itself
		return b.send(m, key, expected, done)
	}
	// An older server passes over the header without a word, so the bucket is asked.
	return b.whereAllowed("allow_msg_ttl", b.noTTL, func() error { return b.send(m, key, expected, done) }, func(err error) { done(0, err) })
}

// send publishes a write as it is.
func (b *Bucket) send(m *nats.Msg, key string, expected *uint64, done func(uint64, error)) error {
	begun := wire.Now()
	return b.js.PublishForSeq(m, func(seq uint64, err error) {
		if err == nil {
			done(seq, nil)
			return
		}
		if tooLongValue(err) {
			b.tellLimit(m, err, func(err error) { done(0, err) })
			return
		}
		if e, ok := errors.AsType[*fault.Error](err); expected != nil && ok && e.Code == fault.WrongLastSequence {
			e.Help = "revision " + strconv.FormatUint(*expected, 10) + " is not the last one of key " + key + ": get it again, and decide anew"
		}
		b.told(begun, true, b.late(key, err), func(err error) { done(0, err) })
	})
}

// checkRevision refuses what no server can have counted: nats-server would take it for no condition
// at all.
func checkRevision(revision uint64) error {
	if revision > math.MaxInt64 {
		return invalid("Invalid revision " + strconv.FormatUint(revision, 10))
	}
	return nil
}

// told makes an error of a stream's one of the bucket's, where it means that the bucket is gone. begun is when the
// operation began, which has the JetStream's timeout in all.
func (b *Bucket) told(begun wire.Instant, writing bool, err error, done func(error)) {
	j, stream := b.js, b.stream
	if writing {
		j, stream = b.origin, b.originStream
	}
	j.Missing(stream, err, begun, func(missing bool, state *js.StreamState) {
		closed := false // to writes
		if state != nil {
			closed = writing && !state.Takes
			if !writing {
				b.direct.Learn(state)
			}
		}
		switch {
		case closed:
			err = &fault.Error{Code: fault.BucketNotFound, Text: errBucketNotFound(b.name).Error(),
				Help: "the bucket is there, and takes no writes: an aggregate is writable that was created so, and a mirror by its origin"}
		case missing:
			err = errBucketNotFound(b.name)
		}
		done(err)
	})
}

// Put writes a value, and returns its revision. value belongs to the Bucket from then on.
func (b *Bucket) Put(key string, value []byte, done func(uint64, error), options ...WriteOption) error {
	return b.value(key, value, nil, done, options)
}

// Update is Put on condition that revision is the key's last: else ErrWrongLastSequence.
func (b *Bucket) Update(key string, value []byte, revision uint64, done func(uint64, error), options ...WriteOption) error {
	return b.value(key, value, &revision, done, options)
}

func (b *Bucket) value(key string, value []byte, expected *uint64, done func(uint64, error), options []WriteOption) error {
	w, err := checked(options)
	if err == nil {
		err = b.ttlOfValue(w)
	}
	if err != nil {
		return err
	}
	return b.publish(key, value, nil, expected, w, done)
}

// Create is Put on condition that the key does not exist, or is deleted: else
// ErrWrongLastSequence. It is one atomic compare-and-set either way.
func (b *Bucket) Create(key string, value []byte, done func(uint64, error), options ...WriteOption) error {
	w, err := checked(options)
	if err != nil {
		return err
	}
	return b.publish(key, value, nil, new(uint64), w, func(revision uint64, refusal error) {
		if fault.CodeOf(refusal) != fault.WrongLastSequence {
			done(revision, refusal)
			return
		}
		b.createOver(key, value, w, nil, refusal, done)
	})
}

// createOver goes on with Create behind a refusal: over the marker of a deletion, or where nothing is left of the key. before
// is the revision that it was tried over already, nil for none: another marker may have come meanwhile. Where that cannot
// be read, its error is the one that is told, for the key need not exist.
func (b *Bucket) createOver(key string, value []byte, w write, before *uint64, refusal error, done func(uint64, error)) {
	err := b.lastWritten(key, func(e Entry, err error) {
		switch {
		case unread(err):
			done(0, err)
			return
		case err == nil && e.Operation == Put:
			done(0, fault.New(fault.WrongLastSequence, "Key "+key+" exists in bucket "+b.name+": "+refusal.Error()))
			return
		case fault.CodeOf(err) == fault.Permissions:
			// Nobody knows whether the key is there.
			done(0, fault.Helped(refusal, "the key may be there, or be deleted, which this user may not read: "+key+
				" cannot be created over its deletion without the permissions that docs/permissions.md names"))
			return
		case before != nil && e.Revision == *before:
			done(0, refusal)
			return
		}
		err = b.publish(key, value, nil, &e.Revision, w, func(revision uint64, again error) {
			if fault.CodeOf(again) == fault.WrongLastSequence {
				b.createOver(key, value, w, &e.Revision, again, done)
				return
			}
			done(revision, again)
		})
		if err != nil {
			done(0, err)
		}
	})
	if err != nil {
		done(0, err)
	}
}

// unread tells whether what is there could not be read, for whatever reason: who may not read it is only told that the
// write was refused.
func unread(err error) bool {
	code := fault.CodeOf(err)
	return err != nil && code != fault.KeyNotFound && code != fault.Permissions
}

// Delete deletes a key and keeps its history; with a revision above 0 on condition that
// it is the key's last.
func (b *Bucket) Delete(key string, revision uint64, done func(error)) error {
	var expected *uint64
	if revision > 0 {
		expected = &revision
	}
	return b.publish(key, nil, nats.Header{"KV-Operation": {"DEL"}}, expected, write{}, func(_ uint64, err error) { done(err) })
}

// Purge deletes a key and its history. With WithTTL the marker lives no longer than that.
func (b *Bucket) Purge(key string, done func(error), options ...WriteOption) error {
	w, err := checked(options)
	if err != nil {
		return err
	}
	header := nats.Header{"KV-Operation": {"PURGE"}, "Nats-Rollup": {"sub"}}
	return b.publish(key, nil, header, w.expected, w, func(_ uint64, err error) { done(err) })
}

// Revert puts the value of an earlier revision, and returns the new one.
func (b *Bucket) Revert(key string, revision uint64, done func(uint64, error)) error {
	return b.Get(key, revision, func(e Entry, err error) {
		if err == nil {
			err = b.Put(key, e.Value, done)
		}
		if err != nil {
			done(0, err)
		}
	})
}

// Status returns the bucket's status (docs/key-value.md "Methods"), with its durations in ns.
func (b *Bucket) Status(done func(dict.Dict, error)) error {
	return b.js.StreamInfo(b.stream, func(info dict.Dict, err error) {
		if err != nil {
			done(nil, b.gone(err))
			return
		}
		done(statusOf(b.name, info), nil)
	})
}

// statusOf is the status of the bucket that a stream's info tells of.
func statusOf(name string, info dict.Dict) dict.Dict {
	config, _ := info.Path("config").(dict.Dict)
	state, _ := info.Path("state").(dict.Dict)
	compressed := 0
	if c := config.Text("compression"); c != "" && c != "none" {
		compressed = 1
	}
	d := dict.Dict{
		{Key: "bucket", Value: name},
		{Key: "bytes", Value: state.Path("bytes")},
		{Key: "history", Value: config.Path("max_msgs_per_subject")},
		{Key: "ttl", Value: config.Path("max_age")},
		{Key: "values", Value: state.Path("messages")},
	}
	if mirror, ok := config.Path("mirror").(dict.Dict); ok {
		d.Set("mirror_name", strings.TrimPrefix(mirror.Text("name"), streamPrefix))
		if domain := domainOf(mirror.Text("external", "api")); domain != "" {
			d.Set("mirror_domain", domain)
		}
	}
	d.Set("is_compressed", compressed)
	d.Set("limit_marker_ttl", orZero(config.Path("subject_delete_marker_ttl")))
	d.Set("metadata", userMetadata(config))
	d.Set("backing_store", "JetStream")
	d.Set("keys", orZero(state.Path("num_subjects")))
	d.Set("stream_config", config)
	d.Set("stream_state", state)
	return d
}

// orZero is a number of a reply that is left out where it is 0.
func orZero(n any) any {
	if n == nil {
		return dict.Number("0")
	}
	return n
}

// domainOf is DOMAIN of $JS.DOMAIN.API, "" for any other prefix.
func domainOf(api string) string {
	rest, ok := strings.CutPrefix(api, "$JS.")
	if !ok {
		return ""
	}
	domain, ok := strings.CutSuffix(rest, ".API")
	if !ok || strings.Contains(domain, ".") {
		return ""
	}
	return domain
}

// gone is the error of status, watch, keys and history where the bucket is gone.
func (b *Bucket) gone(err error) error {
	if fault.CodeOf(err) == fault.StreamNotFound {
		return errBucketGone(b.name)
	}
	return err
}
