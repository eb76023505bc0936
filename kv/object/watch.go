// SPDX-License-Identifier: Apache-2.0

package object

import (
	"sync"
	"time"

	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// WatchOptions say what a watcher delivers. The zero value: the current infos, then every change.
type WatchOptions struct {
	IncludeHistory bool // excludes UpdatesOnly. An info replaces the one before it: the stream has no older ones
	IgnoreDeletes  bool
	UpdatesOnly    bool
	IdleHeartbeat  time.Duration // DefaultHeartbeat where 0

	// Failed is told of each new start of the consumer, and of its end; Ended of the end alone. They may be nil.
	Failed func(*fault.Error)
	Ended  func(*fault.Error)
}

// DefaultHeartbeat is the interval at which a silent server shows that it lives.
const DefaultHeartbeat = 5 * time.Second

// Watcher follows a store until Stop.
type Watcher struct {
	store    *Store
	options  WatchOptions
	handler  func(*Watcher, *Info)
	consumer *js.OrderedConsumer

	// Used by the connection's reader alone.
	missing uint64 // of the initial data
	started bool
	current bool // the initial data is complete
}

// Watch has handler called with each info, in stream order, and with nil once, when the current ones are
// complete; with UpdatesOnly at once. handler is called by a goroutine of the connection, which may be before done
// is called. It must not block, and whoever has dealt with an info calls Taken.
func (s *Store) Watch(o WatchOptions, handler func(*Watcher, *Info), done func(*Watcher, error)) error {
	if o.IncludeHistory && o.UpdatesOnly {
		return invalid(fault.Option("include_history") + " conflicts with " + fault.Option("updates_only"))
	}
	if o.IdleHeartbeat == 0 {
		o.IdleHeartbeat = DefaultHeartbeat
	}
	w := &Watcher{store: s, options: o, handler: handler}
	config := js.OrderedConfig{
		FilterSubject: subjectPrefix + s.name + infoPart + ">",
		DeliverPolicy: "last_per_subject",
		IdleHeartbeat: o.IdleHeartbeat,
		Deliver:       w.deliver,
		Started:       w.start,
		Failed:        o.Failed,
		Ended:         o.Ended,
	}
	switch {
	case o.IncludeHistory:
		config.DeliverPolicy = "all"
	case o.UpdatesOnly:
		config.DeliverPolicy = "new"
	}
	return s.js.OrderedConsumer(s.stream, config, func(c *js.OrderedConsumer, err error) {
		if err != nil {
			s.told(err, func(err error) { done(nil, err) })
			return
		}
		w.consumer = c
		done(w, nil)
	})
}

// start is told how many messages are to come until the current infos are complete.
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
		w.handler(w, nil)
	}
}

func (w *Watcher) deliver(c *js.OrderedConsumer, m *wire.Lent, meta js.Metadata) {
	m.Own()
	if w.consumer == nil {
		w.consumer = c // the first infos may come before done
	}
	i, err := w.store.readInfo(&js.Message{Seq: meta.StreamSeq, Time: meta.Time, Data: m.Data})
	switch {
	case err != nil:
		w.store.js.Conn().Logf(wire.LogWarn, "%s", err)
		c.Taken()
	case i.Deleted && w.options.IgnoreDeletes:
		c.Taken()
	default:
		w.handler(w, i)
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

// Taken tells that one more info has been dealt with: the server sends no more than its window ahead of that.
func (w *Watcher) Taken() { w.consumer.Taken() }

// Consumer is the ordered consumer behind the watcher.
func (w *Watcher) Consumer() *js.OrderedConsumer { return w.consumer }

// Stop ends the watcher.
func (w *Watcher) Stop() { w.consumer.Stop() }

// List returns the infos of all objects, in stream order, for no longer than the JetStream's timeout. Nothing
// there: an empty list.
func (s *Store) List(deleted bool, done func([]*Info, error)) error {
	l := &listing{store: s, done: done, places: map[string]int{}}
	if timeout := s.js.Timeout(); timeout > 0 {
		l.timer = time.AfterFunc(timeout, func() {
			s.js.Conn().Guarded(func() {
				l.finish(fault.New(fault.Timeout, "Timeout while listing the objects in bucket "+s.name))
			})
		})
	}
	o := WatchOptions{
		IgnoreDeletes: !deleted,
		IdleHeartbeat: time.Second,
		Ended:         func(why *fault.Error) { s.told(why, l.finish) },
	}
	err := s.Watch(o, l.take, func(w *Watcher, err error) {
		if err != nil {
			l.finish(err)
			return
		}
		l.begun(w)
	})
	if err != nil && l.timer != nil {
		l.timer.Stop()
	}
	return err
}

// listing gathers what a watcher brings first.
type listing struct {
	store *Store
	done  func([]*Info, error)
	timer *time.Timer

	mu      sync.Mutex
	watcher *Watcher
	infos   []*Info
	places  map[string]int // of each name: after a new start one may come again
	over    bool
}

func (l *listing) begun(w *Watcher) {
	l.mu.Lock()
	l.watcher = w
	over := l.over
	l.mu.Unlock()
	if over {
		w.Stop()
	}
}

func (l *listing) take(w *Watcher, i *Info) {
	if i == nil {
		l.finish(nil)
		return
	}
	w.Taken()
	l.mu.Lock()
	defer l.mu.Unlock()
	if place, again := l.places[i.Name]; again {
		l.infos[place] = i
		return
	}
	l.places[i.Name] = len(l.infos)
	l.infos = append(l.infos, i)
}

func (l *listing) finish(err error) {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return
	}
	l.over = true
	watcher, infos := l.watcher, l.infos
	l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if watcher != nil {
		watcher.Stop()
	}
	if err != nil {
		infos = nil
	}
	l.done(infos, err)
}
