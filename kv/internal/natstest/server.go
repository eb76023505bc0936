// SPDX-License-Identifier: Apache-2.0

package natstest

import (
	"net"
	"testing"

	natsd "github.com/nats-io/nats-server/v2/server"
)

// StartServer runs a server without JetStream, on a free port until the test ends. change may be nil.
func StartServer(t testing.TB, change func(*natsd.Options)) *natsd.Server {
	t.Helper()
	o := &natsd.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true}
	if change != nil {
		change(o)
	}
	s, err := natsd.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(Patience) {
		t.Fatal("the server does not get ready")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// Port is the one that a server listens on.
func Port(s *natsd.Server) int { return s.Addr().(*net.TCPAddr).Port }

// FreePort is one that nobody listens on now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
