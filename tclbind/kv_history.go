package tclbind

import (
	"natstcl/kv"

	"natstcl/tclbind/bridge"
)

// history is the list of a bucket's entries that is being made while they come: the script's
// thread makes values of those that are there, and nothing holds all of them twice.
type history struct {
	entry entryRecord  // what all have; its bucket's name is retained
	list  bridge.Value // retained
	chunk []kv.Entry   // on their way into the list; the connection's reader fills it
	over  bool         // no script gets the list: a deadline does not wait for what is on its way
}

// chunkSize is how many entries go to the interpreter at once.
const chunkSize = 256

func cmdHistory(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	h := &history{
		entry: entryRecord{c: b.j.c, bucket: b.name.Retain(), delta: true},
		list:  p.Host.NewValue([]any{}),
	}
	return bridge.BeginHolding(p, h.letGo,
		func(done func(struct{}, error)) error {
			return b.kv.EachEntry(args[0].Text(),
				func(e kv.Entry) {
					if h.chunk = append(h.chunk, e); len(h.chunk) == chunkSize {
						h.post(p)
					}
				},
				func(err error) {
					h.post(p)
					done(struct{}{}, err)
				})
		},
		func(struct{}) (any, error) {
			h.entry.bucket.(bridge.Value).Release()
			return bridge.Given{Value: h.list}, nil
		})
}

func (h *history) post(p *bridge.Package) {
	p.Post(historyChunk{h, h.chunk})
	h.chunk = make([]kv.Entry, 0, chunkSize)
}

// historyChunk is some entries on their way into the list.
type historyChunk struct {
	h       *history
	entries []kv.Entry
}

func (c historyChunk) Run(p *bridge.Package) {
	if !c.h.over {
		p.Host.Append(c.h.list, &entryRecords{c.h.entry, c.entries})
	}
}

// letGo is the end of a list that no script gets.
func (h *history) letGo() {
	h.over = true
	h.entry.bucket.(bridge.Value).Release()
	h.list.Release()
}
