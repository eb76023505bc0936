// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// ManyOptions say how an operation on many keys goes on.
type ManyOptions struct {
	// InFlight is how many writes wait for their acknowledgement at a time; 4000 where 0. Of large values it is fewer, so that
	// they take no more than 4 MiB.
	InFlight int
	// Progress is told how many of how many are done, failed ones included. Where it returns false
	// nothing more is begun, and the operation ends with ErrCanceled. It may be nil; it is called by a goroutine
	// of the connection, by one at a time.
	Progress func(done, total int) (goOn bool)
}

const (
	// defaultInFlight keeps a server busy across a network, and is below the 10,000 that it holds for a stream. It is nats.go's, too.
	defaultInFlight = 4000
	// bytesInFlight is well below what may wait for a server (wire.DefaultMaxWaiting), and what a network of 10 Mbit/s carries
	// within a request's timeout.
	bytesInFlight = 4 << 20
)

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
// the connection or the bucket is gone nothing more is begun. pairs stay as they are until done is called.
func (b *Bucket) PutMany(pairs []KeyValue, o ManyOptions, done func([]Outcome)) {
	out := make([]Outcome, len(pairs))
	for i, p := range pairs {
		out[i] = Outcome{Key: p.Key, Err: errCanceled}
	}
	size := func(i int) int { return len(pairs[i].Value) }
	b.pipeline(len(pairs), o, size, func(p *pipe, i int) error {
		return b.Put(pairs[i].Key, pairs[i].Value, func(revision uint64, err error) {
			out[i].Revision, out[i].Err = revision, err
			p.ended(i, err)
		})
	}, func(i int, err error) { out[i].Err = err }, func() { done(out) })
}

// pipeline begins n steps in order, so many at a time, and calls finished when all that were
// begun have ended. The first ones are begun before it returns. size is how many bytes a step sends (nil: few), start begins one,
// which calls ended; refused is told of one that could not be begun.
func (b *Bucket) pipeline(n int, o ManyOptions, size func(i int) int, start func(p *pipe, i int) error, refused func(i int, err error), finished func()) {
	window := int64(o.InFlight)
	if window <= 0 {
		window = defaultInFlight
	}
	window = min(window, bytesInFlight)
	// A step weighs as much as it sends, and so much that there are no more of them than the window allows.
	least := bytesInFlight / window
	p := &pipe{total: n, options: o, size: size, least: least, most: window * least, free: semaphore.NewWeighted(window * least)}
	next := 0
	step := func() {
		i := next
		next++
		p.running.Add(1)
		if err := start(p, i); err != nil {
			refused(i, err)
			p.ended(i, err)
		}
	}
	for next < n && !p.stopped.Load() && p.free.TryAcquire(p.weight(next)) {
		step()
	}
	conn := b.js.Conn()
	go conn.Guarded(func() {
		p.feed(conn, next, step)
		p.running.Wait()
		finished()
	})
}

// pipe is the state of one pipeline.
type pipe struct {
	total   int
	options ManyOptions
	size    func(i int) int     // of a step, in bytes; nil: small
	least   int64               // what a step weighs at least
	most    int64               // what all steps that run may weigh
	free    *semaphore.Weighted // of that
	running sync.WaitGroup
	stopped atomic.Bool

	mu   sync.Mutex
	done int
}

// weight is that of a step.
func (p *pipe) weight(i int) int64 {
	if p.size == nil {
		return p.least
	}
	return min(max(p.least, int64(p.size(i))), p.most)
}

// feed begins the steps that are left, from next on, as others make room.
func (p *pipe) feed(conn *wire.Conn, next int, step func()) {
	conn.Gather()
	defer conn.Ungather()
	for unsent := int64(0); next < p.total; next++ {
		w := p.weight(next)
		if !p.free.TryAcquire(w) {
			// The answers to what was sent make room; a small part of the window may wait for company.
			if unsent >= p.most/10 {
				conn.SendGathered()
				unsent = 0
			}
			_ = p.free.Acquire(context.Background(), w) // whose end never comes
		}
		if p.stopped.Load() {
			return
		}
		step()
		unsent += w
	}
}

// ended is the end of one step.
func (p *pipe) ended(i int, err error) {
	weight := p.weight(i) // when the last one is done what it is about belongs to the caller again
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
	p.free.Release(weight)
}

// endsAll tells whether an error will be that of all others, too.
func endsAll(err error) bool {
	switch fault.CodeOf(err) {
	case fault.ConnectionClosed, fault.BucketNotFound, fault.Timeout, fault.NoResponders, fault.BufferExceeded:
		return true
	}
	return false
}
