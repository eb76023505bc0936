// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/internal/natstest"
)

// What follows from a reply, for one who waits for the end, does not wait for more to say: a touch took
// three times as long as its two requests.
func TestWhatIsSaidForOneWhoWaitsGoesOutAtOnce(t *testing.T) {
	var speaking atomic.Bool
	o := &outgoing{conn: &Conn{}, write: func([]byte) {}, gather: &speaking}
	defer o.end()
	publish := func() { o.publish(&nats.Msg{Subject: "x"}, nil) }
	speaking.Store(true)
	publish()
	publish()
	speaking.Store(false)
	o.send()
	for i := range 3 {
		if publish(); o.gathered() > 0 {
			t.Errorf("message %d waits", i)
		}
	}
}

// A subscription is taken back at once, with what was published before, while messages wait for company.
func TestWhatIsTakenBackDoesNotWait(t *testing.T) {
	s := natstest.StartServer(t, nil)
	o := DefaultOptions()
	o.Gather = &atomic.Bool{}
	o.Gather.Store(true)
	c, _ := connected(t, o, s.ClientURL())
	sub, err := c.Subscribe("a", "q", 0, func(*nats.Msg) {})
	if err != nil {
		t.Fatal(err)
	}
	waited := false
	for range 1000 {
		if err := c.Publish(&nats.Msg{Subject: "b"}); err != nil {
			t.Fatal(err)
		}
		waited = waited || c.Buffered() > 0
	}
	if !waited {
		t.Error("no message waited")
	}
	if err := c.Unsubscribe(sub.ID(), 0); err != nil {
		t.Fatal(err)
	}
	if n := c.engine.out.gathered(); n > 0 {
		t.Errorf("%d bytes wait", n)
	}
}

// What an owner keeps back is asked for before what goes by it, and when the connection ends by itself.
func TestTheOwnerHandsOverWhatItKeepsBack(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	var asked atomic.Int64
	o := DefaultOptions()
	o.ReconnectTimeWait = 10 * time.Millisecond
	o.HandOver = func() { asked.Add(1) }
	c, r := connected(t, o, p.URL())
	await := func(what string, before int64) {
		t.Helper()
		natstest.Eventually(t, what, func() bool { return asked.Load() > before })
	}
	for _, x := range []struct {
		what string
		do   func()
	}{
		{"SendGathered", c.SendGathered},
		{"Flush", func() { natstest.Do(t, c.Flush) }},
		{"Reconnect", func() { r.forget(); _ = c.Reconnect(); r.await(t, "status connected") }},
		{"the end", func() { r.forget(); p.Cut(); r.await(t, "status connected") }},
		{"Drain", func() { natstest.Do(t, c.Drain) }},
		{"Disconnect", func() { <-c.Disconnect() }},
	} {
		before := asked.Load()
		x.do()
		await(x.what, before)
	}
}
