// SPDX-License-Identifier: Apache-2.0

// Package jstest is a connection with JetStream for the tests of what stands on them.
package jstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
	"natstcl/kv/server"
	"natstcl/kv/wire"
)

// Start is the JetStream of a server that is the test's own.
func Start(t testing.TB) *js.JetStream {
	t.Helper()
	return Connect(t, StartServer(t, server.Options{}).URL(), 10*time.Second)
}

// StartServer runs a server with JetStream, on a free port until the test ends.
func StartServer(t testing.TB, o server.Options) *server.Server {
	t.Helper()
	if o.StoreDir == "" {
		o.TempDir = t.TempDir()
	}
	s, err := server.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

// Connect is the JetStream of a server, with a timeout, over a connection that comes back whenever it is lost.
func Connect(t testing.TB, url string, timeout time.Duration) *js.JetStream {
	t.Helper()
	j, err := js.New(Dial(t, url), js.Options{Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// Native is a connection of nats.go's, to see with other eyes what ours do. It ends with the test.
func Native(t testing.TB, url string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// Dial is a connection to a server. It comes back whenever it is lost, and ends with the test.
func Dial(t testing.TB, url string) *wire.Conn {
	t.Helper()
	o := wire.DefaultOptions()
	o.ReconnectTimeWait = 10 * time.Millisecond
	o.MaxReconnectAttempts = -1
	conn := wire.New(o, nil)
	t.Cleanup(func() { <-conn.Disconnect() })
	if err := conn.SetServers([]string{url}); err != nil {
		t.Fatal(err)
	}
	natstest.Do(t, conn.Connect)
	return conn
}
