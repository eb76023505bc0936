// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

func TestWebSocket(t *testing.T) {
	dir, certificate, _ := certificates(t)
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			at := natstest.FreePort(t)
			natstest.StartServer(t, func(o *natsd.Options) {
				o.Websocket = natsd.WebsocketOpts{Host: "127.0.0.1", Port: at, NoTLS: scheme == "ws"}
				if scheme == "wss" {
					o.Websocket.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
				}
			})
			p := natstest.StartProxy(t, fmt.Sprintf("127.0.0.1:%d", at))
			o := DefaultOptions()
			o.TLS.CAFile = dir + "/ca.pem"
			o.ReconnectTimeWait = 10 * time.Millisecond
			c, r := connected(t, o, scheme+"://"+p.Address)
			var came atomic.Int64
			if _, err := c.Subscribe("a", "", 0, func(*nats.Msg) { came.Add(1) }); err != nil {
				t.Fatal(err)
			}
			const n = 5000
			for range n {
				if err := c.Publish(&nats.Msg{Subject: "a", Data: make([]byte, 200)}); err != nil {
					t.Fatal(err)
				}
			}
			natstest.Eventually(t, "messages", func() bool { return came.Load() == n })
			if c.Info().Text("server_id") == "" {
				t.Errorf("INFO is %v", c.Info())
			}
			r.forget()
			p.Cut()
			r.await(t, "status connected")
			if err := c.Publish(&nats.Msg{Subject: "a"}); err != nil {
				t.Fatal(err)
			}
			natstest.Eventually(t, "a message", func() bool { return came.Load() == n+1 })
			p.Freeze()
			start := time.Now()
			for range 5 {
				if err := c.Publish(&nats.Msg{Subject: "x", Data: make([]byte, 1<<20)}); err != nil {
					t.Fatal(err)
				}
			}
			ended := c.Disconnect()
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("publishing to a frozen server and disconnecting took %v", took)
			}
			<-ended
		})
	}
}

// A server's WebSocket that cuts its stream into frames as it likes, and closes with a status.
func TestFramesAreNotLines(t *testing.T) {
	const stream = "INFO {\"server_id\":\"x\",\"max_payload\":1024}\r\n"
	serve := func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		write := func(text string, size int) {
			for ; text != ""; text = text[min(size, len(text)):] {
				_ = ws.Write(r.Context(), websocket.MessageBinary, []byte(text[:min(size, len(text))]))
			}
		}
		write(stream, 7)
		lines := bufio.NewScanner(websocket.NetConn(r.Context(), ws, websocket.MessageBinary))
		for lines.Scan() {
			switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
			case "PING":
				write("PONG\r\n", 1)
			case "SUB":
				sid := rest[strings.LastIndexByte(rest, ' ')+1:]
				write(fmt.Sprintf("MSG a %[1]s 5\r\nhello\r\nMSG a %[1]s 0\r\n\r\n-ERR 'Permissions Violation for Publish to \"b\"'\r\nMSG a %[1]s 3\r\nend\r\n", sid), 16)
				ws.Close(websocket.StatusInternalError, "enough")
				return
			}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.HandlerFunc(serve)}
	go func() { _ = web.Serve(l) }()
	defer web.Close()
	o := DefaultOptions()
	o.MaxReconnectAttempts = -1
	o.ReconnectTimeWait = time.Hour
	c, r := connected(t, o, "ws://"+l.Addr().String())
	got := make(chan string, 3)
	if _, err := c.Subscribe("a", "", 0, func(m *nats.Msg) { got <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hello", "", "end"} {
		select {
		case text := <-got:
			if text != want {
				t.Errorf("got %q, want %q", text, want)
			}
		case <-time.After(natstest.Patience):
			t.Fatalf("no %q", want)
		}
	}
	r.await(t, `error ErrPermissions Permissions Violation for Publish to "b"`)
	r.await(t, "error ErrBrokenSocket Server "+l.Addr().String()+" closed the connection")
	<-c.Disconnect()
}

func TestWhatSpeaksNoWebSocket(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	o := DefaultOptions()
	o.ConnectTimeout = 100 * time.Millisecond
	address := mute.Addr().String()
	expect(t, connectError(t, o, "ws://"+address), "ErrConnectionTimeout", "Connection timeout for "+address)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = web.Serve(l) }()
	defer web.Close()
	address = l.Addr().String()
	expect(t, connectError(t, DefaultOptions(), "ws://"+address+"/x"), "ErrProtocol", "Server "+address+" does not speak WebSocket: 404 Not Found")

	s := natstest.StartServer(t, nil)
	address = fmt.Sprint("127.0.0.1:", natstest.Port(s))
	failure := connectError(t, DefaultOptions(), "ws://"+address)
	if fault.CodeOf(failure) != "ErrProtocol" || !strings.HasPrefix(failure.Error(), "Server "+address+` does not speak WebSocket: malformed HTTP `) {
		t.Error(failure)
	}
	expect(t, connectError(t, DefaultOptions(), "wss://"+address), "ErrSecureConnWanted", "Server "+address+" does not provide TLS")
}

func TestURLsOfWebSockets(t *testing.T) {
	for url, want := range map[string]string{
		"ws://a":              "ws a:80 ",
		"WSS://u:p@a":         "wss a:443 ",
		"ws://[::1]:81/x?y=1": "ws [::1]:81 /x?y=1",
		"wss://a/":            "wss a:443 /",
		"ws://a?b":            "ws a:80 ?b",
	} {
		s, err := parseServer(url)
		if err != nil || s.scheme+" "+s.address()+" "+s.path != want {
			t.Errorf("%s: %+v, %v", url, s, err)
		}
	}
}

// One that is discovered by its IP has the certificate of a name.
func TestDiscoveredServersAreKnownByTheNameOfTheTeller(t *testing.T) {
	p, err := newPool([]string{"wss://name.example:1"}, false)
	if err != nil {
		t.Fatal(err)
	}
	p.discover([]any{"10.0.0.1:2", "other.example:3"}, p[0])
	p.discover([]any{"10.0.0.2:4"}, p[1])
	var got []string
	for _, s := range p {
		got = append(got, s.scheme+"://"+s.address()+" "+s.tlsName())
	}
	want := []string{
		"wss://10.0.0.2:4 name.example", "wss://other.example:3 other.example",
		"wss://10.0.0.1:2 name.example", "wss://name.example:1 name.example",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\ngot  %q\nwant %q", got, want)
	}
}

// A server sends INFO again behind the answer to the first PING.
func TestAnInfoBehindTheFirstPongIsNotLost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "INFO {\"server_id\":\"x\",\"max_payload\":1024}\r\n")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			if lines.Text() == "PING" {
				fmt.Fprint(conn, "PONG\r\nINFO {\"server_id\":\"x\",\"max_payload\":2048,\"connect_urls\":[\"other:1\"]}\r\n")
			}
		}
	}()
	c, r := connected(t, DefaultOptions(), l.Addr().String())
	natstest.Eventually(t, "the second INFO", func() bool { return c.Info().Text("max_payload") == "2048" })
	if servers := c.Servers(); len(servers) != 2 || r.lastInfo.Text("max_payload") != "2048" {
		t.Errorf("the pool is %v, INFO %v", servers, r.lastInfo)
	}
	<-c.Disconnect()
}

// What comes in one piece with the error that ends a connection is not lost.
func TestAMessageInFrontOfAnErrorIsDelivered(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "INFO {\"server_id\":\"x\",\"max_payload\":1024}\r\n")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
			case "PING":
				fmt.Fprint(conn, "PONG\r\n")
			case "SUB":
				sid := rest[strings.LastIndexByte(rest, ' ')+1:]
				fmt.Fprintf(conn, "MSG a %s 2\r\nhi\r\n-ERR 'User Authentication Expired'\r\n", sid)
				return
			}
		}
	}()
	o := DefaultOptions()
	o.MaxReconnectAttempts = 1
	c, r := connected(t, o, l.Addr().String())
	got := make(chan string, 1)
	if _, err := c.Subscribe("a", "", 0, func(m *nats.Msg) { got <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	r.await(t, "error ErrAuthExpired user authentication expired")
	select {
	case text := <-got:
		if text != "hi" {
			t.Errorf("got %q", text)
		}
	case <-time.After(natstest.Patience):
		t.Error("the message is lost")
	}
	<-c.Disconnect()
}
