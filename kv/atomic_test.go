// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"natstcl/kv"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
)

func change(b *kv.Bucket, changes ...kv.Change) ([]uint64, error) {
	return try(func(done func([]uint64, error)) error { return b.Atomic(changes, done) })
}

func revision(n uint64) *uint64 { return &n }

func TestAllChangesAreDoneAndEachHasItsRevision(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test", History: 5, AllowAtomic: true})
	put(t, b, "c", "old")
	put(t, b, "d", "old")
	put(t, b, "e", "old")
	put(t, b, "gone", "old")
	natstest.Do(t, func(done func(error)) error { return b.Delete("gone", 0, done) })
	got, err := change(b,
		kv.Change{What: "put", Key: "a", Value: []byte("1")},
		kv.Change{What: "create", Key: "b", Value: []byte("2")},
		kv.Change{What: "update", Key: "c", Value: []byte("3"), Revision: revision(1)},
		kv.Change{What: "delete", Key: "d"},
		kv.Change{What: "purge", Key: "e", Revision: revision(3)},
		kv.Change{What: "create", Key: "gone", Value: []byte("4")})
	if err != nil || fmt.Sprint(got) != "[6 7 8 9 10 11]" {
		t.Fatalf("got %v, %v", got, err)
	}
	for key, want := range map[string]string{"a": "1", "b": "2", "c": "3", "gone": "4"} {
		if e, err := get(b, key); err != nil || string(e.Value) != want {
			t.Errorf("%s: %+v, %v", key, e, err)
		}
	}
	for _, key := range []string{"d", "e"} {
		if _, err := get(b, key); fault.CodeOf(err) != "ErrKeyNotFound" {
			t.Errorf("%s: %v", key, err)
		}
	}
	history := natstest.Wait(t, func(done func([]kv.Entry, error)) error { return b.History("e", done) })
	if len(history) != 1 || history[0].Operation != kv.Purge {
		t.Errorf("got %+v", history)
	}
}

func TestAConflictWritesNothingAndSaysWhichChangeLost(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test", AllowAtomic: true})
	put(t, b, "c", "old")
	for name, lost := range map[string]kv.Change{
		"create": {What: "create", Key: "c"},
		"update": {What: "update", Key: "c", Revision: revision(7)},
		"delete": {What: "delete", Key: "c", Revision: revision(7)},
	} {
		_, err := change(b, kv.Change{What: "put", Key: "a"}, lost)
		var e *fault.Error
		if !errors.As(err, &e) || e.Code != "ErrWrongLastSequence" || fmt.Sprint(e.Words) != "[2 c]" {
			t.Errorf("%s: %#v", name, err)
		}
		if _, err := get(b, "a"); fault.CodeOf(err) != "ErrKeyNotFound" {
			t.Errorf("%s: half of it was done: %v", name, err)
		}
	}
}

func TestWhatCannotBeIsRefusedBeforeAnythingIsSent(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test", AllowAtomic: true})
	long := make([]kv.Change, 1001)
	for i := range long {
		long[i] = kv.Change{What: "put", Key: fmt.Sprint("k", i)}
	}
	for name, changes := range map[string][]kv.Change{
		"none": {}, "too many": long,
		"a key twice":  {{What: "put", Key: "a"}, {What: "delete", Key: "a"}},
		"a bad key":    {{What: "put", Key: "a b"}},
		"no such word": {{What: "write", Key: "a"}},
		"no revision":  {{What: "update", Key: "a"}},
		"too large":    {{What: "update", Key: "a", Revision: revision(1 << 63)}},
		"too long":     {{What: "put", Key: "a"}, {What: "put", Key: "b", Value: make([]byte, 2<<20)}},
	} {
		if _, err := change(b, changes...); fault.CodeOf(err) != "ErrInvalidArg" && fault.CodeOf(err) != "ErrMaxPayload" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := streamConfig(t, j, "KV_test"); s == nil {
		t.Fatal()
	}
	if _, err := get(b, "a"); fault.CodeOf(err) != "ErrKeyNotFound" {
		t.Errorf("something was written: %v", err)
	}
	if _, err := change(create(t, j, kv.BucketConfig{Bucket: "plain"}), kv.Change{What: "put", Key: "a"}); fault.CodeOf(err) != "ErrNotSupported" {
		t.Errorf("got %v", err)
	}
}

func TestAThousandChangesAtOnce(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test", AllowAtomic: true})
	changes := make([]kv.Change, 1000)
	for i := range changes {
		changes[i] = kv.Change{What: "create", Key: fmt.Sprint("k", i), Value: []byte("v")}
	}
	if got, err := change(b, changes...); err != nil || got[999] != 1000 {
		t.Errorf("got %v", err)
	}
}

// Transfers between accounts race: the sum stays what it was, which it would not if one of them were half done.
func TestRacingChangesAreNeverHalfDone(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test", AllowAtomic: true})
	for _, account := range []string{"a", "b", "c"} {
		put(t, b, account, "100")
	}
	var racers sync.WaitGroup
	for i := range 6 {
		racers.Go(func() {
			from, to := string(rune('a'+i%3)), string(rune('a'+(i+1)%3))
			for done := 0; done < 10; {
				x, err := get(b, from)
				y, err2 := get(b, to)
				if err != nil || err2 != nil {
					t.Error(err, err2)
					return
				}
				var m, n int
				fmt.Sscan(string(x.Value), &m)
				fmt.Sscan(string(y.Value), &n)
				_, err = change(b,
					kv.Change{What: "update", Key: from, Value: fmt.Append(nil, m-1), Revision: &x.Revision},
					kv.Change{What: "update", Key: to, Value: fmt.Append(nil, n+1), Revision: &y.Revision})
				switch fault.CodeOf(err) {
				case "":
					done++
				case "ErrWrongLastSequence":
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	racers.Wait()
	sum := 0
	for _, account := range []string{"a", "b", "c"} {
		e, _ := get(b, account)
		n := 0
		fmt.Sscan(string(e.Value), &n)
		sum += n
	}
	if sum != 300 {
		t.Errorf("the sum is %d", sum)
	}
}
