// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// record is an Observer that remembers.
type record struct {
	mu       sync.Mutex
	changed  *sync.Cond
	events   []string // "status connected", "error ErrX text", "error -"
	logs     []string
	infos    int
	delay    func(dict.Dict) time.Duration
	lastInfo dict.Dict
}

func newRecord() *record {
	r := &record{}
	r.changed = sync.NewCond(&r.mu)
	return r
}

func (r *record) add(event string) {
	r.mu.Lock()
	r.events = append(r.events, event)
	r.mu.Unlock()
	r.changed.Broadcast()
}

func (r *record) Status(s Status) { r.add("status " + string(s)) }

func (r *record) LastError(e *fault.Error) {
	if e == nil {
		r.add("error -")
	} else {
		r.add("error " + e.Code + " " + e.Text)
	}
}

func (r *record) ServerInfo(d dict.Dict) {
	r.mu.Lock()
	r.infos++
	r.lastInfo = d
	r.mu.Unlock()
	r.changed.Broadcast()
}

func (r *record) Log(l Level, text string) {
	r.mu.Lock()
	r.logs = append(r.logs, string(l)+" "+text)
	r.mu.Unlock()
	r.changed.Broadcast()
}

func (r *record) ReconnectDelay(s dict.Dict, answer func(time.Duration)) { answer(r.delay(s)) }

// has waits until an event is there.
func (r *record) await(t *testing.T, event string) {
	t.Helper()
	r.awaitTrue(t, event, func() bool {
		for _, e := range r.events {
			if e == event {
				return true
			}
		}
		return false
	})
}

func (r *record) awaitTrue(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(natstest.Patience)
	timer := time.AfterFunc(natstest.Patience, r.changed.Broadcast)
	defer timer.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("no %q in %q", what, r.events)
		}
		r.changed.Wait()
	}
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.events...)
}

func (r *record) forget() {
	r.mu.Lock()
	r.events = nil
	r.mu.Unlock()
}

// connected makes a connection that the test's end closes.
func connected(t *testing.T, o Options, urls ...string) (*Conn, *record) {
	t.Helper()
	r := newRecord()
	c := New(o, r)
	t.Cleanup(func() { <-c.Disconnect() })
	if err := c.SetServers(urls); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, c.Connect); err != nil {
		t.Fatal(err)
	}
	return c, r
}

func expect(t *testing.T, err error, code, text string) {
	t.Helper()
	if fault.CodeOf(err) != code || err.Error() != text {
		t.Fatalf("got %s %v, want %s %s", fault.CodeOf(err), err, code, text)
	}
}

func TestConnectPublishSubscribeRequestPingDisconnect(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, r := connected(t, DefaultOptions(), s.ClientURL())
	got := make(chan string, 10)
	if _, err := c.Subscribe("a.*", "", 0, func(m *nats.Msg) {
		got <- m.Subject + " " + string(m.Data)
		if m.Reply != "" {
			_ = c.Publish(&nats.Msg{Subject: m.Reply, Data: []byte("re " + string(m.Data))})
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.Publish(&nats.Msg{Subject: "a.b", Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if m := <-got; m != "a.b hello" {
		t.Errorf("got %q", m)
	}
	reply := ""
	if err := natstest.Ended(t, func(done func(error)) error {
		_, err := c.Request(&nats.Msg{Subject: "a.c", Data: []byte("q")}, time.Minute, func(m *nats.Msg, err error) {
			if err == nil {
				reply = string(m.Data)
			}
			done(err)
		})
		return err
	}); err != nil || reply != "re q" {
		t.Errorf("reply %q, %v", reply, err)
	}
	err := natstest.Ended(t, func(done func(error)) error {
		_, err := c.Request(&nats.Msg{Subject: "nobody"}, time.Minute, func(_ *nats.Msg, err error) { done(err) })
		return err
	})
	expect(t, err, "ErrNoResponders", "No responders available for request to nobody")
	if err := natstest.Ended(t, func(done func(error)) error { return c.Ping(natstest.Patience, done) }); err != nil {
		t.Error(err)
	}
	<-c.Disconnect()
	want := []string{"error -", "status connecting", "error -", "status connected", "error -", "status closed"}
	if got := r.all(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\ngot  %q\nwant %q", got, want)
	}
	expect(t, c.Publish(&nats.Msg{Subject: "a"}), "ErrConnectionClosed", "No connection to NATS server")
}
