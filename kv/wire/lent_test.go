// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"natstcl/kv/internal/natstest"
)

// What Own, OwnIn and Keep return is the receiver's: later messages, which come by the same memory, change nothing of it. Every
// 99th message is longer than what is read at a time.
func TestWhatIsKeptOfALentMessageStays(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	const n = 2_000
	body := func(i int) string {
		if i%99 == 0 {
			return strings.Repeat(fmt.Sprint("long ", i, " "), 20_000)
		}
		return fmt.Sprint("body ", i)
	}
	line := func(m *nats.Msg) string {
		return m.Subject + " " + m.Reply + " " + string(m.Data) + " " + m.Header.Get("H")
	}
	var got []*nats.Msg
	var memory Memory
	all := make(chan struct{})
	if _, err := c.ListenLending("lent.>", func(l *Lent) {
		var m nats.Msg
		switch len(got) % 3 {
		case 0:
			m = *l.Keep()
		case 1:
			l.Own()
			m = l.Msg
			m.Reply = "" // lent still
		case 2:
			l.OwnIn(&memory)
			m = l.Msg
			m.Reply = ""
		}
		got = append(got, &m)
		if len(got) == n {
			close(all)
		}
	}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range n {
		m := &nats.Msg{Subject: fmt.Sprint("lent.", i), Reply: fmt.Sprint("reply.", i), Data: []byte(body(i))}
		if i%5 == 0 {
			m.Header = nats.Header{"H": {fmt.Sprint(i)}}
		}
		if err := c.Publish(m); err != nil {
			t.Fatal(err)
		}
		c.Hold()
		if i%3 > 0 {
			m.Reply = ""
		}
		want = append(want, line(m))
	}
	<-all
	for i, m := range got {
		if line(m) != want[i] {
			t.Fatalf("message %d was %q, and has become %q", i, want[i], line(m))
		}
		if cap(m.Data) > len(m.Data) {
			t.Fatal("an append to a payload would write what is behind it")
		}
	}
}

// A delivery that panics is passed over, and nothing of its message is found in the next one.
func TestNothingIsLeftOfAMessageWhoseDeliveryPanicked(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	got := make(chan *nats.Msg, 1)
	if _, err := c.Subscribe("a", "", 0, func(m *nats.Msg) {
		if string(m.Data) == "first" {
			panic("a test")
		}
		got <- m
	}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*nats.Msg{
		{Subject: "a", Reply: "r", Data: []byte("first"), Header: nats.Header{"Status": {"503"}}},
		{Subject: "a", Data: []byte("second")},
	} {
		if err := c.Publish(m); err != nil {
			t.Fatal(err)
		}
	}
	if m := <-got; string(m.Data) != "second" || m.Reply != "" || len(m.Header) > 0 {
		t.Errorf("got %q with the reply subject %q and the header %v", m.Data, m.Reply, m.Header)
	}
}
