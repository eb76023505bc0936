// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
)

// What the server refuses for want of a permission ends what waits for it at once: the -ERR names
// the subject, and no reply will come.

// Refusal is something that a server does not permit.
type Refusal struct {
	Subject string
	Publish bool // to publish to it, and else to subscribe to it
	Why     *fault.Error
}

// OnRefusal has f called, by a goroutine of the Conn, whenever the server refuses a subject for want of
// permission, behind the deliveries that came before. A server tells that some time after Publish,
// Subscribe and Listen have returned.
func (c *Conn) OnRefusal(f func(Refusal)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return enlistLocked(c, c.refusals, f)
}

// refused is called by an engine's reader at each such -ERR, behind the replies that have come before.
func (c *Conn) refused(text string) {
	failure := fault.New(fault.Permissions, text)
	subject, publishing := refusedSubject(text)
	if publishing && c.pending.isCleanUp(subject) {
		c.Logf(LogDebug, "%s", text)
	} else {
		c.ReportAsync(failure)
	}
	if subject == "" {
		return
	}
	c.mu.Lock()
	tell := slices.Collect(maps.Values(c.refusals))
	if !publishing {
		queue := refusedQueue(text)
		for _, s := range c.subs {
			if s.subject == subject && s.queue == queue {
				s.refusal.Store(failure)
			}
		}
	}
	c.mu.Unlock()
	for _, f := range tell {
		f(Refusal{subject, publishing, failure})
	}
	if publishing {
		c.pending.fail(failure, func(p *Pending) bool { return p.subject == subject })
		return
	}
	// Whoever hears that its request has failed may ask again at once, and then listens anew.
	c.mu.Lock()
	if mux := c.pending.mux; mux != nil && mux.subject == subject {
		c.dropLocked(mux)
		c.pending.mux = nil
	}
	c.mu.Unlock()
	c.pending.fail(failure, func(p *Pending) bool { return p.by != nil && p.by.subject == subject })
}

// refusedSubject finds the subject in a server's words: Permissions Violation for Publish to "x",
// Permissions Violation for Subscription to "x" using queue "q". It is "" where they are others.
func refusedSubject(text string) (subject string, publishing bool) {
	_, rest, publishing := strings.Cut(text, " Publish to ")
	if !publishing {
		_, rest, _ = strings.Cut(text, " Subscription to ")
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", publishing
	}
	subject, _ = strconv.Unquote(quoted)
	return subject, publishing
}

// refusedQueue finds the queue group of a subscription in the same words, "" for none.
func refusedQueue(text string) string {
	_, rest, _ := strings.Cut(text, ` using queue "`)
	queue, _, _ := strings.Cut(rest, `"`)
	return queue
}

// fail ends the requests that are meant, in the order in which they began.
func (t *pendings) fail(why *fault.Error, meant func(*Pending) bool) {
	t.mu.Lock()
	var failed []*Pending
	for _, p := range t.byID.All() {
		if meant(p) {
			t.takeOutLocked(p)
			failed = append(failed, p)
		}
	}
	t.mu.Unlock()
	for _, p := range failed {
		p.finish(nil, why)
	}
}

// isCleanUp tells whether what was sent to a subject was sent by CleanUp alone.
func (t *pendings) isCleanUp(subject string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := false
	for _, p := range t.byID.All() {
		if p.subject == subject {
			if !p.cleanUp {
				return false
			}
			found = true
		}
	}
	return found
}

// CleanUp sends a request by which the client removes from the server what it has made itself. Nobody
// waits for the answer; that it is not permitted is a line of the debug log, and no error.
func (c *Conn) CleanUp(m *nats.Msg) {
	// Where the connection has ended there is nobody to ask.
	_ = c.Inquire(m, cleanUpTimeout, func(*Lent, error) {})
}

// Inquire is a request of the client's own, which no script has asked for: that it is not permitted is a line of the
// debug log, and no error of the connection.
func (c *Conn) Inquire(m *nats.Msg, timeout time.Duration, done func(*Lent, error)) error {
	_, err := c.request(&Pending{cleanUp: true, reply: done}, m, timeout, false)
	return err
}

// cleanUpTimeout is how long an answer to CleanUp is told from one to a script.
const cleanUpTimeout = 5 * time.Second
