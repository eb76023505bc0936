// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"sync"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// WatchOptions say what a watcher delivers (docs/key-value.md "Watching"). The zero value: the
// current entries of the matching keys, then every change.
type WatchOptions struct {
	IncludeHistory bool // excludes UpdatesOnly
	MetaOnly       bool // entries without values
	IgnoreDeletes  bool
	UpdatesOnly    bool
	IdleHeartbeat  time.Duration // DefaultHeartbeat where 0
	Lend           bool          // the entry itself, not what it points to, is the watcher's again when the handler returns

	// Keys are filters that do not overlap, in place of the one key; none: that key.
	Keys []string
	// ResumeFromRevision delivers all there is from that revision on, in place of what is current: the initial data is
	// what the bucket has of it. 0: as the other options say.
	ResumeFromRevision uint64
	// What the consumer is known by on the server. With NamePrefix p its names are p_1, p_2 and so on.
	Description, NamePrefix string
	Metadata                dict.Dict

	// Failed is told of each new start of the consumer, and of its end. It may be nil.
	Failed func(*fault.Error)
	// Replaced is called, as the handler is, when the bucket was deleted and made anew, and all entries of
	// the new bucket have come: keys are all of its keys, in any order. It may be nil.
	Replaced func(keys []string)
	// Ended is called, after Failed, when the watch ends by itself, and not by Stop. It may be nil.
	Ended func(*fault.Error)
}

// DefaultHeartbeat is the interval at which a silent server shows that it lives.
const DefaultHeartbeat = 5 * time.Second

// Watcher follows a bucket until Stop.
type Watcher struct {
	bucket   *Bucket
	options  WatchOptions
	handler  func(*Entry)
	consumer *js.OrderedConsumer

	mu      sync.Mutex // held while handler runs; guards the rest
	initial initial
	told    bool  // that the initial data is complete
	lent    Entry // of WatchOptions.Lend
}

// Watch has handler called with each entry of the keys that match, in stream order, and
// with nil once, when the initial data is complete: when every key that was there when Watch was
// called, and was not deleted since, has come, however many others write. handler is called by a goroutine of
// the connection, from the moment on at which the consumer is made, which may be before
// done is called. It must not block, and whoever has dealt with an entry calls Taken.
func (b *Bucket) Watch(key string, o WatchOptions, handler func(*Entry), done func(*Watcher, error)) error {
	if o.IncludeHistory && o.UpdatesOnly {
		return invalid(fault.Option("include_history") + " conflicts with " + fault.Option("updates_only"))
	}
	if o.IdleHeartbeat < 0 {
		return invalid("Invalid value for " + fault.Option("idle_heartbeat") + ": it is negative")
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
		Idle:          w.heartbeat,
		StreamCreated: w.streamCreated,
		Failed:        o.Failed,
		Ended:         o.Ended,
		Description:   o.Description,
		NamePrefix:    o.NamePrefix,
		Metadata:      o.Metadata,
	}
	keys := o.Keys
	if len(keys) == 0 {
		keys = []string{key}
	}
	switch {
	case o.ResumeFromRevision > 0:
		if err := checkRevision(o.ResumeFromRevision); err != nil {
			return err
		}
		config.DeliverPolicy, config.OptStartSeq = "by_start_sequence", o.ResumeFromRevision
	case o.IncludeHistory:
		config.DeliverPolicy = "all"
	case o.UpdatesOnly:
		config.DeliverPolicy = "new"
	}
	config.Renewed = func() { w.renew(keys, config.DeliverPolicy) }
	w.mu.Lock()
	defer w.mu.Unlock()
	w.initial = b.newInitial(&w.mu, keys, config.DeliverPolicy, config.OptStartSeq, w.current)
	return b.consume(keys, &w.initial, config, func(c *js.OrderedConsumer, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		w.mu.Lock()
		w.consumer = c
		if w.initial.over { // a heartbeat came before the consumer's own reply
			w.goOn(w.initial.silent)
		}
		w.mu.Unlock()
		done(w, nil)
	})
}

// consume makes an ordered consumer of the matching keys, and asks what its initial data is.
func (b *Bucket) consume(keys []string, i *initial, config js.OrderedConfig, done func(*js.OrderedConsumer, error)) error {
	subjects := make([]string, len(keys))
	for i, key := range keys {
		subjects[i] = b.read + key
		if !wire.SafeSubject(subjects[i]) || !wire.ValidSubject(subjects[i], true) {
			return wire.BadSubject(subjects[i], true)
		}
	}
	if len(subjects) == 1 {
		config.FilterSubject = subjects[0]
	} else {
		config.FilterSubjects = subjects
	}
	if err := i.ask(); err != nil {
		return err
	}
	return b.js.OrderedConsumer(b.stream, config, func(c *js.OrderedConsumer, err error) {
		done(c, b.gone(err))
	})
}

// start is told how many messages are announced of those that are there now.
func (w *Watcher) start(pending uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.initial.start(pending)
}

func (w *Watcher) heartbeat() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.initial.heartbeat()
}

func (w *Watcher) streamCreated() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.initial.state.Created
}

// current is told that the initial data is complete.
func (w *Watcher) current(silent bool) {
	w.tellCurrent()
	w.goOn(silent)
}

// tellCurrent tells once, whichever bucket of the name it was that is complete.
func (w *Watcher) tellCurrent() {
	if !w.told {
		w.told = true
		w.handler(nil)
	}
}

// goOn has each change come that is behind the initial data, whatever happens to the consumer.
//
// One whose initial data was removed from the stream before it came is started anew. The server still looks for each of
// those messages, one at a time whenever a new one is stored: those would come late by as many.
func (w *Watcher) goOn(silent bool) {
	if !w.initial.newest || w.consumer == nil {
		return
	}
	if !w.initial.failed {
		w.consumer.Complete(w.initial.state.LastSeq)
	}
	if silent {
		go w.bucket.js.Conn().Guarded(w.consumer.StartAgain)
	}
}

// renew is told that another bucket has the name, and is read from its beginning.
func (w *Watcher) renew(keys []string, policy string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	question := w.initial.question
	if policy != "last_per_subject" {
		policy = "all" // even for one who wants what is new: all of it is
	}
	w.initial = w.bucket.newInitial(&w.mu, keys, policy, 0, func(silent bool) {
		w.tellCurrent()
		if w.options.Replaced != nil {
			keys := make([]string, len(w.initial.all))
			for i, subject := range w.initial.all {
				keys[i] = w.bucket.keyOf(subject)
			}
			w.options.Replaced(keys)
		}
		w.goOn(silent)
	})
	w.initial.all = []string{}
	w.initial.question = question // an answer that is still to come is to none of the new ones
	w.initial.askAgain()
}

func (w *Watcher) deliver(c *js.OrderedConsumer, m *wire.Lent, meta js.Metadata) {
	m.Own()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.consumer == nil {
		w.consumer = c // the first entries may come before done
	}
	e := &w.lent
	if !w.options.Lend {
		e = new(Entry)
	}
	*e = w.bucket.entryOf(&m.Msg, meta)
	if w.options.MetaOnly {
		e.Value = nil
	}
	if w.options.IgnoreDeletes && e.Operation != Put {
		c.Taken()
	} else {
		w.handler(e)
	}
	w.lent = Entry{} // it holds a value
	w.initial.came(m.Subject, meta.StreamSeq, meta.Pending)
}

// Taken tells that one more entry has been dealt with: the server sends no more than its
// window ahead of that.
func (w *Watcher) Taken() { w.consumer.Taken() }

// Bucket is the name of the bucket that it follows.
func (w *Watcher) Bucket() string { return w.bucket.name }

// Consumer is the ordered consumer behind the watcher.
func (w *Watcher) Consumer() *js.OrderedConsumer { return w.consumer }

// Stop ends the watcher.
func (w *Watcher) Stop() { w.consumer.Stop() }
