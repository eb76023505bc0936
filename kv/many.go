// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"sync"
	"sync/atomic"

	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// ManyOptions say how an operation on many keys goes on.
type ManyOptions struct {
	// InFlight is how many writes wait for their acknowledgement at a time; 1000 where 0.
	InFlight int
	// Progress is told how many of how many are done, failed ones included. Where it returns false
	// nothing more is begun, and the operation ends with ErrCanceled. It may be nil; it is called by a goroutine
	// of the connection, by one at a time.
	Progress func(done, total int) (goOn bool)
}

// defaultInFlight keeps a server busy across a network, and is well below what it holds for a client.
const defaultInFlight = 1000

// KeyValue is a key with its value.
type KeyValue struct {
	Key   string
	Value []byte
}

// Outcome is what became of one key.
type Outcome struct {
	Key      string
	Revision uint64
	Err      error // ErrCanceled: it was not begun
}

var errCanceled = fault.New(fault.Canceled, "The operation was canceled")

// PutMany puts many values, in their order, without waiting for each. done gets an outcome for
// each of them, in the same order, when all have come. A key or value that cannot be fails by itself; once
// the connection or the bucket is gone nothing more is begun.
func (b *Bucket) PutMany(pairs []KeyValue, o ManyOptions, done func([]Outcome)) {
	out := make([]Outcome, len(pairs))
	for i, p := range pairs {
		out[i] = Outcome{Key: p.Key, Err: errCanceled}
	}
	b.pipeline(len(pairs), o, func(i int, ended func(error)) error {
		return b.Put(pairs[i].Key, pairs[i].Value, func(revision uint64, err error) {
			out[i].Revision, out[i].Err = revision, err
			ended(err)
		})
	}, func(i int, err error) { out[i].Err = err }, func() { done(out) })
}

// pipeline begins n steps in order, so many at a time, and calls finished when all that were
// begun have ended. The first ones are begun before it returns. start begins one; refused is told of one
// that could not be begun.
func (b *Bucket) pipeline(n int, o ManyOptions, start func(i int, ended func(error)) error, refused func(i int, err error), finished func()) {
	window := o.InFlight
	if window <= 0 {
		window = defaultInFlight
	}
	p := &pipe{total: n, options: o, free: make(chan struct{}, window)}
	next := 0
	step := func() {
		i := next
		next++
		p.running.Add(1)
		if err := start(i, p.ended); err != nil {
			refused(i, err)
			p.ended(err)
		}
	}
	for next < n && !p.stopped.Load() && len(p.free) < window {
		p.free <- struct{}{}
		step()
	}
	conn := b.js.Conn()
	go conn.Guarded(func() {
		p.feed(conn, n-next, step)
		p.running.Wait()
		finished()
	})
}

// pipe is the state of one pipeline.
type pipe struct {
	total   int
	options ManyOptions
	free    chan struct{} // holds one for each step that runs
	running sync.WaitGroup
	stopped atomic.Bool

	mu   sync.Mutex
	done int
}

// feed begins the steps that are left, as others make room.
func (p *pipe) feed(conn *wire.Conn, left int, step func()) {
	conn.Gather()
	defer conn.Ungather()
	for unsent := 0; left > 0; left-- {
		select {
		case p.free <- struct{}{}:
		default:
			// The answers to what was sent make room; a small part of the window may wait for company.
			if unsent*10 >= cap(p.free) {
				conn.SendGathered()
				unsent = 0
			}
			p.free <- struct{}{}
		}
		if p.stopped.Load() {
			return
		}
		step()
		unsent++
	}
}

// ended is the end of one step.
func (p *pipe) ended(err error) {
	if err != nil && endsAll(err) {
		p.stopped.Store(true)
	}
	p.mu.Lock()
	p.done++
	if progress := p.options.Progress; progress != nil && !progress(p.done, p.total) {
		p.stopped.Store(true)
	}
	p.mu.Unlock()
	p.running.Done()
	<-p.free
}

// endsAll tells whether an error will be that of all others, too.
func endsAll(err error) bool {
	switch fault.CodeOf(err) {
	case fault.ConnectionClosed, fault.BucketNotFound, fault.Timeout, fault.NoResponders, fault.BufferExceeded:
		return true
	}
	return false
}
