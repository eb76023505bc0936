// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

func connectError(t *testing.T, o Options, urls ...string) error {
	t.Helper()
	c := New(o, newRecord())
	defer func() { <-c.Disconnect() }()
	if err := c.SetServers(urls); err != nil {
		return err
	}
	return natstest.Ended(t, c.Connect)
}

func TestConnectFailuresHaveTheirCodesAndTexts(t *testing.T) {
	plain := natstest.StartServer(t, nil)
	guarded := natstest.StartServer(t, func(o *natsd.Options) { o.Username, o.Password = "me", "secret" })
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	// One that speaks: the text it is told, and then closes.
	talker := func(text string) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, text)
				c.Close()
			}
		}()
		return l.Addr().String()
	}
	closing, chatty := talker(""), talker("HELLO there\r\n")
	refusing := talker("INFO {\"max_payload\":1}\r\n-ERR 'Something New'\r\n")
	free, _ := net.Listen("tcp", "127.0.0.1:0")
	free.Close()

	quick := DefaultOptions()
	quick.ConnectTimeout = 300 * time.Millisecond
	secure := DefaultOptions()
	secure.Secure = true
	wrong := DefaultOptions()
	wrong.User, wrong.Password = "me", "wrong"
	at := func(s *natsd.Server) string { return fmt.Sprintf("127.0.0.1:%d", natstest.Port(s)) }
	for _, c := range []struct {
		options    Options
		address    string
		code, text string
	}{
		{DefaultOptions(), free.Addr().String(), "ErrConnectionRefused", "Failed to connect to ADDRESS: connection refused"},
		{quick, silent.Addr().String(), "ErrConnectionTimeout", "Connection timeout for ADDRESS"},
		{DefaultOptions(), closing, "ErrBrokenSocket", "Server ADDRESS closed the connection"},
		{DefaultOptions(), chatty, "ErrProtocol", "Server ADDRESS did not send INFO but: HELLO there"},
		{DefaultOptions(), refusing, "ErrServer", "Something New"},
		{secure, at(plain), "ErrSecureConnWanted", "Server ADDRESS does not provide TLS"},
		{DefaultOptions(), at(guarded), "ErrAuthorization", "No credentials known for NATS server at ADDRESS"},
		{wrong, at(guarded), "ErrAuthorization", "authorization violation"},
	} {
		err := connectError(t, c.options, "nats://"+c.address)
		want := strings.ReplaceAll(c.text, "ADDRESS", c.address)
		if fault.CodeOf(err) != c.code || err.Error() != want {
			t.Errorf("got %s %v, want %s %s", fault.CodeOf(err), err, c.code, want)
		}
	}
	expect(t, connectError(t, DefaultOptions(), "nats://"+free.Addr().String(), "nats://"+closing),
		"ErrNoServers", "No servers available for connection")
	expect(t, connectError(t, DefaultOptions()), "ErrNoServers", "Server pool is empty")
}

// What is published and subscribed while there is no server goes out later, in order.
func TestWhatIsPublishedMeanwhileIsSentInOrder(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	o := DefaultOptions()
	o.ReconnectTimeWait = 10 * time.Millisecond
	c, r := connected(t, o, p.URL())
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	var mu sync.Mutex
	var got []string
	if _, err := other.Subscribe("seq", "", 0, func(m *nats.Msg) {
		mu.Lock()
		got = append(got, string(m.Data))
		mu.Unlock()
	}); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, func(done func(error)) error { return other.Ping(natstest.Patience, done) }); err != nil {
		t.Fatal(err)
	}
	r.forget()
	p.Cut()
	r.await(t, "status reconnecting")
	for i := range 1000 {
		if err := c.Publish(&nats.Msg{Subject: "seq", Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	r.await(t, "status connected")
	natstest.Eventually(t, "all messages", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) >= 1000
	})
	for i, m := range got {
		if m != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, m)
		}
	}
}

func TestSubscriptionsComeBackWithWhatIsLeftOfTheirMessages(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	c, r := connected(t, DefaultOptions(), p.URL())
	var n atomic.Int64
	sub, err := c.Subscribe("a", "", 5, func(*nats.Msg) { n.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	publish := func(count int) {
		for range count {
			if err := c.Publish(&nats.Msg{Subject: "a"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := natstest.Ended(t, func(done func(error)) error { return c.Ping(natstest.Patience, done) }); err != nil {
			t.Fatal(err)
		}
	}
	publish(3)
	r.forget()
	p.Cut()
	r.await(t, "status connected")
	publish(10)
	if n.Load() != 5 || sub.Alive() {
		t.Errorf("%d messages, alive %v", n.Load(), sub.Alive())
	}
	expect(t, c.Unsubscribe(sub.ID(), 0), "ErrBadSubscription", "Invalid subscription ID 1")
}

// A request that is out waits through a reconnect, and a ping is answered by the new
// connection.
func TestRequestsAndPingsOutliveAReconnect(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	c, r := connected(t, DefaultOptions(), p.URL())
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	asked := make(chan string, 1)
	if _, err := other.Subscribe("ask", "", 0, func(m *nats.Msg) { asked <- m.Reply }); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, func(done func(error)) error { return other.Ping(natstest.Patience, done) }); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	if _, err := c.Request(&nats.Msg{Subject: "ask"}, 0, func(m *nats.Msg, err error) {
		answer <- fmt.Sprint(string(m.Data), err)
	}); err != nil {
		t.Fatal(err)
	}
	reply := <-asked
	r.forget()
	p.Freeze()
	pinged := make(chan error, 1)
	if err := c.Ping(natstest.Patience, func(err error) { pinged <- err }); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	p.Thaw()
	r.await(t, "status connected")
	if err := <-pinged; err != nil {
		t.Errorf("the ping: %v", err)
	}
	if err := other.Publish(&nats.Msg{Subject: reply, Data: []byte("late")}); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != "late<nil>" {
		t.Errorf("the request: %s", got)
	}
}

func TestLostForGood(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	o := DefaultOptions()
	o.MaxReconnectAttempts = 2
	o.ReconnectTimeWait = time.Millisecond
	c, r := connected(t, o, p.URL())
	if _, err := c.Subscribe("mute", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	if _, err := c.Request(&nats.Msg{Subject: "mute"}, 0, func(_ *nats.Msg, err error) { failed <- err }); err != nil {
		t.Fatal(err)
	}
	r.forget()
	p.Down()
	r.await(t, "status closed")
	expect(t, <-failed, "ErrTimeout", "Connection lost")
	events := r.all()
	if len(events) != 5 || events[1] != "status reconnecting" || events[4] != "status closed" ||
		!strings.HasPrefix(events[0], "error ErrBrokenSocket") || !strings.HasPrefix(events[2], "error ErrConnectionRefused") ||
		!strings.HasPrefix(events[3], "error ErrConnectionRefused") {
		t.Errorf("got %q", events)
	}
	if len(c.Servers()) != 0 {
		t.Errorf("the pool: %v", c.Servers())
	}
}

func TestServersAreTriedInTurnWithTheirOwnCounters(t *testing.T) {
	one, two := natstest.StartServer(t, nil), natstest.StartServer(t, nil)
	p1, p2 := natstest.StartProxy(t, one.ClientURL()), natstest.StartProxy(t, two.ClientURL())
	o := DefaultOptions()
	o.Randomize = false
	o.ReconnectTimeWait = 5 * time.Millisecond
	c, r := connected(t, o, p1.URL(), p2.URL())
	current := func() string { _, p, _ := c.CurrentServer(); return fmt.Sprint(p) }
	if !strings.HasSuffix(p1.URL(), current()) {
		t.Fatalf("connected to %s, not the first", current())
	}
	r.forget()
	p1.Down()
	r.await(t, "status connected")
	if !strings.HasSuffix(p2.URL(), current()) {
		t.Errorf("connected to %s, not the second", current())
	}
	servers := c.Servers()
	if servers[1].Text("port") != "" && fmt.Sprint(servers[1].Path("port")) != current() {
		t.Errorf("the current server is not the last: %v", servers)
	}
	r.forget()
	p2.Cut()
	r.await(t, "status connected")
	// The first was tried before the second came back at once.
	if n := c.Servers()[0].Path("reconnects"); n == 0 {
		t.Error("the first server was not tried")
	}
}

// Nobody waits for a server that has stopped reading.
func TestAFrozenServerBlocksNobody(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	o := DefaultOptions()
	o.PingInterval = 100 * time.Millisecond
	c, r := connected(t, o, p.URL())
	r.forget()
	p.Freeze()
	start := time.Now()
	for range 30 {
		if err := c.Publish(&nats.Msg{Subject: "x", Data: make([]byte, 1<<20)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Subscribe("y", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("30 MiB took %v", took)
	}
	r.await(t, "error ErrStaleConnection The server did not respond to 2 PINGs")
	start = time.Now()
	ended := c.Disconnect()
	if took := time.Since(start); took > time.Second {
		t.Errorf("disconnect took %v", took)
	}
	select {
	case <-ended:
	case <-time.After(natstest.Patience):
		t.Error("the flush has no end")
	}
}

func TestDisconnectFlushes(t *testing.T) {
	at := natstest.FreePort(t)
	s := natstest.StartServer(t, func(o *natsd.Options) {
		o.Websocket = natsd.WebsocketOpts{Host: "127.0.0.1", Port: at, NoTLS: true}
	})
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	defer other.Disconnect()
	var n atomic.Int64
	if _, err := other.Subscribe("a", "", 0, func(*nats.Msg) { n.Add(1) }); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, func(done func(error)) error { return other.Ping(natstest.Patience, done) }); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{s.ClientURL(), fmt.Sprint("ws://127.0.0.1:", at)} {
		c, _ := connected(t, DefaultOptions(), url)
		n.Store(0)
		for range 50_000 {
			if err := c.Publish(&nats.Msg{Subject: "a", Data: make([]byte, 100)}); err != nil {
				t.Fatal(err)
			}
		}
		<-c.Disconnect()
		natstest.Eventually(t, "50,000 messages", func() bool { return n.Load() == 50_000 })
	}
}

// What the socket has not taken yet is sent, too, on a WebSocket as elsewhere.
func TestDisconnectFlushesWhatIsQueued(t *testing.T) {
	at := natstest.FreePort(t)
	s := natstest.StartServer(t, func(o *natsd.Options) {
		o.Websocket = natsd.WebsocketOpts{Host: "127.0.0.1", Port: at, NoTLS: true}
	})
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	defer other.Disconnect()
	var n atomic.Int64
	if _, err := other.Subscribe("a", "", 0, func(*nats.Msg) { n.Add(1) }); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, func(done func(error)) error { return other.Ping(natstest.Patience, done) }); err != nil {
		t.Fatal(err)
	}
	for _, server := range []struct {
		scheme string
		port   int
	}{{"nats", natstest.Port(s)}, {"ws", at}} {
		p := natstest.StartProxy(t, fmt.Sprintf("127.0.0.1:%d", server.port))
		c, _ := connected(t, DefaultOptions(), server.scheme+"://"+p.Address)
		n.Store(0)
		p.Freeze()
		const most = 12
		for range most {
			if err := c.Publish(&nats.Msg{Subject: "a", Data: make([]byte, 1<<20)}); err != nil {
				t.Fatal(err)
			}
		}
		ended := c.Disconnect()
		p.Thaw()
		<-ended
		natstest.Eventually(t, "what was queued on "+server.scheme, func() bool { return n.Load() == most })
	}
}

// The server's -ERR lines that end nothing are told and survived.
func TestPermissionsAreToldAndSurvived(t *testing.T) {
	s := natstest.StartServer(t, func(o *natsd.Options) {
		o.Users = []*natsd.User{{Username: "u", Password: "p", Permissions: &natsd.Permissions{
			Publish: &natsd.SubjectPermission{Deny: []string{"secret"}}}}}
	})
	o := DefaultOptions()
	o.User, o.Password = "u", "p"
	c, r := connected(t, o, s.ClientURL())
	if err := c.Publish(&nats.Msg{Subject: "secret"}); err != nil {
		t.Fatal(err)
	}
	r.await(t, `error ErrPermissions Permissions Violation for Publish to "secret"`)
	if err := natstest.Ended(t, func(done func(error)) error { return c.Ping(natstest.Patience, done) }); err != nil || c.Status() != Connected {
		t.Errorf("%v %v", err, c.Status())
	}
}

func TestDiscoveredServersJoinThePool(t *testing.T) {
	cluster := func(o *natsd.Options) {
		o.Cluster = natsd.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: -1}
	}
	one := natstest.StartServer(t, cluster)
	c, r := connected(t, DefaultOptions(), one.ClientURL())
	natstest.StartServer(t, func(o *natsd.Options) {
		cluster(o)
		o.Routes = natsd.RoutesFromStr("nats://" + one.ClusterAddr().String())
	})
	natstest.Eventually(t, "the second server", func() bool { return len(c.Servers()) == 2 })
	if first := c.Servers()[0]; first.Path("discovered") != true {
		t.Errorf("the pool: %v", c.Servers())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.infos < 2 {
		t.Errorf("%d INFOs were told", r.infos)
	}
}

func TestCustomDelay(t *testing.T) {
	s := natstest.StartServer(t, nil)
	p := natstest.StartProxy(t, s.ClientURL())
	o := DefaultOptions()
	o.CustomReconnectDelay = true
	o.MaxReconnectAttempts = 3
	r := newRecord()
	var asked atomic.Int64
	r.delay = func(d dict.Dict) time.Duration {
		asked.Add(1)
		return time.Millisecond
	}
	c := New(o, r)
	defer c.Disconnect()
	if err := c.SetServers([]string{p.URL()}); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, c.Connect); err != nil {
		t.Fatal(err)
	}
	p.Down()
	r.await(t, "status closed")
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}
