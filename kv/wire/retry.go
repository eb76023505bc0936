// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"github.com/nats-io/nats.go"
)

// Retry says how a request is made again that nobody has taken: the leader of a stream may be
// changing (ADR-22). The zero Retry is none.
type Retry struct {
	Attempts int                  // how many further attempts at most
	Wait     time.Duration        // before each; where the timeout comes sooner, there is none
	Refused  func(*nats.Msg) bool // returns true for a reply that asks to try again; nil: none does
}

// DefaultRetry is that of ADR-22.
var DefaultRetry = Retry{Attempts: 2, Wait: 250 * time.Millisecond}

// again is a request that may be made again.
type again struct {
	retry Retry // with the attempts that are left
	m     *nats.Msg
	until time.Time // the end of its time; zero: without end
	wild  bool      // its subject may have wildcards, which stand for themselves
}

// begin keeps the message, for as long as the request is pending.
func (r Retry) begin(m *nats.Msg, timeout time.Duration, wildcards bool) *again {
	if r.Attempts <= 0 {
		return nil
	}
	a := &again{retry: r, m: m, wild: wildcards}
	if timeout > 0 {
		a.until = time.Now().Add(timeout)
	}
	return a
}

// tryAgain looks at a reply, and tells whether the request is to be made again instead. It keeps
// its ID, its reply subject and its deadline.
func (c *Conn) tryAgain(id uint64, reply *nats.Msg) bool {
	p := c.pending.mayRetry(id, reply)
	if p == nil {
		return false
	}
	time.AfterFunc(p.again.retry.Wait, func() { c.Guarded(func() { c.resend(p) }) })
	return true
}

// mayRetry returns the request that has an attempt left and time for it, or nil.
func (t *pendings) mayRetry(id uint64, reply *nats.Msg) *Pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byID[id]
	if p == nil || p.again == nil {
		return nil
	}
	a := p.again
	if !IsNoResponders(reply) && (a.retry.Refused == nil || !a.retry.Refused(reply)) {
		return nil
	}
	if a.retry.Attempts == 0 || !a.until.IsZero() && time.Until(a.until) <= a.retry.Wait {
		return nil
	}
	a.retry.Attempts--
	return p
}

// resend makes a request again, unless its end has come meanwhile. It runs in a timer's goroutine.
func (c *Conn) resend(p *Pending) {
	c.mu.Lock()
	var err error
	if c.pending.has(p.id) {
		err = c.publishLocked(p.again.m, p.again.wild)
	}
	c.mu.Unlock()
	if err != nil && c.pending.remove(p.id) != nil {
		p.finish(nil, err)
	}
}
