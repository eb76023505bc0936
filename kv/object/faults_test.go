// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"bytes"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
	"natstcl/kv/object"
	"natstcl/kv/server"
)

// restartable is a server that can be ended, and come back with what it had.
type restartable struct {
	options server.Options
	running *server.Server
	js      *js.JetStream
	store   *object.Store
}

func (r *restartable) start(t *testing.T) {
	t.Helper()
	var err error
	if r.running, err = server.Start(r.options); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(r.running.URL())
	if err != nil {
		t.Fatal(err)
	}
	r.options.Port, _ = strconv.Atoi(u.Port())
}

func startRestartable(t *testing.T) *restartable {
	t.Helper()
	r := &restartable{options: server.Options{StoreDir: t.TempDir()}}
	r.start(t)
	t.Cleanup(func() { r.running.Shutdown() })
	r.js = jstest.Connect(t, r.running.URL(), 3*time.Second)
	r.store = natstest.Wait(t, func(done func(*object.Store, error)) error {
		return object.Create(r.js, "files", object.Config{}, done)
	})
	return r
}

func (r *restartable) restart(t *testing.T) {
	t.Helper()
	r.running.Shutdown()
	r.start(t)
}

// A reader goes on where it was when its server comes back.
func TestGetOverARestartOfTheServer(t *testing.T) {
	r := startRestartable(t)
	data := noise(9 << 20)
	put(t, r.store, "a", data)
	reader := open(t, r.store, "a")
	var got []byte
	for restarts := 0; ; {
		piece, err := reader.next(t)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, piece...)
		if restarts < 2 && len(got) > (restarts+1)*3<<20 {
			restarts++
			r.restart(t)
		}
	}
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes", len(got))
	}
}

// A put that its server leaves in the middle is complete, or has failed and left nothing.
func TestPutOverARestartOfTheServer(t *testing.T) {
	r := startRestartable(t)
	data := noise(25 << 20)
	room, end := make(chan struct{}, 1), make(chan error, 1)
	// It is called by the connection's reader, which must not be held up.
	o := object.PutOptions{Room: func() {
		select {
		case room <- struct{}{}:
		default:
		}
	}}
	w, err := r.store.Put(object.Meta{Name: "a"}, o, func(_ *object.Info, err error) { end <- err })
	if err != nil {
		t.Fatal(err)
	}
	restarted := false
	for rest := w.Write(data); len(rest) > 0; rest = w.Write(rest) {
		if !restarted && len(rest) < len(data)/2 {
			r.running.Shutdown()
			rest = w.Write(rest)
			r.start(t)
			restarted = true
		}
		select {
		case <-room:
			continue
		case err = <-end:
			end <- err
		case <-time.After(natstest.Patience):
			t.Fatal("the put has no end")
		}
		break
	}
	w.Close()
	select {
	case err = <-end:
	case <-time.After(natstest.Patience):
		t.Fatal("the put has no end")
	}
	i := natstest.Wait(t, func(done func([]*object.Info, error)) error { return r.store.List(true, done) })
	if err == nil {
		if len(i) != 1 || len(get(t, r.store, "a")) != len(data) {
			t.Errorf("it is said to be complete, and is not")
		}
		return
	}
	if len(i) != 0 {
		t.Errorf("%v, and an object is there", err)
	}
	left := natstest.Wait(t, func(done func(dict.Dict, error)) error { return r.js.StreamSubjects("OBJ_files", "$O.files.C.>", done) })
	if len(left) != 0 {
		t.Errorf("%v, and chunks are there: %v", err, left)
	}
}

// The end of the connection ends what is open.
func TestDisconnectInTheMiddle(t *testing.T) {
	r := startRestartable(t)
	put(t, r.store, "a", noise(30<<20))
	reader := open(t, r.store, "a")
	end := make(chan error, 1)
	w, err := r.store.Put(object.Meta{Name: "b"}, object.PutOptions{}, func(_ *object.Info, err error) { end <- err })
	if err != nil {
		t.Fatal(err)
	}
	w.Write(noise(1 << 20))
	<-r.js.Conn().Disconnect()
	if _, err := reader.rest(t); fault.CodeOf(err) != "ErrConnectionClosed" {
		t.Errorf("a reader got %v", err)
	}
	w.Close()
	select {
	case err := <-end:
		if fault.CodeOf(err) != "ErrConnectionClosed" {
			t.Errorf("a writer got %v", err)
		}
	case <-time.After(natstest.Patience):
		t.Fatal("the put has no end")
	}
}

// electing stands for the stream of a store whose leader goes: it takes the first chunk and refuses the second one, and its
// cluster has no leader for so many requests to remove chunks.
type electing struct {
	mu      sync.Mutex
	chunks  int
	refuses int
	purged  []string // filters of the requests that were served
}

func (e *electing) answer(t *testing.T, nc *nats.Conn) {
	t.Helper()
	reply := func(m *nats.Msg, text string) {
		if err := m.Respond([]byte(text)); err != nil {
			t.Error(err)
		}
	}
	_, err := nc.Subscribe("$O.files.C.>", func(m *nats.Msg) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.chunks++; e.chunks == 1 {
			reply(m, `{"stream":"OBJ_files","seq":1}`)
		} else {
			reply(m, `{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}`)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = nc.Subscribe("$JS.API.STREAM.PURGE.OBJ_files", func(m *nats.Msg) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.refuses > 0 {
			e.refuses--
			reply(m, `{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`)
			return
		}
		e.purged = append(e.purged, string(m.Data))
		reply(m, `{"success":true,"purged":1}`)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = nc.Subscribe("$JS.API.STREAM.INFO.OBJ_files", func(m *nats.Msg) {
		reply(m, `{"config":{"name":"OBJ_files","allow_direct":true},"state":{"messages":0}}`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// A cluster that is about to elect the stream's leader is asked again to remove what a failed put has left.
func TestFailedPutIsRemovedWhenThereIsALeaderAgain(t *testing.T) {
	off := false
	s, err := server.Start(server.Options{JetStream: &off})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	e := &electing{refuses: 9}
	e.answer(t, jstest.Native(t, s.URL()))
	j := jstest.Connect(t, s.URL(), 10*time.Second)
	store := natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(j, "files", done) })
	_, err = natstest.Await(t, func(done func(*object.Info, error)) error {
		return store.PutBytes(object.Meta{Name: "a"}, noise(20), object.PutOptions{ChunkSize: 10}, done)
	})
	if fault.CodeOf(err) != fault.JSResponse {
		t.Errorf("the put ended with %v", err)
	}
	natstest.Eventually(t, "the chunks are removed", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.purged) > 0
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.purged) != 1 || !strings.Contains(e.purged[0], `"filter":"$O.files.C.`) {
		t.Errorf("removed was %q", e.purged)
	}
}
