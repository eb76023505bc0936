// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"iter"
	"sync"

	"natstcl/kv"
)

// Watch follows the keys that match, until the loop over it or ctx ends:
//
//	for entry, err := range bucket.Watch(ctx, ">", kv.WatchOptions{}) {
//
// First come the entries that are there, then nil once, then every change. The loop ends behind an
// error, that of ctx too. A lost connection is none: the watch goes on when there is another.
func (b *Bucket) Watch(ctx context.Context, key string, o kv.WatchOptions) iter.Seq2[*kv.Entry, error] {
	return func(yield func(*kv.Entry, error) bool) {
		q := &queue{more: make(chan struct{}, 1)}
		watcher, err := b.watch(ctx, key, o, q)
		if err != nil {
			yield(nil, err)
			return
		}
		defer watcher.Stop()
		for {
			for _, entry := range q.take() {
				if entry != nil {
					watcher.Taken()
				}
				if !yield(entry, nil) {
					return
				}
			}
			select {
			case <-q.more:
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}

// watch waits for the watcher. One that comes when ctx is over is stopped.
func (b *Bucket) watch(ctx context.Context, key string, o kv.WatchOptions, q *queue) (*kv.Watcher, error) {
	var mu sync.Mutex
	var made *kv.Watcher
	late := false
	watcher, err := kv.Await(ctx, func(done func(*kv.Watcher, error)) error {
		return b.kv.Watch(key, o, q.put, func(w *kv.Watcher, err error) {
			mu.Lock()
			made = w
			unwanted := late && err == nil
			mu.Unlock()
			if unwanted {
				w.Stop()
			}
			done(w, err)
		})
	})
	if err == nil {
		return watcher, nil
	}
	mu.Lock()
	defer mu.Unlock()
	if late = true; made != nil {
		made.Stop()
	}
	return nil, err
}

// queue holds entries on their way to the loop. The server's flow control bounds it: it sends no more
// than a window beyond what was taken.
type queue struct {
	mu      sync.Mutex
	entries []*kv.Entry
	more    chan struct{} // has room for one
}

// put is called by a goroutine of the connection, which must not wait.
func (q *queue) put(e *kv.Entry) {
	q.mu.Lock()
	q.entries = append(q.entries, e)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *queue) take() []*kv.Entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	entries := q.entries
	q.entries = nil
	return entries
}
