// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Selection says which keys GetMany reads.
type Selection struct {
	Keys    []string // these
	Filters []string // or the keys that match one of these; wildcards are fine
	// UpToRevision reads what the keys were when that was the bucket's last revision, as far as the bucket still
	// has it; 0: now.
	UpToRevision uint64
	// UpToTime does the same for a time, as 2026-01-01T00:00:00Z.
	UpToTime string
	// Progress is told how many keys have come; where it returns false, the end is ErrCanceled. It may be nil.
	Progress func(done, total int) (goOn bool)
}

// subjectsAtOnce is how many keys are asked for in one request: servers send no more than 1,024 messages for it
// (ADR-31). Each request reads one moment of the bucket.
const subjectsAtOnce = 1024

// requestBytes bounds the subjects of one request, well below what servers take (1 MB).
const requestBytes = 256 << 10

// GetMany reads the last entries of many keys, in the order of their revisions; missing and deleted ones are left out.
// Each 1,024 keys are read as they were at one moment, less what is written anew while 16 MB and more of them are
// on their way, which comes as it is then. A replica that is behind, or a mirror, may answer.
//
// A filter that more keys match than a server sends at once is read by a consumer instead, like Keys.
func (b *Bucket) GetMany(s Selection, done func([]Entry, error)) error {
	if len(s.Keys) > 0 && len(s.Filters) > 0 {
		return invalid("keys are named, or filters, not both")
	}
	names := slices.Concat(s.Keys, s.Filters)
	for _, key := range s.Keys {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	for _, filter := range s.Filters {
		if !wire.ValidSubject(b.read+filter, true) {
			return wire.BadSubject(b.read+filter, true)
		}
	}
	if s.UpToRevision > 0 {
		if err := checkRevision(s.UpToRevision); err != nil {
			return err
		}
	}
	if at := s.UpToTime; at != "" {
		if err := js.CheckTime(at); err != nil {
			return err
		}
	}
	if !b.direct.On() && s.past() {
		return fault.New(fault.NotSupported, "Bucket "+b.name+" has no direct gets (allow_direct): its keys cannot be read as they were")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	g := &gathering{bucket: b, begun: wire.Now(), selection: s, places: map[string]int{}, done: done}
	var parts [][]string
	for len(names) > 0 {
		n := partOf(names, len(b.read))
		parts = append(parts, names[:n])
		names = names[n:]
	}
	g.open.Store(int64(len(parts)) + 1)
	for _, part := range parts {
		if err := g.read(part, moment{upTo: s.UpToRevision}); err != nil {
			g.end(err)
		}
	}
	g.end(nil)
	return nil
}

// partOf is how many of the names go into one request.
func partOf(names []string, prefix int) int {
	size := 0
	for i, name := range names {
		if size += prefix + len(name) + 3; i == subjectsAtOnce || size > requestBytes && i > 0 {
			return i
		}
	}
	return len(names)
}

// gathering is a GetMany on its way.
type gathering struct {
	bucket    *Bucket
	begun     wire.Instant
	selection Selection
	done      func([]Entry, error)
	open      atomic.Int64 // parts that are to end
	looked    int          // how often behind has asked; by one goroutine at a time, for there is one part

	mu      sync.Mutex
	found   []Entry        // the newest that is known of each key, mostly in the order of their revisions
	places  map[string]int // where a key's is
	failure error
}

// pageBytes is how much a server sends for one request. Far more would make it take the client for too slow to
// be kept (its max_pending is 64 MB).
const pageBytes = 16 << 20

// moment is what several pages have to bring together: the last messages up to one sequence number.
type moment struct {
	from, upTo    uint64
	expected, got uint64
}

// read asks for the last messages of the names, from a sequence number on.
func (g *gathering) read(names []string, at moment) error {
	b := g.bucket
	if !b.direct.On() {
		return g.readEach(names)
	}
	subjects := make([]string, len(names))
	for i, name := range names {
		subjects[i] = b.read + name
	}
	request := dict.Dict{{Key: "multi_last", Value: subjects}, {Key: "max_bytes", Value: pageBytes}}
	if at.from > 0 {
		request.Set("seq", at.from)
	}
	if at.upTo > 0 {
		request.Set("up_to_seq", at.upTo)
	} else if g.selection.UpToTime != "" {
		request.Set("up_to_time", g.selection.UpToTime)
	}
	return b.js.DirectGetEach(b.stream, request, func(m *js.Message) { g.take(b.stored(m)) }, func(page js.Cursor, err error) {
		if err == nil && g.goesOn() {
			var more bool
			if more, err = g.rest(names, at, page); more && err == nil {
				return
			}
		}
		g.answered(names, err)
	})
}

// rest asks for what a page has left out, as it was at the moment of the first one. What is written anew meanwhile leaves
// its place there: then the newer value is looked for.
func (g *gathering) rest(names []string, at moment, page js.Cursor) (more bool, err error) {
	if page.Count == 0 && at.from == 0 && g.behind(names, at) {
		return true, nil
	}
	if at.expected == 0 {
		at.expected = page.Count + page.Pending
		if page.UpTo > 0 { // a page that ended before a message that was removed does not tell it
			at.upTo = page.UpTo
		}
	}
	at.got += page.Count
	switch {
	case page.Pending > 0 && page.Count == 0:
		return true, fault.New(fault.Protocol, "Invalid reply to a direct get: it brings none of what is there")
	case page.Pending > 0:
		at.from = page.Last + 1
		return true, g.read(names, at)
	case at.got >= at.expected || g.selection.past():
		return false, nil
	case len(g.selection.Filters) > 0:
		return true, g.readEach(names)
	}
	g.mu.Lock()
	left := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, there := g.places[name]
		return there
	})
	g.mu.Unlock()
	return true, g.read(left, moment{})
}

// behind looks after an answer that nothing was there as of a revision. A replica that does not have the revision yet says
// so, and a stream that has not come so far: then it is asked again, up to what there is. False where the answer holds.
func (g *gathering) behind(names []string, at moment) bool {
	b := g.bucket
	if g.selection.UpToRevision == 0 || g.looked >= mostLooks {
		return false
	}
	g.looked++
	return b.js.StreamState(b.stream, "", func(state js.StreamState, err error) {
		again := at
		again.upTo = min(at.upTo, state.LastSeq)
		if err != nil || state.Replicas <= 1 && again.upTo == at.upTo || again.upTo == 0 {
			g.answered(names, nil) // nobody can say more, or it is so
			return
		}
		read := func() {
			if err := g.read(names, again); err != nil {
				g.end(err)
			}
		}
		if again.upTo < at.upTo {
			read()
			return
		}
		time.AfterFunc(lookAgain, func() { b.js.Conn().Guarded(read) })
	}) == nil
}

const (
	// mostLooks bounds how often a stream with replicas is asked again, and lookAgain is the wait before.
	mostLooks = 5
	lookAgain = 100 * time.Millisecond
)

// past tells whether what was is asked for, and not what is now.
func (s *Selection) past() bool { return s.UpToRevision > 0 || s.UpToTime != "" }

// answered is the end of a request: servers that do not know this kind of request refuse it (408), and so they do
// where too many keys match (413).
func (g *gathering) answered(names []string, err error) {
	var refused *fault.Error
	if e, ok := err.(*fault.Error); ok && e.Code == fault.JSResponse && len(e.Words) > 0 && e.Words[0] == "413" {
		refused = e
	}
	switch {
	case refused != nil && g.selection.past():
		err = invalid("More than 1024 keys match: they cannot be read as of one revision")
	case g.selection.past() && fault.CodeOf(err) == fault.InvalidArg:
		if g.explain(err) == nil {
			return
		}
	case refused != nil, fault.CodeOf(err) == fault.InvalidArg && !g.selection.past():
		if err = g.readEach(names); err == nil {
			return
		}
	}
	if err == nil {
		g.end(nil)
		return
	}
	g.bucket.told(g.begun, false, err, func(err error) {
		if fault.CodeOf(err) == fault.NoResponders && !g.bucket.direct.On() && !g.selection.past() && g.readEach(names) == nil {
			return // somebody has switched direct gets off since the bucket was bound
		}
		g.end(err)
	})
}

// explain ends a request that was refused with the reason, where it is a server that cannot read what was.
func (g *gathering) explain(refusal error) error {
	return g.bucket.js.AccountInfo(func(info dict.Dict, err error) {
		if err == nil && apiLevel(info) < 1 {
			refusal = fault.New(fault.NotSupported, "Reading many keys as they were (up_to_revision, up_to_time) needs a nats-server of 2.11 or newer")
		}
		g.end(refusal)
	})
}

// getsInFlight is how many keys are read at a time, one by one.
const getsInFlight = 1000

// readEach reads without the help of direct gets: each key by itself, or each filter by a consumer.
func (g *gathering) readEach(names []string) error {
	b := g.bucket
	if len(g.selection.Filters) == 0 {
		var failure atomic.Pointer[error]
		failed := func(err error) {
			if err != nil && fault.CodeOf(err) != fault.KeyNotFound {
				failure.Store(&err)
			}
		}
		b.pipeline(len(names), ManyOptions{InFlight: getsInFlight}, nil, func(p *pipe, i int) error {
			return b.Read(names[i], ReadOptions{Deleted: true}, func(e Entry, err error) {
				if failed(err); err == nil {
					g.take(e)
				}
				p.ended(i, nil)
			})
		}, func(_ int, err error) { failed(err) }, func() {
			if err := failure.Load(); err != nil {
				g.end(*err)
				return
			}
			g.end(nil)
		})
		return nil
	}
	g.open.Add(int64(len(names)) - 1)
	for _, filter := range names {
		s := &snapshot{bucket: b, what: "values"}
		s.take = func(m *wire.Lent, meta js.Metadata) {
			m.Own()
			if g.take(b.entryOf(&m.Msg, meta)); !g.goesOn() {
				s.finish(errCanceled) // the rest is of no use
			}
		}
		s.done = g.end
		if err := s.start([]string{filter}, js.OrderedConfig{DeliverPolicy: "last_per_subject"}); err != nil {
			g.end(err)
		}
	}
	return nil
}

// take keeps an entry, where none is known that is newer.
func (g *gathering) take(e Entry) {
	g.mu.Lock()
	e.Delta = 0
	if place, there := g.places[e.Key]; !there {
		g.places[e.Key] = len(g.found)
		g.found = append(g.found, e)
	} else if g.found[place].Revision < e.Revision {
		g.found[place] = e
	}
	n := len(g.found)
	g.mu.Unlock()
	if progress := g.selection.Progress; progress != nil && !progress(n, max(n, len(g.selection.Keys))) {
		g.fail(errCanceled)
	}
}

func (g *gathering) goesOn() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure == nil
}

func (g *gathering) fail(err error) {
	g.mu.Lock()
	g.failure = cmp.Or(g.failure, err)
	g.mu.Unlock()
}

// end is the end of one part; the last one tells the result.
func (g *gathering) end(err error) {
	if err != nil {
		g.fail(err)
	}
	if g.open.Add(-1) > 0 {
		return
	}
	if g.failure != nil {
		g.done(nil, g.failure)
		return
	}
	entries := slices.DeleteFunc(g.found, func(e Entry) bool { return e.Operation != Put })
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Revision, b.Revision) })
	g.done(entries, nil)
}
