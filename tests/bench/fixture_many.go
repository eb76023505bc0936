// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What the cases of many.tcl find on the server, beside what fixture.go makes.
const (
	batchBucket  = "batches" // takes atomic batches
	lifeBucket   = "lives"   // takes values with a time to live
	objectBucket = "objects"
	fastStream   = "FAST"   // takes the subject fast, and batches with one acknowledgement
	countStream  = "COUNTS" // takes the subjects counts.*, which are counters

	objectChunk = 128 << 10
	// A bucket of groups has keys g0.0, g0.1, ..., so many with each first part.
	groupSize = 100
)

func groupBucket(size int) string { return fmt.Sprintf("groups%d", size) }

// furnishMany makes what is small.
func (f *fixture) furnishMany() error {
	for _, stream := range []jetstream.StreamConfig{
		{Name: fastStream, Subjects: []string{"fast"}, AllowBatchPublish: true},
		{Name: countStream, Subjects: []string{"counts.*"}, AllowMsgCounter: true, AllowDirect: true},
	} {
		stream.Storage = jetstream.MemoryStorage
		if _, err := f.js.CreateStream(f.ctx, stream); err != nil {
			return err
		}
	}
	for _, bucket := range []jetstream.KeyValueConfig{
		{Bucket: batchBucket},
		{Bucket: lifeBucket, LimitMarkerTTL: time.Hour},
	} {
		bucket.Storage = jetstream.MemoryStorage
		if _, err := f.js.CreateKeyValue(f.ctx, bucket); err != nil {
			return err
		}
	}
	if err := f.allowBatches("KV_" + batchBucket); err != nil {
		return err
	}
	_, err := f.js.CreateObjectStore(f.ctx, jetstream.ObjectStoreConfig{Bucket: objectBucket, Storage: jetstream.MemoryStorage})
	return err
}

// allowBatches changes a bucket's stream, for nats.go makes no bucket that takes them.
func (f *fixture) allowBatches(stream string) error {
	s, err := f.js.Stream(f.ctx, stream)
	if err != nil {
		return err
	}
	config := s.CachedInfo().Config
	config.AllowAtomicPublish = true
	_, err = f.js.UpdateStream(f.ctx, config)
	return err
}

func emptyFast(f *fixture, _ *benchCase) error { return f.purge(fastStream) }

// fillGroups makes a bucket of the case's size, once, with groups of keys.
func fillGroups(f *fixture, c *benchCase) error {
	bucket := groupBucket(c.size)
	if f.done[bucket] {
		return nil
	}
	_, err := f.js.CreateKeyValue(f.ctx, jetstream.KeyValueConfig{Bucket: bucket, Storage: jetstream.MemoryStorage})
	if err != nil {
		return err
	}
	groups := c.size / groupSize
	return f.once(bucket, c.size, value, func(i int) string { return fmt.Sprintf("$KV.%s.g%d.%d", bucket, i%groups, i) })
}
