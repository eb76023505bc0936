// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"context"
	"testing"
	"time"

	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/object"
)

// The request that removes the old name's info.
const removing = "STREAM.MSG.DELETE"

func (b *between) rename(from, to string) func(func(*object.Info, error)) error {
	return func(done func(*object.Info, error)) error {
		return b.mine.UpdateMeta(from, object.MetaChange{Name: &to}, done)
	}
}

// update changes an object as another client does.
func (b *between) update(t *testing.T, name string, c object.MetaChange) {
	t.Helper()
	natstest.Wait(t, func(done func(*object.Info, error)) error { return b.store.UpdateMeta(name, c, done) })
}

// without checks that a name is none.
func (b *between) without(t *testing.T, name string) {
	t.Helper()
	fails(t, fault.ObjectNotFound, func(done func(*object.Info, error)) error { return b.store.Info(name, true, done) })
}

func (b *between) is(t *testing.T, name, text string) {
	t.Helper()
	if got := string(get(t, b.store, name)); got != text {
		t.Errorf("%s is %q, want %q", name, got, text)
	}
}

func TestRenameOfWhatOthersChangeMeanwhile(t *testing.T) {
	other := "c"
	text := "described"
	for _, c := range []struct {
		what   string
		change func(t *testing.T, b *between)
		code   string
		want   map[string]string // the objects that are there in the end
	}{
		{"put anew", func(t *testing.T, b *between) { put(t, b.store, "a", []byte("two")) }, "", map[string]string{"b": "two"}},
		{"deleted", func(t *testing.T, b *between) {
			natstest.Do(t, func(done func(error)) error { return b.store.Delete("a", done) })
		}, fault.ObjectDeleted, nil},
		{"renamed", func(t *testing.T, b *between) {
			b.update(t, "a", object.MetaChange{Name: &other})
		}, fault.ObjectNotFound, map[string]string{"c": "one"}},
		{"described", func(t *testing.T, b *between) {
			b.update(t, "a", object.MetaChange{Description: &text})
		}, "", map[string]string{"b": "one"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := startBetween(t, natstest.Patience)
			put(t, b.store, "a", []byte("one"))
			b.others(removing, func() { c.change(t, b) })
			_, err := natstest.Await(t, b.rename("a", "b"))
			if fault.CodeOf(err) != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
			for name, text := range c.want {
				b.is(t, name, text)
			}
			there := natstest.Wait(t, func(done func([]*object.Info, error)) error { return b.store.List(false, done) })
			if len(there) != len(c.want) || b.chunks(t) != len(c.want) {
				t.Errorf("%d objects with %d chunks are there, want %d", len(there), b.chunks(t), len(c.want))
			}
			if c.what == "described" && info(t, b.store, "b").Description != text {
				t.Error("what the other has changed is lost")
			}
		})
	}
}

// Who works with the new name before the old one is removed, or takes the place of the old one then, leaves what the other
// name still stands for.
func TestRenameWhoseNewNameIsUsedMeanwhile(t *testing.T) {
	text := "described"
	rename := func(b *between, from, to string) { b.update(t, from, object.MetaChange{Name: &to}) }
	describe := func(b *between, name string) { b.update(t, name, object.MetaChange{Description: &text}) }
	remove := func(b *between, name string) {
		natstest.Do(t, func(done func(error)) error { return b.store.Delete(name, done) })
	}
	for _, c := range []struct {
		what   string
		change func(b *between)
		want   map[string]string
	}{
		{"a goes to c, b is put", func(b *between) { rename(b, "a", "c"); put(t, b.store, "b", []byte("new")) }, map[string]string{"b": "new", "c": "one"}},
		{"a is put, b described", func(b *between) { put(t, b.store, "a", []byte("new")); describe(b, "b") }, map[string]string{"a": "new", "b": "one"}},
		{"b goes to c, a is put", func(b *between) { rename(b, "b", "c"); put(t, b.store, "a", []byte("new")) }, map[string]string{"b": "new", "c": "one"}},
		{"b is deleted", func(b *between) { remove(b, "b") }, nil},
		{"a goes to c, b is deleted", func(b *between) { rename(b, "a", "c"); remove(b, "b") }, map[string]string{"c": "one"}},
		{"b is put", func(b *between) { put(t, b.store, "b", []byte("new")) }, map[string]string{"b": "new"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := startBetween(t, natstest.Patience)
			put(t, b.store, "a", []byte("one"))
			b.others(removing, func() { c.change(b) })
			_, err := natstest.Await(t, b.rename("a", "b"))
			there := natstest.Wait(t, func(done func([]*object.Info, error)) error { return b.store.List(false, done) })
			for _, i := range there {
				b.is(t, i.Name, c.want[i.Name])
			}
			if len(there) != len(c.want) {
				t.Errorf("%d objects are there, want %v; %v", len(there), c.want, err)
			}
			natstest.Eventually(t, "no chunk has no name", func() bool { return b.chunks(t) == len(c.want) })
		})
	}
}

// breakOff renames a to b, by a client that goes when it has both names.
func (b *between) breakOff(t *testing.T) {
	t.Helper()
	j := jstest.Connect(t, b.url, natstest.Patience).At("API")
	s := natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(j, "files", done) })
	b.at(removing, func() (goOn, answer bool) {
		<-j.Conn().Disconnect()
		return false, false
	})
	to := "b"
	fails(t, fault.ConnectionClosed, func(done func(*object.Info, error)) error {
		return s.UpdateMeta("a", object.MetaChange{Name: &to}, done)
	})
}

// A renaming that is broken off leaves both names, each of which can be deleted.
func TestRenameThatIsBrokenOff(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		b := startBetween(t, natstest.Patience)
		put(t, b.store, "a", []byte("one"))
		b.breakOff(t)
		natstest.Do(t, func(done func(error)) error { return b.store.Delete(name, done) })
		b.is(t, map[string]string{"a": "b", "b": "a"}[name], "one")
		natstest.Do(t, func(done func(error)) error { return b.store.Delete(map[string]string{"a": "b", "b": "a"}[name], done) })
		if n := b.chunks(t); n != 0 {
			t.Errorf("%d chunks are left", n)
		}
	}
}

// Of two names of one object one is deleted, and the listing that is to find the other one does not have it: it is of a
// replica that is behind, or the object gets that name while it runs.
func TestDeletionOfOneNameOfTwoThatAListingMisses(t *testing.T) {
	other := "c"
	for _, c := range []struct {
		what  string
		setUp func(b *between)
		name  string // that is left
	}{
		{"a replica is behind", func(b *between) { b.lag(t) }, "b"},
		{"the other name goes behind the listing", func(b *between) {
			b.lag(t)
			b.others(listed, func() { b.update(t, "b", object.MetaChange{Name: &other}) })
		}, "c"},
		{"it goes while the leader is asked", func(b *between) {
			b.lag(t)
			b.others("STREAM.MSG.GET", func() { b.update(t, "b", object.MetaChange{Name: &other}) })
		}, "c"},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := startBetween(t, natstest.Patience)
			put(t, b.store, "a", []byte("one"))
			put(t, b.store, "other", []byte("more"))
			b.breakOff(t)
			c.setUp(b)
			natstest.Do(t, func(done func(error)) error { return b.mine.Delete("a", done) })
			b.is(t, c.name, "one")
			natstest.Do(t, func(done func(error)) error { return b.mine.Delete(c.name, done) })
			if n := b.chunks(t); n != 1 {
				t.Errorf("%d chunks are left, want that of the other object", n)
			}
		})
	}
}

func TestRenameOfWhatOthersChangeEachTime(t *testing.T) {
	b := startBetween(t, natstest.Patience)
	put(t, b.store, "a", []byte("one"))
	for range 100 {
		b.others(removing, func() {
			b.update(t, "a", object.MetaChange{})
		})
	}
	fails(t, fault.WrongLastSequence, b.rename("a", "b"))
	b.is(t, "a", "one")
	b.without(t, "b")
}

// Nobody is told that the old name is removed, and it is.
func TestRenameWhoseLastAnswerIsLost(t *testing.T) {
	b := startBetween(t, 2*time.Second)
	put(t, b.store, "a", []byte("one"))
	b.lose(removing, false)
	fails(t, fault.Timeout, b.rename("a", "b"))
	natstest.Eventually(t, "the renaming is over", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.passed["STREAM.MSG.GET"] > 0
	})
	b.without(t, "a")
	b.is(t, "b", "one")
}

// An info that is stored counts, whether or not its acknowledgement comes.
func TestInfosWhoseAcknowledgementIsLost(t *testing.T) {
	b := startBetween(t, 2*time.Second)
	put(t, b.store, "a", []byte("one"))
	b.lose(storing, false)
	put(t, b.mine, "a", []byte("two"))
	b.is(t, "a", "two")
	b.lose(storing, false)
	natstest.Wait(t, b.rename("a", "b"))
	b.is(t, "b", "two")
	b.without(t, "a")
	b.lose(storing, false)
	natstest.Do(t, func(done func(error)) error { return b.mine.Delete("b", done) })
	if got := b.chunks(t); got != 0 {
		t.Errorf("%d chunks are left", got)
	}
}

// An info that the servers had agreed on, and that a leader which was just elected stores before it answers a purge, and after
// it would have answered a read: the put has succeeded, and its chunks stay.
func TestInfoThatANewLeaderStoresLate(t *testing.T) {
	b := startBetween(t, 2*time.Second)
	put(t, b.store, "a", []byte("one"))
	elected := make(chan struct{})
	b.at(storing, func() (goOn, answer bool) {
		<-elected
		return true, false
	})
	b.others("STREAM.PURGE", func() {
		close(elected)
		natstest.Eventually(t, "the info is stored", func() bool { return b.last(t) == 4 })
	})
	put(t, b.mine, "a", []byte("two"))
	b.is(t, "a", "two")
	natstest.Eventually(t, "the first one's chunks are removed", func() bool { return b.chunks(t) == 1 })
}

// A put whose info has no answer, and another one of the same name, before it can be seen whether it was stored.
func TestPutsOfOneNameWhoseAcknowledgementIsLost(t *testing.T) {
	for _, unsent := range []bool{false, true} {
		b := startBetween(t, 2*time.Second)
		put(t, b.store, "a", []byte("one"))
		b.lose(storing, unsent)
		b.others("STREAM.MSG.GET", func() { put(t, b.store, "a", []byte("three")) })
		fails(t, fault.Timeout, func(done func(*object.Info, error)) error {
			return b.mine.PutBytes(object.Meta{Name: "a"}, []byte("two"), object.PutOptions{}, done)
		})
		natstest.Eventually(t, "the chunks of the others are removed", func() bool { return b.chunks(t) == 1 })
		b.is(t, "a", "three")
	}
}

// The same, and what had the name has another one since.
func TestPutWhoseAcknowledgementIsLostLeavesWhatWasRenamed(t *testing.T) {
	b := startBetween(t, 2*time.Second)
	put(t, b.store, "a", []byte("one"))
	b.lose(storing, true)
	b.others("STREAM.MSG.GET", func() {
		other := "c"
		b.update(t, "a", object.MetaChange{Name: &other})
	})
	fails(t, fault.Timeout, func(done func(*object.Info, error)) error {
		return b.mine.PutBytes(object.Meta{Name: "a"}, []byte("two"), object.PutOptions{}, done)
	})
	natstest.Eventually(t, "the chunks of the put are removed", func() bool { return b.chunks(t) == 1 })
	b.is(t, "c", "one")
}

// A put has succeeded when its info is stored: what is removed behind it may take longer than its time.
func TestPutWhoseTimeIsOverBehindItsInfo(t *testing.T) {
	b := startBetween(t, 10*natstest.Patience)
	put(t, b.store, "a", []byte("one"))
	b.lose("STREAM.PURGE", true)
	natstest.Wait(t, func(done func(*object.Info, error)) error {
		return b.mine.PutBytes(object.Meta{Name: "a"}, []byte("two"), object.PutOptions{Timeout: 3 * time.Second}, done)
	})
	b.is(t, "a", "two")
}

// The store goes before the last request of an operation.
func TestStoreThatGoesInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		request   string
		operation func(b *between) func(func(*object.Info, error)) error
	}{
		{"STREAM.PURGE", func(b *between) func(func(*object.Info, error)) error {
			return func(done func(*object.Info, error)) error {
				return b.mine.Delete("a", func(err error) { done(nil, err) })
			}
		}},
		{removing, func(b *between) func(func(*object.Info, error)) error { return b.rename("a", "b") }},
	} {
		b := startBetween(t, natstest.Patience)
		put(t, b.store, "a", []byte("one"))
		b.others(c.request, func() {
			if err := b.api.DeleteObjectStore(context.Background(), "files"); err != nil {
				t.Error(err)
			}
		})
		fails(t, fault.BucketNotFound, c.operation(b))
	}
}
