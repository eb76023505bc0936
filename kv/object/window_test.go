// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
	"natstcl/kv/object"
	"natstcl/kv/server"
)

// patient stands for the stream of an empty store, which answers when it is told to.
type patient struct {
	js    *js.JetStream
	store *object.Store

	mu       sync.Mutex
	holding  string // subjects that begin so have no answer yet
	held     []*nats.Msg
	requests []string // of the API
}

func startPatient(t *testing.T, holding string) *patient {
	t.Helper()
	off := false
	s, err := server.Start(server.Options{JetStream: &off})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	p := &patient{holding: holding}
	nc := jstest.Native(t, s.URL())
	// One subscription, so that all comes in order.
	if _, err := nc.Subscribe(">", p.take); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	// Its requests have time without end, as far as a test goes.
	p.js = jstest.Connect(t, s.URL(), 10*natstest.Patience)
	p.store = natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(p.js, "files", done) })
	return p
}

func (p *patient) take(m *nats.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case strings.HasPrefix(m.Subject, p.holding):
		p.held = append(p.held, m)
		return
	case strings.HasPrefix(m.Subject, "$JS.API."):
		p.requests = append(p.requests, m.Subject)
	case !strings.HasPrefix(m.Subject, "$O."):
		return
	}
	answer(m)
}

func answer(m *nats.Msg) {
	text := `{"stream":"OBJ_files","seq":1}`
	switch {
	case strings.Contains(m.Subject, ".INFO."):
		text = `{"config":{"name":"OBJ_files"},"state":{"messages":0}}`
	case strings.Contains(m.Subject, ".MSG.GET."):
		text = `{"error":{"code":404,"err_code":10037,"description":"no message found"}}`
	case strings.Contains(m.Subject, ".PURGE."):
		text = `{"success":true,"purged":1}`
	}
	_ = m.Respond([]byte(text))
}

// waiting is how many messages wait for an answer.
func (p *patient) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

// release answers what waits, and all that comes.
func (p *patient) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holding = "none"
	for _, m := range p.held {
		answer(m)
	}
}

// purged is how many requests to remove chunks there were.
func (p *patient) purged() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, subject := range p.requests {
		if strings.Contains(subject, ".PURGE.") {
			n++
		}
	}
	return n
}

// Small chunks are bounded by their number, whatever size is written at a time.
func TestFewSmallChunksAreUnderWay(t *testing.T) {
	const most = 1024
	p := startPatient(t, "$O.files.C.")
	end := make(chan error, 1)
	err := p.store.PutBytes(object.Meta{Name: "a"}, noise(most+500), object.PutOptions{ChunkSize: 1}, func(_ *object.Info, err error) { end <- err })
	if err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, "as many chunks as may be under way", func() bool { return p.waiting() >= most })
	// What was sent before this has come before its answer.
	natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(p.js, "files", done) })
	if n := p.waiting(); n != most {
		t.Errorf("%d chunks are under way", n)
	}
	p.release()
	select {
	case err := <-end:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(natstest.Patience):
		t.Fatal("the put has no end")
	}
}

// The time of a put is over where it is over: nothing that has no answer holds it up.
func TestTheTimeOfAPut(t *testing.T) {
	for _, c := range []struct {
		holding string
		removes bool // the chunks are removed when there is an answer
	}{
		{"$O.files.C.", true},
		{"$JS.API.STREAM.MSG.GET.", true},
		{"$O.files.M.", false}, // an info that is on its way may be stored
	} {
		t.Run(c.holding, func(t *testing.T) {
			t.Parallel()
			p := startPatient(t, c.holding)
			fails(t, fault.Timeout, func(done func(*object.Info, error)) error {
				return p.store.PutBytes(object.Meta{Name: "a"}, noise(1000), object.PutOptions{Timeout: time.Second}, done)
			})
			natstest.Eventually(t, "it is under way", func() bool { return p.waiting() > 0 })
			if n := p.purged(); n != 0 {
				t.Error("chunks are removed before it is known that they are stored")
			}
			p.release()
			if c.removes {
				natstest.Eventually(t, "its chunks are removed", func() bool { return p.purged() == 1 })
			}
		})
	}
}
