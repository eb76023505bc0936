// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"natstcl/kv"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
)

// alongside is another connection to the same server.
func alongside(t *testing.T, j *js.JetStream) *js.JetStream {
	t.Helper()
	return jstest.Connect(t, j.Conn().ServerURLs()[0], natstest.Patience)
}

// fillBucket puts k0, k1, …, a hundred at a time.
func fillBucket(t *testing.T, b *kv.Bucket, keys int, value []byte) {
	t.Helper()
	pairs := make([]kv.KeyValue, keys)
	for i := range pairs {
		pairs[i] = kv.KeyValue{Key: fmt.Sprint("k", i), Value: value}
	}
	outcomes := natstest.Wait(t, func(done func([]kv.Outcome, error)) error {
		b.PutMany(pairs, kv.ManyOptions{InFlight: 100}, func(out []kv.Outcome) { done(out, nil) })
		return nil
	})
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
}

// hammer writes to the keys k0, k1, … of a bucket, ten at a time, as fast as the server takes them, until
// the test ends.
func hammer(t *testing.T, b *kv.Bucket, keys int) {
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		stored := make(chan error, 10)
		for {
			for range cap(stored) {
				if err := b.Put(fmt.Sprint("k", rand.IntN(keys)), []byte("y"), func(_ uint64, err error) { stored <- err }); err != nil {
					stored <- err
				}
			}
			for range cap(stored) {
				if err := <-stored; err != nil {
					t.Error(err)
					return
				}
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	t.Cleanup(func() { close(stop); writer.Wait() })
}

// watchOnce returns the keys that have come when the initial data is complete.
func watchOnce(t *testing.T, b *kv.Bucket, key string, o kv.WatchOptions) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	var mu sync.Mutex
	var w *kv.Watcher
	taken := 0
	ends := 0
	complete := make(chan struct{})
	w = natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
		return b.Watch(key, o, func(e *kv.Entry) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case e == nil:
				if ends++; ends == 1 {
					close(complete)
				}
			case ends == 0:
				seen[e.Key] = true
			}
			taken++
		}, done)
	})
	defer w.Stop()
	select {
	case <-complete:
	case <-time.After(natstest.Patience):
		t.Fatal("the initial data does not end")
	}
	mu.Lock()
	defer mu.Unlock()
	if ends != 1 {
		t.Errorf("the initial data ended %d times", ends)
	}
	return seen
}

func TestWhatIsThereIsWholeWhileOthersWrite(t *testing.T) {
	const keys, calls = 2000, 10
	for _, history := range []int64{1, 5} {
		t.Run(fmt.Sprint("history ", history), func(t *testing.T) {
			j := jstest.Start(t)
			b := newBucket(t, j, history)
			fillBucket(t, b, keys, []byte("x"))
			other := alongside(t, j)
			hammer(t, natstest.Wait(t, func(done func(*kv.Bucket, error)) error { return kv.BindBucket(other, "test", done) }), keys)
			for call := range calls {
				names := natstest.Wait(t, b.Keys)
				if n := len(names); n != keys {
					t.Errorf("call %d: %d keys", call, n)
				}
				if slices.Sort(names); len(slices.Compact(names)) != keys {
					t.Errorf("call %d: some keys are missing, or twice there", call)
				}
				if n := len(watchOnce(t, b, ">", kv.WatchOptions{})); n != keys {
					t.Errorf("call %d: a watch has %d keys", call, n)
				}
				if n := len(watchOnce(t, b, "*", kv.WatchOptions{IncludeHistory: true})); n != keys {
					t.Errorf("call %d: a watch with history has %d keys", call, n)
				}
				entries := natstest.Wait(t, func(done func([]kv.Entry, error)) error { return b.History(">", done) })
				of := map[string]bool{}
				for _, e := range entries {
					of[e.Key] = true
				}
				if len(of) != keys {
					t.Errorf("call %d: history has %d keys", call, len(of))
				}
			}
		})
	}
}

// What is read ends behind the last of any number of keys, and each entry stays as it came.
func TestOfAnyNumberOfKeysEachComesOnceAsItIs(t *testing.T) {
	b := newBucket(t, jstest.Start(t), 2)
	value := func(i int) string {
		if i%100 == 99 {
			return strings.Repeat("large ", 1000)
		}
		return strings.Repeat(fmt.Sprint("value ", i, " "), 1+i*i%50)
	}
	var keys []string
	for _, n := range []int{1, 127, 128, 129, 256, 257, 700} {
		for len(keys) < n {
			key := fmt.Sprint("k", len(keys))
			put(t, b, key, "before")
			put(t, b, key, value(len(keys)))
			keys = append(keys, key)
		}
		if got := natstest.Wait(t, b.Keys); !slices.Equal(got, keys) {
			t.Errorf("of %d keys these came: %v", n, got)
		}
		if got := watchOnce(t, b, ">", kv.WatchOptions{}); len(got) != n {
			t.Errorf("a watch of %d keys has %d", n, len(got))
		}
		entries := natstest.Wait(t, func(done func([]kv.Entry, error)) error { return b.History(">", done) })
		if len(entries) != 2*n {
			t.Fatalf("%d keys with 2 revisions each have %d entries", n, len(entries))
		}
		for i, e := range entries {
			want := "before"
			if i%2 == 1 {
				want = value(i / 2)
			}
			if e.Key != keys[i/2] || string(e.Value) != want || cap(e.Value) > len(e.Value) {
				t.Fatalf("entry %d of %d keys: %s has %.40q", i, n, e.Key, e.Value)
			}
		}
	}
}

// What was to come is removed before it came. The initial data ends all the same, and what is put
// then comes.
func TestInitialDataThatIsEmptiedEnds(t *testing.T) {
	for _, history := range []int64{1, 5} {
		t.Run(fmt.Sprint("history ", history), func(t *testing.T) {
			j := jstest.Start(t)
			b := newBucket(t, j, history)
			other := alongside(t, j)
			fillBucket(t, b, 3000, make([]byte, 20<<10))
			var delivered, ends atomic.Int64
			fresh := make(chan struct{})
			w := natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
				return b.Watch(">", kv.WatchOptions{IdleHeartbeat: 200 * time.Millisecond}, func(e *kv.Entry) {
					switch {
					case e == nil:
						ends.Add(1)
					case e.Key == "fresh":
						close(fresh)
					default:
						delivered.Add(1)
					}
				}, done)
			})
			defer w.Stop()
			// Nothing is taken: flow control holds the rest back.
			natstest.Eventually(t, "the first ones", func() bool { return delivered.Load() > 0 })
			natstest.Wait(t, func(done func(uint64, error)) error { return kv.EmptyBucket(other, "test", done) })
			taken := int64(0)
			natstest.Eventually(t, "the end of the initial data", func() bool {
				for ; taken < delivered.Load(); taken++ {
					w.Taken()
				}
				return ends.Load() == 1
			})
			if delivered.Load() == 3000 {
				t.Fatal("all had come before")
			}
			put(t, b, "fresh", "x")
			select {
			case <-fresh:
			case <-time.After(natstest.Patience):
				t.Fatal("what is put afterwards does not come")
			}
			if ends.Load() != 1 {
				t.Errorf("it ended %d times", ends.Load())
			}
		})
	}
}

func TestABucketThatIsMadeAnewIsReadFromItsBeginning(t *testing.T) {
	for _, o := range []kv.WatchOptions{{}, {IncludeHistory: true}, {UpdatesOnly: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			j := jstest.Start(t)
			b := newBucket(t, j, 1)
			fillBucket(t, b, 20, []byte("x"))
			var mu sync.Mutex
			var seen, told, left []string
			ends := 0
			o.IdleHeartbeat = 200 * time.Millisecond
			o.Failed = func(e *fault.Error) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, e.Code+" "+e.Text)
			}
			o.Replaced = func(keys []string) {
				mu.Lock()
				defer mu.Unlock()
				left = keys
			}
			w := natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
				return b.Watch(">", o, func(e *kv.Entry) {
					mu.Lock()
					defer mu.Unlock()
					if e == nil {
						ends++
						return
					}
					seen = append(seen, fmt.Sprint(e.Key, " ", e.Revision))
				}, done)
			})
			defer w.Stop()
			natstest.Eventually(t, "the end of the initial data", func() bool { mu.Lock(); defer mu.Unlock(); return ends == 1 })
			natstest.Do(t, func(done func(error)) error { return kv.DeleteBucket(j, "test", done) })
			newBucket(t, j, 1)
			put(t, b, "k3", "again")
			put(t, b, "other", "x")
			natstest.Eventually(t, "the new bucket's keys", func() bool { mu.Lock(); defer mu.Unlock(); return len(left) > 0 })
			put(t, b, "later", "x")
			natstest.Eventually(t, "what comes later", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(seen) > 0 && seen[len(seen)-1] == "later 3"
			})
			mu.Lock()
			defer mu.Unlock()
			slices.Sort(left)
			if got := strings.Join(left, " "); got != "k3 other" || ends != 1 {
				t.Errorf("left %s, ended %d times", got, ends)
			}
			if tail := strings.Join(seen[max(0, len(seen)-3):], " "); tail != "k3 1 other 2 later 3" {
				t.Errorf("got %s", tail)
			}
			if last := told[len(told)-1]; last != "ErrConsumerNotActive stream KV_test was made anew: reset with opt_start_seq = 1" {
				t.Errorf("told %q", told)
			}
		})
	}
}

// The bucket is made anew, and once more before all of it has come, for the watcher takes nothing. The end of the initial data
// was told before all that.
func TestTheInitialDataEndsOnceHoweverOftenTheBucketIsMadeAnew(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	put(t, b, "a", "x")
	var ends, large atomic.Int64
	replaced := make(chan []string, 2)
	o := kv.WatchOptions{IdleHeartbeat: 200 * time.Millisecond, Replaced: func(keys []string) { replaced <- keys }}
	w := natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
		return b.Watch(">", o, func(e *kv.Entry) {
			switch {
			case e == nil:
				ends.Add(1)
			case len(e.Value) > 1000:
				large.Add(1)
			}
		}, done)
	})
	defer w.Stop()
	natstest.Eventually(t, "the end of the initial data", func() bool { return ends.Load() == 1 })
	for _, size := range []int{100_000, 1} {
		natstest.Do(t, func(done func(error)) error { return kv.DeleteBucket(j, "test", done) })
		newBucket(t, j, 1)
		fillBucket(t, b, 200, make([]byte, size))
		if size > 1 {
			natstest.Eventually(t, "some of the second bucket", func() bool { return large.Load() > 0 })
		}
	}
	keys := <-replaced
	if n := large.Load(); n == 200 {
		t.Error("all of the second bucket has come: this test tests nothing")
	}
	if len(keys) != 200 || len(replaced) > 0 || ends.Load() != 1 {
		t.Errorf("%d keys, and %d times more; the initial data ended %d times", len(keys), len(replaced), ends.Load())
	}
}

// The keys that are kept of a bucket that was made anew, until all of it has come, keep none of the values that came with them.
func TestOfABucketThatIsMadeAnewNoValuesAreKept(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	fillBucket(t, b, 20, []byte("x"))
	const n, large = 500, 8 << 10
	var current, came, freed atomic.Int64
	gone := make(chan bool)
	o := kv.WatchOptions{IdleHeartbeat: time.Second}
	o.Replaced = func(keys []string) {
		end := time.Now().Add(natstest.Patience)
		for freed.Load() < n-10 && time.Now().Before(end) { // the last one, and what is read at a time, may be in use
			runtime.GC()
			time.Sleep(10 * time.Millisecond)
		}
		runtime.KeepAlive(keys)
		gone <- freed.Load() >= n-10
	}
	var watcher atomic.Pointer[kv.Watcher]
	w := natstest.Wait(t, func(done func(*kv.Watcher, error)) error {
		return b.Watch(">", o, func(e *kv.Entry) {
			if e == nil {
				current.Add(1)
				return
			}
			if len(e.Value) == large {
				came.Add(1)
				runtime.AddCleanup(&e.Value[0], func(int) { freed.Add(1) }, 0)
			}
			if w := watcher.Load(); w != nil {
				w.Taken()
			}
		}, func(w *kv.Watcher, err error) {
			watcher.Store(w)
			done(w, err)
		})
	})
	defer w.Stop()
	natstest.Eventually(t, "the end of the initial data", func() bool { return current.Load() == 1 })
	natstest.Do(t, func(done func(error)) error { return kv.DeleteBucket(j, "test", done) })
	newBucket(t, j, 1)
	fillBucket(t, b, n, make([]byte, large))
	if !<-gone {
		t.Errorf("of %d values that came %d are gone", came.Load(), freed.Load())
	}
}
