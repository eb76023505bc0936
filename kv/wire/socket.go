// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// softLimit is where a publisher is made to wait for the server, as long as the
	// server takes anything at all.
	softLimit = 8 << 20
	// overhead is what may wait beside the messages that are published (Options.MaxWaiting): SUB,
	// PONG, and the last message. Past it the connection counts as broken.
	overhead = 128 << 20
	// stallPatience is how long a publisher waits for a server that takes nothing
	// before it goes on, and what is published is kept.
	stallPatience = 20 * time.Millisecond
)

// patienceWhenFull is how long a server may take nothing when as much is waiting as may; then the
// connection counts as broken. Only tests change it.
var patienceWhenFull = 5 * time.Second

var errTakesNothing = errors.New("the server takes no data")

// socket is a TCP connection whose Write never blocks: it writes what the kernel
// takes at once, and leaves the rest to a goroutine. nats.go holds its mutex while it
// writes, so a server that has stopped reading would otherwise stop whoever
// publishes, asks for the status or closes.
type socket struct {
	net.Conn
	conn *Conn // has the log for a panic of our own

	mu      sync.Mutex
	changed *sync.Cond // broadcast with the lock when the queue shrinks, or the end comes
	limit   int        // of the queue
	queue   []byte
	queued  atomic.Int64 // its length, to be read without the lock
	taken   uint64       // bytes that the kernel took, to see whether there is progress
	writing bool         // the goroutine flushQueue runs
	stalled bool         // a publisher has waited in vain; cleared by progress
	err     error        // of the goroutine, or of Close
	lost    int          // bytes that were in the queue at the end
}

func newSocket(c net.Conn, limit int, conn *Conn) *socket {
	s := &socket{Conn: c, conn: conn}
	s.allow(limit)
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
		if len(s.queue)+len(rest) > s.limit {
			s.fail(errTakesNothing)
			return 0, s.err
		}
		s.queue = append(s.queue, rest...)
		s.changedLocked()
		if !s.writing {
			s.writing = true
			// Ends when the queue is empty, or with the socket.
			go s.conn.Guarded(s.flushQueue)
		}
	}
	return len(b), nil
}

func (s *socket) fail(err error) {
	if s.err == nil {
		s.err, s.lost = err, len(s.queue)
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
		n, err := s.writePiece(piece)
		s.queue = s.queue[n:]
		s.changedLocked()
		s.taken += uint64(n)
		s.stalled = false
		if err != nil {
			s.fail(err)
		}
		s.changed.Broadcast()
	}
	s.queue = nil
	s.changedLocked()
}

// changedLocked is called when the queue has changed.
func (s *socket) changedLocked() {
	s.queued.Store(int64(len(s.queue)))
	if pressed := len(s.queue) > softLimit; pressed != s.conn.pressed.Load() {
		s.conn.pressed.Store(pressed)
	}
}

// writePiece writes without the lock, and returns with it.
func (s *socket) writePiece(piece []byte) (n int, err error) {
	s.mu.Unlock()
	defer s.mu.Lock()
	defer func() {
		if r := recover(); r != nil {
			err = s.conn.recovered(r)
		}
	}()
	return s.Conn.Write(piece)
}

// allow sets how many bytes that were published may wait.
func (s *socket) allow(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = min(limit, math.MaxInt-overhead) + overhead
}

// waiting is how many bytes the kernel has not taken yet, and how many it took in all.
func (s *socket) waiting() (bytes int, taken uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue), s.taken
}

// lostBytes is how many were in the queue when the end came.
func (s *socket) lostBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

// backpressure holds a publisher up while too much is waiting and the server takes it.
func (s *socket) backpressure() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > softLimit && !s.stalled && s.err == nil {
		before := s.taken
		timer := time.AfterFunc(stallPatience, func() { s.conn.Guarded(s.wake) })
		s.changed.Wait()
		if timer.Stop() {
			continue
		}
		if s.taken == before {
			s.stalled = true
		}
	}
}

// wake has the lock, so that it does not come between a look at the queue and the wait.
func (s *socket) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
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
