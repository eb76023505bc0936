package kv

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// WatchOptions say what a watcher delivers (KvAPI.md, kv watch). The zero value: the
// current entries of the matching keys, then every change.
type WatchOptions struct {
	IncludeHistory bool // excludes UpdatesOnly
	MetaOnly       bool // entries without values
	IgnoreDeletes  bool
	UpdatesOnly    bool
	IdleHeartbeat  time.Duration // DefaultHeartbeat where 0

	// Failed is told of each new start of the consumer, and of its end. It may be nil.
	Failed func(*wire.Error)
}

// DefaultHeartbeat is the interval at which a silent server shows that it lives.
const DefaultHeartbeat = 5 * time.Second

// gatherHeartbeat is that of reading what is there: a reconnect in the middle of it has to be
// noticed, and made up for, within the JetStream's timeout.
const gatherHeartbeat = time.Second

// Watcher follows a bucket until Stop.
type Watcher struct {
	bucket   *Bucket
	options  WatchOptions
	handler  func(*Entry)
	consumer *js.OrderedConsumer

	// Used by the connection's reader alone.
	missing uint64 // of the initial data
	started bool
	current bool // the initial data is complete
}

// Watch has handler called with each entry of the keys that match, in stream order, and
// with nil once, when the initial data is complete. handler is called by a goroutine of
// the connection, from the moment on at which the consumer is made, which may be before
// done is called. It must not block, and whoever has dealt with an entry calls Taken.
func (b *Bucket) Watch(key string, o WatchOptions, handler func(*Entry), done func(*Watcher, error)) error {
	if o.IncludeHistory && o.UpdatesOnly {
		return invalid("-include_history conflicts with -updates_only")
	}
	if o.IdleHeartbeat == 0 {
		o.IdleHeartbeat = DefaultHeartbeat
	}
	w := &Watcher{bucket: b, options: o, handler: handler}
	config := js.OrderedConfig{
		HeadersOnly:   o.MetaOnly,
		DeliverPolicy: "last_per_subject",
		IdleHeartbeat: o.IdleHeartbeat,
		Deliver:       w.deliver,
		Started:       w.start,
		Failed:        o.Failed,
	}
	switch {
	case o.IncludeHistory:
		config.DeliverPolicy = "all"
	case o.UpdatesOnly:
		config.DeliverPolicy = "new"
	}
	return b.consume(key, config, func(c *js.OrderedConsumer, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		w.consumer = c
		done(w, nil)
	})
}

// consume makes an ordered consumer of the matching keys.
func (b *Bucket) consume(key string, config js.OrderedConfig, done func(*js.OrderedConsumer, error)) error {
	config.FilterSubject = b.read + key
	if !wire.SafeSubject(config.FilterSubject) || !wire.ValidSubject(config.FilterSubject, true) {
		return wire.Fail("ErrBadSubject", "Invalid subject "+config.FilterSubject)
	}
	return b.js.OrderedConsumer(b.stream, config, func(c *js.OrderedConsumer, err error) {
		done(c, b.gone(err))
	})
}

// start is told how many messages are to come until the initial data is complete.
func (w *Watcher) start(pending uint64) {
	if w.current {
		return
	}
	w.started, w.missing = true, pending
	w.check()
}

func (w *Watcher) check() {
	if w.started && w.missing == 0 && !w.current {
		w.current = true
		w.handler(nil)
	}
}

func (w *Watcher) deliver(c *js.OrderedConsumer, m *nats.Msg, meta js.Metadata) {
	if w.consumer == nil {
		w.consumer = c // the first entries may come before done
	}
	e := w.bucket.entryOf(m, meta)
	if w.options.MetaOnly {
		e.Value = nil
	}
	if w.options.IgnoreDeletes && e.Operation != Put {
		c.Taken()
	} else {
		w.handler(&e)
	}
	if w.current {
		return
	}
	if w.started && w.missing > 0 {
		w.missing--
	}
	if meta.Pending == 0 {
		w.started, w.missing = true, 0
	}
	w.check()
}

// Taken tells that one more entry has been dealt with: the server sends no more than its
// window ahead of that.
func (w *Watcher) Taken() { w.consumer.Taken() }

// Consumer is the ordered consumer behind the watcher.
func (w *Watcher) Consumer() *js.OrderedConsumer { return w.consumer }

// Stop ends the watcher.
func (w *Watcher) Stop() { w.consumer.Stop() }

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
	return b.gather(key, "history", js.OrderedConfig{DeliverPolicy: "all"},
		func(m *nats.Msg, meta js.Metadata) {
			some = true
			take(b.entryOf(m, meta))
		},
		func(err error) {
			if err == nil && !some {
				err = wire.Fail("ErrKeyNotFound", "Key "+key+" not found in bucket "+b.name)
			}
			done(err)
		})
}

// Keys returns the current keys, in stream order. ErrKeyNotFound: there is none.
func (b *Bucket) Keys(done func([]string, error)) error {
	keys := []string{}
	// In a consumer that was started anew in between, a key may come again.
	last := map[string]int{}
	restarted := false
	config := js.OrderedConfig{DeliverPolicy: "last_per_subject", HeadersOnly: true}
	config.Failed = func(*wire.Error) { restarted = true }
	return b.gather(">", "keys", config,
		func(m *nats.Msg, meta js.Metadata) {
			key := m.Subject[len(b.read):]
			if restarted {
				if len(last) == 0 {
					for i, k := range keys {
						last[k] = i
					}
				}
				if i, ok := last[key]; ok {
					keys[i] = "" // its place is where its last revision is
				}
				last[key] = len(keys)
			}
			if operationOf(m.Header) == Put {
				keys = append(keys, key)
			} else if restarted {
				delete(last, key)
			}
		},
		func(err error) {
			if restarted {
				keys = withoutEmpty(keys)
			}
			if err == nil && len(keys) == 0 {
				err = wire.Fail("ErrKeyNotFound", "No keys found in bucket "+b.name)
			}
			done(keys, err)
		})
}

func withoutEmpty(keys []string) []string {
	out := keys[:0]
	for _, k := range keys {
		if k != "" {
			out = append(out, k)
		}
	}
	return out
}

// gather reads what is there now of the matching keys, for no longer than the
// JetStream's timeout. take, done and config.Failed are not called at the same time, nor take
// after done.
func (b *Bucket) gather(key, what string, config js.OrderedConfig, take func(*nats.Msg, js.Metadata), done func(error)) error {
	var mu sync.Mutex
	var consumer *js.OrderedConsumer
	var timer *time.Timer
	over := false
	started, missing := false, uint64(0)
	finish := func(err error) { // with mu held
		if over {
			return
		}
		over = true
		if timer != nil {
			timer.Stop()
		}
		if consumer != nil {
			consumer.Stop()
		}
		done(err)
	}
	config.IdleHeartbeat = gatherHeartbeat
	if failed := config.Failed; failed != nil {
		config.Failed = func(e *wire.Error) {
			mu.Lock()
			defer mu.Unlock()
			failed(e)
		}
	}
	config.Deliver = func(c *js.OrderedConsumer, m *nats.Msg, meta js.Metadata) {
		c.Taken()
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		consumer = c
		take(m, meta)
		if started && missing > 0 {
			missing--
		}
		if meta.Pending == 0 || started && missing == 0 {
			finish(nil)
		}
	}
	config.Started = func(pending uint64) {
		mu.Lock()
		defer mu.Unlock()
		started, missing = true, pending
		if pending == 0 {
			finish(nil)
		}
	}
	config.Ended = func(why *wire.Error) {
		mu.Lock()
		defer mu.Unlock()
		if why.Code == "ErrConnectionClosed" {
			why = wire.Fail("ErrConnectionClosed", "Connection closed")
		}
		finish(b.gone(why))
	}
	if timeout := b.js.Timeout(); timeout > 0 {
		timer = time.AfterFunc(timeout, func() {
			mu.Lock()
			defer mu.Unlock()
			finish(wire.Fail("ErrTimeout", "Timeout while gathering "+what+" in bucket "+b.name))
		})
	}
	err := b.consume(key, config, func(c *js.OrderedConsumer, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			finish(err)
			return
		}
		consumer = c
		if over {
			c.Stop()
		}
	})
	if err != nil && timer != nil {
		timer.Stop()
	}
	return err
}
