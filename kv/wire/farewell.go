// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Farewell is a connection that Disconnect is about to end, for what is left to be tidied up on the server. Its requests
// reach the server behind all that was published. They fail with ErrConnectionClosed when its time is over.
type Farewell struct {
	e      *engine
	ctx    context.Context
	cancel context.CancelFunc
	open   sync.WaitGroup // of those that OnDisconnect was given
}

// OnDisconnect has f called when Disconnect ends the connection while there is a server, unless forget was called before.
// Pending requests have failed then. f must not block; it calls done when it has no more requests. The connection ends
// when all have done so, after two seconds at the latest.
func (c *Conn) OnDisconnect(f func(by *Farewell, done func())) (forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return enlistLocked(c, c.farewells, f)
}

// leave begins the end of a connection, which takes flushTimeout at most, with what OnDisconnect was given.
func (e *engine) leave(given map[int]func(*Farewell, func())) *Farewell {
	f := &Farewell{e: e}
	f.ctx, f.cancel = context.WithTimeout(context.Background(), flushTimeout)
	for _, do := range given {
		f.open.Add(1)
		e.conn.Guarded(func() { do(f, sync.OnceFunc(f.open.Done)) })
	}
	return f
}

// end waits until no request is left, flushes what was published, and closes the connection. What was received before
// is delivered. false: the server may not have taken all that was published. It blocks: it has a goroutine of its own.
func (f *Farewell) end() bool {
	defer f.cancel()
	all := make(chan struct{})
	go f.e.conn.Guarded(func() {
		f.open.Wait()
		close(all)
	})
	select {
	case <-all:
	case <-f.ctx.Done():
	}
	return f.e.closeFlushed(f.ctx)
}

func (e *engine) close() { e.leave(nil).end() }

// RequestAgain is that of a Conn, but that it is not made again, and that it may take as long as the Farewell.
func (f *Farewell) RequestAgain(m *nats.Msg, _ time.Duration, _ Retry, done func(*Lent, error)) (*Pending, error) {
	go f.e.conn.Guarded(func() {
		reply, err := f.ask(m)
		switch {
		case err != nil:
			done(nil, errDisconnected)
		case IsNoResponders(&reply.Msg):
			done(reply, noResponders(m.Subject))
		default:
			done(reply, nil)
		}
	})
	return &Pending{conn: f.e.conn, over: true}, nil
}

func (f *Farewell) ask(m *nats.Msg) (*Lent, error) {
	m.Reply = newInbox(f.e.options.InboxPrefix)
	replies := make(chan *Lent, 1)
	s := &Sub{conn: f.e.conn, subject: m.Reply, deliver: func(l *Lent) {
		l.own(true, nil) // another goroutine reads it
		reply := *l
		select {
		case replies <- &reply:
		default: // there was one already
		}
	}}
	if err := f.e.subscribe(s, 1); err != nil {
		return nil, err
	}
	if !f.e.out.publish(m, encodeHeader(m.Header)) {
		return nil, nats.ErrConnectionClosed
	}
	select {
	case reply := <-replies:
		return reply, nil
	case <-f.ctx.Done():
		return nil, f.ctx.Err()
	}
}

// RequestLiteral is RequestAgain.
func (f *Farewell) RequestLiteral(m *nats.Msg, timeout time.Duration, retry Retry, done func(*Lent, error)) (*Pending, error) {
	return f.RequestAgain(m, timeout, retry, done)
}
