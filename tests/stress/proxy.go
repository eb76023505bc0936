// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"sync"
	"time"
)

// A proxy passes on what clients and one server say to each other, and can do so badly. It is the
// tests' proxy (tests/fixture.tcl) for many fast clients.
type proxy struct {
	address  string
	target   string
	listener net.Listener

	mu     sync.Mutex
	conns  map[net.Conn]bool
	mood   mood
	change chan struct{} // closed when the mood changes
}

// A mood is what a proxy does to all that passes.
type mood struct {
	delay  time.Duration // before each piece is passed on
	halve  bool          // passes on half of the next piece, then cuts that connection
	silent bool          // drops what the server says
	held   bool          // passes nothing on, until the mood changes
}

func startProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{address: listener.Addr().String(), target: target, listener: listener,
		conns: map[net.Conn]bool{}, change: make(chan struct{})}
	go p.accept()
	return p, nil
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			server, err := net.DialTimeout("tcp", p.target, time.Second)
			if err != nil {
				client.Close()
				return
			}
			p.mu.Lock()
			p.conns[client], p.conns[server] = true, true
			p.mu.Unlock()
			go p.pass(client, server, false)
			p.pass(server, client, true)
		}()
	}
}

// pass passes on from one side to the other until one of them ends.
func (p *proxy) pass(from, to net.Conn, fromServer bool) {
	defer p.drop(from, to)
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 && !p.forward(piece[:n], to, fromServer) {
			return
		}
		if err != nil {
			return
		}
	}
}

// forward passes one piece on as the mood is, and returns whether the connection goes on.
func (p *proxy) forward(data []byte, to net.Conn, fromServer bool) bool {
	mood, change := p.current()
	for mood.held {
		<-change
		mood, change = p.current()
	}
	if mood.delay > 0 {
		time.Sleep(mood.delay)
	}
	if mood.halve {
		_, _ = to.Write(data[:len(data)/2])
		return false
	}
	if mood.silent && fromServer {
		return true
	}
	_, err := to.Write(data)
	return err == nil
}

func (p *proxy) current() (mood, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mood, p.change
}

// set has the proxy do otherwise from now on. Connections of which something was dropped are cut:
// what follows would make no sense.
func (p *proxy) set(m mood) {
	p.mu.Lock()
	dropped := p.mood.silent
	p.mood = m
	close(p.change)
	p.change = make(chan struct{})
	p.mu.Unlock()
	if dropped {
		p.cut()
	}
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

func (p *proxy) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
		delete(p.conns, conn)
	}
}

func (p *proxy) close() {
	p.listener.Close()
	p.set(mood{})
	p.cut()
}
