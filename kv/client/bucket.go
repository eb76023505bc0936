// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"

	"natstcl/kv"
	"natstcl/kv/dict"
)

// Bucket is a bucket of a Client. Any goroutine may use it.
type Bucket struct{ kv *kv.Bucket }

// Core is the bucket beneath, for what is not here.
func (b *Bucket) Core() *kv.Bucket { return b.kv }

// Name is the bucket's.
func (b *Bucket) Name() string { return b.kv.Name() }

// Get returns the last entry of a key. ErrKeyNotFound: there is none, or it is deleted.
func (b *Bucket) Get(ctx context.Context, key string) (kv.Entry, error) {
	return b.GetRevision(ctx, key, 0)
}

// GetRevision returns an entry of a key by its revision; 0 is the last one. ErrKeyNotFound: that
// revision is gone, another key's, or a deletion.
func (b *Bucket) GetRevision(ctx context.Context, key string, revision uint64) (kv.Entry, error) {
	return kv.Await(ctx, func(done func(kv.Entry, error)) error { return b.kv.Get(key, revision, done) })
}

// Put writes a value, and returns its revision.
func (b *Bucket) Put(ctx context.Context, key string, value []byte, options ...kv.WriteOption) (uint64, error) {
	return kv.Await(ctx, func(done func(uint64, error)) error { return b.kv.Put(key, value, done, options...) })
}

// Create is Put for a key that is not there, or is deleted: else ErrWrongLastSequence.
func (b *Bucket) Create(ctx context.Context, key string, value []byte, options ...kv.WriteOption) (uint64, error) {
	return kv.Await(ctx, func(done func(uint64, error)) error { return b.kv.Create(key, value, done, options...) })
}

// Update is Put where the key's last revision is the one given: else ErrWrongLastSequence.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64, options ...kv.WriteOption) (uint64, error) {
	return kv.Await(ctx, func(done func(uint64, error)) error {
		return b.kv.Update(key, value, revision, done, options...)
	})
}

// Delete marks a key as deleted. revision must be the key's last, or 0 for any: else ErrWrongLastSequence.
func (b *Bucket) Delete(ctx context.Context, key string, revision uint64) error {
	return await(ctx, func(done func(error)) error { return b.kv.Delete(key, revision, done) })
}

// Purge is Delete with the key's history.
func (b *Bucket) Purge(ctx context.Context, key string, options ...kv.WriteOption) error {
	return await(ctx, func(done func(error)) error { return b.kv.Purge(key, done, options...) })
}

// Keys are the current keys, in the order of their last changes. ErrKeyNotFound: there are none.
func (b *Bucket) Keys(ctx context.Context) ([]string, error) { return kv.Await(ctx, b.kv.Keys) }

// History has the entries of a key, oldest first. ErrKeyNotFound: there are none.
func (b *Bucket) History(ctx context.Context, key string) ([]kv.Entry, error) {
	return kv.Await(ctx, func(done func([]kv.Entry, error)) error { return b.kv.History(key, done) })
}

// Status tells of the bucket, as docs/key-value.md "Methods" has it, with durations in ns.
func (b *Bucket) Status(ctx context.Context) (dict.Dict, error) { return kv.Await(ctx, b.kv.Status) }
