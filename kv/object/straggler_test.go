// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/object"
)

// straggling stands before a server as the sockets of a frozen one do: what the first connection sends, from a message
// that has the text held in its line on, is held. It is read when that connection is gone and another one has come.
type straggling struct {
	held     string
	listener net.Listener
	target   string

	mu     sync.Mutex
	client net.Conn // the first one's
	server net.Conn
	kept   []byte
	tasks  sync.WaitGroup
}

func startStraggling(t *testing.T, url, held string) *straggling {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &straggling{held: held, listener: listener, target: strings.TrimPrefix(url, "nats://")}
	s.tasks.Go(s.serve)
	t.Cleanup(func() {
		listener.Close()
		s.tasks.Wait()
	})
	return s
}

func (s *straggling) serve() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", s.target)
		if err != nil {
			client.Close()
			continue
		}
		s.mu.Lock()
		first := s.client == nil
		if first {
			s.client, s.server = client, server
		}
		s.mu.Unlock()
		s.tasks.Go(func() {
			_, _ = io.Copy(client, server)
			client.Close()
		})
		s.tasks.Go(func() {
			if first {
				s.hold(client, server)
				return
			}
			_, _ = io.Copy(server, client)
			server.Close()
		})
	}
}

// hold passes on what comes until there is the subject, and keeps the rest. The server's side stays open.
func (s *straggling) hold(client, server net.Conn) {
	piece := make([]byte, 64<<10)
	for {
		n, err := client.Read(piece)
		s.mu.Lock()
		s.kept = append(s.kept, piece[:n]...)
		if at := bytes.Index(s.kept, []byte(s.held)); at < 0 {
			_, _ = server.Write(s.kept)
			s.kept = nil
		} else {
			_, _ = server.Write(s.kept[:at])
			s.kept = s.kept[at:]
			s.held = "" // all from here on
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// holds tells whether so many bytes are held.
func (s *straggling) holds(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held == "" && len(s.kept) >= n
}

// lose ends the first connection on the client's side.
func (s *straggling) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.Close()
}

// release lets the server read what the first connection had sent.
func (s *straggling) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.server.Write(s.kept)
	s.server.Close()
}

// What a put had sent before its connection was lost is stored when it has failed: it does not stay, and no info is left
// without its chunks.
func TestWhatALostConnectionHadSent(t *testing.T) {
	for _, c := range []struct {
		what, held string
		last       uint64 // the last sequence number of the stream when that is stored
		want       string // the object in the end
	}{
		{"chunks", " $O.files.C.", 3, "one"},
		{"an info", " $O.files.M.", 4, "two"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			f := start(t, object.Config{})
			put(t, f.store, "a", []byte("one"))
			s := startStraggling(t, f.url, c.held)
			through := jstest.Connect(t, "nats://"+s.listener.Addr().String(), 2*time.Second)
			store := natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(through, "files", done) })
			end := make(chan error, 1)
			err := store.PutBytes(object.Meta{Name: "a"}, []byte("two"), object.PutOptions{}, func(_ *object.Info, err error) { end <- err })
			if err != nil {
				t.Fatal(err)
			}
			natstest.Eventually(t, "the message is on its way", func() bool { return s.holds(20) })
			s.lose()
			select {
			case err := <-end:
				if fault.CodeOf(err) != fault.Timeout {
					t.Errorf("got %v", err)
				}
			case <-time.After(natstest.Patience):
				t.Fatal("the put has no end")
			}
			s.release()
			natstest.Eventually(t, "the message is stored", func() bool {
				return f.last(t) == c.last
			})
			natstest.Eventually(t, "the chunks of the other are removed", func() bool { return f.chunks(t) == 1 })
			if got := string(get(t, f.store, "a")); got != c.want {
				t.Errorf("a is %q", got)
			}
		})
	}
}
