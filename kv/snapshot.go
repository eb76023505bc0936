package kv

import (
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// snapshot reads what is there now of the matching keys, for no longer than the JetStream's
// timeout.
type snapshot struct {
	bucket *Bucket
	what   string // for the message of the timeout
	// take and done are not called at the same time, nor take after done.
	take func(*nats.Msg, js.Metadata)
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
func (s *snapshot) start(key string, config js.OrderedConfig) error {
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
	config.Ended = func(why *wire.Error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if why.Code == "ErrConnectionClosed" {
			why = wire.Fail("ErrConnectionClosed", "Connection closed")
		}
		s.finish(b.gone(why))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initial = b.newInitial(&s.mu, key, config.DeliverPolicy, func(bool) { s.finish(nil) })
	err := b.consume(key, &s.initial, config, func(c *js.OrderedConsumer, err error) {
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

func (s *snapshot) deliver(c *js.OrderedConsumer, m *nats.Msg, meta js.Metadata) {
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
	s.finish(wire.Fail("ErrTimeout", "Timeout while gathering "+s.what+" in bucket "+s.bucket.name))
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

// History returns all entries of the matching keys, in stream order. ErrKeyNotFound: there
// is none.
func (b *Bucket) History(key string, done func([]Entry, error)) error {
	var entries []Entry
	return b.EachEntry(key,
		func(e Entry) { entries = append(entries, e) },
		func(err error) { done(entries, err) })
}

// EachEntry is History for one who takes the entries as they come. take is called by a
// goroutine of the connection; done behind the last one.
func (b *Bucket) EachEntry(key string, take func(Entry), done func(error)) error {
	some := false
	s := &snapshot{bucket: b, what: "history"}
	s.take = func(m *nats.Msg, meta js.Metadata) {
		some = true
		take(b.entryOf(m, meta))
	}
	s.done = func(err error) {
		if err == nil && !some {
			err = wire.Fail("ErrKeyNotFound", "Key "+key+" not found in bucket "+b.name)
		}
		done(err)
	}
	return s.start(key, js.OrderedConfig{DeliverPolicy: "all"})
}

// Keys returns the current keys, each once, in the order of their last changes. Every key that
// was there when it was called, and was not deleted since, is among them, however many
// others write. ErrKeyNotFound: there is none.
func (b *Bucket) Keys(done func([]string, error)) error {
	var changes []keyChange
	s := &snapshot{bucket: b, what: "keys"}
	s.take = func(m *nats.Msg, _ js.Metadata) {
		changes = append(changes, keyChange{b.keyOf(m.Subject), operationOf(m.Header) == Put})
	}
	s.done = func(err error) {
		keys := currentKeys(changes, s.initial.again)
		if err == nil && len(keys) == 0 {
			err = wire.Fail("ErrKeyNotFound", "No keys found in bucket "+b.name)
		}
		done(keys, err)
	}
	return s.start(">", js.OrderedConfig{DeliverPolicy: "last_per_subject", HeadersOnly: true})
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
