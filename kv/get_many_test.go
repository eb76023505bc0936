// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"natstcl/kv"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
)

func getMany(b *kv.Bucket, s kv.Selection) ([]kv.Entry, error) {
	return try(func(done func([]kv.Entry, error)) error { return b.GetMany(s, done) })
}

func fill(t *testing.T, b *kv.Bucket, prefix string, n int) {
	t.Helper()
	pairs := make([]kv.KeyValue, n)
	for i := range pairs {
		pairs[i] = kv.KeyValue{Key: fmt.Sprint(prefix, i), Value: fmt.Append(nil, i)}
	}
	for _, o := range natstest.Wait(t, func(done func([]kv.Outcome, error)) error {
		b.PutMany(pairs, kv.ManyOptions{}, func(out []kv.Outcome) { done(out, nil) })
		return nil
	}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
}

func TestManyKeysAreReadAtOnceWithoutThoseThatAreGone(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 2)
	fill(t, b, "k", 3000)
	natstest.Do(t, func(done func(error)) error { return b.Delete("k7", 0, done) })
	keys := []string{"none"}
	for i := range 3000 {
		keys = append(keys, fmt.Sprint("k", i))
	}
	got, err := getMany(b, kv.Selection{Keys: keys})
	if err != nil || len(got) != 2999 {
		t.Fatalf("got %d entries, %v", len(got), err)
	}
	if !slices.IsSortedFunc(got, func(a, b kv.Entry) int { return int(a.Revision) - int(b.Revision) }) || string(got[0].Value) != "0" {
		t.Errorf("got %+v first", got[0])
	}
	if got, err := getMany(b, kv.Selection{Filters: []string{"k.*", "x.>"}}); err != nil || len(got) != 0 {
		t.Errorf("%d, %v", len(got), err)
	}
	// More than a server sends at once.
	if got, err := getMany(b, kv.Selection{Filters: []string{">"}}); err != nil || len(got) != 2999 {
		t.Errorf("got %d entries, %v", len(got), err)
	}
}

func TestManyKeysAreReadAsOfARevision(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 5)
	for i := range 3 {
		put(t, b, "a", fmt.Sprint(i))
		put(t, b, "b", fmt.Sprint(i))
	}
	got, err := getMany(b, kv.Selection{Keys: []string{"a", "b"}, UpToRevision: 3})
	if err != nil || len(got) != 2 || got[0].Revision != 2 || got[1].Revision != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Values that do not fit into one reply of the server come all the same.
func TestManyLargeValues(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	value := make([]byte, 900<<10)
	keys := []string{}
	for i := range 40 { // 36 MB, and 16 come for one request
		key := fmt.Sprint("k", i)
		keys = append(keys, key)
		natstest.Wait(t, func(done func(uint64, error)) error { return b.Put(key, value, done) })
	}
	for _, s := range []kv.Selection{{Keys: keys}, {Filters: []string{">"}}, {Keys: keys, UpToRevision: 40}} {
		got, err := getMany(b, s)
		if err != nil || len(got) != 40 {
			t.Errorf("got %d, %v", len(got), err)
		}
	}
}

func TestManyKeysOfABucketWithoutDirectGets(t *testing.T) {
	j := jstest.Start(t)
	no := false
	b := create(t, j, kv.BucketConfig{Bucket: "test", AllowDirect: &no})
	fill(t, b, "k", 100)
	got, err := getMany(b, kv.Selection{Keys: []string{"k1", "k2", "none"}})
	if err != nil || len(got) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err = getMany(b, kv.Selection{Filters: []string{">"}}); err != nil || len(got) != 100 {
		t.Errorf("got %d, %v", len(got), err)
	}
}

func TestBadSelections(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	for name, s := range map[string]kv.Selection{
		"both": {Keys: []string{"a"}, Filters: []string{"b"}}, "key": {Keys: []string{"a*"}},
		"filter": {Filters: []string{"a b"}}, "revision": {Keys: []string{"a"}, UpToRevision: 1 << 63},
	} {
		if err := b.GetMany(s, func([]kv.Entry, error) {}); err == nil {
			t.Error(name + " was taken")
		}
	}
	if got, err := getMany(b, kv.Selection{}); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
	natstest.Do(t, func(done func(error)) error { return kv.DeleteBucket(j, "test", done) })
	if _, err := getMany(b, kv.Selection{Keys: []string{"a"}}); fault.CodeOf(err) != "ErrBucketNotFound" {
		t.Errorf("got %v", err)
	}
}

func TestKeysByFiltersOneByOneAndDeleted(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 2)
	fill(t, b, "a.", 200)
	fill(t, b, "b.", 300)
	fill(t, b, "c.", 10)
	got := natstest.Wait(t, func(done func([]string, error)) error { return b.KeysMatching([]string{"a.*", "c.>"}, done) })
	if len(got) != 210 {
		t.Errorf("got %d keys", len(got))
	}
	_, err := try(func(done func([]string, error)) error { return b.KeysMatching([]string{"a.*", "a.>"}, done) })
	if fault.CodeOf(err) != "ErrJSResponse" {
		t.Errorf("filters that overlap: %v", err)
	}
	var one atomic.Int64
	natstest.Do(t, func(done func(error)) error {
		return b.EachKey([]string{"b.*"}, func(string) bool { one.Add(1); return true }, done)
	})
	if one.Load() != 300 {
		t.Errorf("%d keys came one by one", one.Load())
	}
	_, err = try(natstest.Plain(func(done func(error)) error { return b.EachKey(nil, func(string) bool { return false }, done) }))
	if fault.CodeOf(err) != "ErrCanceled" {
		t.Errorf("got %v", err)
	}
	n := natstest.Wait(t, func(done func(int, error)) error {
		return b.DeleteKeys([]string{"a.*"}, false, kv.ManyOptions{}, done)
	})
	left := natstest.Wait(t, func(done func([]string, error)) error { return b.Keys(done) })
	if n != 200 || len(left) != 310 {
		t.Errorf("%d deleted, %d left", n, len(left))
	}
	if n := natstest.Wait(t, func(done func(int, error)) error {
		return b.DeleteKeys([]string{"x.*"}, true, kv.ManyOptions{}, done)
	}); n != 0 {
		t.Errorf("got %d", n)
	}
}

func TestPurgeDeletesRemovesOldMarkersAndTheHistoryBeforeYoungOnes(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 5)
	for _, key := range []string{"a", "b", "c"} {
		put(t, b, key, "1")
		put(t, b, key, "2")
	}
	for _, key := range []string{"a", "b"} {
		natstest.Do(t, func(done func(error)) error { return b.Delete(key, 0, done) })
	}
	purge := func(older time.Duration) uint64 {
		return natstest.Wait(t, func(done func(uint64, error)) error { return b.PurgeDeletes(older, kv.ManyOptions{}, done) })
	}
	young := purge(kv.DefaultMarkerAge)
	history := natstest.Wait(t, func(done func([]kv.Entry, error)) error { return b.History(">", done) })
	all := purge(-1)
	left := natstest.Wait(t, func(done func([]kv.Entry, error)) error { return b.History(">", done) })
	if young != 4 || len(history) != 4 || all != 2 || len(left) != 2 {
		t.Errorf("%d went, %d stayed; then %d and %d", young, len(history), all, len(left))
	}
}

// Keys are deleted and written anew while markers are purged: no value is lost.
func TestPurgeDeletesKeepsWhatIsWrittenMeanwhile(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	fill(t, b, "k", 50)
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			key := fmt.Sprint("k", i%50)
			_, err := try(natstest.Plain(func(done func(error)) error { return b.Delete(key, 0, done) }))
			_, err2 := try(func(done func(uint64, error)) error { return b.Put(key, []byte("v"), done) })
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 20 {
		natstest.Wait(t, func(done func(uint64, error)) error { return b.PurgeDeletes(-1, kv.ManyOptions{}, done) })
	}
	close(stop)
	work.Wait()
	keys := natstest.Wait(t, func(done func([]string, error)) error { return b.Keys(done) })
	if len(keys) != 50 {
		t.Errorf("%d keys are left", len(keys))
	}
}

func TestAWatchOfSeveralKeysAndOneThatGoesOnFromARevision(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 5)
	for _, key := range []string{"a.1", "b.1", "c.1", "a.1", "b.1"} {
		put(t, b, key, key)
	}
	watch := func(o kv.WatchOptions) []uint64 {
		var mu sync.Mutex
		var seen []uint64
		ended := make(chan struct{})
		w := natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
			return b.Watch(">", o, func(e *kv.Entry) {
				mu.Lock()
				defer mu.Unlock()
				if e == nil {
					close(ended)
				} else {
					seen = append(seen, e.Revision)
				}
			}, done)
		})
		defer w.Stop()
		select {
		case <-ended:
		case <-time.After(natstest.Patience):
			t.Fatal("the initial data has no end")
		}
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
	for want, o := range map[string]kv.WatchOptions{
		"[3 4]":   {Keys: []string{"a.*", "c.*"}},
		"[1 3 4]": {Keys: []string{"a.*", "c.*"}, IncludeHistory: true},
		"[3 4 5]": {ResumeFromRevision: 3},
		"[]":      {ResumeFromRevision: 99},
		"[5]":     {Keys: []string{"b.*"}, ResumeFromRevision: 3, UpdatesOnly: true},
	} {
		if got := fmt.Sprint(watch(o)); got != want {
			t.Errorf("%+v: %s, not %s", o, got, want)
		}
	}
}
