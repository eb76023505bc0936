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
	values   Value  // the name of the variable that is linked to it, retained; nil for none
	bucket   Value  // the bucket's name, retained
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
	w := &watcher{j: b.j, array: o.text("values_array"), bucket: b.name.Retain(), source: source{mailbox: &p.mailbox}}
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
	if err != nil {
		w.letGo()
	}
	return id, err
}

func (w *watcher) release(*Package) {
	w.ended = true
	w.kv.Stop()
	w.letGo()
}

func (w *watcher) letGo() {
	w.bucket.Release()
	for _, v := range []Value{w.callback, w.values} {
		if v != nil {
			v.Release()
		}
	}
}

func (w *watcher) opened(p *Package) {
	if w.array != "" {
		w.values = p.host.NewValue(w.namespace + "::values")
	}
	w.source.release()
}

func cmdWatchArray(_ *Package, w *watcher, _ []Value) (any, error) {
	return w.array, nil
}

func cmdWatchConsumer(_ *Package, w *watcher, _ []Value) (any, error) {
	return w.consumer.id, nil
}

// change is one entry on its way to the script, or none for the end of the current data. It is
// also what the callback gets, and what the array does.
type change struct {
	w     *watcher
	entry *kv.Entry
}

// WriteTo writes the callback's arguments.
func (c *change) WriteTo(w Writer) {
	w.List(1)
	if c.entry == nil {
		w.Any(c.w.j.c.p.words.empty)
		return
	}
	r := entryRecord{c: c.w.j.c, bucket: c.w.bucket, Entry: c.entry, delta: true}
	r.WriteTo(w)
}

// arrayElement is a key with its value, for the array.
type arrayElement struct{ *change }

func (e arrayElement) WriteTo(w Writer) {
	w.List(2)
	w.Text(e.entry.Key)
	e.w.j.c.write(w, e.entry.Value)
}

func (c *change) run(p *Package) {
	w, e := c.w, c.entry
	if w.ended {
		return
	}
	if e != nil {
		w.kv.Taken()
		if w.array != "" {
			w.store(p, c)
			if p.closed || w.ended {
				return // a trace on the array ended it
			}
		}
	}
	if w.callback == nil {
		return
	}
	p.host.Deliver(w.callback, c)
}

// store writes an entry into the array, which the object's variable values is linked to.
func (w *watcher) store(p *Package, c *change) {
	if c.entry.Operation == kv.Put {
		p.report(p.host.StoreElement(w.values, arrayElement{c}))
	} else {
		p.report(p.host.UnsetElement(w.namespace+"::values", c.entry.Key))
	}
}
