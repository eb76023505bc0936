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
}

// chunkSize is how many entries go to the interpreter at once.
const chunkSize = 256

func cmdHistory(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	h := &history{
		entry: entryRecord{c: b.j.c, bucket: b.name.Retain(), delta: true},
		list:  p.Host.NewValue([]any{}),
	}
	id, err := bridge.Begin(p,
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
					if err != nil {
						h.unwanted(p)
					}
				})
		},
		func(struct{}) (any, error) {
			h.entry.bucket.Release()
			return bridge.Given{Value: h.list}, nil
		},
		func(struct{}) { h.unwanted(p) })
	if err != nil {
		h.release()
	}
	return id, err
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
	p.Host.Append(c.h.list, &entryRecords{c.h.entry, c.entries})
}

// unwanted lets go of a list that no script gets. Any goroutine may call it.
func (h *history) unwanted(p *bridge.Package) { p.Post(unwantedHistory{h}) }

type unwantedHistory struct{ h *history }

func (u unwantedHistory) Run(*bridge.Package) { u.h.release() }

func (h *history) release() {
	h.entry.bucket.Release()
	h.list.Release()
}
