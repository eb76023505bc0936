// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"
	"sync"

	"natstcl/kv"

	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// history is the list of a bucket's entries that is being made while they come: the script's
// thread makes values of those that are there, and nothing holds all of them twice.
type history struct {
	entry entryRecord   // what all have; its bucket's name is retained
	list  bridge.Value  // retained
	chunk *historyChunk // the connection's reader fills it; nil while there is nothing in it
	over  bool          // no script gets the list: a deadline does not wait for what is on its way

	coded   *coded
	turns   bridge.Turns // a codec's command may serve events
	sizes   bool         // entries have the field size in place of a value
	failure error        // of the codec
}

// chunkSize is how many entries go to the interpreter at once.
const chunkSize = 256

// chunks are those whose entries are lists of Tcl's by now, and whose memory is taken again.
var chunks = sync.Pool{New: func() any { return &historyChunk{entries: make([]kv.Entry, 0, chunkSize)} }}

var historyOptions = slices.Concat(option.Table{
	{Name: "keys", Kind: option.List, About: "several patterns, which must not overlap, in place of the one key, for which > is written then"},
	{Name: "meta_only", Kind: option.Bool, About: "entries come without values, with their `size`"},
	{Name: "ignore_deletes", Kind: option.Bool, About: "leaves out DEL and PURGE entries"},
	{Name: "resume_from_revision", Kind: option.Natural, About: "only entries from this revision on"},
	{Name: "headers", Kind: option.Bool, About: "entries have the field header"},
}, callOptions)

func cmdHistory(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return b.call(p, historyOptions, args[1:], func(core *kv.Bucket, o option.Values) (any, error) {
		keys, err := b.filters(args[0].Text(), o)
		if err != nil {
			return nil, err
		}
		resume, err := resumeFrom(o)
		if err != nil {
			return nil, err
		}
		options := kv.HistoryOptions{
			Keys: keys, MetaOnly: o.Bool("meta_only"), IgnoreDeletes: o.Bool("ignore_deletes"), ResumeFromRevision: resume,
		}
		return b.history(p, core, options, o.Bool("headers"))
	})
}

func (b *bucket) history(p *bridge.Package, core *kv.Bucket, o kv.HistoryOptions, headers bool) (any, error) {
	h := &history{
		entry: entryRecord{c: b.j.c, bucket: b.name.Retain(), delta: true, headers: headers},
		list:  p.Host.NewValue([]any{}),
		coded: b.coded.retain(),
		sizes: o.MetaOnly,
	}
	return bridge.BeginHolding(p, h.letGo,
		func(done func(struct{}, error)) error {
			return core.EachEntry(o.Keys[0], o,
				func(e kv.Entry) { h.add(p, e) },
				func(err error) {
					if err == nil && h.coded != nil {
						h.filling().ended = func() { done(struct{}{}, nil) }
					}
					h.post(p)
					if err != nil || h.coded == nil {
						done(struct{}{}, err)
					}
				})
		},
		func(struct{}) (any, error) {
			if h.failure != nil {
				return nil, h.failure
			}
			h.coded.release()
			h.entry.bucket.(bridge.Value).Release()
			return bridge.Given{Value: h.list}, nil
		})
}

func (h *history) add(p *bridge.Package, e kv.Entry) {
	c := h.filling()
	if c.entries = append(c.entries, e); len(c.entries) == chunkSize {
		h.post(p)
	}
}

// filling is the chunk that is filled.
func (h *history) filling() *historyChunk {
	if h.chunk == nil {
		h.chunk = chunks.Get().(*historyChunk)
		h.chunk.h = h
	}
	return h.chunk
}

func (h *history) post(p *bridge.Package) {
	if h.chunk != nil {
		p.Post(h.chunk)
		h.chunk = nil
	}
}

// historyChunk is some entries on their way into the list.
type historyChunk struct {
	h       *history
	entries []kv.Entry
	ended   func() // behind the last one, with a codec; else nil
}

func (c *historyChunk) Run(p *bridge.Package) { c.h.turns.Take(p, c) }

// Prepare adds the entries to the list.
func (c *historyChunk) Prepare(p *bridge.Package) {
	h := c.h
	wanted := func() bool { return !h.over && h.failure == nil && !p.Closed() }
	if h.coded != nil {
		for i := 0; i < len(c.entries) && wanted(); i++ {
			h.failure = p.Keep(h.coded.decode(&c.entries[i]))
		}
	}
	if wanted() {
		p.Host.Append(h.list, &entryRecords{h.entry, h.sizes, c.entries})
	}
}

// Finish tells the end, and gives the memory back.
func (c *historyChunk) Finish(*bridge.Package) {
	if c.ended != nil {
		c.ended()
	}
	clear(c.entries)
	*c = historyChunk{entries: c.entries[:0]}
	chunks.Put(c)
}

// letGo is the end of a list that no script gets.
func (h *history) letGo() {
	h.over = true
	h.coded.release()
	h.entry.bucket.(bridge.Value).Release()
	h.list.Release()
}
