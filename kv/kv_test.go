// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
	"natstcl/kv/server"
	"natstcl/kv/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

func newBucket(t *testing.T, j *js.JetStream, history int64) *kv.Bucket {
	return natstest.Wait(t, func(done func(*kv.Bucket, error)) error {
		return kv.CreateBucket(j, kv.BucketConfig{Bucket: "test", History: history, Storage: "memory"}, done)
	})
}

func put(t *testing.T, b *kv.Bucket, key, value string) uint64 {
	return natstest.Wait(t, func(done func(uint64, error)) error { return b.Put(key, []byte(value), done) })
}

func TestEntriesRoundTrip(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 5)
	put(t, b, "a", "one")
	put(t, b, "a", "two")
	e := natstest.Wait(t, func(done func(kv.Entry, error)) error { return b.Get("a", 0, done) })
	if string(e.Value) != "two" || e.Revision != 2 || e.Operation != kv.Put || time.Since(e.Created) > time.Minute {
		t.Errorf("got %+v", e)
	}
	natstest.Do(t, func(done func(error)) error { return b.Delete("a", 2, done) })
	_, err := kv.Await(context.Background(), func(done func(kv.Entry, error)) error { return b.Get("a", 0, done) })
	if !errors.Is(err, fault.New(fault.KeyNotFound, "")) {
		t.Errorf("got %v", err)
	}
	history := natstest.Wait(t, func(done func([]kv.Entry, error)) error { return b.History("a", done) })
	if len(history) != 3 || history[2].Operation != kv.Delete || history[0].Delta != 2 {
		t.Errorf("got %+v", history)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := kv.Await(ctx, func(func(int, error)) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	refusal := errors.New("refused")
	if _, err := kv.Await(context.Background(), func(func(int, error)) error { return refusal }); err != refusal {
		t.Errorf("got %v", err)
	}
}

// A receiver that does not take what was delivered is not sent more than the server's
// window; when it takes them, all come, once each and in order.
func TestFlowControlBoundsWhatIsDeliveredAhead(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	value := make([]byte, 64<<10)
	const n = 2000 // 128 MB
	fillBucket(t, b, n, value)

	var delivered atomic.Int64
	var last uint64
	w := natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
		return b.Watch(">", kv.WatchOptions{IdleHeartbeat: time.Second}, func(e *kv.Entry) {
			if e == nil {
				return
			}
			if e.Revision != last+1 {
				t.Errorf("revision %d after %d", e.Revision, last)
			}
			last = e.Revision
			delivered.Add(1)
		}, done)
	})
	defer w.Stop()
	// It stops by itself: wait until nothing has come for a while.
	for before := int64(-1); before != delivered.Load(); time.Sleep(500 * time.Millisecond) {
		before = delivered.Load()
	}
	if ahead := delivered.Load() * int64(len(value)); ahead > 64<<20 {
		t.Errorf("%d MB were delivered to a receiver that took none", ahead>>20)
	}
	taken := int64(0)
	natstest.Eventually(t, "the rest", func() bool {
		for ; taken < delivered.Load(); taken++ {
			w.Taken()
		}
		return taken == n
	})
}

func TestWatchersComeAndGo(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	put(t, b, "a", "1")
	for range 200 {
		ended := make(chan struct{})
		w := natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
			return b.Watch(">", kv.WatchOptions{}, func(e *kv.Entry) {
				if e == nil {
					close(ended)
				}
			}, done)
		})
		<-ended
		w.Stop()
		w.Stop()
	}
	info := natstest.Wait(t, func(done func(dict.Dict, error)) error { return j.StreamInfo("KV_test", done) })
	natstest.Eventually(t, "no consumer is left", func() bool {
		info = natstest.Wait(t, func(done func(dict.Dict, error)) error { return j.StreamInfo("KV_test", done) })
		return info.Text("state", "consumer_count") == "0"
	})
}

// A bucket that is gone is told by each operation in its way.
func TestBucketThatIsGone(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	natstest.Do(t, func(done func(error)) error { return kv.DeleteBucket(j, "test", done) })
	for name, start := range map[string]func(func(struct{}, error)) error{
		"ErrBucketNotFound": natstest.Plain(func(done func(error)) error {
			return b.Put("a", nil, func(_ uint64, err error) { done(err) })
		}),
		fault.BucketGone: natstest.Plain(func(done func(error)) error {
			return b.Keys(func(_ []string, err error) { done(err) })
		}),
	} {
		_, err := kv.Await(context.Background(), start)
		if fault.CodeOf(err) != name || err.Error() != "Bucket test not found" {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

// A Go program uses a bucket.
func ExampleAwait() {
	s, err := server.Start(server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Shutdown()
	ctx := context.Background()
	conn := wire.New(wire.DefaultOptions(), nil)
	conn.SetServers([]string{s.URL()})
	connect := func(done func(struct{}, error)) error { // it has no result
		return conn.Connect(func(err error) { done(struct{}{}, err) })
	}
	if _, err := kv.Await(ctx, connect); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { <-conn.Disconnect() }()
	j, _ := js.New(conn, js.Options{Timeout: 5 * time.Second})
	bucket, err := kv.Await(ctx, func(done func(*kv.Bucket, error)) error {
		return kv.CreateBucket(j, kv.BucketConfig{Bucket: "config", History: 1}, done)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	revision, err := kv.Await(ctx, func(done func(uint64, error)) error {
		return bucket.Put("greeting", []byte("hello"), done)
	})
	fmt.Println(revision, err)
	entry, err := kv.Await(ctx, func(done func(kv.Entry, error)) error {
		return bucket.Get("greeting", 0, done)
	})
	fmt.Printf("%s %v\n", entry.Value, err)
	// Output:
	// 1 <nil>
	// hello <nil>
}
