// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/numbered"
)

// Pending is a request whose end is to come: a reply, an error, or its deadline.
type Pending struct {
	conn     *Conn
	id       uint64
	subject  string
	deadline Instant        // 0: without end
	queue    *deadlineQueue // in which it waits for its deadline, nil: in none
	before   *Pending       // in that queue, as behind
	behind   *Pending
	over     bool      // it is taken out of the table
	by       *Sub      // by which replies come
	own      bool      // by is for this request alone: Collect
	cleanUp  bool      // see CleanUp
	again    again     // how it is tried again
	expires  *nats.Msg // of Expire; nil: it was not asked for
	reply    func(*Lent, error)
}

// pendings is the one table of requests, for publishing with acknowledgements and the
// JetStream API as well: nats.go's own would block, or fail what is pending at a
// reconnect. All deadlines share one timer.
type pendings struct {
	conn      *Conn
	mu        sync.Mutex
	byID      numbered.Table[*Pending]
	last      uint64
	deadlines deadlines
	timer     *time.Timer
	timerAt   Instant // 0: not armed

	open atomic.Int64 // those whose end is not told yet
	idle []func()     // what waits for none to be open

	mux *Sub // by which the replies to all but Collect come, nil until it is needed; guarded by Conn.mu
}

func (t *pendings) init(c *Conn) { t.conn = c }

// add enters p, before it is sent: its reply may be quick. Its time begins now.
func (t *pendings) add(p *Pending, timeout time.Duration) {
	if timeout > 0 {
		p.deadline = Now().Add(timeout)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open.Add(1)
	t.last++
	p.id = t.last
	t.byID.Put(p.id, p)
}

// expect has the end of p's time told, once it is sent: of what could not be sent the caller alone hears.
func (t *pendings) expect(p *Pending, timeout time.Duration) {
	if timeout <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.over {
		return // its end has come already
	}
	t.deadlines.enter(p, timeout)
	t.armLocked(p.deadline)
}

func (t *pendings) takeOutLocked(p *Pending) {
	t.byID.Delete(p.id)
	t.deadlines.takeOut(p)
	p.over = true
}

// takeOut takes p out of the table and of its queue; false where it is out already, and its end is told.
func (t *pendings) takeOut(p *Pending) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.over {
		return false
	}
	t.takeOutLocked(p)
	return true
}

// answered returns the request to which a reply has come, nil where there is none. It is taken out, unless it is to be
// made again.
func (t *pendings) answered(id uint64, reply *Lent) (p *Pending, again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p = t.byID.Get(id)
	if p == nil {
		return nil, false
	}
	if again = p.mayRetryLocked(&reply.Msg); !again {
		t.takeOutLocked(p)
	}
	return p, again
}

// armLocked sets the timer to a deadline, if it comes before the one for which the timer is set. That may be too early, for
// a request that is answered by then, which is cheaper than setting the timer each time.
func (t *pendings) armLocked(first Instant) {
	if t.timerAt != 0 && first >= t.timerAt {
		return
	}
	t.timerAt = first
	wait := first.Left()
	if t.timer == nil {
		t.timer = time.AfterFunc(wait, func() { t.conn.Guarded(t.expire) })
	} else {
		t.timer.Reset(wait)
	}
}

// expire runs in the timer's goroutine.
func (t *pendings) expire() {
	now := Now()
	var late []*Pending
	t.mu.Lock()
	t.timerAt = 0
	for first := t.deadlines.first(); first != nil; first = t.deadlines.first() {
		if first.deadline > now {
			t.armLocked(first.deadline)
			break
		}
		t.takeOutLocked(first)
		late = append(late, first)
	}
	t.mu.Unlock()
	for _, p := range late {
		p.conn.Guarded(func() { p.finish(nil, p.late()) })
	}
}

// TimedOut is the error of a request whose answer has not come in time, or not all of it.
func TimedOut(subject string) *fault.Error {
	return fault.New(fault.Timeout, "Request to "+subject+" timed out")
}

// late is the error of a request whose time is over, which is taken back where it may not happen later.
func (p *Pending) late() error {
	cause := TimedOut(p.subject)
	switch unsent := p.expires != nil && p.conn.withdraw(p.expires); {
	case unsent:
		cause.Help = "it was not sent, and will not be"
	case !p.conn.connected():
		cause.Help = nowhere
	}
	return &deadlineError{cause}
}

// Expire has m, which was sent with the request, taken back when the time of the request is over, where it still
// waits for a connection then. Without it the message is sent when there is one.
func (p *Pending) Expire(m *nats.Msg) {
	t := &p.conn.pending
	t.mu.Lock()
	waits := t.byID.Get(p.id) == p
	if waits {
		p.expires = m // which whoever tells the end reads without the lock
	}
	t.mu.Unlock()
	if !waits {
		p.conn.withdraw(m) // its time was short
	}
}

// withdraw takes a message back; false where it does not wait for a connection any more.
func (c *Conn) withdraw(m *nats.Msg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.kept, m)
	if i < 0 {
		return false
	}
	c.kept = slices.Delete(c.kept, i, i+1)
	c.keptBytes -= keptSize(m)
	return true
}

// connected tells whether there is a connection that takes messages.
func (c *Conn) connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine != nil
}

// Late makes the ErrTimeout of a deadline that tells more than err, which is one, does.
func Late(err error, more string) error {
	cause := fault.New(fault.Timeout, err.Error()+": "+more)
	var e *fault.Error
	if errors.As(err, &e) && e.Help != "" {
		cause.Text += "; " + e.Help
	}
	return &deadlineError{cause}
}

// deadlineError is the ErrTimeout of a deadline; that of a connection that is lost is
// another.
type deadlineError struct{ cause *fault.Error }

func (e *deadlineError) Error() string { return e.cause.Text }
func (e *deadlineError) Unwrap() error { return e.cause }

// IsDeadline tells whether an ErrTimeout is that of a request's own deadline.
func IsDeadline(err error) bool {
	var d *deadlineError
	return errors.As(err, &d)
}

// IsLate tells whether an error is that of somebody's deadline, and not of a connection that was lost.
func IsLate(err error) bool {
	return fault.CodeOf(err) == fault.Timeout && err != error(errLost)
}

// takeAll empties the table, and returns what was in it in the order in which it began.
func (t *pendings) takeAll() []*Pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*Pending
	for _, p := range t.byID.All() {
		t.takeOutLocked(p)
		all = append(all, p)
	}
	if t.timer != nil {
		t.timer.Stop()
	}
	t.timerAt = 0
	return all
}

// finish tells the end; whoever has taken p out of the table calls it.
func (p *Pending) finish(m *Lent, err error) {
	if p.own {
		p.by.Stop()
	}
	p.reply(m, err)
	p.conn.pending.told()
}

// Cancel takes the request back: its done is not called. False where its end has come
// before.
func (p *Pending) Cancel() bool {
	if !p.conn.pending.takeOut(p) {
		return false
	}
	if p.own {
		p.by.Stop()
	}
	p.conn.pending.told()
	return true
}

// Complete ends a Collect as take does that returns true. It has no effect where its end has come before.
func (p *Pending) Complete() {
	if p.conn.pending.takeOut(p) {
		p.finish(nil, nil)
	}
}

// Request sends m with a reply subject of its own making, and has done called with the
// one reply. It waits through reconnects.
//
// Errors of done: ErrTimeout (after timeout; 0: without end; or the connection is lost
// for good), ErrNoResponders (with the server's message), ErrPermissions, ErrConnectionClosed.
func (c *Conn) Request(m *nats.Msg, timeout time.Duration, done func(*nats.Msg, error)) (*Pending, error) {
	return c.RequestAgain(m, timeout, Retry{}, func(reply *Lent, err error) { done(reply.Keep(), err) })
}

// RequestAgain is Request that tries again where nobody listens. done copies of the reply what is to stay.
func (c *Conn) RequestAgain(m *nats.Msg, timeout time.Duration, retry Retry, done func(*Lent, error)) (*Pending, error) {
	return c.request(&Pending{reply: done, again: retry.begin(m, false)}, m, timeout, false)
}

// RequestLiteral is RequestAgain to a subject in which wildcards stand for themselves, as those
// of a consumer's filter do in a subject of the JetStream API.
func (c *Conn) RequestLiteral(m *nats.Msg, timeout time.Duration, retry Retry, done func(*Lent, error)) (*Pending, error) {
	return c.request(&Pending{reply: done, again: retry.begin(m, true)}, m, timeout, true)
}

// request sends what p stands for.
func (c *Conn) request(p *Pending, m *nats.Msg, timeout time.Duration, wildcards bool) (*Pending, error) {
	c.mu.Lock()
	if err := c.muxLocked(); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	p.conn, p.subject, p.by = c, m.Subject, c.pending.mux
	c.pending.add(p, timeout)
	var reply [64]byte
	m.Reply = string(strconv.AppendUint(append(reply[:0], c.inbox...), p.id, 36))
	return c.askLocked(p, m, wildcards, timeout)
}

// askLocked sends a request whose reply is listened to, and unlocks.
func (c *Conn) askLocked(p *Pending, m *nats.Msg, wildcards bool, timeout time.Duration) (*Pending, error) {
	err := c.publishLocked(m, wildcards)
	if err == nil {
		c.pending.expect(p, timeout) // with the lock, so that one that has begun before another one is entered before it
	}
	c.mu.Unlock()
	if err != nil && p.Cancel() {
		return nil, err
	}
	return p, nil // where it was refused meanwhile, or the connection has ended, done was told that
}

// muxLocked sees to it that replies are listened to.
func (c *Conn) muxLocked() error {
	if c.pending.mux != nil {
		return nil
	}
	inbox := c.inbox
	var err error
	c.pending.mux, err = c.listenLocked(&Sub{conn: c, subject: inbox + "*", deliver: func(m *Lent) {
		c.replied(strings.TrimPrefix(m.Subject, inbox), m)
	}})
	return err
}

// replied is the delivery of the inbox subscription.
func (c *Conn) replied(number string, m *Lent) {
	id, err := strconv.ParseUint(number, 36, 64)
	if err != nil {
		return
	}
	switch p, again := c.pending.answered(id, m); {
	case p == nil:
	case again:
		c.tryAgain(p)
	case IsNoResponders(&m.Msg):
		p.finish(m, noResponders(p.subject))
	default:
		p.finish(m, nil)
	}
}

func noResponders(subject string) *fault.Error {
	return fault.New(fault.NoResponders, "No responders available for request to "+subject)
}

// IsNoResponders tells whether a message is the server's word that nobody listens.
func IsNoResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && len(m.Header) > 0 && m.Header.Get("Status") == "503"
}

// Collect sends m with a reply subject of its own, and has take called with each reply
// until it returns true. done gets nil then, or the error: ErrTimeout, ErrNoResponders
// (nobody listens; with the server's message), ErrPermissions, ErrConnectionClosed.
func (c *Conn) Collect(m *nats.Msg, timeout time.Duration, take func(*nats.Msg) (end bool), done func(*nats.Msg, error)) (*Pending, error) {
	// The deadline comes from another goroutine: it waits for a take that is running.
	var turn sync.Mutex
	p := &Pending{conn: c, subject: m.Subject, reply: func(m *Lent, err error) {
		turn.Lock()
		defer turn.Unlock()
		done(m.Keep(), err)
	}}
	finish := func(m *Lent, err error) {
		if c.pending.takeOut(p) {
			p.finish(m, err)
		}
	}
	c.mu.Lock()
	m.Reply = newInbox(c.options.InboxPrefix)
	first := true
	sub, err := c.listenLocked(&Sub{conn: c, subject: m.Reply, deliver: func(reply *Lent) {
		if first && IsNoResponders(&reply.Msg) {
			finish(reply, noResponders(p.subject))
			return
		}
		first = false
		turn.Lock()
		end := c.pending.has(p.id) && take(reply.Keep())
		turn.Unlock()
		if end {
			finish(nil, nil)
		}
	}})
	if err != nil {
		c.mu.Unlock()
		return nil, err
	}
	p.by, p.own = sub, true
	c.pending.add(p, timeout)
	return c.askLocked(p, m, false, timeout)
}

// SubID is the number of the subscription by which the reply comes, counted with those of Subscribe.
// The one for many requests has none until somebody asks.
func (p *Pending) SubID() int {
	c := p.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.by.number == 0 {
		c.lastID++
		p.by.number = c.lastID
	}
	return p.by.number
}

func (t *pendings) has(id uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID.Get(id) != nil
}

// NewInbox returns a new subject for replies, below Options.InboxPrefix.
func (c *Conn) NewInbox() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return newInbox(c.options.InboxPrefix)
}

// DefaultInboxPrefix is that of all NATS clients.
const DefaultInboxPrefix = "_INBOX"

// newInbox is the prefix and 22 characters, as the pure-Tcl client makes it.
func newInbox(prefix string) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if prefix == "" {
		prefix = DefaultInboxPrefix
	}
	b := make([]byte, 0, len(prefix)+1+22)
	b = append(append(b, prefix...), '.')
	for len(b) < cap(b) {
		b = append(b, letters[rand.IntN(len(letters))])
	}
	return string(b)
}
