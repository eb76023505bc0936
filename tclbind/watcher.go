package tclbind

import (
	"time"

	"natstcl/kv"
	"natstcl/kv/dict"
)

// watcher is what a nats::kv_watcher object stands on. Its child is the handle of the
// ordered consumer behind it.
type watcher struct {
	object
	kv       *kv.Watcher
	j        *jetStream
	consumer *orderedConsumer
	source   source
	callback Value  // retained; nil for none
	array    string // as it was given, "" for none
	ended    bool
}

var watchOptions = []option{
	{name: "callback", kind: prefix},
	{name: "values_array", kind: nonempty},
	{name: "include_history", kind: truth},
	{name: "meta_only", kind: truth},
	{name: "ignore_deletes", kind: truth},
	{name: "updates_only", kind: truth},
	{name: "idle_heartbeat", kind: duration},
}

// cmdWatch makes the watcher; the wait's result is its handle. Nothing is delivered
// before it is opened.
func cmdWatch(p *Package, b *bucket, args []Value) (any, error) {
	o, err := parseOptions(args[1:], watchOptions)
	if err != nil {
		return nil, err
	}
	callback, hasCallback := o["callback"].(Value)
	if !hasCallback && !o.has("values_array") {
		// A bucket that is gone is told first.
		return begin(p, b.kv.Status, func(dict.Dict) (any, error) {
			return nil, invalid("At least one of -callback or -values_array must be provided")
		})
	}
	w := &watcher{j: b.j, array: o.text("values_array"), source: source{mailbox: &p.mailbox}}
	if hasCallback {
		w.callback = callback.Retain()
	}
	consumer := &orderedConsumer{c: b.j.c, source: source{mailbox: &p.mailbox}}
	w.consumer = consumer
	settings := kv.WatchOptions{
		IncludeHistory: o.bool("include_history"),
		MetaOnly:       o.bool("meta_only"),
		IgnoreDeletes:  o.bool("ignore_deletes"),
		UpdatesOnly:    o.bool("updates_only"),
		IdleHeartbeat:  time.Duration(o.nanos("idle_heartbeat")),
		Failed:         consumer.failed,
	}
	id, err := begin(p,
		func(done func(*kv.Watcher, error)) error {
			return b.kv.Watch(args[0].Text(), settings, func(e *kv.Entry) { w.source.post(&change{w, e}) }, done)
		},
		func(core *kv.Watcher) (any, error) {
			w.kv = core
			consumer.consumer = core.Consumer()
			p.add(w, b.j)
			p.add(consumer, w)
			return w.id, nil
		},
		(*kv.Watcher).Stop)
	if err != nil && w.callback != nil {
		w.callback.Release()
	}
	return id, err
}

func (w *watcher) release(*Package) {
	w.ended = true
	w.kv.Stop()
	if w.callback != nil {
		w.callback.Release()
	}
}

func (w *watcher) opened(*Package) { w.source.release() }

func cmdWatchArray(_ *Package, w *watcher, _ []Value) (any, error) {
	return w.array, nil
}

func cmdWatchConsumer(_ *Package, w *watcher, _ []Value) (any, error) {
	return w.consumer.id, nil
}

// change is one entry on its way to the script, or nil for the end of the current data.
type change struct {
	w     *watcher
	entry *kv.Entry
}

func (c *change) run(p *Package) {
	w, e := c.w, c.entry
	if w.ended {
		return
	}
	if e != nil {
		w.kv.Taken()
		if w.array != "" {
			w.store(p, e)
			if p.closed || w.ended {
				return // a trace on the array ended it
			}
		}
	}
	if w.callback == nil {
		return
	}
	if e == nil {
		p.host.Callback(w.callback, "")
		return
	}
	p.host.Callback(w.callback, e.Dict(w.j.c.incoming(e.Value), true))
}

// store writes an entry into the array, which the object's variable values is linked to.
func (w *watcher) store(p *Package, e *kv.Entry) {
	name := w.namespace + "::values"
	if e.Operation == kv.Put {
		p.report(p.host.SetElement(name, e.Key, w.j.c.incoming(e.Value)))
	} else {
		p.report(p.host.UnsetElement(name, e.Key))
	}
}
