// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"sync/atomic"
	"testing"

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
