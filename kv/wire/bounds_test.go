// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

func connectURLs(first, n int) string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("%q", fmt.Sprintf("10.%d.%d.%d:4222", (first+i)>>16&255, (first+i)>>8&255, (first+i)&255))
	}
	return `"connect_urls":[` + strings.Join(urls, ",") + "]"
}

// What servers tell of is found quickly, in its order, and up to a number.
func TestThePoolIsBounded(t *testing.T) {
	url := startSpeaker(t, &speaker{
		info: connectURLs(0, 5000),
		said: func(string) string {
			return fmt.Sprintf("INFO {%s,%s}\r\n", `"headers":true`, connectURLs(4000, mostServers-3990))
		},
	})
	c, r := connected(t, DefaultOptions(), url)
	if got := c.Servers(); len(got) != 5001 || got[0].Text("host") != "10.0.19.135" || got[4999].Text("host") != "10.0.0.0" {
		t.Fatalf("%d servers, %v first", len(got), got[0])
	}
	if _, err := c.Subscribe("x", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	r.awaitTrue(t, "the second INFO", func() bool { return strings.Contains(strings.Join(r.logs, "\n"), "warn 11 servers that ") })
	if got := len(c.Servers()); got != mostServers {
		t.Errorf("%d servers", got)
	}
}

// Subscriptions come back in the order of their IDs, at the cost of those that live.
func TestSubscriptionsAreRestoredInTheOrderOfTheirIDs(t *testing.T) {
	c := New(DefaultOptions(), nil)
	c.lastID = 1 << 40
	for _, id := range []int{7, 1 << 39, 3, 1 << 30} {
		c.subs[id] = &Sub{id: id}
	}
	c.internal[&Sub{}] = struct{}{}
	var ids []int
	for _, s := range c.allSubsLocked() {
		ids = append(ids, s.id)
	}
	if fmt.Sprint(ids) != fmt.Sprint([]int{3, 7, 1 << 30, 1 << 39, 0}) {
		t.Error(ids)
	}
}

// A file that an option names has a limit.
func TestFilesOfOptionsHaveALimit(t *testing.T) {
	s := natstest.StartServer(t, nil)
	dir := t.TempDir()
	long := filepath.Join(dir, "long.pem")
	if err := os.WriteFile(long, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(long, 1<<40); err != nil {
		t.Skip(err)
	}
	const why = "it is longer than 16777216 bytes"
	for name, x := range map[string]struct {
		set        func(*Options)
		code, text string
	}{
		"credentials": {func(o *Options) { o.Credentials = long }, "ErrAuthorization", "Cannot read credentials " + long + ": " + why},
		"nkey_seed":   {func(o *Options) { o.NKeySeed = long }, "ErrAuthorization", "Cannot read nkey_seed " + long + ": " + why},
		"cafile":      {func(o *Options) { o.TLS.CAFile = long }, "ErrTLS", "Cannot read cafile " + long + ": " + why},
		"certfile":    {func(o *Options) { o.TLS.CertFile = long }, "ErrTLS", "Cannot read certfile " + long + ": " + why},
		"cadir":       {func(o *Options) { o.TLS.CADir = dir }, "ErrTLS", "No certificate in cadir " + dir},
	} {
		t.Run(name, func(t *testing.T) {
			o := DefaultOptions()
			o.TLSFirst = strings.Contains(x.code, "TLS")
			x.set(&o)
			expect(t, connectError(t, o, s.ClientURL()), x.code, x.text)
		})
	}
}

// A server that takes a connection and closes it at once is not connected to again and again.
func TestAConnectionThatDoesNotLiveCountsAsAFailedAttempt(t *testing.T) {
	url, pings := startShortLived(t)
	o := DefaultOptions()
	o.ReconnectTimeWait = 100 * time.Millisecond
	o.MaxReconnectAttempts = 3
	c := New(o, nil)
	t.Cleanup(func() { <-c.Disconnect() })
	if err := c.SetServers([]string{url}); err != nil {
		t.Fatal(err)
	}
	for natstest.Ended(t, c.Connect) != nil { // where it is closed before it was the current one
	}
	before := pings()
	natstest.Eventually(t, "the end", func() bool { return c.Status() == Closed })
	if n := pings() - before; n > 3 {
		t.Errorf("%d connections", n)
	}
	if len(c.Servers()) != 0 {
		t.Errorf("the pool: %v", c.Servers())
	}
}

// A connection may end between its handshake and the moment at which it becomes the current one.
func TestAConnectionThatHasEndedDoesNotBecomeTheCurrentOne(t *testing.T) {
	url, _ := startShortLived(t)
	o := DefaultOptions()
	c := New(o, newRecord())
	t.Cleanup(func() { <-c.Disconnect() })
	if err := c.SetServers([]string{url}); err != nil {
		t.Fatal(err)
	}
	// Often the attempt sees the end itself: then there is another one.
	for {
		e, failure := attempt(t.Context(), c, c.servers[0], o)
		if failure != nil {
			continue
		}
		<-e.drained
		c.mu.Lock()
		failure = c.upLocked(e)
		c.mu.Unlock()
		if fault.CodeOf(failure) != fault.BrokenSocket {
			t.Error(failure)
		}
		return
	}
}

// startShortLived is a server that closes each connection behind its first PONG.
func startShortLived(t *testing.T) (url string, pings func() int) {
	var n atomic.Int64
	s := &speaker{heard: func(c net.Conn, line string) {
		if line == "PING" {
			n.Add(1)
			fmt.Fprint(c, "PONG\r\n")
			c.Close()
		}
	}}
	return startSpeaker(t, s), func() int { return int(n.Load()) }
}

// What is left of a connection that broke off in the middle of a large message does not hold that message.
func TestALargeMessageThatBreaksOffIsLetGo(t *testing.T) {
	const size = 32 << 20
	url := startSpeaker(t, &speaker{heard: func(c net.Conn, line string) {
		if strings.HasPrefix(line, "SUB ") {
			fmt.Fprintf(c, "MSG a 1 %d\r\n%s", size, make([]byte, size/2))
			c.Close()
		}
	}})
	o := DefaultOptions()
	o.ReconnectTimeWait = time.Hour
	c, r := connected(t, o, url)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	s, err := c.Subscribe("a", "", 0, func(*nats.Msg) { t.Error("it came") })
	if err != nil {
		t.Fatal(err)
	}
	r.await(t, "status reconnecting")
	natstest.Eventually(t, "the memory", func() bool { return heap()-before < size/2 })
	runtime.KeepAlive(s)
}

// One that lives for long enough makes its server's failures forgotten.
func TestAConnectionThatLivesForgetsTheFailures(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	o := DefaultOptions()
	o.ReconnectTimeWait = 300 * time.Millisecond
	c, r := connected(t, o, p.URL())
	c.mu.Lock()
	c.servers[0].reconnects = 3
	c.mu.Unlock()
	r.forget()
	p.Cut()
	r.await(t, "status connected")
	natstest.Eventually(t, "it is forgotten", func() bool { return c.Servers()[0].Path("reconnects") == 0 })
}
