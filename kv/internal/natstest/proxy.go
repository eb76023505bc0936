// SPDX-License-Identifier: Apache-2.0

package natstest

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Proxy stands between clients and their server. Its connections can be cut and frozen, and it can be away.
type Proxy struct {
	Address string // host and port that it listens on
	target  string
	edit    func(subject string, message []byte) []byte // nil: all is passed on as it is

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
	gate     chan struct{} // closed while what comes is passed on
	over     chan struct{} // closed at the end of the test
	tasks    sync.WaitGroup
}

// StartProxy runs a proxy before the server at target, a URL or host and port, until the test ends.
func StartProxy(t testing.TB, target string) *Proxy { return StartEditingProxy(t, target, nil) }

// StartLossyProxy is StartProxy, and what the server sends is lost where lose says so of its subject.
func StartLossyProxy(t testing.TB, target string, lose func(subject string) bool) *Proxy {
	return StartEditingProxy(t, target, func(subject string, message []byte) []byte {
		if lose(subject) {
			return nil
		}
		return message
	})
}

// StartEditingProxy is StartProxy, and of each message that the server sends, its line and its payload, what edit returns
// is passed on. The proxy's goroutines call it.
func StartEditingProxy(t testing.TB, target string, edit func(subject string, message []byte) []byte) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		Address: listener.Addr().String(), target: strings.TrimPrefix(target, "nats://"), edit: edit,
		gate: make(chan struct{}), over: make(chan struct{}),
	}
	close(p.gate)
	p.serve(listener)
	t.Cleanup(func() {
		close(p.over)
		p.Down()
		p.tasks.Wait()
	})
	return p
}

// URL is that of the server, behind the proxy.
func (p *Proxy) URL() string { return "nats://" + p.Address }

func (p *Proxy) serve(listener net.Listener) {
	p.mu.Lock()
	p.listener = listener
	p.mu.Unlock()
	p.tasks.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", p.target)
			if err != nil {
				client.Close()
				continue
			}
			p.join(client, server)
		}
	})
}

// join passes on what each side says, until one of them ends.
func (p *Proxy) join(client, server net.Conn) {
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	pass := func(to, from net.Conn, pass func(io.Writer, io.Reader)) {
		defer to.Close()
		defer from.Close()
		pass(&gated{p, to}, from)
	}
	p.tasks.Go(func() { pass(server, client, all) })
	if p.edit == nil {
		p.tasks.Go(func() { pass(client, server, all) })
	} else {
		p.tasks.Go(func() { pass(client, server, p.edited) })
	}
}

func all(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from) }

// edited passes on what the server sends, line by line and message by message.
func (p *Proxy) edited(to io.Writer, from io.Reader) {
	r := bufio.NewReader(from)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		fields := strings.Fields(string(line))
		if len(fields) > 2 && (fields[0] == "MSG" || fields[0] == "HMSG") {
			size, _ := strconv.Atoi(fields[len(fields)-1])
			payload := make([]byte, size+2)
			if _, err := io.ReadFull(r, payload); err != nil {
				return
			}
			line = p.edit(fields[1], append(line, payload...))
		}
		if _, err := to.Write(line); err != nil {
			return
		}
	}
}

// gated writes where the proxy is not frozen, and waits where it is.
type gated struct {
	p  *Proxy
	to io.Writer
}

func (g *gated) Write(data []byte) (int, error) {
	g.p.mu.Lock()
	gate := g.p.gate
	g.p.mu.Unlock()
	select {
	case <-gate:
		return g.to.Write(data)
	case <-g.p.over:
		return 0, net.ErrClosed
	}
}

// Freeze has nothing passed on, until Thaw.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	p.gate = make(chan struct{})
	p.mu.Unlock()
}

// Thaw has all passed on that came since Freeze.
func (p *Proxy) Thaw() {
	p.mu.Lock()
	close(p.gate)
	p.mu.Unlock()
}

// Cut ends the connections that there are.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// Down is as if the server were not there, until Up.
func (p *Proxy) Down() {
	p.mu.Lock()
	p.listener.Close()
	p.mu.Unlock()
	p.Cut()
}

// Up ends Down, at the same address.
func (p *Proxy) Up(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", p.Address)
	if err != nil {
		t.Fatal(err)
	}
	p.serve(listener)
}
