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
	retry Retry     // with the attempts that are left
	m     *nats.Msg // nil: it is not made again
	wild  bool      // its subject may have wildcards, which stand for themselves
}

// begin keeps the message, for as long as the request is pending.
func (r Retry) begin(m *nats.Msg, wildcards bool) again {
	if r.Attempts <= 0 {
		return again{}
	}
	return again{retry: r, m: m, wild: wildcards}
}

// tryAgain makes the request again, after a while. It keeps its ID, its reply subject and its deadline.
func (c *Conn) tryAgain(p *Pending) {
	time.AfterFunc(p.again.retry.Wait, func() { c.Guarded(func() { c.resend(p) }) })
}

// mayRetryLocked tells whether the reply asks for another attempt, and there is one left and time for it.
func (p *Pending) mayRetryLocked(reply *nats.Msg) bool {
	a := &p.again
	if a.m == nil || !IsNoResponders(reply) && (a.retry.Refused == nil || !a.retry.Refused(reply)) {
		return false
	}
	if a.retry.Attempts == 0 || p.deadline != 0 && p.deadline.Left() <= a.retry.Wait {
		return false
	}
	a.retry.Attempts--
	return true
}

// resend makes a request again, unless its end has come meanwhile. It runs in a timer's goroutine.
func (c *Conn) resend(p *Pending) {
	c.mu.Lock()
	var err error
	if c.pending.has(p.id) {
		err = c.publishLocked(p.again.m, p.again.wild)
	}
	c.mu.Unlock()
	if err != nil && c.pending.takeOut(p) {
		p.finish(nil, err)
	}
}
