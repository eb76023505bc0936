package wire

import (
	"context"
	"sync"
	"time"
)

// ping is one PING of the script's. It outlives the engine it was sent on.
type ping struct {
	conn   *Conn
	done   func(error)
	once   sync.Once
	ctx    context.Context // ends with the ping
	cancel context.CancelFunc
}

// Ping has done called when the server has answered a PING, and all that came before
// the answer is delivered. Errors: ErrTimeout, ErrConnectionClosed (also at once, where
// the connection is not up).
func (c *Conn) Ping(timeout time.Duration, done func(error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status != Connected || c.engine == nil {
		return errNoConnection()
	}
	if timeout <= 0 {
		return errPingTimeout()
	}
	p := &ping{conn: c, done: done}
	p.ctx, p.cancel = context.WithTimeout(context.Background(), timeout)
	c.pings[p] = struct{}{}
	context.AfterFunc(p.ctx, func() { c.Guarded(func() { p.finish(errPingTimeout()) }) })
	p.sendOn(c.engine)
	return nil
}

func errPingTimeout() error { return Fail("ErrTimeout", "PING timeout") }

// sendOn sends the PING. Its goroutine ends with the answer, the engine or the ping.
func (p *ping) sendOn(e *engine) {
	go p.conn.Guarded(func() {
		if e.nc.FlushWithContext(p.ctx) == nil {
			e.mark(func() { p.finish(nil) }, false)
		}
	})
}

func (p *ping) finish(err error) {
	p.once.Do(func() {
		p.conn.mu.Lock()
		delete(p.conn.pings, p)
		p.conn.mu.Unlock()
		p.cancel()
		p.done(err)
	})
}
