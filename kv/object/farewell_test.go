// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"testing"
	"time"

	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/object"
	"natstcl/kv/wire"
)

// begun puts an object by a connection of its own, which is closed in the middle.
func (f *fixture) begun(t *testing.T, o object.PutOptions) (w *object.Writer, conn *wire.Conn, end chan error) {
	t.Helper()
	j := jstest.Connect(t, f.url, natstest.Patience)
	s := natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(j, "files", done) })
	end = make(chan error, 1)
	w, err := s.Put(object.Meta{Name: "a"}, o, func(_ *object.Info, err error) { end <- err })
	if err != nil {
		t.Fatal(err)
	}
	return w, j.Conn(), end
}

// ended is the end of a put, which comes.
func ended(t *testing.T, end chan error) error {
	t.Helper()
	select {
	case err := <-end:
		return err
	case <-time.After(natstest.Patience):
		t.Fatal("the put has no end")
		return nil
	}
}

func TestPutWhoseConnectionIsClosed(t *testing.T) {
	for _, c := range []struct {
		what   string
		middle func(w *object.Writer, stored func())
	}{
		{"all chunks are stored", func(w *object.Writer, stored func()) { w.Write(noise(3000)); stored() }},
		{"chunks are on their way", func(w *object.Writer, stored func()) { w.Write(noise(3000)); stored(); w.Write(noise(300_000)) }},
		{"it has failed, and chunks are on their way", func(w *object.Writer, stored func()) {
			w.Write(noise(3000))
			stored()
			w.Write(noise(300_000))
			w.Abort(fault.New(fault.Canceled, ""))
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := start(t, object.Config{})
			put(t, f.store, "a", []byte("one"))
			w, conn, end := f.begun(t, object.PutOptions{ChunkSize: 1000})
			c.middle(w, func() {
				natstest.Eventually(t, "chunks are stored", func() bool { return f.chunks(t) == 4 })
			})
			<-conn.Disconnect()
			if err := ended(t, end); err == nil {
				t.Error("the put has succeeded")
			}
			if n := f.chunks(t); n != 1 {
				t.Errorf("%d chunks are left", n)
			}
			if got := string(get(t, f.store, "a")); got != "one" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// Nobody is told whether the info of a put is stored before its connection is closed. Either way no chunk has no name.
func TestPutWhoseConnectionIsClosedBehindItsInfo(t *testing.T) {
	for _, c := range []struct {
		what, is string
		unsent   bool
	}{
		{"it is stored", "two", false},
		{"it is not", "one", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := startBetween(t, natstest.Patience)
			before := put(t, b.store, "a", []byte("one"))
			asked := make(chan struct{})
			b.at(storing, func() (goOn, answer bool) {
				close(asked)
				return !c.unsent, false
			})
			end := make(chan error, 1)
			err := b.mine.PutBytes(object.Meta{Name: "a"}, []byte("two"), object.PutOptions{}, func(_ *object.Info, err error) { end <- err })
			if err != nil {
				t.Fatal(err)
			}
			<-asked
			natstest.Eventually(t, "the info is stored", func() bool { return c.unsent || info(t, b.store, "a").NUID != before.NUID })
			<-b.conn.Disconnect()
			if err := ended(t, end); fault.CodeOf(err) != fault.ConnectionClosed {
				t.Errorf("got %v", err)
			}
			b.is(t, "a", c.is)
			if n := b.chunks(t); n != 1 {
				t.Errorf("%d chunks are left", n)
			}
		})
	}
}
