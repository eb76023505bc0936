// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/internal/natstest"
)

// What comes is counted as nats.go counts it, what goes as what came back and what did not; the counts go on where
// those of nats.go begin anew.
func TestStatisticsGoOnOverReconnects(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	c, r := connected(t, DefaultOptions(), p.URL())
	var came atomic.Int64
	subscribe := func() {
		t.Helper()
		if _, err := c.Subscribe("a", "", 0, func(*nats.Msg) { came.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	subscribe()
	publish := func(want int64) {
		t.Helper()
		for _, m := range []*nats.Msg{
			{Subject: "a", Data: []byte("hello")},
			{Subject: "a", Data: []byte("x"), Header: nats.Header{"k": {"v", "w"}, "key": {"value"}}},
			{Subject: "nobody", Data: make([]byte, 1000)},
		} {
			if err := c.Publish(m); err != nil {
				t.Fatal(err)
			}
		}
		natstest.Eventually(t, "messages", func() bool { return came.Load() == want })
	}
	other, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Subscribe("a", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	publish(2)
	natstest.Eventually(t, "messages of the other", func() bool { return other.Stats().InMsgs == 2 })
	theirs, ours := other.Stats(), c.Statistics()
	if ours != (Statistics{theirs.InMsgs, theirs.InMsgs + 1, theirs.InBytes, theirs.InBytes + 1000, 0}) || ours.InMessages != 2 {
		t.Errorf("got %+v, nats.go has %+v", ours, theirs)
	}
	r.forget()
	p.Cut()
	r.await(t, "status connected")
	publish(4)
	twice := Statistics{2 * ours.InMessages, 2 * ours.OutMessages, 2 * ours.InBytes, 2 * ours.OutBytes, 1}
	if got := c.Statistics(); got != twice {
		t.Errorf("after a reconnect %+v, want %+v", got, twice)
	}
	<-c.Disconnect()
	if got := c.Statistics(); got != twice {
		t.Errorf("after a disconnect %+v, want %+v", got, twice)
	}
}

func TestStatisticsOfAFrozenServerWaitForNobody(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	c, _ := connected(t, DefaultOptions(), p.URL())
	defer c.Disconnect()
	p.Freeze()
	for range 20 {
		_ = c.Publish(&nats.Msg{Subject: "x", Data: make([]byte, 1<<20)})
	}
	start := time.Now()
	if got := c.Statistics(); got.OutMessages != 20 || got.OutBytes != 20<<20 {
		t.Errorf("got %+v", got)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRTT(t *testing.T) {
	c, _ := connected(t, DefaultOptions(), natstest.StartServer(t, nil).ClientURL())
	var took time.Duration
	start := time.Now()
	err := natstest.Ended(t, func(done func(error)) error {
		return c.RTT(natstest.Patience, func(d time.Duration, err error) {
			took = d
			done(err)
		})
	})
	if err != nil || took <= 0 || took > time.Since(start) {
		t.Errorf("got %v, %v", took, err)
	}
	c.Disconnect()
	expect(t, c.RTT(natstest.Patience, nil), "ErrConnectionClosed", "No connection to NATS server")
}

// All that was sent before the drain comes, nothing that was sent later does.
func TestDrainDeliversWhatCameAndNothingElse(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	defer other.Disconnect()
	var mu sync.Mutex
	var got []string
	for _, subject := range []string{"a", "b.>"} {
		if _, err := c.Subscribe(subject, "", 0, func(m *nats.Msg) {
			mu.Lock()
			got = append(got, string(m.Data))
			mu.Unlock()
		}); err != nil {
			t.Fatal(err)
		}
	}
	flush := func(c *Conn) error { return natstest.Ended(t, func(done func(error)) error { return c.Flush(done) }) }
	if err := flush(c); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 3000 {
		text := fmt.Sprint(i)
		_ = other.Publish(&nats.Msg{Subject: []string{"a", "b.c"}[i%2], Data: []byte(text)})
		want = append(want, text)
	}
	if err := flush(other); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, c.Drain); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%d messages came of %d", len(got), len(want))
	}
	mu.Unlock()
	_ = other.Publish(&nats.Msg{Subject: "a", Data: []byte("late")})
	if err := flush(other); err != nil {
		t.Fatal(err)
	}
	if err := flush(c); err != nil {
		t.Fatal(err)
	}
	_, err := c.Subscribe("c", "", 0, func(*nats.Msg) {})
	expect(t, err, "ErrConnectionDraining", "Connection is draining")
	if err := c.Publish(&nats.Msg{Subject: "c"}); err != nil {
		t.Error(err)
	}
	mu.Lock()
	if len(got) != len(want) {
		t.Errorf("%q came after the end", got[len(want):])
	}
	mu.Unlock()
	<-c.Disconnect()
	expect(t, c.Drain(nil), "ErrConnectionClosed", "No connection to NATS server")
}

func TestDrainOverAReconnect(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	o := DefaultOptions()
	o.ReconnectTimeWait = 10 * time.Millisecond
	c, r := connected(t, o, p.URL())
	if _, err := c.Subscribe("a", "", 0, func(*nats.Msg) { t.Error("a subscription that is drained came back") }); err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	r.forget()
	err := natstest.Ended(t, func(done func(error)) error {
		if err := c.Drain(done); err != nil {
			return err
		}
		p.Cut()
		p.Thaw()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	r.await(t, "status connected")
	_ = c.Publish(&nats.Msg{Subject: "a"})
	if err := natstest.Ended(t, c.Flush); err != nil {
		t.Error(err)
	}
	<-c.Disconnect()
}

func TestDrainEndsWithTheConnection(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	c, _ := connected(t, DefaultOptions(), p.URL())
	p.Freeze()
	err := natstest.Ended(t, func(done func(error)) error {
		if err := c.Drain(done); err != nil {
			return err
		}
		c.Disconnect()
		return nil
	})
	expect(t, err, "ErrConnectionClosed", "Connection closed")
}

func TestDrainOfASubscription(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	c, _ := connected(t, DefaultOptions(), p.URL())
	defer c.Disconnect()
	var came atomic.Int64
	sub, err := c.Subscribe("a", "", 0, func(*nats.Msg) { came.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		_ = c.Publish(&nats.Msg{Subject: "a"})
	}
	drain := func(timeout time.Duration) error {
		return natstest.Ended(t, func(done func(error)) error {
			sub.Drain(timeout, done)
			return nil
		})
	}
	if err := drain(natstest.Patience); err != nil || came.Load() != 100 || sub.Alive() {
		t.Errorf("%d came, %v", came.Load(), err)
	}
	if sub, err = c.Subscribe("a", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	expect(t, drain(50*time.Millisecond), "ErrTimeout", "Drain timed out")
	if sub.Alive() {
		t.Error("it lives on")
	}
}

func TestWhenIdleWaitsForTheEndsOfAllRequests(t *testing.T) {
	c, _ := connected(t, DefaultOptions(), natstest.StartServer(t, nil).ClientURL())
	defer c.Disconnect()
	var told atomic.Int64
	count := func(*nats.Msg, error) { told.Add(1) }
	const n = 100
	for range n {
		if _, err := c.Request(&nats.Msg{Subject: "nobody"}, natstest.Patience, count); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Subscribe("mute", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(&nats.Msg{Subject: "mute"}, 30*time.Millisecond, count); err != nil {
		t.Fatal(err)
	}
	canceled, err := c.Request(&nats.Msg{Subject: "mute"}, natstest.Patience, count)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(&nats.Msg{Subject: "bad subject"}, natstest.Patience, count); err == nil {
		t.Fatal("a bad subject was taken")
	}
	if begun, open := c.Requests(); begun < n+3 || open < 1 {
		t.Errorf("%d begun, %d open", begun, open)
	}
	canceled.Cancel()
	if err := natstest.Ended(t, func(done func(error)) error {
		c.WhenIdle(func() { done(nil) })
		return nil
	}); err != nil || told.Load() != n+1 {
		t.Errorf("%d ends told, %v", told.Load(), err)
	}
	if err := natstest.Ended(t, func(done func(error)) error {
		c.WhenIdle(func() { done(nil) })
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestAnInboxPrefixCountsForAllThatComesAfter(t *testing.T) {
	c, _ := connected(t, DefaultOptions(), natstest.StartServer(t, nil).ClientURL())
	defer c.Disconnect()
	replies := make(chan string, 10)
	if _, err := c.Subscribe("q", "", 0, func(m *nats.Msg) {
		replies <- m.Reply
		if string(m.Data) != "mute" {
			_ = c.Publish(&nats.Msg{Subject: m.Reply})
		}
	}); err != nil {
		t.Fatal(err)
	}
	ask := func(done func(error)) error {
		_, err := c.Request(&nats.Msg{Subject: "q"}, natstest.Patience, func(_ *nats.Msg, err error) { done(err) })
		return err
	}
	first := make(chan error, 1)
	if _, err := c.Request(&nats.Msg{Subject: "q", Data: []byte("mute")}, natstest.Patience, func(_ *nats.Msg, err error) { first <- err }); err != nil {
		t.Fatal(err)
	}
	old := <-replies
	o := c.Options()
	o.InboxPrefix = "mine.own"
	c.Configure(o)
	if err := natstest.Ended(t, ask); err != nil {
		t.Fatal(err)
	}
	if reply := <-replies; !strings.HasPrefix(reply, "mine.own.") || len(c.NewInbox()) != len("mine.own.")+22 {
		t.Errorf("the reply goes to %q, an inbox is %q", reply, c.NewInbox())
	}
	// A request from before still gets its reply.
	_ = c.Publish(&nats.Msg{Subject: old})
	if err := <-first; err != nil || !strings.HasPrefix(old, "_INBOX.") {
		t.Errorf("%v to %q", err, old)
	}
}
