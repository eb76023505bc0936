// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"sync/atomic"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// DeleteKeys deletes the keys that match one of the filters, or purges them, and returns how many. Keys that are written while
// it runs may stay. The first error ends it.
func (b *Bucket) DeleteKeys(filters []string, purge bool, o ManyOptions, done func(int, error)) error {
	return b.KeysMatching(filters, func(keys []string, err error) {
		if err != nil {
			if fault.CodeOf(err) == fault.KeyNotFound {
				err = nil // there is nothing to delete
			}
			done(0, err)
			return
		}
		remove := func(key string, ended func(error)) error { return b.Delete(key, 0, ended) }
		if purge {
			remove = func(key string, ended func(error)) error { return b.Purge(key, ended) }
		}
		b.each(len(keys), o, func(i int, ended func(error)) error { return remove(keys[i], ended) }, done)
	})
}

// each is a pipeline whose steps are counted, and which the first error ends.
func (b *Bucket) each(n int, o ManyOptions, start func(i int, ended func(error)) error, done func(int, error)) {
	var count atomic.Int64
	var failure atomic.Pointer[error]
	canceled := &atomic.Bool{}
	options := o
	options.Progress = func(done, total int) bool {
		if o.Progress != nil && !o.Progress(done, total) {
			canceled.Store(true)
		}
		return !canceled.Load() && failure.Load() == nil
	}
	b.pipeline(n, options, nil, func(p *pipe, i int) error {
		return start(i, func(err error) {
			if err != nil {
				failure.CompareAndSwap(nil, &err)
			} else {
				count.Add(1)
			}
			p.ended(i, err)
		})
	}, func(_ int, err error) { failure.CompareAndSwap(nil, &err) }, func() {
		var err error
		if p := failure.Load(); p != nil {
			err = *p
		} else if canceled.Load() && int(count.Load()) < n {
			err = errCanceled
		}
		done(int(count.Load()), err)
	})
}

// DefaultMarkerAge is how old a marker is that PurgeDeletes removes, unless it is told otherwise.
const DefaultMarkerAge = 30 * time.Minute

// purgesInFlight is how many purges wait for their reply at a time. A server makes them one after the other, so that more
// would only wait longer, and one that is slow would answer the last ones after their timeout.
const purgesInFlight = 32

// PurgeDeletes removes what deleted keys have left: of markers older than that the marker and the history
// before it, of younger ones the history alone; with less than 0 all markers. It returns how many messages went; where
// the stream's leader changes meanwhile, of a key's history perhaps the marker alone is counted. A key that is written
// anew meanwhile keeps what was written: nothing beyond the marker goes.
func (b *Bucket) PurgeDeletes(olderThan time.Duration, o ManyOptions, done func(uint64, error)) error {
	if o.InFlight <= 0 {
		o.InFlight = purgesInFlight
	}
	var markers []Entry
	s := &snapshot{bucket: b, what: "deleted keys"}
	s.take = func(m *wire.Lent, meta js.Metadata) {
		if operationOf(m.Header) != Put {
			m.Own()
			markers = append(markers, b.entryOf(&m.Msg, meta))
		}
	}
	s.done = func(err error) {
		if err != nil {
			done(0, err)
			return
		}
		var gone atomic.Uint64
		limit := time.Now().Add(-olderThan)
		b.each(len(markers), o, func(i int, ended func(error)) error {
			e := markers[i]
			// All before this sequence number goes.
			seq := e.Revision
			if olderThan < 0 || e.Created.Before(limit) {
				seq++
			}
			purge := dict.Dict{{Key: "filter", Value: b.read + e.Key}, {Key: "seq", Value: seq}}
			return b.js.PurgeStream(b.stream, purge, func(n uint64, twice bool, err error) {
				if twice && err == nil && seq > e.Revision {
					n = max(n, 1) // the marker at least went with the first request
				}
				gone.Add(n)
				ended(err)
			})
		}, func(_ int, err error) { done(gone.Load(), err) })
	}
	return s.start([]string{">"}, js.OrderedConfig{DeliverPolicy: "last_per_subject", HeadersOnly: true})
}
