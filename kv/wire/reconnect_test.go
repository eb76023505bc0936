// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// proxy is a TCP proxy whose connections can be cut and frozen.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	conns    []net.Conn
	frozen   atomic.Bool
	closed   chan struct{}
}

func startProxy(t *testing.T, target int) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: fmt.Sprintf("127.0.0.1:%d", target), closed: make(chan struct{})}
	go p.accept()
	t.Cleanup(p.stop)
	return p
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", p.target)
		if err != nil {
			c.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, c, s)
		p.mu.Unlock()
		go p.copy(c, s)
		go p.copy(s, c)
	}
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		for p.frozen.Load() {
			select {
			case <-p.closed:
				return
			case <-time.After(time.Millisecond):
			}
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *proxy) stop() {
	p.mu.Lock()
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	p.mu.Unlock()
	p.listener.Close()
	p.cut()
}

func connectError(t *testing.T, o Options, urls ...string) error {
	t.Helper()
	c := New(o, newRecord())
	defer func() { <-c.Disconnect() }()
	if err := c.SetServers(urls); err != nil {
		return err
	}
	return ended(t, c.Connect)
}

func TestConnectFailuresHaveTheirCodesAndTexts(t *testing.T) {
	plain := startServer(t, nil)
	guarded := startServer(t, func(o *natsd.Options) { o.Username, o.Password = "me", "secret" })
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
	at := func(s *natsd.Server) string { return fmt.Sprintf("127.0.0.1:%d", port(s)) }
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
	s := startServer(t, nil)
	p := startProxy(t, port(s))
	o := DefaultOptions()
	o.ReconnectTimeWait = 10 * time.Millisecond
	c, r := connected(t, o, p.url())
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
	if err := ended(t, func(done func(error)) error { return other.Ping(deadline, done) }); err != nil {
		t.Fatal(err)
	}
	r.forget()
	p.cut()
	r.await(t, "status reconnecting")
	for i := range 1000 {
		if err := c.Publish(&nats.Msg{Subject: "seq", Data: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	r.await(t, "status connected")
	await(t, "all messages", func() bool {
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
	s := startServer(t, nil)
	p := startProxy(t, port(s))
	c, r := connected(t, DefaultOptions(), p.url())
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
		if err := ended(t, func(done func(error)) error { return c.Ping(deadline, done) }); err != nil {
			t.Fatal(err)
		}
	}
	publish(3)
	r.forget()
	p.cut()
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
	s := startServer(t, nil)
	p := startProxy(t, port(s))
	c, r := connected(t, DefaultOptions(), p.url())
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	asked := make(chan string, 1)
	if _, err := other.Subscribe("ask", "", 0, func(m *nats.Msg) { asked <- m.Reply }); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, func(done func(error)) error { return other.Ping(deadline, done) }); err != nil {
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
	p.frozen.Store(true)
	pinged := make(chan error, 1)
	if err := c.Ping(deadline, func(err error) { pinged <- err }); err != nil {
		t.Fatal(err)
	}
	p.cut()
	p.frozen.Store(false)
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
	s := startServer(t, nil)
	p := startProxy(t, port(s))
	o := DefaultOptions()
	o.MaxReconnectAttempts = 2
	o.ReconnectTimeWait = time.Millisecond
	c, r := connected(t, o, p.url())
	if _, err := c.Subscribe("mute", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	if _, err := c.Request(&nats.Msg{Subject: "mute"}, 0, func(_ *nats.Msg, err error) { failed <- err }); err != nil {
		t.Fatal(err)
	}
	r.forget()
	p.stop()
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
	one, two := startServer(t, nil), startServer(t, nil)
	p1, p2 := startProxy(t, port(one)), startProxy(t, port(two))
	o := DefaultOptions()
	o.Randomize = false
	o.ReconnectTimeWait = 5 * time.Millisecond
	c, r := connected(t, o, p1.url(), p2.url())
	current := func() string { _, p, _ := c.CurrentServer(); return fmt.Sprint(p) }
	if !strings.HasSuffix(p1.url(), current()) {
		t.Fatalf("connected to %s, not the first", current())
	}
	r.forget()
	p1.stop()
	r.await(t, "status connected")
	if !strings.HasSuffix(p2.url(), current()) {
		t.Errorf("connected to %s, not the second", current())
	}
	servers := c.Servers()
	if servers[1].Text("port") != "" && fmt.Sprint(servers[1].Path("port")) != current() {
		t.Errorf("the current server is not the last: %v", servers)
	}
	r.forget()
	p2.cut()
	r.await(t, "status connected")
	// The first was tried before the second came back at once.
	if n := c.Servers()[0].Path("reconnects"); n == 0 {
		t.Error("the first server was not tried")
	}
}

// Nobody waits for a server that has stopped reading.
func TestAFrozenServerBlocksNobody(t *testing.T) {
	s := startServer(t, nil)
	p := startProxy(t, port(s))
	o := DefaultOptions()
	o.PingInterval = 100 * time.Millisecond
	c, r := connected(t, o, p.url())
	r.forget()
	p.frozen.Store(true)
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
	case <-time.After(deadline):
		t.Error("the flush has no end")
	}
}

func TestDisconnectFlushes(t *testing.T) {
	at := freePort(t)
	s := startServer(t, func(o *natsd.Options) {
		o.Websocket = natsd.WebsocketOpts{Host: "127.0.0.1", Port: at, NoTLS: true}
	})
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	defer other.Disconnect()
	var n atomic.Int64
	if _, err := other.Subscribe("a", "", 0, func(*nats.Msg) { n.Add(1) }); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, func(done func(error)) error { return other.Ping(deadline, done) }); err != nil {
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
		await(t, "50,000 messages", func() bool { return n.Load() == 50_000 })
	}
}

// What the socket has not taken yet is sent, too, on a WebSocket as elsewhere.
func TestDisconnectFlushesWhatIsQueued(t *testing.T) {
	at := freePort(t)
	s := startServer(t, func(o *natsd.Options) {
		o.Websocket = natsd.WebsocketOpts{Host: "127.0.0.1", Port: at, NoTLS: true}
	})
	other, _ := connected(t, DefaultOptions(), s.ClientURL())
	defer other.Disconnect()
	var n atomic.Int64
	if _, err := other.Subscribe("a", "", 0, func(*nats.Msg) { n.Add(1) }); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, func(done func(error)) error { return other.Ping(deadline, done) }); err != nil {
		t.Fatal(err)
	}
	for _, server := range []struct {
		scheme string
		port   int
	}{{"nats", port(s)}, {"ws", at}} {
		p := startProxy(t, server.port)
		c, _ := connected(t, DefaultOptions(), server.scheme+"://"+p.listener.Addr().String())
		n.Store(0)
		p.frozen.Store(true)
		const most = 12
		for range most {
			if err := c.Publish(&nats.Msg{Subject: "a", Data: make([]byte, 1<<20)}); err != nil {
				t.Fatal(err)
			}
		}
		ended := c.Disconnect()
		p.frozen.Store(false)
		<-ended
		await(t, "what was queued on "+server.scheme, func() bool { return n.Load() == most })
	}
}

func TestManyRequestsAtOnce(t *testing.T) {
	s := startServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	if _, err := c.Subscribe("echo", "", 0, func(m *nats.Msg) {
		_ = c.Publish(&nats.Msg{Subject: m.Reply, Data: m.Data})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe("mute", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	const n = 100_000
	var answered, late atomic.Int64
	for i := range n {
		want := fmt.Sprint(i)
		if _, err := c.Request(&nats.Msg{Subject: "echo", Data: []byte(want)}, time.Minute, func(m *nats.Msg, err error) {
			if err == nil && string(m.Data) == want {
				answered.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			if _, err := c.Request(&nats.Msg{Subject: "mute"}, time.Duration(i%7+1)*10*time.Millisecond, func(_ *nats.Msg, err error) {
				if fault.CodeOf(err) == "ErrTimeout" {
					late.Add(1)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	await(t, "all replies and deadlines", func() bool { return answered.Load() == n && late.Load() == n/10 })
}

func TestCollect(t *testing.T) {
	s := startServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	for range 3 {
		if _, err := c.Subscribe("all", "", 0, func(m *nats.Msg) {
			_ = c.Publish(&nats.Msg{Subject: m.Reply, Data: []byte("x")})
		}); err != nil {
			t.Fatal(err)
		}
	}
	collect := func(subject string, most int, timeout time.Duration) (int, error) {
		n := 0
		err := ended(t, func(done func(error)) error {
			_, err := c.Collect(&nats.Msg{Subject: subject}, timeout, func(*nats.Msg) bool {
				n++
				return n == most
			}, func(_ *nats.Msg, err error) { done(err) })
			return err
		})
		return n, err
	}
	if n, err := collect("all", 3, deadline); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := collect("all", 2, deadline); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := collect("all", 9, 100*time.Millisecond); n != 3 || fault.CodeOf(err) != "ErrTimeout" {
		t.Errorf("%d, %v", n, err)
	}
	_, err := collect("nobody", 1, deadline)
	expect(t, err, "ErrNoResponders", "No responders available for request to nobody")
}

func TestRefusals(t *testing.T) {
	s := startServer(t, func(o *natsd.Options) { o.MaxPayload = 100 })
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	expect(t, c.Publish(&nats.Msg{Subject: "a", Data: make([]byte, 101)}), "ErrMaxPayload", "Maximum size of NATS message is 100")
	for _, subject := range []string{"", "a b", "a..b", ".a", "a.", "a\r\nPUB x 0\r\n\r\n", "a.*", ">", "€"} {
		expect(t, c.Publish(&nats.Msg{Subject: subject}), "ErrBadSubject", "Invalid subject "+subject)
	}
	expect(t, c.Publish(&nats.Msg{Subject: "a", Reply: "b c"}), "ErrBadSubject", "Invalid reply b c")
	_, err := c.Subscribe("a.>.b", "", 0, nil)
	expect(t, err, "ErrBadSubject", "Invalid subject a.>.b")
	_, err = c.Subscribe("a", "q q", 0, nil)
	expect(t, err, "ErrBadQueueName", "Invalid queue q q")
	o := c.Options()
	o.CheckSubjects = false
	c.Configure(o)
	if err := c.Publish(&nats.Msg{Subject: "é"}); err != nil {
		t.Errorf("unchecked: %v", err)
	}
	expect(t, c.Publish(&nats.Msg{Subject: "a\r\nPUB"}), "ErrBadSubject", "Invalid subject a\r\nPUB")
}

// Of a request that cannot be sent its caller hears, and done does not, however short its time is.
func TestARefusedRequestHasNoOtherEnd(t *testing.T) {
	s := startServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	told := make(chan error, 1)
	for range 2000 {
		if _, err := c.Request(&nats.Msg{Subject: "no subject"}, time.Nanosecond, func(_ *nats.Msg, err error) { told <- err }); err == nil {
			t.Fatal("sent")
		}
		if _, err := c.Collect(&nats.Msg{Subject: "no subject"}, time.Nanosecond, func(*nats.Msg) bool { return true },
			func(_ *nats.Msg, err error) { told <- err }); err == nil {
			t.Fatal("sent")
		}
	}
	select {
	case err := <-told:
		t.Fatal(err)
	default:
	}
}

// The server's -ERR lines that end nothing are told and survived.
func TestPermissionsAreToldAndSurvived(t *testing.T) {
	s := startServer(t, func(o *natsd.Options) {
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
	if err := ended(t, func(done func(error)) error { return c.Ping(deadline, done) }); err != nil || c.Status() != Connected {
		t.Errorf("%v %v", err, c.Status())
	}
}

func TestDiscoveredServersJoinThePool(t *testing.T) {
	cluster := func(o *natsd.Options) {
		o.Cluster = natsd.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: -1}
	}
	one := startServer(t, cluster)
	c, r := connected(t, DefaultOptions(), one.ClientURL())
	startServer(t, func(o *natsd.Options) {
		cluster(o)
		o.Routes = natsd.RoutesFromStr("nats://" + one.ClusterAddr().String())
	})
	await(t, "the second server", func() bool { return len(c.Servers()) == 2 })
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
	s := startServer(t, nil)
	p := startProxy(t, port(s))
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
	if err := c.SetServers([]string{p.url()}); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, c.Connect); err != nil {
		t.Fatal(err)
	}
	p.stop()
	r.await(t, "status closed")
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// certificates makes an authority, and a server's and a client's certificate.
func certificates(t *testing.T) (dir string, server tls.Certificate, authority *x509.CertPool) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.pem", "CERTIFICATE", caDER)
	for i, name := range []string{"server", "client"} {
		k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: name},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &k.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		kder, _ := x509.MarshalECPrivateKey(k)
		write(name+".pem", "CERTIFICATE", der)
		write(name+".key", "EC PRIVATE KEY", kder)
	}
	server, err = tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	authority = x509.NewCertPool()
	data, _ := os.ReadFile(filepath.Join(dir, "ca.pem"))
	authority.AppendCertsFromPEM(data)
	return dir, server, authority
}

func TestTLS(t *testing.T) {
	dir, cert, authority := certificates(t)
	withTLS := func(verify bool) *natsd.Server {
		return startServer(t, func(o *natsd.Options) {
			o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: authority}
			o.TLS, o.TLSTimeout = true, 5
			if verify {
				o.TLSConfig.ClientAuth, o.TLSVerify = tls.RequireAndVerifyClientCert, true
			}
		})
	}
	one, both := withTLS(false), withTLS(true)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name   string
		server *natsd.Server
		tls    TLSOptions
		code   string
		text   string // a part of it
	}{
		{"verified", one, TLSOptions{Require: true, CAFile: in("ca.pem")}, "", ""},
		{"by a directory", one, TLSOptions{Require: true, CADir: dir}, "", ""},
		{"unverified", one, TLSOptions{Require: false}, "", ""},
		{"both sides", both, TLSOptions{Require: true, CAFile: in("ca.pem"), CertFile: in("client.pem"), KeyFile: in("client.key")}, "", ""},
		{"unknown authority", one, TLSOptions{Require: true}, "ErrTLS", "failed: certificate verify failed: x509: "},
		{"wrong name", one, TLSOptions{Require: true, CAFile: in("ca.pem"), ServerName: "elsewhere"}, "ErrTLS", "certificate verify failed: x509: certificate is valid for localhost, not elsewhere"},
		{"no client certificate", both, TLSOptions{Require: true, CAFile: in("ca.pem")}, "ErrTLS", "certificate required"},
		{"no file", one, TLSOptions{Require: true, CAFile: in("none.pem")}, "ErrTLS", "Cannot read cafile " + in("none.pem")},
		{"no certificate in the file", one, TLSOptions{Require: true, CAFile: in("client.key")}, "ErrTLS", "No certificate in cafile"},
		{"key without certificate", one, TLSOptions{Require: true, KeyFile: in("client.key")}, "ErrTLS", "needs a certfile"},
		{"a name that is not known", one, TLSOptions{Require: true, Unknown: []string{"cipher"}}, "ErrTLS", "cipher"},
	} {
		o := DefaultOptions()
		o.TLS = c.tls
		err := connectError(t, o, fmt.Sprintf("127.0.0.1:%d", port(c.server)))
		if fault.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %s %v, want %s %s", c.name, fault.CodeOf(err), err, c.code, c.text)
		}
	}
}

// However the stream is cut into pieces, the sniffer sees INFO and -ERR, and takes -ERR out.
func TestTheSnifferSeesLinesInAnyPieces(t *testing.T) {
	stream := "INFO {\"a\":1}\r\nMSG a 1 12\r\n-ERR 'no'\r\n\r\r\n+OK\r\n-ERR 'Permissions Violation'\r\nPING\r\n" +
		"HMSG a 1 10 14\r\nNATS/1.0\r\nINFO\r\nINFO {\"b\":2}\r\nMSG b 2 0\r\n\r\n" +
		"HMSG a.b 1 reply.x 34 36\r\nNATS/1.0 503\r\nnocolon\r\nx\r\nk: v\r\n\r\nhi\r\nPONG\r\n"
	want := strings.NewReplacer("-ERR 'Permissions Violation'\r\n", "", "nocolon", ":ocolon", "x\r\nk", ":\r\nk").Replace(stream)
	for size := 1; size < len(stream); size++ {
		var infos, errs []string
		var sizes []int
		s := sniffer{
			onInfo:    func(json []byte) { infos = append(infos, string(json)) },
			onMessage: func(size int) { sizes = append(sizes, size) },
			onErr:     func(text string) error { errs = append(errs, text); return nil },
		}
		var out []byte
		for rest := stream; rest != ""; {
			piece := make([]byte, maxHeld+size)
			held := s.takeHeld(piece)
			n := copy(piece[held:held+size], rest)
			rest = rest[n:]
			kept, err := s.filter(piece[:held+n])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, kept...)
		}
		if string(out) != want || fmt.Sprint(infos) != `[{"a":1} {"b":2}]` || fmt.Sprint(errs) != "[Permissions Violation]" ||
			fmt.Sprint(sizes) != "[12 14 0 36]" {
			t.Fatalf("in pieces of %d: %q %q %q %v", size, out, infos, errs, sizes)
		}
	}
}

func FuzzSniffer(f *testing.F) {
	f.Add([]byte("INFO {}\r\nMSG a 1 2\r\nhi\r\n-ERR 'x'\r\n"), uint8(3))
	f.Add([]byte("HMSG a 1 19 20\r\nNATS/1.0\r\nbad\r\n\r\nx\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole := sniffer{onInfo: func([]byte) {}, onMessage: func(int) {}, onErr: func(string) error { return nil }}
		want, err := whole.filter(append([]byte(nil), stream...))
		pieces := sniffer{onInfo: func([]byte) {}, onMessage: func(int) {}, onErr: func(string) error { return nil }}
		var got []byte
		for rest := stream; len(rest) > 0 && err == nil; {
			n := min(int(size)+1, len(rest))
			piece := make([]byte, maxHeld+n)
			held := pieces.takeHeld(piece)
			kept, failed := pieces.filter(append(piece[:held], rest[:n]...))
			if failed != nil {
				return
			}
			got = append(got, kept...)
			rest = rest[n:]
		}
		if err == nil && string(got) != string(want) {
			t.Fatalf("in pieces %q, as a whole %q", got, want)
		}
	})
}
