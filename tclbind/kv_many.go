package tclbind

import (
	"fmt"
	"slices"
	"sync/atomic"

	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// Operations on many keys.

// manyOptions are those of all of them.
var manyOptions = slices.Concat(option.Table{
	{Name: "progress", Kind: option.Prefix, Empty: true, About: "called as `cmd done total` now and then; `return -code break` of it cancels: ErrCanceled"},
}, callOptions)

var putManyOptions = slices.Concat(option.Table{
	{Name: "in_flight", Kind: option.Natural, Default: dict.Number("1000"), About: "how many wait for their acknowledgement at a time"},
}, manyOptions)

// progress tells a script how far an operation is, as often as the script takes it.
type progress struct {
	p       *bridge.Package
	prefix  bridge.Value // retained; nil for none
	done    atomic.Int64
	total   atomic.Int64
	told    atomic.Bool // it is on its way to the script
	stopped atomic.Bool
	ended   bool
}

func newProgress(p *bridge.Package, o option.Values) *progress {
	g := &progress{p: p}
	if prefix, given := o["progress"].(bridge.Value); given {
		g.prefix = prefix.Retain()
	}
	return g
}

// report is called by the core's goroutines.
func (g *progress) report(done, total int) (goOn bool) {
	g.done.Store(int64(done))
	g.total.Store(int64(total))
	if g.prefix != nil && !g.told.Swap(true) {
		g.p.Post(g)
	}
	return !g.stopped.Load()
}

// Run tells the script.
func (g *progress) Run(p *bridge.Package) {
	if g.ended {
		return
	}
	g.told.Store(false)
	v, err := p.Host.Invoke(g.prefix, g.done.Load(), g.total.Load())
	switch {
	case err == nil:
		v.Release()
	case err == bridge.ErrBreak:
		g.stopped.Store(true)
	default:
		g.stopped.Store(true)
		p.Report(err)
	}
}

// end lets go of the script's command; in the interpreter's thread.
func (g *progress) end() {
	if g.prefix != nil && !g.ended {
		g.prefix.Release()
	}
	g.ended = true
}

// pairsOf reads a dict of keys and values, as they are to be stored.
func (b *bucket) pairsOf(v bridge.Value) ([]kv.KeyValue, error) {
	list, err := v.List()
	if err != nil || len(list)%2 == 1 {
		return nil, invalid("put_many takes a dict of keys and values")
	}
	out := make([]kv.KeyValue, 0, len(list)/2)
	places := make(map[string]int, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		key, err := b.coded.encodeKey(list[i].Text())
		if err != nil {
			return nil, err
		}
		value, err := b.coded.encodeValue(b.j.c.outgoing(list[i+1]))
		if err != nil {
			return nil, err
		}
		if place, twice := places[key]; twice {
			out[place].Value = value // the last one counts, as in any dict
			continue
		}
		places[key] = len(out)
		out = append(out, kv.KeyValue{Key: key, Value: value})
	}
	return out, nil
}

func cmdPutMany(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	pairs, err := b.pairsOf(args[0])
	if err != nil {
		return nil, err
	}
	return many(p, b, putManyOptions, args[1:],
		func(core *kv.Bucket, o option.Values, report func(done, total int) bool, done func([]kv.Outcome, error)) error {
			options := kv.ManyOptions{InFlight: int(min(o.Int("in_flight"), 1<<20)), Progress: report}
			core.PutMany(pairs, options, func(out []kv.Outcome) { done(out, nil) })
			return nil
		}, b.revisions)
}

// many begins an operation on many keys, whose result comes with finish. start is the core's.
func many[T any](p *bridge.Package, b *bucket, table option.Table, args []bridge.Value,
	start func(core *kv.Bucket, o option.Values, report func(done, total int) bool, done func(T, error)) error, finish func(T) (any, error)) (any, error) {
	o, err := table.Parse(args)
	if err != nil {
		return nil, err
	}
	g := newProgress(p, o)
	id, err := b.callWith(p, o, func(core *kv.Bucket, o option.Values) (any, error) {
		return bridge.Begin(p, func(done func(T, error)) error {
			return start(core, o, g.report, func(v T, err error) {
				p.Post(progressEnd{g})
				done(v, err)
			})
		}, finish)
	}, func() { g.stopped.Store(true) })
	if err != nil {
		g.end()
	}
	return id, err
}

// progressEnd is the last word of a progress, in the script's thread.
type progressEnd struct{ *progress }

func (e progressEnd) Run(*bridge.Package) { e.end() }

// revisions is the result of writes: the new revisions in order. Where some have failed it is an
// error that has all of it: which failed and why, and the revisions of the others.
func (b *bucket) revisions(out []kv.Outcome) (any, error) {
	revisions := make([]any, len(out))
	failed := dict.Dict{}
	var first error
	for i, o := range out {
		if o.Err == nil {
			revisions[i] = o.Revision
			continue
		}
		revisions[i] = ""
		key, err := b.coded.decodeKey(o.Key)
		if err != nil {
			key = o.Key
		}
		code := bridge.ListText(errorCode(o.Err))
		failed = append(failed, dict.Field{Key: key, Value: bridge.ListText([]string{"code", code, "errorMessage", o.Err.Error()})})
		if first == nil || wire.CodeOf(first) == "ErrCanceled" {
			first = o.Err
		}
	}
	if first == nil {
		return revisions, nil
	}
	if len(failed) == len(out) && wire.CodeOf(first) == "ErrCanceled" {
		return nil, first
	}
	words := make([]string, 0, 2*len(failed))
	for _, f := range failed {
		words = append(words, f.Key, f.Value.(string))
	}
	texts := make([]string, len(revisions))
	for i, r := range revisions {
		texts[i] = fmt.Sprint(r)
	}
	return nil, &wire.Error{
		Code: "ErrIncomplete", Words: []string{bridge.ListText(words), bridge.ListText(texts)},
		Text: fmt.Sprintf("%d of %d keys were not written: %s", len(failed), len(out), first.Error()),
	}
}
