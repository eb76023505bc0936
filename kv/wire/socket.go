package wire

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// softLimit is where a publisher is made to wait for the server, as long as the
	// server takes anything at all.
	softLimit = 8 << 20
	// hardLimit is what is kept for a server that takes nothing. Past it the
	// connection counts as broken.
	hardLimit = 256 << 20
	// stallPatience is how long a publisher waits for a server that takes nothing
	// before it goes on, and what is published is kept.
	stallPatience = 20 * time.Millisecond
)

var errTakesNothing = errors.New("the server takes no data")

// socket is a TCP connection whose Write never blocks: it writes what the kernel
// takes at once, and leaves the rest to a goroutine. nats.go holds its mutex while it
// writes, so a server that has stopped reading would otherwise stop whoever
// publishes, asks for the status or closes.
type socket struct {
	net.Conn
	mu      sync.Mutex
	changed *sync.Cond // broadcast when the queue shrinks, or the end comes
	queue   []byte
	taken   uint64 // bytes that the kernel took, to see whether there is progress
	writing bool   // the goroutine flushQueue runs
	stalled bool   // a publisher has waited in vain; cleared by progress
	err     error  // of the goroutine, or of Close
}

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *socket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	rest := b
	if !s.writing {
		n, err := writeNow(s.Conn, b)
		s.taken += uint64(n)
		if err != nil {
			s.fail(err)
			return n, err
		}
		rest = b[n:]
	}
	if len(rest) > 0 {
		if len(s.queue)+len(rest) > hardLimit {
			s.fail(errTakesNothing)
			return 0, s.err
		}
		s.queue = append(s.queue, rest...)
		if !s.writing {
			s.writing = true
			// Ends when the queue is empty, or with the socket.
			go s.flushQueue()
		}
	}
	return len(b), nil
}

func (s *socket) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
}

// flushQueue writes what has been queued, in pieces so that progress can be seen.
func (s *socket) flushQueue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.writing = false }()
	for len(s.queue) > 0 && s.err == nil {
		piece := s.queue[:min(len(s.queue), 256<<10)] // appending leaves it as it is
		s.mu.Unlock()
		n, err := s.Conn.Write(piece)
		s.mu.Lock()
		s.queue = s.queue[n:]
		s.taken += uint64(n)
		s.stalled = false
		if err != nil {
			s.fail(err)
		}
		s.changed.Broadcast()
	}
	s.queue = nil
}

// backpressure holds a publisher up while too much is waiting and the server takes it.
func (s *socket) backpressure() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > softLimit && !s.stalled && s.err == nil {
		before := s.taken
		timer := time.AfterFunc(stallPatience, s.changed.Broadcast)
		s.changed.Wait()
		if timer.Stop() {
			continue
		}
		if s.taken == before {
			s.stalled = true
		}
	}
}

func (s *socket) Close() error {
	s.mu.Lock()
	s.fail(net.ErrClosed)
	s.mu.Unlock()
	return s.Conn.Close()
}

// SetWriteDeadline is without effect: writes do not block.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

func (s *socket) SetDeadline(t time.Time) error { return s.Conn.SetReadDeadline(t) }
