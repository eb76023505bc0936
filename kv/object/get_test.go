// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/object"
)

// slowReader reads as a Go program would.
type slowReader struct {
	*object.Reader
	ready chan struct{}
}

func open(t *testing.T, s *object.Store, name string) *slowReader {
	t.Helper()
	ready := make(chan struct{}, 1)
	r := natstest.Wait(t, func(done func(*object.Reader, error)) error {
		return s.Get(name, func() { ready <- struct{}{} }, done)
	})
	return &slowReader{r, ready}
}

func (r *slowReader) next(t *testing.T) ([]byte, error) {
	t.Helper()
	for {
		piece, err := r.Take()
		if piece != nil || err != nil {
			return piece, err
		}
		select {
		case <-r.ready:
		case <-time.After(natstest.Patience):
			t.Fatal("nothing comes")
		}
	}
}

func (r *slowReader) rest(t *testing.T) (data []byte, err error) {
	t.Helper()
	for {
		piece, err := r.next(t)
		if err != nil {
			return data, err
		}
		data = append(data, piece...)
	}
}

// A reader that takes nothing is sent no more than it asked for, and others go on.
func TestReaderThatTakesNothing(t *testing.T) {
	f := start(t, object.Config{})
	data := noise(16 << 20)
	put(t, f.store, "a", data)
	r := open(t, f.store, "a")
	put(t, f.store, "b", []byte("meanwhile"))
	if got := get(t, f.store, "b"); string(got) != "meanwhile" {
		t.Errorf("got %q", got)
	}
	if sent := f.js.Conn().Statistics().InBytes; sent > 8<<20 {
		t.Errorf("%d MB were sent to a reader that took nothing", sent>>20)
	}
	got, err := r.rest(t)
	if err != io.EOF || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	r.Close()
	if _, err := r.Take(); fault.CodeOf(err) != "ErrInvalidArg" {
		t.Errorf("got %v", err)
	}
}

// An object that is replaced while it is read is not mixed with the new one.
func TestReplacedWhileItIsRead(t *testing.T) {
	f := start(t, object.Config{})
	put(t, f.store, "a", noise(8<<20))
	r := open(t, f.store, "a")
	if _, err := r.next(t); err != nil {
		t.Fatal(err)
	}
	put(t, f.store, "a", noise(8<<20))
	if _, err := r.rest(t); fault.CodeOf(err) != "ErrDigestMismatch" {
		t.Errorf("got %v", err)
	}
}

// A stream that answers no direct gets is read from its leader, also where they were switched off since it was bound, or in
// the middle of a read.
func TestStoreWithoutDirectGets(t *testing.T) {
	f := start(t, object.Config{})
	data := noise(1_500_000)
	put(t, f.store, "a", data)
	other := natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(f.js, "files", done) })
	r := open(t, f.store, "a")
	first, err := r.next(t)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := f.api.Stream(context.Background(), "OBJ_files")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.AllowDirect = false
	if _, err := f.api.UpdateStream(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	if rest, err := r.rest(t); err != io.EOF || !bytes.Equal(append(first, rest...), data) {
		t.Errorf("%d bytes of the reader that had begun, %v", len(first)+len(rest), err)
	}
	bound := natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(f.js, "files", done) })
	for _, s := range []*object.Store{other, bound} {
		if got := get(t, s, "a"); !bytes.Equal(got, data) {
			t.Errorf("%d bytes", len(got))
		}
	}
	put(t, other, "b", []byte("later"))
	if got := get(t, other, "b"); string(got) != "later" {
		t.Errorf("got %q", got)
	}
}
