// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/internal/natstest"
)

func quick() Options {
	o := DefaultOptions()
	o.ReconnectTimeWait = 20 * time.Millisecond
	o.Randomize = false
	return o
}

func TestReconnectLosesNothingAndDeliversNothingTwice(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, r := connected(t, quick(), s.ClientURL())
	var got atomic.Int64
	if _, err := c.Subscribe("n", "", 0, func(*nats.Msg) { got.Add(1) }); err != nil {
		t.Fatal(err)
	}
	const rounds, each = 5, 500
	for range rounds {
		r.forget()
		for range each {
			if err := c.Publish(&nats.Msg{Subject: "n"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Reconnect(); err != nil {
			t.Fatal(err)
		}
		if status := c.Status(); status != Reconnecting && status != Connected {
			t.Fatal(status)
		}
		r.await(t, "status connected")
	}
	if err := natstest.Ended(t, func(done func(error)) error { return c.Ping(natstest.Patience, done) }); err != nil {
		t.Fatal(err)
	}
	if n := got.Load(); n != rounds*each {
		t.Errorf("%d messages came, and not %d", n, rounds*each)
	}
	if n := c.Statistics().Reconnects; n != rounds {
		t.Errorf("%d reconnects", n)
	}
	<-c.Disconnect()
	expect(t, c.Reconnect(), "ErrConnectionClosed", "No connection to NATS server")
}

func TestReconnectEndsTheWaitBetweenAttempts(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.Addr().String())
	o := quick()
	o.ReconnectTimeWait = time.Hour
	c, r := connected(t, o, p.URL())
	// The first attempt fails: the wait for the second would be an hour.
	p.Down()
	r.awaitTrue(t, "a failed attempt", func() bool {
		return len(r.events) > 0 && strings.Contains(fmt.Sprint(r.events), "status reconnecting error Err")
	})
	p.Up(t)
	r.forget()
	if err := c.Reconnect(); err != nil {
		t.Fatal(err)
	}
	r.await(t, "status connected")
}

func TestConnectRetryingGoesOnAsReconnecting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "nats://" + l.Addr().String()
	l.Close()
	o := quick()
	o.MaxReconnectAttempts = 3
	r := newRecord()
	c := New(o, r)
	defer func() { <-c.Disconnect() }()
	if err := c.SetServers([]string{url}); err != nil {
		t.Fatal(err)
	}
	expect(t, natstest.Ended(t, c.ConnectRetrying), "ErrNoServers", "Server pool is empty")
	refused := 0
	for _, e := range r.all() {
		if strings.HasPrefix(e, "error ErrConnectionRefused") {
			refused++
		}
		if e == "status reconnecting" {
			t.Error("it was never connected, and is reconnecting")
		}
	}
	if refused != 3 {
		t.Errorf("%d attempts: %q", refused, r.all())
	}
}

func TestReplacedServersCountFromTheNextAttempt(t *testing.T) {
	one, two := natstest.StartServer(t, nil), natstest.StartServer(t, nil)
	c, r := connected(t, quick(), one.ClientURL())
	if err := c.ReplaceServers([]string{two.ClientURL()}); err != nil {
		t.Fatal(err)
	}
	if got := c.ServerURLs(); len(got) != 1 || got[0] != two.ClientURL() {
		t.Errorf("pool: %q", got)
	}
	expect(t, c.ReplaceServers(nil), "ErrInvalidArg", "The server pool cannot be made empty")
	expect(t, c.ReplaceServers([]string{"a b"}), "ErrInvalidArg", "Invalid URL a b")
	r.forget()
	if err := c.Reconnect(); err != nil {
		t.Fatal(err)
	}
	r.await(t, "status connected")
	if got := c.Info().Text("server_id"); got != two.ID() {
		t.Error("it is still connected to the server that has left the pool")
	}
	// The one that was left is not added by its end.
	if got := c.ServerURLs(); len(got) != 1 || got[0] != two.ClientURL() {
		t.Errorf("pool: %q", got)
	}
}

func TestOwnerChoosesTheServer(t *testing.T) {
	one, two, three := natstest.StartServer(t, nil), natstest.StartServer(t, nil), natstest.StartServer(t, nil)
	o := quick()
	asked := make(chan int, 10)
	o.ChooseServer = func(_ context.Context, servers []dict.Dict, info dict.Dict) (string, time.Duration) {
		asked <- len(servers)
		if info.Text("server_id") == "" {
			t.Error("no INFO")
		}
		return three.ClientURL(), time.Millisecond
	}
	c, r := connected(t, o, one.ClientURL(), two.ClientURL(), three.ClientURL())
	r.forget()
	if err := c.Reconnect(); err != nil {
		t.Fatal(err)
	}
	r.await(t, "status connected")
	if c.Info().Text("server_id") != three.ID() || <-asked != 3 {
		t.Error("not the server that was chosen")
	}
}

func TestLostConnectionIsClosedWithoutReconnecting(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.Addr().String())
	o := quick()
	o.NoReconnect = true
	c, r := connected(t, o, p.URL())
	lost := make(chan error, 1)
	if _, err := c.Subscribe("silent", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(&nats.Msg{Subject: "silent"}, 0, func(_ *nats.Msg, err error) { lost <- err }); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	r.await(t, "status closed")
	expect(t, <-lost, "ErrTimeout", "Connection lost")
	for _, e := range r.all() {
		if e == "status reconnecting" {
			t.Errorf("%q", r.all())
		}
	}
	if err := natstest.Ended(t, c.Connect); err != nil { // the pool is as it was
		t.Error(err)
	}
}
