// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"fmt"
	"hash/maphash"
	"math/big"
	"slices"
	"strconv"
	"sync/atomic"

	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// Operations on many keys.

// manyOptions are those of all of them.
var manyOptions = slices.Concat(option.Table{
	{Name: "progress", Kind: option.Prefix, Empty: true, About: "called as `cmd done total` now and then; `return -code break` of it, or its error, cancels: ErrCanceled"},
}, callOptions)

var putManyOptions = slices.Concat(option.Table{
	{Name: "in_flight", Kind: option.Natural, Default: dict.Number("4000"), About: "how many writes may wait for their acknowledgement at a time, fewer where the values take more than 4 MiB; 0: the default"},
	{Name: "progress", Kind: option.Prefix, Empty: true, About: "called as `cmd done total` now and then; after `return -code break` of it, or its error, no more writes are begun: ErrIncomplete, or ErrCanceled where none was made"},
}, callOptions)

// pairsOf reads a dict of keys and values, as they are to be stored.
func (b *bucket) pairsOf(v bridge.Value) ([]kv.KeyValue, error) {
	list, err := v.List()
	if err != nil || len(list)%2 == 1 {
		return nil, invalid("put_many takes a dict of keys and values")
	}
	defer b.coded.hold(list)()
	pairs := make([]kv.KeyValue, len(list)/2)
	for i := range pairs {
		if pairs[i].Key, err = b.encodeKey(list[2*i].Text()); err != nil {
			return nil, err
		}
		if pairs[i].Value, err = b.encodeValue(list[2*i+1]); err != nil {
			return nil, err
		}
	}
	return lastOfEach(pairs), nil
}

// lastOfEach leaves one of those that have the same key: at the place of the first, with the value of the last, as a dict does.
func lastOfEach(pairs []kv.KeyValue) []kv.KeyValue {
	// As many hashes as keys: no two of these are the same. A map of numbers is cheaper than one of texts.
	hashes := make(map[uint64]struct{}, len(pairs))
	seed := maphash.MakeSeed()
	for _, p := range pairs {
		hashes[maphash.String(seed, p.Key)] = struct{}{}
	}
	if len(hashes) == len(pairs) {
		return pairs
	}
	out := pairs[:0]
	places := make(map[string]int, len(pairs))
	for _, p := range pairs {
		if place, twice := places[p.Key]; twice {
			out[place].Value = p.Value
			continue
		}
		places[p.Key] = len(out)
		out = append(out, p)
	}
	return out
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
		}, func(out []kv.Outcome, _ bool) (any, error) { return b.revisions(out) })
}

// orCanceled is for results that a progress cancels. The script may have said so after the core had come to its end: what
// it said counts all the same, so that the answer is the same on a slow machine.
func orCanceled[T any](finish func(T) (any, error)) func(v T, canceled bool) (any, error) {
	return func(v T, canceled bool) (any, error) {
		if canceled {
			return nil, errCanceled()
		}
		return finish(v)
	}
}

// many begins an operation on many keys, whose result comes with finish, which is told whether the script's progress has
// canceled it. start is the core's.
func many[T any](p *bridge.Package, b *bucket, table option.Table, args []bridge.Value,
	start func(core *kv.Bucket, o option.Values, report func(done, total int) bool, done func(T, error)) error, finish func(v T, canceled bool) (any, error)) (any, error) {
	o, err := table.Parse(args)
	if err != nil {
		return nil, err
	}
	g := &progress{}
	g.beginProgress(b.j.c, o)
	report := func(done, total int) bool { return g.at(p, int64(done), int64(total)) }
	id, err := b.callWith(p, o, func(core *kv.Bucket, o option.Values) (any, error) {
		return beginCoded(p, b.coded, g.release, func(done func(T, error)) error {
			return start(core, o, report, func(v T, err error) { g.endOperation(p, func() { done(v, err) }, wire.IsLate(err)) })
		}, func(v T) (any, error) { return finish(v, g.stopped.Load()) })
	}, func() { g.stopped.Store(true) })
	if err != nil {
		g.release()
	}
	return id, err
}

// endOperation has done called behind the calls of the progress; at once where there is none. It is for any goroutine. A
// deadline is late: it waits for a call that runs, and for none that is on its way.
func (g *progress) endOperation(p *bridge.Package, done func(), late bool) {
	end := &operationEnd{g, done, late}
	switch {
	case g.command == nil:
		done()
	case late:
		p.PostUrgent(end)
	default:
		p.Post(end)
	}
}

type operationEnd struct {
	g    *progress
	done func()
	late bool
}

func (e *operationEnd) Run(*bridge.Package) {
	switch {
	case !e.late:
		e.g.whenTold(e.end)
	case e.g.running:
		e.g.late = append(e.g.late, e.end)
	default:
		e.end()
	}
}

func (e *operationEnd) end() {
	e.g.release()
	e.done()
}

// revisions is the result of writes: the new revisions in order. Where some have failed it is an
// error that has all of it: which failed and why, and the revisions of the others.
func (b *bucket) revisions(out []kv.Outcome) (any, error) {
	failed := dict.Dict{}
	var first error
	for _, o := range out {
		if o.Err == nil {
			continue
		}
		key, err := b.coded.decodeKey(o.Key)
		if err != nil {
			key = o.Key
		}
		code := bridge.ListText(errorCode(o.Err))
		failed = append(failed, dict.Field{Key: key, Value: bridge.ListText([]string{"code", code, "errorMessage", o.Err.Error()})})
		if first == nil || fault.CodeOf(first) == fault.Canceled {
			first = o.Err
		}
	}
	if first == nil {
		return revisionList(out), nil
	}
	if len(failed) == len(out) && fault.CodeOf(first) == fault.Canceled {
		return nil, first
	}
	words := make([]string, 0, 2*len(failed))
	for _, f := range failed {
		words = append(words, f.Key, f.Value.(string))
	}
	texts := make([]string, len(out))
	for i, o := range out {
		if o.Err == nil {
			texts[i] = strconv.FormatUint(o.Revision, 10)
		}
	}
	return nil, &fault.Error{
		Code: fault.Incomplete, Words: []string{bridge.ListText(words), bridge.ListText(texts)},
		Text: fmt.Sprintf("%d of %d writes failed: %s", len(failed), len(out), first.Error()),
	}
}

// revisionList has the revisions of writes that have all been made.
type revisionList []kv.Outcome

func (l revisionList) WriteTo(w bridge.Writer) {
	w.List(len(l))
	for i := range l {
		writeUint(w, l[i].Revision)
	}
}

var keysOptions = option.Table{
	{Name: "keys", Kind: option.List, About: "only keys that match one of these patterns, which must not overlap; by default all keys"},
	{Name: "timeout", Kind: option.Millis, About: "how long to wait; by default the jet_stream's -timeout; 0: no limit"},
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called with each key as it comes, and once more with an empty one at the end; the method returns a number at once, which `cancel` takes. An error goes to `interp bgerror`, and then there is no call with an empty key"},
}

func cmdKeys(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	o, err := keysOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	var filters []string
	if o.Has("keys") {
		if filters, err = b.filters("", o); err != nil {
			return nil, err
		}
	}
	if callback, given := o.Get("callback").(bridge.Value); given {
		return b.eachKey(p, o, filters, callback)
	}
	return b.callWith(p, o, func(core *kv.Bucket, _ option.Values) (any, error) {
		return beginCoded(p, b.coded, nil, func(done func([]string, error)) error { return core.KeysMatching(filters, done) }, func(stored []string) (any, error) {
			keys := b.coded.decodeKeys(stored)
			if len(keys) == 0 {
				return nil, b.kv.NoKeys() // the codec has made none of them
			}
			return keys, nil
		})
	}, nil)
}

// keyStream are keys on their way to a callback. The callback, and a codec, may serve events in the middle, and so may
// be called again before they have returned: whoever comes goes on where the others are, so that no key is left out
// or comes behind the end.
type keyStream struct {
	b        *bucket
	callback bridge.Value // retained
	stopped  atomic.Bool

	queue    []string // as they are stored
	decoding int      // keys that were taken from it, and have not come to the callback
	last     bool     // no more will come
	err      error    // because of this, nil for the end
	ended    bool     // the callback knows, and was let go
}

// advance calls the callback with what is there, and with the end behind it.
func (s *keyStream) advance(p *bridge.Package) {
	goesOn := func() bool { return !s.stopped.Load() && !s.ended && p.Alive(s.b.j.c) }
	for len(s.queue) > 0 && goesOn() {
		stored := s.queue[0]
		s.queue = s.queue[1:]
		s.decoding++
		key, err := s.b.coded.decodeKey(stored)
		s.decoding--
		if err == nil && goesOn() {
			s.b.j.c.call(p, s.callback, key)
		}
	}
	if !s.last || s.ended || s.decoding > 0 {
		return
	}
	defer s.letGo()
	switch s.ended = true; {
	case !p.Alive(s.b.j.c) || s.stopped.Load():
	case s.err != nil && fault.CodeOf(s.err) != fault.KeyNotFound:
		p.Report(s.err)
	default:
		s.b.j.c.call(p, s.callback, "")
	}
}

// letGo is the end, in the interpreter's thread.
func (s *keyStream) letGo() {
	s.ended = true
	s.callback.Release()
	s.b.coded.release()
}

// foundKeys are some of them.
type foundKeys struct {
	s    *keyStream
	keys []string
}

func (f foundKeys) Run(p *bridge.Package) {
	f.s.queue = append(f.s.queue, f.keys...)
	f.s.advance(p)
}

// eachKey is keys with a callback. It takes as many keys at a time as history takes entries.
func (b *bucket) eachKey(p *bridge.Package, o option.Values, filters []string, callback bridge.Value) (any, error) {
	s := &keyStream{b: b, callback: callback.Retain()}
	b.coded.retain()
	core := b.kv
	if o.Has("timeout") {
		core = core.WithTimeout(o.Duration("timeout"))
	}
	var chunk []string
	post := func() {
		if len(chunk) > 0 {
			p.Post(foundKeys{s, chunk})
			chunk = nil
		}
	}
	id, err := bridge.BeginHolding(p, s.letGo, func(done func(error, error)) error {
		return core.EachKey(filters, func(key string) bool {
			if chunk = append(chunk, key); len(chunk) == chunkSize {
				post()
			}
			return !s.stopped.Load()
		}, func(err error) {
			post()
			done(err, nil)
		})
	}, func(err error) (any, error) {
		s.last, s.err = true, err
		s.advance(p)
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	nothing := p.Host.NewValue("list")
	defer nothing.Release()
	return p.Tell(id, b.j.c, nothing, func() { s.stopped.Store(true) })
}

var getManyOptions = slices.Concat(option.Table{
	{Name: "keys", Kind: option.List, About: "patterns, which may overlap, in place of a list of keys; > is all keys"},
	{Name: "up_to_revision", Kind: option.Natural, About: "returns the keys as they were when this was the bucket's last revision, as far as the bucket still has them"},
	{Name: "up_to_time", Kind: option.Nonempty, About: "returns the keys as they were at this time, such as 2026-01-01T00:00:00Z"},
	{Name: "headers", Kind: option.Bool, About: "entries have the field header"},
}, manyOptions)

// cmdGetMany reads many keys: its first argument is a list of them, unless -keys names patterns.
func cmdGetMany(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	var selection kv.Selection
	var headers bool
	listed := len(args)%2 == 1
	if listed {
		keys, err := bridge.Texts(args[0])
		if err != nil {
			return nil, invalid("get_many takes a list of keys")
		}
		for _, key := range keys {
			stored, err := b.encodeKey(key)
			if err != nil {
				return nil, err
			}
			selection.Keys = append(selection.Keys, stored)
		}
		args = args[1:]
	}
	return many(p, b, getManyOptions, args,
		func(core *kv.Bucket, o option.Values, report func(done, total int) bool, done func([]kv.Entry, error)) error {
			var err error
			if !listed && !o.Has("keys") {
				return invalid("get_many takes a list of keys, or patterns by -keys; -keys > reads all")
			}
			if o.Has("keys") {
				if selection.Filters, err = b.filters("", o); err != nil {
					return err
				}
			}
			if o.Has("up_to_revision") {
				if selection.UpToRevision, err = revisionOf(o.Get("up_to_revision")); err != nil {
					return err
				}
			}
			selection.UpToTime = o.Text("up_to_time")
			selection.Progress = report
			headers = o.Bool("headers")
			return core.GetMany(selection, done)
		}, orCanceled(func(entries []kv.Entry) (any, error) {
			for i := range entries {
				if err := b.coded.decode(&entries[i]); err != nil {
					return nil, err
				}
			}
			return &entryRecords{entryRecord: entryRecord{c: b.j.c, bucket: b.word(), headers: headers}, entries: entries}, nil
		}))
}

var deleteKeysOptions = slices.Concat(option.Table{
	{Name: "keys", Kind: option.List, About: "only keys that match one of these patterns, which must not overlap; by default all keys"},
	{Name: "purge", Kind: option.Bool, About: "deletes the history of the keys, too"},
}, manyOptions)

func cmdDeleteKeys(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return many(p, b, deleteKeysOptions, args,
		func(core *kv.Bucket, o option.Values, report func(done, total int) bool, done func(int, error)) error {
			var filters []string
			if o.Has("keys") {
				var err error
				if filters, err = b.filters("", o); err != nil {
					return err
				}
			}
			return core.DeleteKeys(filters, o.Bool("purge"), kv.ManyOptions{Progress: report}, done)
		}, orCanceled(bridge.Plain[int]))
}

var purgeDeletesOptions = slices.Concat(option.Table{
	{Name: "older_than", Kind: option.Int, Default: dict.Number("1800000"), About: "an age in ms: markers that are older are deleted, too; -1: all of them"},
}, manyOptions)

func cmdPurgeDeletes(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return many(p, b, purgeDeletesOptions, args,
		func(core *kv.Bucket, o option.Values, report func(done, total int) bool, done func(uint64, error)) error {
			older := option.FromMillis(big.NewInt(o.Int("older_than")))
			return core.PurgeDeletes(older, kv.ManyOptions{Progress: report}, done)
		}, orCanceled(bridge.Plain[uint64]))
}
