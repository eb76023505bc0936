// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"natstcl/kv/object"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// objectWatcher is what a nats::object_watcher object stands on. Its child is the handle of the
// ordered consumer behind it.
type objectWatcher struct {
	bridge.Object
	w        *object.Watcher
	c        *connection
	consumer *orderedConsumer
	source   *bridge.Source
	callback bridge.Value // retained
	ended    bool
}

var objectWatchOptions = option.Table{
	{Name: "callback", Kind: option.Prefix, Required: true, About: "called as `cmd info` for each info, and with an empty one when the current ones are complete"},
	{Name: "include_history", Kind: option.Bool, Default: false, About: "all infos come that the stream has"},
	{Name: "ignore_deletes", Kind: option.Bool, Default: false, About: "leaves out infos of deleted objects"},
	{Name: "updates_only", Kind: option.Bool, Default: false, About: "leaves out what is there now; excludes -include_history"},
	{Name: "idle_heartbeat", Kind: option.Duration, About: "how often a silent server shows that it lives; by default 5000"},
}

// cmdObjectWatch makes the watcher; the wait's result is its handle. Nothing is delivered
// before it is opened.
func cmdObjectWatch(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	o, err := objectWatchOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	consumer := &orderedConsumer{c: s.j.c, source: p.NewSource()}
	w := &objectWatcher{c: s.j.c, consumer: consumer, source: p.NewSource()}
	w.callback = o.Get("callback").(bridge.Value).Retain()
	settings := object.WatchOptions{
		IncludeHistory: o.Bool("include_history"),
		IgnoreDeletes:  o.Bool("ignore_deletes"),
		UpdatesOnly:    o.Bool("updates_only"),
		IdleHeartbeat:  time.Duration(o.Nanos("idle_heartbeat")),
		Failed:         consumer.failed,
	}
	return bridge.BeginHolding(p, w.callback.Release,
		func(done func(*object.Watcher, error)) error {
			return s.store.Watch(settings, func(_ *object.Watcher, i *object.Info) { w.source.Post(&objectChange{w, i}) }, done)
		},
		func(core *object.Watcher) (any, error) {
			w.w = core
			consumer.consumer = core.Consumer()
			p.Add(w, s)
			p.Add(consumer, w)
			return w.ID(), nil
		},
		(*object.Watcher).Stop)
}

func (w *objectWatcher) Release(*bridge.Package) {
	w.ended = true
	w.w.Stop()
	w.callback.Release()
}

func (w *objectWatcher) Opened(*bridge.Package) { w.source.Open() }

func cmdObjectWatchConsumer(_ *bridge.Package, w *objectWatcher, _ []bridge.Value) (any, error) {
	return w.consumer.ID(), nil
}

// objectChange is one info on its way to the script, or none for the end of the current ones.
type objectChange struct {
	w    *objectWatcher
	info *object.Info
}

func (c *objectChange) Run(p *bridge.Package) {
	if c.w.ended {
		return
	}
	var info any = ""
	if c.info != nil {
		c.w.w.Taken()
		info = objectDict(c.info)
	}
	callback := c.w.callback.Retain() // it may destroy the watcher
	defer callback.Release()
	c.w.c.call(p, callback, info)
}
