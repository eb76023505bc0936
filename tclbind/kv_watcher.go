// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"sync"
	"time"

	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
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
	values   bridge.Value // the name by which it is written, retained; nil for none
	bucket   bridge.Value // the bucket's name, retained
	coded    *coded
	keys     []string // as they were given
	headers  bool     // entries have the field header
	sizes    bool     // and size, in place of a value
	ended    bool
	over     *fault.Error // why the watch has ended by itself; nil while it has not

	turns bridge.Turns // of its entries, of the word that the bucket was made anew, and of the end

	current  bool   // the initial data was delivered
	revision uint64 // of the last entry that was delivered
	waiting  []func(error)
}

var watchOptions = option.Table{
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called with each entry, from the event loop"},
	coroutineOption,
	{Name: "values_array", Kind: option.Text, About: "a global or a namespace variable, by a name that is resolved where `watch` is called; it need not exist yet"},
	{Name: "include_history", Kind: option.Bool, About: "older revisions come, too"},
	{Name: "meta_only", Kind: option.Bool, About: "entries come without values, with their `size`"},
	{Name: "ignore_deletes", Kind: option.Bool, About: "leaves out DEL and PURGE entries"},
	{Name: "updates_only", Kind: option.Bool, About: "leaves out what is there now"},
	{Name: "idle_heartbeat", Kind: option.Duration, About: "how often a silent server shows that it lives; by default 5000"},
	{Name: "keys", Kind: option.List, About: "several patterns, which must not overlap, in place of the one key, for which > is written then"},
	{Name: "resume_from_revision", Kind: option.Natural, About: "begins with all entries from this revision on, in place of the current ones"},
	{Name: "headers", Kind: option.Bool, About: "entries have the field header"},
	{Name: "description", Kind: option.Nonempty, About: "the consumer's description, for people who look at the server"},
	{Name: "metadata", Kind: metadata, About: "the consumer's metadata, for programs"},
	{Name: "name_prefix", Kind: option.Nonempty, About: "p: the consumer's names are p_1, p_2 and so on; without it the server makes the names"},
}

// cmdWatch makes the watcher; the wait's result is its handle. Nothing is delivered
// before it is opened.
func cmdWatch(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	o, err := watchOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	_, hasCallback := o.Get("callback").(bridge.Value)
	if !hasCallback && o.Text("values_array") == "" {
		// A bucket that is gone is told first.
		return bridge.Begin(p, b.kv.Status, func(dict.Dict) (any, error) {
			return nil, invalid("At least one of -callback or -values_array must be provided")
		})
	}
	keys, err := b.filters(args[0].Text(), o)
	if err != nil {
		return nil, err
	}
	resume, err := resumeFrom(o)
	if err != nil {
		return nil, err
	}
	w := &watcher{
		j: b.j, array: o.Text("values_array"), bucket: b.name.Retain(), source: p.NewSource(), coded: b.coded.retain(),
		keys: o.List("keys"), headers: o.Bool("headers"), sizes: o.Bool("meta_only"),
	}
	if w.keys == nil {
		w.keys = []string{args[0].Text()}
	}
	w.callback = b.j.c.callbackOf(p, o)
	consumer := &orderedConsumer{c: b.j.c, source: p.NewSource(), watcher: "Watcher of " + b.name.Text()}
	w.consumer = consumer
	settings := kv.WatchOptions{
		IncludeHistory:     o.Bool("include_history"),
		MetaOnly:           o.Bool("meta_only"),
		IgnoreDeletes:      o.Bool("ignore_deletes"),
		UpdatesOnly:        o.Bool("updates_only"),
		IdleHeartbeat:      time.Duration(o.Nanos("idle_heartbeat")),
		Lend:               true,
		Keys:               keys,
		ResumeFromRevision: resume,
		Description:        o.Text("description"),
		NamePrefix:         o.Text("name_prefix"),
		Metadata:           dictOf(o, "metadata"),
		Failed:             consumer.failed,
		Replaced:           func(keys []string) { w.source.Post(&replacement{w, keys}) },
		Ended:              func(why *fault.Error) { w.source.Post(&watchEnd{w, why}) },
	}
	return bridge.BeginHolding(p, w.letGo,
		func(done func(*kv.Watcher, error)) error {
			return b.kv.Watch(keys[0], settings, w.post, done)
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

// filters are the patterns that an operation reads, as they are stored. With -keys the one key says nothing: only one that
// takes nothing away from the patterns is let pass.
func (b *bucket) filters(key string, o option.Values) ([]string, error) {
	keys := o.List("keys")
	if keys == nil {
		keys = []string{key}
	} else if key != ">" && key != "" {
		return nil, invalid("-keys stands in place of the key " + key + ": add that to the patterns, and write > for the key")
	}
	out := make([]string, len(keys))
	for i, key := range keys {
		var err error
		if out[i], err = b.encodeFilter(key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// resumeFrom is -resume_from_revision, 0 where it is not given.
func resumeFrom(o option.Values) (uint64, error) {
	if !o.Has("resume_from_revision") {
		return 0, nil
	}
	return revisionOf(o.Get("resume_from_revision"))
}

func (w *watcher) Release(*bridge.Package) {
	w.ended = true
	w.kv.Stop()
	w.letGo()
}

func (w *watcher) letGo() {
	w.tellWaiting(fault.New(fault.ConnectionClosed, "The watcher was destroyed"))
	w.bucket.Release()
	w.coded.release()
	for _, v := range []bridge.Value{w.callback, w.values} {
		if v != nil {
			v.Release()
		}
	}
}

func (w *watcher) Opened(*bridge.Package) {
	w.source.Open()
}

func cmdWatchArray(_ *bridge.Package, w *watcher, _ []bridge.Value) (any, error) {
	return w.array, nil
}

// cmdWatchName takes the name by which the array is written.
func cmdWatchName(_ *bridge.Package, w *watcher, args []bridge.Value) (any, error) {
	if w.values == nil {
		w.values = args[0].Retain()
	}
	return nil, nil
}

func cmdWatchConsumer(_ *bridge.Package, w *watcher, _ []bridge.Value) (any, error) {
	return w.consumer.ID(), nil
}

func cmdWatchState(_ *bridge.Package, w *watcher, _ []bridge.Value) (any, error) {
	return dict.Dict{
		{Key: "bucket", Value: w.bucket.Text()}, {Key: "keys", Value: w.keys},
		{Key: "current", Value: w.current}, {Key: "revision", Value: w.revision},
	}, nil
}

var watchWaitOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, About: "how long to wait; by default the jet_stream's -timeout; 0: no limit"},
}

// cmdWatchWait waits until the initial data was delivered.
func cmdWatchWait(p *bridge.Package, w *watcher, args []bridge.Value) (any, error) {
	o, err := watchWaitOptions.Parse(args)
	if err != nil || w.current {
		return nil, err
	}
	if w.over != nil {
		return nil, w.over
	}
	limit := w.j.js.Timeout()
	if o.Has("timeout") {
		limit = o.Duration("timeout")
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		once := sync.OnceFunc
		var err error
		tell := once(func() { done(err) })
		var late *time.Timer
		if limit > 0 {
			late = p.After(limit, func() {
				err = fault.New(fault.Timeout, "The current data of bucket "+w.kv.Bucket()+" has not come in "+limit.String())
				tell()
			})
		}
		w.waiting = append(w.waiting, func(why error) {
			if late == nil || late.Stop() {
				err = why
				tell()
			}
		})
		return nil
	})
}

// tellWaiting ends the waits for the initial data; in the interpreter's thread.
func (w *watcher) tellWaiting(why error) {
	waiting := w.waiting
	w.waiting = nil
	for _, tell := range waiting {
		tell(why)
	}
}

// watchEnd tells that nothing more will come, after last_error has told why.
type watchEnd struct {
	w   *watcher
	why *fault.Error
}

func (e *watchEnd) Run(p *bridge.Package) { e.w.turns.Take(p, e) }

func (e *watchEnd) Prepare(*bridge.Package) {
	if !e.w.ended {
		e.w.over = e.why
		e.w.tellWaiting(e.why)
	}
}

func (e *watchEnd) Finish(*bridge.Package) {}

// change is one entry on its way to the script, or none for the end of the current data. It is
// also what the callback gets, and what the array does.
type change struct {
	w         *watcher
	some      bool
	undecoded bool // its codec has refused it, which was reported: it is not delivered
	entry     kv.Entry
}

// post is the core's handler.
func (w *watcher) post(e *kv.Entry) {
	c := &change{w: w}
	if e != nil {
		c.some, c.entry = true, *e
	}
	w.source.Post(c)
}

// WriteTo writes the callback's arguments.
func (c *change) WriteTo(w bridge.Writer) {
	w.List(1)
	if !c.some {
		w.Any(c.w.j.c.words.empty)
		return
	}
	r := entryRecord{c: c.w.j.c, bucket: c.w.bucket, Entry: &c.entry, delta: true, headers: c.w.headers, size: c.w.sizes && c.entry.Operation == kv.Put}
	r.WriteTo(w)
}

// arrayElement is a key with its value, for the array.
type arrayElement struct{ *change }

func (e arrayElement) WriteTo(w bridge.Writer) {
	w.List(2)
	w.Text(e.entry.Key)
	e.w.j.c.write(w, e.entry.Value)
}

func (c *change) Run(p *bridge.Package) { c.w.turns.Take(p, c) }

// Prepare decodes the entry, and writes it into the array. A command of the codec and a trace on the array may serve events,
// and end the watch or the interpreter.
func (c *change) Prepare(p *bridge.Package) {
	w := c.w
	if w.ended {
		return
	}
	if !c.some {
		w.current = true
		w.tellWaiting(nil)
		return
	}
	w.kv.Taken()
	if err := w.coded.decode(&c.entry); err != nil {
		c.undecoded = true
		p.Report(err)
		return
	}
	if p.Closed() || w.ended {
		return
	}
	w.revision = c.entry.Revision
	if w.array != "" {
		w.store(p, c)
	}
}

// Finish calls the callback.
func (c *change) Finish(p *bridge.Package) {
	w := c.w
	if w.callback == nil || c.undecoded || p.Closed() || w.ended {
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

func (r *replacement) Run(p *bridge.Package) { r.w.turns.Take(p, r) }

// Prepare takes out of the array what is not in the new bucket: the entries of the old one that have waited are in it by now,
// and those that come while the keys are decoded, or while a trace runs, are written behind it.
func (r *replacement) Prepare(p *bridge.Package) {
	w := r.w
	if w.ended {
		return
	}
	method, args := "Replaced", []any{}
	if w.array != "" {
		keys := w.coded.decodeKeys(r.keys)
		if p.Closed() || w.ended {
			return // a command of the codec ended it
		}
		method, args = "Keep", []any{w.values, keys}
	}
	call := p.Host.NewValue([]any{w.Namespace() + "::my", method})
	defer call.Release()
	p.Host.Callback(call, args...)
}

func (r *replacement) Finish(*bridge.Package) {}

// store writes an entry into the array, by the script's own name for it, which its traces are called with.
func (w *watcher) store(p *bridge.Package, c *change) {
	if c.entry.Operation != kv.Put {
		p.Report(p.Host.UnsetElement(w.values.Text(), c.entry.Key))
		return
	}
	p.Report(p.Host.StoreElement(w.values, arrayElement{c}))
}
