// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
	"natstcl/kv/object"
	"natstcl/kv/server"
)

// The publisher of nats.go can lose its channel before the goroutine that reads it has begun, which then waits for ever.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(),
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect"))
}

// fixture is a server with our client and Go's.
type fixture struct {
	url    string
	js     *js.JetStream
	store  *object.Store
	native jetstream.ObjectStore
	api    jetstream.JetStream
}

func start(t *testing.T, c object.Config) *fixture {
	t.Helper()
	s := jstest.StartServer(t, server.Options{})
	f := &fixture{url: s.URL(), js: jstest.Connect(t, s.URL(), 10*time.Second)}
	f.store = natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Create(f.js, "files", c, done) })
	var err error
	if f.api, err = jetstream.New(jstest.Native(t, s.URL())); err != nil {
		t.Fatal(err)
	}
	if f.native, err = f.api.ObjectStore(context.Background(), "files"); err != nil {
		t.Fatal(err)
	}
	return f
}

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data)
	return data
}

func put(t *testing.T, s *object.Store, name string, data []byte) *object.Info {
	t.Helper()
	return natstest.Wait(t, func(done func(*object.Info, error)) error {
		return s.PutBytes(object.Meta{Name: name}, data, object.PutOptions{}, done)
	})
}

func get(t *testing.T, s *object.Store, name string) []byte {
	t.Helper()
	return natstest.Wait(t, func(done func(object.Contents, error)) error { return s.GetBytes(name, nil, done) }).Data
}

func info(t *testing.T, s *object.Store, name string) *object.Info {
	t.Helper()
	return natstest.Wait(t, func(done func(*object.Info, error)) error { return s.Info(name, true, done) })
}

// fails checks the code of an operation's error.
func fails[T any](t *testing.T, code string, start func(done func(T, error)) error) {
	t.Helper()
	_, err := natstest.Await(t, start)
	if fault.CodeOf(err) != code {
		t.Errorf("got %v (%s), want %s", err, fault.CodeOf(err), code)
	}
}

// chunks counts the chunks of all objects.
func (f *fixture) chunks(t *testing.T) (n int) {
	t.Helper()
	counts := natstest.Wait(t, func(done func(dict.Dict, error)) error { return f.js.StreamSubjects("OBJ_files", "$O.files.C.>", done) })
	for _, field := range counts {
		count, err := strconv.Atoi(counts.Text(field.Key))
		if err != nil {
			t.Fatal(err)
		}
		n += count
	}
	return n
}

// last is the last sequence number of the stream.
func (f *fixture) last(t *testing.T) uint64 {
	t.Helper()
	return natstest.Wait(t, func(done func(js.StreamState, error)) error { return f.js.StreamState("OBJ_files", "", done) }).LastSeq
}

func TestObjectsOfAnySizeRoundTrip(t *testing.T) {
	f := start(t, object.Config{})
	for _, n := range []int{0, 1, 10, object.DefaultChunkSize - 1, object.DefaultChunkSize, object.DefaultChunkSize + 1, 9<<20 + 17} {
		data := noise(n)
		i := put(t, f.store, "a", data)
		if i.Size != uint64(n) || i.Bucket != "files" || i.Name != "a" || int(i.Chunks) != (n+object.DefaultChunkSize-1)/object.DefaultChunkSize {
			t.Errorf("%d bytes: %+v", n, i)
		}
		if got := get(t, f.store, "a"); !bytes.Equal(got, data) {
			t.Errorf("%d bytes came back as %d", n, len(got))
		}
		if known := info(t, f.store, "a"); known.NUID != i.NUID || !known.Modified.Equal(i.Modified) {
			t.Errorf("the info of put is %+v, that of Info %+v", i, known)
		}
	}
	if got := f.chunks(t); got != 73 {
		t.Errorf("%d chunks, and the last object has 73", got)
	}
	put(t, f.store, "a", []byte("x"))
	if got := f.chunks(t); got != 1 {
		t.Errorf("%d chunks are left of those before", got)
	}
}

func TestGoClientReadsWhatIsPutHere(t *testing.T) {
	f := start(t, object.Config{})
	ctx := context.Background()
	data := noise(700_000)
	meta := object.Meta{
		Name: "dir/ä b>.*", Description: "a thing",
		Header:   dict.Dict{{Key: "k", Value: []string{"v1", "v2"}}},
		Metadata: dict.Dict{{Key: "m", Value: "1"}},
	}
	mine := natstest.Wait(t, func(done func(*object.Info, error)) error {
		return f.store.PutBytes(meta, data, object.PutOptions{ChunkSize: 1000}, done)
	})
	got, err := f.native.GetBytes(ctx, meta.Name)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	i, err := f.native.GetInfo(ctx, meta.Name)
	if err != nil {
		t.Fatal(err)
	}
	if i.Description != "a thing" || i.Headers.Values("k")[1] != "v2" || i.Metadata["m"] != "1" || i.Size != 700_000 ||
		i.Chunks != 700 || i.Opts.ChunkSize != 1000 || i.NUID != mine.NUID || i.Digest != mine.Digest || !i.ModTime.Equal(mine.Modified) {
		t.Errorf("got %+v", i)
	}
}

func TestObjectsOfTheGoClientAreReadHere(t *testing.T) {
	f := start(t, object.Config{})
	ctx := context.Background()
	data := noise(500_000)
	_, err := f.native.Put(ctx, jetstream.ObjectMeta{
		Name: "theirs", Description: "d", Headers: nats.Header{"A": {"1", "2"}}, Metadata: map[string]string{"m": "x"},
	}, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, f.store, "theirs"); !bytes.Equal(got, data) {
		t.Errorf("%d bytes", len(got))
	}
	i := info(t, f.store, "theirs")
	header, _ := i.Header.Get("A")
	if i.Description != "d" || i.Metadata.Text("m") != "x" || !slices.Equal(header.([]string), []string{"1", "2"}) || i.ChunkSize != object.DefaultChunkSize {
		t.Errorf("got %+v", i)
	}
	// Changed here, and read there.
	name, text := "renamed", "changed"
	natstest.Wait(t, func(done func(*object.Info, error)) error {
		return f.store.UpdateMeta("theirs", object.MetaChange{Name: &name, Description: &text}, done)
	})
	theirs, err := f.native.GetInfo(ctx, "renamed")
	if err != nil || theirs.Description != "changed" || theirs.Metadata["m"] != "x" {
		t.Errorf("got %+v %v", theirs, err)
	}
	if _, err := f.native.GetInfo(ctx, "theirs"); !errors.Is(err, jetstream.ErrObjectNotFound) {
		t.Errorf("the old name: %v", err)
	}
	if got, err := f.native.GetBytes(ctx, "renamed"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestDeletedObjects(t *testing.T) {
	f := start(t, object.Config{})
	put(t, f.store, "a", noise(300_000))
	remove := natstest.Plain(func(done func(error)) error { return f.store.Delete("a", done) })
	natstest.Wait(t, remove)
	natstest.Wait(t, remove) // twice is fine
	if got := f.chunks(t); got != 0 {
		t.Errorf("%d chunks are left", got)
	}
	fails(t, "ErrObjectNotFound", func(done func(object.Contents, error)) error { return f.store.GetBytes("a", nil, done) })
	fails(t, "ErrObjectNotFound", func(done func(*object.Info, error)) error { return f.store.Info("a", false, done) })
	if i := info(t, f.store, "a"); !i.Deleted || i.Size != 0 || i.Chunks != 0 || i.Digest != "" {
		t.Errorf("got %+v", i)
	}
	fails(t, "ErrObjectNotFound", natstest.Plain(func(done func(error)) error { return f.store.Delete("never", done) }))
	fails(t, "ErrObjectDeleted", func(done func(*object.Info, error)) error {
		return f.store.UpdateMeta("a", object.MetaChange{}, done)
	})
	if i, err := f.native.GetInfo(context.Background(), "a", jetstream.GetObjectInfoShowDeleted()); err != nil || !i.Deleted {
		t.Errorf("Go's client sees %+v %v", i, err)
	}
	put(t, f.store, "a", []byte("again"))
	if got := get(t, f.store, "a"); string(got) != "again" {
		t.Errorf("got %q", got)
	}
}

func TestLinks(t *testing.T) {
	f := start(t, object.Config{})
	put(t, f.store, "a", []byte("one"))
	other := natstest.Wait(t, func(done func(*object.Store, error)) error {
		return object.Create(f.js, "other", object.Config{}, done)
	})
	put(t, other, "far", []byte("two"))
	link := func(name, bucket, target string) func(func(*object.Info, error)) error {
		return func(done func(*object.Info, error)) error { return f.store.AddLink(name, bucket, target, done) }
	}
	natstest.Wait(t, link("near", "", "a"))
	if got := get(t, f.store, "near"); string(got) != "one" {
		t.Errorf("got %q", got)
	}
	i := natstest.Wait(t, link("near", "other", "far"))
	if *i.Link != (object.Link{Bucket: "other", Name: "far"}) {
		t.Errorf("got %+v", i.Link)
	}
	if got := get(t, f.store, "near"); string(got) != "two" {
		t.Errorf("got %q", got)
	}
	if got, err := f.native.GetString(context.Background(), "near"); err != nil || got != "two" {
		t.Errorf("Go's client got %q %v", got, err)
	}
	natstest.Wait(t, func(done func(*object.Info, error)) error { return f.store.AddBucketLink("bucket", "other", done) })
	fails(t, "ErrObjectIsBucketLink", func(done func(object.Contents, error)) error { return f.store.GetBytes("bucket", nil, done) })
	fails(t, "ErrObjectExists", link("a", "", "a"))
	fails(t, "ErrLinkToLink", link("x", "", "near"))
	fails(t, "ErrObjectNotFound", link("x", "", "none"))
	fails(t, "ErrBucketNotFound", link("x", "nowhere", "none"))
	natstest.Do(t, func(done func(error)) error { return f.store.Delete("a", done) })
	fails(t, "ErrLinkToDeleted", link("x", "", "a"))
	// A link that an older client made to another link.
	if _, err := f.native.AddLink(context.Background(), "stale", &jetstream.ObjectInfo{Bucket: "files", ObjectMeta: jetstream.ObjectMeta{Name: "near"}}); err != nil {
		t.Fatal(err)
	}
	fails(t, "ErrLinkToLink", func(done func(object.Contents, error)) error { return f.store.GetBytes("stale", nil, done) })
	put(t, f.store, "near", []byte("an object now"))
	if got := get(t, other, "far"); string(got) != "two" {
		t.Errorf("putting over a link changed what it led to: %q", got)
	}
}

func TestRenameRefusesANameThatIsTaken(t *testing.T) {
	f := start(t, object.Config{})
	put(t, f.store, "a", []byte("a"))
	put(t, f.store, "b", []byte("b"))
	to := "b"
	rename := func(done func(*object.Info, error)) error {
		return f.store.UpdateMeta("a", object.MetaChange{Name: &to}, done)
	}
	fails(t, "ErrObjectExists", rename)
	natstest.Do(t, func(done func(error)) error { return f.store.Delete("b", done) })
	natstest.Wait(t, rename)
	if got := get(t, f.store, "b"); string(got) != "a" {
		t.Errorf("got %q", got)
	}
	fails(t, "ErrObjectNotFound", func(done func(*object.Info, error)) error { return f.store.Info("a", true, done) })
}

func TestListAndWatch(t *testing.T) {
	f := start(t, object.Config{})
	list := func(deleted bool) (names []string) {
		for _, i := range natstest.Wait(t, func(done func([]*object.Info, error)) error { return f.store.List(deleted, done) }) {
			names = append(names, i.Name)
		}
		return names
	}
	if got := list(true); len(got) != 0 {
		t.Errorf("an empty store lists %v", got)
	}
	for _, name := range []string{"a", "b", "c"} {
		put(t, f.store, name, []byte(name))
	}
	natstest.Do(t, func(done func(error)) error { return f.store.Delete("a", done) })
	if got := list(false); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("got %v", got)
	}
	if got := list(true); !slices.Equal(got, []string{"b", "c", "a"}) {
		t.Errorf("got %v", got)
	}
	seen := make(chan string, 100)
	w := natstest.Wait(t, func(done func(*object.Watcher, error)) error {
		return f.store.Watch(object.WatchOptions{}, func(w *object.Watcher, i *object.Info) {
			if i == nil {
				seen <- "."
				return
			}
			w.Taken()
			seen <- i.Name
		}, done)
	})
	defer w.Stop()
	if _, err := f.native.PutString(context.Background(), "d", "of Go's client"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"b", "c", "a", ".", "d"} {
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		case <-time.After(natstest.Patience):
			t.Fatal("nothing is seen of " + want)
		}
	}
}

func TestConfigIsThatOfTheGoClient(t *testing.T) {
	f := start(t, object.Config{})
	ctx := context.Background()
	// It takes our store for one of its own making, and the other way round.
	if _, err := f.api.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "files"}); err != nil {
		t.Error(err)
	}
	if _, err := f.api.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "theirs", TTL: time.Hour, Description: "d"}); err != nil {
		t.Fatal(err)
	}
	ttl, text := time.Hour, "d"
	natstest.Wait(t, func(done func(*object.Store, error)) error {
		return object.Create(f.js, "theirs", object.Config{TTL: &ttl, Description: &text}, done)
	})
	names := natstest.Wait(t, func(done func([]string, error)) error { return object.Names(f.js, done) })
	if slices.Sort(names); !slices.Equal(names, []string{"files", "theirs"}) {
		t.Errorf("got %v", names)
	}
	text = "changed"
	theirs := natstest.Wait(t, func(done func(*object.Store, error)) error {
		return object.CreateOrUpdate(f.js, "theirs", object.Config{Description: &text}, done)
	})
	status := natstest.Wait(t, theirs.Status)
	if status.Text("description") != "changed" || status.Text("ttl") != "3600000000000" {
		t.Errorf("got %v", status)
	}
	fails(t, "ErrBucketNotFound", func(done func(*object.Store, error)) error { return object.Update(f.js, "none", object.Config{}, done) })
	fails(t, "ErrBucketNotFound", func(done func(*object.Store, error)) error { return object.Bind(f.js, "none", done) })
	if all := natstest.Wait(t, func(done func([]dict.Dict, error)) error { return object.Statuses(f.js, done) }); len(all) != 2 {
		t.Errorf("got %v", all)
	}
	natstest.Do(t, f.store.Seal)
	fails(t, "ErrJSResponse", func(done func(*object.Info, error)) error {
		return f.store.PutBytes(object.Meta{Name: "a"}, []byte("x"), object.PutOptions{}, done)
	})
	natstest.Do(t, func(done func(error)) error { return object.Delete(f.js, "theirs", done) })
	fails(t, "ErrBucketNotFound", func(done func(*object.Info, error)) error {
		return theirs.PutBytes(object.Meta{Name: "a"}, []byte("x"), object.PutOptions{}, done)
	})
	fails(t, "ErrBucketNotFound", func(done func(*object.Info, error)) error { return theirs.Info("a", true, done) })
}

// Of two that put the same name at once one is last, and nothing is left of the other.
func TestPutsOfOneNameAtOnce(t *testing.T) {
	f := start(t, object.Config{})
	ends := make(chan error, 20)
	for range cap(ends) {
		err := f.store.PutBytes(object.Meta{Name: "a"}, noise(300_000), object.PutOptions{}, func(_ *object.Info, err error) { ends <- err })
		if err != nil {
			t.Fatal(err)
		}
	}
	for range cap(ends) {
		select {
		case err := <-ends:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(natstest.Patience):
			t.Fatal("a put has no end")
		}
	}
	if got := get(t, f.store, "a"); len(got) != 300_000 {
		t.Errorf("%d bytes", len(got))
	}
	if got := f.chunks(t); got != 3 {
		t.Errorf("%d chunks are there, of one object with 3", got)
	}
}

// What failed is not seen, and leaves nothing.
func TestFailedPutLeavesNothing(t *testing.T) {
	most := int64(1 << 20)
	f := start(t, object.Config{MaxBytes: &most})
	put(t, f.store, "a", []byte("as it was"))
	fails(t, "ErrJSResponse", func(done func(*object.Info, error)) error {
		return f.store.PutBytes(object.Meta{Name: "a"}, noise(3<<20), object.PutOptions{}, done)
	})
	if got := get(t, f.store, "a"); string(got) != "as it was" {
		t.Errorf("got %q", got)
	}
	end := make(chan error, 1)
	w, err := f.store.Put(object.Meta{Name: "b"}, object.PutOptions{}, func(_ *object.Info, err error) { end <- err })
	if err != nil {
		t.Fatal(err)
	}
	w.Write(noise(400_000))
	fails(t, "ErrObjectNotFound", func(done func(*object.Info, error)) error { return f.store.Info("b", true, done) })
	why := errors.New("changed my mind")
	w.Abort(why)
	if err := <-end; err != why {
		t.Errorf("got %v", err)
	}
	if got := f.chunks(t); got != 1 {
		t.Errorf("%d chunks are there", got)
	}
	w, err = f.store.Put(object.Meta{Name: "b"}, object.PutOptions{Timeout: time.Millisecond}, func(_ *object.Info, err error) { end <- err })
	if err != nil {
		t.Fatal(err)
	}
	w.Write(noise(400_000))
	if err := <-end; fault.CodeOf(err) != "ErrTimeout" {
		t.Errorf("got %v", err)
	}
}

// A mirror of a store can be bound, and read (nats.go: TestObjectStoreMirror).
func TestMirrorOfAStore(t *testing.T) {
	f := start(t, object.Config{})
	put(t, f.store, "a", []byte("there"))
	_, err := f.api.CreateStream(context.Background(), jetstream.StreamConfig{
		Name: "OBJ_copy", AllowDirect: true, AllowRollup: true,
		Mirror: &jetstream.StreamSource{Name: "OBJ_files", SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: "$O.files.>", Destination: "$O.copy.>"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	copied := natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(f.js, "copy", done) })
	deadline := time.Now().Add(natstest.Patience)
	for {
		c, err := natstest.Await(t, func(done func(object.Contents, error)) error { return copied.GetBytes("a", nil, done) })
		if err == nil && string(c.Data) == "there" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
