// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"slices"
	"strings"
	"sync"
	"time"

	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// snapshot reads what is there now of the matching keys, for no longer than the JetStream's
// timeout.
type snapshot struct {
	bucket *Bucket
	what   string // for the message of the timeout
	// take and done are not called at the same time, nor take after done.
	take func(*wire.Lent, js.Metadata)
	done func(error)

	mu       sync.Mutex // guards the rest
	initial  initial
	consumer *js.OrderedConsumer
	timer    *time.Timer
	over     bool
}

// snapshotHeartbeat is the interval of its consumer: a reconnect in the middle of it has to be
// noticed, and made up for, within the JetStream's timeout.
const snapshotHeartbeat = time.Second

// start begins to read. It returns an error where nothing was sent.
func (s *snapshot) start(keys []string, config js.OrderedConfig) error {
	b := s.bucket
	config.IdleHeartbeat = snapshotHeartbeat
	config.Deliver = s.deliver
	config.Started = s.locked1(func(pending uint64) { s.initial.start(pending) })
	config.Idle = s.locked(func() { s.initial.heartbeat() })
	config.Renewed = s.locked(func() { s.finish(errBucketGone(b.name)) })
	config.StreamCreated = func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.initial.state.Created
	}
	config.Ended = func(why *fault.Error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if why.Code == fault.ConnectionClosed {
			why = fault.New(fault.ConnectionClosed, "Connection closed")
		}
		s.finish(b.gone(why))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initial = b.newInitial(&s.mu, keys, config.DeliverPolicy, config.OptStartSeq, func(bool) { s.finish(nil) })
	err := b.consume(keys, &s.initial, config, func(c *js.OrderedConsumer, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.finish(err)
			return
		}
		s.consumer = c
		if s.over {
			c.Stop()
		}
	})
	if err != nil {
		s.over, s.initial.over = true, true
		return err
	}
	if timeout := b.js.Timeout(); timeout > 0 {
		s.timer = time.AfterFunc(timeout, func() { b.js.Conn().Guarded(s.late) })
	}
	return nil
}

func (s *snapshot) locked(f func()) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
}

func (s *snapshot) locked1(f func(uint64)) func(uint64) {
	return func(n uint64) { s.locked(func() { f(n) })() }
}

func (s *snapshot) deliver(c *js.OrderedConsumer, m *wire.Lent, meta js.Metadata) {
	c.Taken()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.consumer = c
	s.take(m, meta)
	s.initial.came(m.Subject, meta.StreamSeq, meta.Pending)
}

// late is the end of the timeout.
func (s *snapshot) late() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(fault.New(fault.Timeout, "Timeout while gathering "+s.what+" in bucket "+s.bucket.name))
}

// finish ends it, with mu held.
func (s *snapshot) finish(err error) {
	if s.over {
		return
	}
	s.over, s.initial.over = true, true
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.consumer != nil {
		s.consumer.Stop()
	}
	s.done(err)
}

// HistoryOptions refine what History and EachEntry read.
type HistoryOptions struct {
	Keys               []string // filters that do not overlap, in place of the one key; none: that key
	MetaOnly           bool     // entries without values, with their Size
	IgnoreDeletes      bool
	ResumeFromRevision uint64 // entries from that revision on; 0: all
}

// History returns all entries of the matching keys, in stream order, which share memory as EachEntry says. ErrKeyNotFound:
// there is none.
func (b *Bucket) History(key string, done func([]Entry, error)) error {
	var entries []Entry
	return b.EachEntry(key, HistoryOptions{},
		func(e Entry) { entries = append(entries, e) },
		func(err error) { done(entries, err) })
}

// EachEntry is History for one who takes the entries as they come. take is called by a
// goroutine of the connection; done behind the last one. Entries that come one after another share memory: who keeps one
// out of many clones its key and value.
func (b *Bucket) EachEntry(key string, o HistoryOptions, take func(Entry), done func(error)) error {
	some := false
	keys := o.Keys
	if len(keys) == 0 {
		keys = []string{key}
	}
	s := &snapshot{bucket: b, what: "history"}
	var memory wire.Memory
	s.take = func(m *wire.Lent, meta js.Metadata) {
		if o.IgnoreDeletes && operationOf(m.Header) != Put {
			return
		}
		m.OwnIn(&memory)
		e := b.entryOf(&m.Msg, meta)
		if o.MetaOnly {
			e.Value = nil
		}
		some = true
		take(e)
	}
	s.done = func(err error) {
		if err == nil && !some {
			err = fault.New(fault.KeyNotFound, "Key "+strings.Join(keys, " ")+" not found in bucket "+b.name)
		}
		done(err)
	}
	config := js.OrderedConfig{DeliverPolicy: "all", HeadersOnly: o.MetaOnly}
	if o.ResumeFromRevision > 0 {
		if err := checkRevision(o.ResumeFromRevision); err != nil {
			return err
		}
		config.DeliverPolicy, config.OptStartSeq = "by_start_sequence", o.ResumeFromRevision
	}
	return s.start(keys, config)
}

// Keys returns the current keys, each once, in the order of their last changes. Every key that
// was there when it was called, and was not deleted since, is among them, however many
// others write. ErrKeyNotFound: there is none.
func (b *Bucket) Keys(done func([]string, error)) error { return b.KeysMatching(nil, done) }

// KeysMatching is Keys of those that match one of the filters, which must not overlap; none: all keys.
func (b *Bucket) KeysMatching(filters []string, done func([]string, error)) error {
	var changes []keyChange
	var s *snapshot
	s = b.eachKey(filters, func(c keyChange) { changes = append(changes, c) }, func(err error) {
		var keys []string
		if err == nil {
			if keys = currentKeys(changes, s.initial.seen.repeated()); len(keys) == 0 {
				err = b.NoKeys()
			}
		}
		done(keys, err)
	})
	return s.startKeys(filters)
}

// EachKey is KeysMatching for one who takes the keys as they come: each once, as it is found. A key that is deleted while
// it runs may have come before. take returns whether it wants more: if not, the end is ErrCanceled.
func (b *Bucket) EachKey(filters []string, take func(key string) (more bool), done func(error)) error {
	told := map[string]bool{}
	var s *snapshot
	s = b.eachKey(filters, func(c keyChange) {
		if !c.put || told[c.key] {
			return
		}
		told[c.key] = true
		if !take(c.key) {
			s.finish(errCanceled)
		}
	}, func(err error) {
		if err == nil && len(told) == 0 {
			err = b.NoKeys()
		}
		done(err)
	})
	return s.startKeys(filters)
}

func (b *Bucket) eachKey(filters []string, take func(keyChange), done func(error)) *snapshot {
	s := &snapshot{bucket: b, what: "keys", done: done}
	s.take = func(m *wire.Lent, _ js.Metadata) {
		take(keyChange{strings.Clone(b.keyOf(m.Subject)), operationOf(m.Header) == Put})
	}
	return s
}

func (s *snapshot) startKeys(filters []string) error {
	if len(filters) == 0 {
		filters = []string{">"}
	}
	return s.start(filters, js.OrderedConfig{DeliverPolicy: "last_per_subject", HeadersOnly: true})
}

// NoKeys is the error of Keys where there are none.
func (b *Bucket) NoKeys() error {
	return fault.New(fault.KeyNotFound, "No keys found in bucket "+b.name)
}

// keyChange is a key as it came: put, or deleted.
type keyChange struct {
	key string
	put bool
}

// currentKeys are the keys that the changes leave, by their last ones. again tells that some
// key may be in the changes more than once.
func currentKeys(changes []keyChange, again bool) []string {
	keys := make([]string, 0, len(changes))
	later := map[string]struct{}{}
	for _, c := range slices.Backward(changes) {
		if again {
			if _, known := later[c.key]; known {
				continue
			}
			later[c.key] = struct{}{}
		}
		if c.put {
			keys = append(keys, c.key)
		}
	}
	slices.Reverse(keys)
	return keys
}
