package tclbind

import (
	"time"

	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// watcher is what a nats::kv_watcher object stands on. Its child is the handle of the
// ordered consumer behind it.
type watcher struct {
	bridge.Object
	kv       *kv.Watcher
	j        *jetStream
	consumer *orderedConsumer
	source   *bridge.Source
	callback bridge.Value // retained; nil for none
	array    string       // as it was given, "" for none
	values   bridge.Value // the name of the variable that is linked to it, retained; nil for none
	bucket   bridge.Value // the bucket's name, retained
	ended    bool
}

var watchOptions = option.Table{
	{Name: "callback", Kind: option.Prefix, Empty: true},
	{Name: "values_array", Kind: option.Text},
	{Name: "include_history", Kind: option.Bool},
	{Name: "meta_only", Kind: option.Bool},
	{Name: "ignore_deletes", Kind: option.Bool},
	{Name: "updates_only", Kind: option.Bool},
	{Name: "idle_heartbeat", Kind: option.Duration},
}

// cmdWatch makes the watcher; the wait's result is its handle. Nothing is delivered
// before it is opened.
func cmdWatch(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	o, err := watchOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	callback, hasCallback := o["callback"].(bridge.Value)
	if !hasCallback && o.Text("values_array") == "" {
		// A bucket that is gone is told first.
		return bridge.Begin(p, b.kv.Status, func(dict.Dict) (any, error) {
			return nil, invalid("At least one of -callback or -values_array must be provided")
		})
	}
	w := &watcher{j: b.j, array: o.Text("values_array"), bucket: b.name.Retain(), source: p.NewSource()}
	if hasCallback {
		w.callback = callback.Retain()
	}
	consumer := &orderedConsumer{c: b.j.c, source: p.NewSource()}
	w.consumer = consumer
	settings := kv.WatchOptions{
		IncludeHistory: o.Bool("include_history"),
		MetaOnly:       o.Bool("meta_only"),
		IgnoreDeletes:  o.Bool("ignore_deletes"),
		UpdatesOnly:    o.Bool("updates_only"),
		IdleHeartbeat:  time.Duration(o.Nanos("idle_heartbeat")),
		Failed:         consumer.failed,
		Replaced:       func(keys []string) { w.source.Post(&replacement{w, keys}) },
	}
	return bridge.BeginHolding(p, w.letGo,
		func(done func(*kv.Watcher, error)) error {
			return b.kv.Watch(args[0].Text(), settings, func(e *kv.Entry) { w.source.Post(&change{w, e}) }, done)
		},
		func(core *kv.Watcher) (any, error) {
			w.kv = core
			consumer.consumer = core.Consumer()
			p.Add(w, b.j)
			p.Add(consumer, w)
			return w.ID(), nil
		},
		(*kv.Watcher).Stop)
}

func (w *watcher) Release(*bridge.Package) {
	w.ended = true
	w.kv.Stop()
	w.letGo()
}

func (w *watcher) letGo() {
	w.bucket.Release()
	for _, v := range []bridge.Value{w.callback, w.values} {
		if v != nil {
			v.Release()
		}
	}
}

func (w *watcher) Opened(p *bridge.Package) {
	if w.array != "" {
		w.values = p.Host.NewValue(w.Namespace() + "::values")
	}
	w.source.Open()
}

func cmdWatchArray(_ *bridge.Package, w *watcher, _ []bridge.Value) (any, error) {
	return w.array, nil
}

func cmdWatchConsumer(_ *bridge.Package, w *watcher, _ []bridge.Value) (any, error) {
	return w.consumer.ID(), nil
}

// change is one entry on its way to the script, or none for the end of the current data. It is
// also what the callback gets, and what the array does.
type change struct {
	w     *watcher
	entry *kv.Entry
}

// WriteTo writes the callback's arguments.
func (c *change) WriteTo(w bridge.Writer) {
	w.List(1)
	if c.entry == nil {
		w.Any(c.w.j.c.words.empty)
		return
	}
	r := entryRecord{c: c.w.j.c, bucket: c.w.bucket, Entry: c.entry, delta: true}
	r.WriteTo(w)
}

// arrayElement is a key with its value, for the array.
type arrayElement struct{ *change }

func (e arrayElement) WriteTo(w bridge.Writer) {
	w.List(2)
	w.Text(e.entry.Key)
	e.w.j.c.write(w, e.entry.Value)
}

func (c *change) Run(p *bridge.Package) {
	w, e := c.w, c.entry
	if w.ended {
		return
	}
	if e != nil {
		w.kv.Taken()
		if w.array != "" {
			w.store(p, c)
			if p.Closed() || w.ended {
				return // a trace on the array ended it
			}
		}
	}
	if w.callback == nil {
		return
	}
	w.j.c.deliver(p, w.callback, c)
}

// replacement tells that another bucket has taken the place of the one that was watched: these are
// all keys that came from it.
type replacement struct {
	w    *watcher
	keys []string
}

func (r *replacement) Run(p *bridge.Package) {
	if r.w.ended || r.w.array == "" {
		return
	}
	keep := p.Host.NewValue([]any{r.w.Namespace() + "::my", "Keep"})
	defer keep.Release()
	p.Host.Callback(keep, r.keys)
}

// store writes an entry into the array, which the object's variable values is linked to.
func (w *watcher) store(p *bridge.Package, c *change) {
	if c.entry.Operation == kv.Put {
		p.Report(p.Host.StoreElement(w.values, arrayElement{c}))
	} else {
		p.Report(p.Host.UnsetElement(w.Namespace()+"::values", c.entry.Key))
	}
}
