// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
)

func create(t *testing.T, j *js.JetStream, c kv.BucketConfig) *kv.Bucket {
	t.Helper()
	if c.History == 0 {
		c.History = 1
	}
	if c.Storage == "" {
		c.Storage = "memory"
	}
	return natstest.Wait(t, func(done func(*kv.Bucket, error)) error { return kv.CreateBucket(j, c, done) })
}

func streamConfig(t *testing.T, j *js.JetStream, stream string) dict.Dict {
	t.Helper()
	info := natstest.Wait(t, func(done func(dict.Dict, error)) error { return j.StreamInfo(stream, done) })
	config, _ := info.Path("config").(dict.Dict)
	return config
}

func update(j *js.JetStream, bucket string, change func(*kv.BucketConfig)) error {
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	defer cancel()
	_, err := kv.Await(ctx, func(done func(*kv.Bucket, error)) error {
		return kv.UpdateBucket(j, bucket, change, done)
	})
	return err
}

func TestAnUpdateChangesWhatItNamesAndNothingElse(t *testing.T) {
	j := jstest.Start(t)
	create(t, j, kv.BucketConfig{Bucket: "test", History: 3, Description: "before", Metadata: dict.Dict{{Key: "a", Value: "b"}}})
	config := streamConfig(t, j, "KV_test")
	config.Set("allow_batched", true) // a bucket's config has no place for this
	config.Set("max_consumers", 7)
	natstest.Wait(t, func(done func(dict.Dict, error)) error { return j.UpdateStream("KV_test", config, done) })

	if err := update(j, "test", func(c *kv.BucketConfig) {
		c.Description = "after"
		c.LimitMarkerTTL = 5 * time.Second
		c.TTL = time.Minute
	}); err != nil {
		t.Fatal(err)
	}
	now := streamConfig(t, j, "KV_test")
	want := map[string]string{
		"description": "after", "max_msgs_per_subject": "3", "max_age": "60000000000", "duplicate_window": "60000000000",
		"subject_delete_marker_ttl": "5000000000", "max_consumers": "7",
	}
	for field, value := range want {
		if got := now.Text(field); got != value {
			t.Errorf("%s is %q, not %q", field, got, value)
		}
	}
	if now.Path("allow_batched") != true || now.Path("allow_msg_ttl") != true || now.Text("metadata", "a") != "b" {
		t.Errorf("got %s", now.JSON())
	}
}

func TestAnUpdateOfNoBucketIsToldAndSoIsWhatTheServerRefuses(t *testing.T) {
	j := jstest.Start(t)
	none := func(*kv.BucketConfig) {}
	if err := update(j, "test", none); !errors.Is(err, fault.New(fault.BucketNotFound, "")) {
		t.Errorf("got %v", err)
	}
	create(t, j, kv.BucketConfig{Bucket: "test"})
	if err := update(j, "test", func(c *kv.BucketConfig) { c.Storage = "file" }); fault.CodeOf(err) != "ErrJSResponse" {
		t.Errorf("got %v", err)
	}
	if err := update(j, "test", func(c *kv.BucketConfig) { c.History = 65 }); fault.CodeOf(err) != "ErrInvalidArg" {
		t.Errorf("got %v", err)
	}
}

func TestAConfigThatWasReadMakesTheSameBucket(t *testing.T) {
	j := jstest.Start(t)
	size, no := int64(1000), false
	made := kv.BucketConfig{
		Bucket: "test", Description: "all of it", History: 4, TTL: time.Hour, MaxValueSize: &size, MaxBytes: &size,
		Compression: "s2", Storage: "file", Metadata: dict.Dict{{Key: "k", Value: "v"}}, LimitMarkerTTL: time.Second, AllowAtomic: true,
		AllowDirect: &no, Republish: dict.Dict{{Key: "src", Value: ">"}, {Key: "dest", Value: "copy.>"}},
	}
	b := create(t, j, made)
	before := streamConfig(t, j, "KV_test")
	read := natstest.Wait(t, b.Config)
	natstest.Do(t, func(done func(error)) error { return kv.DeleteBucket(j, "test", done) })
	create(t, j, read)
	if after := streamConfig(t, j, "KV_test"); string(after.JSON()) != string(before.JSON()) {
		t.Errorf("before %s\nafter  %s", before.JSON(), after.JSON())
	}
}

func TestSourcesAreBucketsOrStreamsByTheirOwnTransforms(t *testing.T) {
	j := jstest.Start(t)
	put(t, create(t, j, kv.BucketConfig{Bucket: "one"}), "a", "from one")
	natstest.Wait(t, func(done func(dict.Dict, error)) error {
		return j.AddStream("PLAIN", dict.Dict{{Key: "subjects", Value: []string{"plain.*"}}, {Key: "storage", Value: "memory"}}, done)
	})
	b := create(t, j, kv.BucketConfig{Bucket: "both", Sources: []any{
		dict.Dict{{Key: "name", Value: "one"}},
		dict.Dict{{Key: "name", Value: "PLAIN"}, {Key: "subject_transforms", Value: []any{
			dict.Dict{{Key: "src", Value: "plain.*"}, {Key: "dest", Value: "$KV.both.plain.{{wildcard(1)}}"}},
		}}},
	}})
	put(t, b, "own", "written here")
	natstest.Eventually(t, "the key of the source", func() bool {
		_, err := get(b, "a")
		return err == nil
	})
}

func get(b *kv.Bucket, key string) (kv.Entry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	defer cancel()
	return kv.Await(ctx, func(done func(kv.Entry, error)) error { return b.Get(key, 0, done) })
}

func TestAnAggregateGathersFromOneOriginMore(t *testing.T) {
	j := jstest.Start(t)
	put(t, create(t, j, kv.BucketConfig{Bucket: "one"}), "a", "from one")
	put(t, create(t, j, kv.BucketConfig{Bucket: "two"}), "b", "from two")
	all := natstest.Wait(t, func(done func(*kv.Bucket, error)) error {
		return kv.CreateAggregate(j, kv.BucketConfig{Bucket: "all", History: 1, Storage: "memory"}, false, []kv.Origin{{Bucket: "one"}}, done)
	})
	natstest.Eventually(t, "the first origin", func() bool { _, err := get(all, "a"); return err == nil })
	natstest.Do(t, func(done func(error)) error { return kv.AddOrigin(j, "all", kv.Origin{Bucket: "two"}, done) })
	natstest.Eventually(t, "the second origin", func() bool { _, err := get(all, "b"); return err == nil })
	if len(streamConfig(t, j, "KV_all").Text("subjects")) != 0 {
		t.Error("an aggregate that is not writable got subjects")
	}
}

func TestCreateOrUpdateDoesEither(t *testing.T) {
	j := jstest.Start(t)
	for _, text := range []string{"made", "changed"} {
		natstest.Wait(t, func(done func(*kv.Bucket, error)) error {
			return kv.CreateOrUpdateBucket(j, "test", func(c *kv.BucketConfig) { c.Description = text }, done)
		})
		if got := streamConfig(t, j, "KV_test").Text("description"); got != text {
			t.Errorf("got %q", got)
		}
	}
}
