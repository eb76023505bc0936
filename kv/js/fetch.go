// SPDX-License-Identifier: Apache-2.0

package js

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// FetchConfig is one pull request (docs/jetstream.md "Fetching from a pull consumer").
type FetchConfig struct {
	Batch         int           // messages at most, 1 and more
	MaxBytes      int64         // of all of them together, as the server counts; 0: no limit
	NoWait        bool          // what is there now, within the JetStream's timeout
	Timeout       time.Duration // of the client; 0: without end
	Expires       time.Duration // of the server; 0: a little less than Timeout
	IdleHeartbeat time.Duration // of the server while it has nothing to send; 0: none
	Group         GroupConfig
	Explain       bool // where its time is over and nothing came, asks why before it ends
}

// GroupConfig is the part of one client in a priority group of a consumer (ADR-42).
type GroupConfig struct {
	Name          string // empty: the consumer has none
	MinPending    int64  // of an overflow group: takes part from so many messages on,
	MinAckPending int64  // or so many that are not acknowledged; 0: always
	Priority      int    // of a prioritized group: 0, first, to 9
}

// addTo adds it to a pull request. pin is what the server has given the pinned client.
func (g GroupConfig) addTo(request *dict.Dict, pin string) {
	if g.Name == "" {
		return
	}
	request.Set("group", g.Name)
	if pin != "" {
		request.Set("id", pin)
	}
	if g.MinPending > 0 {
		request.Set("min_pending", g.MinPending)
	}
	if g.MinAckPending > 0 {
		request.Set("min_ack_pending", g.MinAckPending)
	}
	if g.Priority > 0 {
		request.Set("priority", g.Priority)
	}
}

// expiresBefore is by how much the server's limit is shorter than the client's, so that
// its word that the time is over arrives first; below twice that there is no difference.
const expiresBefore = 10 * time.Millisecond

// expires is the server's limit where the client has so long left; 0: without end.
func (c *FetchConfig) expires(left time.Duration) time.Duration {
	switch {
	case c.Expires > 0 && left < c.Timeout: // it is asked for anew
		return min(c.Expires, left)
	case c.Expires > 0:
		return c.Expires
	case left < 2*expiresBefore:
		return left
	}
	return left - expiresBefore
}

// Fetch is a pull request that is under way.
type Fetch struct {
	js               *JetStream
	stream, consumer string
	config           FetchConfig
	subject          string
	deadline         time.Time // of the client; zero: without end
	take             func(*nats.Msg)
	end              func(status *nats.Msg, err error)

	lifetime
	pending   *wire.Pending
	left      int   // messages that may still come; this and what follows is behind mu
	leftBytes int64 // and bytes, where MaxBytes is given
	came      bool  // a message
	lastSeen  wire.Instant
}

// Fetch asks a pull consumer for messages. take is called with each, in order; end once
// behind them, with the server's status message where the request ended early (404, 408,
// 409), or an error: ErrTimeout, where the time is over or the connection is lost for good;
// ErrConnectionClosed; ErrConsumerNotActive, where heartbeats are missing; ErrJSResponse 400,
// with the status message, where the server refuses the request; ErrStreamNotFound,
// ErrConsumerNotFound and ErrJetStreamNotEnabled where that is why nothing came. Both are
// called by goroutines of the connection.
func (j *JetStream) Fetch(stream, consumer string, c FetchConfig, take func(*nats.Msg), end func(status *nats.Msg, err error)) (*Fetch, error) {
	if err := checkStreamName(stream); err != nil {
		return nil, err
	}
	if err := checkConsumerName(consumer); err != nil {
		return nil, err
	}
	f := &Fetch{
		js: j, stream: stream, consumer: consumer, config: c, take: take, end: end,
		subject: j.prefix + ".CONSUMER.MSG.NEXT." + stream + "." + consumer,
		left:    c.Batch, leftBytes: c.MaxBytes, lastSeen: wire.Now(),
	}
	timeout := c.Timeout
	if c.NoWait {
		timeout = j.options.Timeout
	}
	if timeout > 0 {
		f.deadline = time.Now().Add(timeout)
	}
	if err := f.send(timeout); err != nil {
		return nil, err
	}
	f.attend()
	return f, nil
}

// attend follows the connection, of a request without end, and the heartbeats.
func (f *Fetch) attend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return
	}
	if f.deadline.IsZero() {
		f.leave = append(f.leave, f.js.conn.OnState(func(s wire.Status) {
			if s == wire.Connected { // under the connection's lock
				go f.js.conn.Guarded(f.renew)
			}
		}))
	}
	if f.config.IdleHeartbeat > 0 {
		f.alarmLocked(f.js.conn, f.config.IdleHeartbeat, f.tick)
	}
}

// Cancel ends the request. take and end may be running; they are not called again.
func (f *Fetch) Cancel() {
	if pending := f.close(); pending != nil {
		pending.Cancel()
	}
}

// close is the end; nil where it has come already.
func (f *Fetch) close() *wire.Pending {
	if !f.stop() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending
}

// body is the request's JSON, where the client has so long left. f.mu is held.
func (f *Fetch) body(left time.Duration) []byte {
	c := &f.config
	d := dict.Dict{{Key: "batch", Value: f.left}}
	if c.NoWait {
		d.Set("no_wait", true)
	} else if expires := c.expires(left); expires > 0 {
		d.Set("expires", int64(expires))
	}
	if c.MaxBytes > 0 {
		d.Set("max_bytes", f.leftBytes)
	}
	if c.IdleHeartbeat > 0 {
		d.Set("idle_heartbeat", int64(c.IdleHeartbeat))
	}
	c.Group.addTo(&d, f.js.pins.of(f.place()))
	return d.JSON()
}

// place is what a pin belongs to.
func (f *Fetch) place() string { return f.stream + "." + f.consumer + "." + f.config.Group.Name }

// SubID is the number of the subscription by which the messages come, as wire.Pending has it.
func (f *Fetch) SubID() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending.SubID()
}

// send makes one request, which may take so long (0: without end).
func (f *Fetch) send(timeout time.Duration) error {
	j := f.js
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return nil
	}
	request := j.question(f.subject, f.body(timeout))
	if j.options.Trace {
		j.conn.Logf(wire.LogDebug, ">>> %s %s", request.Subject, request.Data)
	}
	var status *nats.Msg
	take := func(m *nats.Msg) (last bool) {
		status, last = f.receive(m)
		return last
	}
	pending, err := j.conn.Collect(request, timeout, take, func(_ *nats.Msg, err error) { f.over(status, err) })
	if err == nil {
		f.pending = pending
	}
	return err
}

// receive takes what comes for the request; the connection's reader calls it. status is the
// server's word that the request has ended.
func (f *Fetch) receive(m *nats.Msg) (status *nats.Msg, last bool) {
	code := statusOf(m)
	f.mu.Lock()
	f.lastSeen = f.js.conn.LastRead()
	if code != "" {
		f.mu.Unlock()
		if code == "100" {
			return nil, false
		}
		return m, true
	}
	f.came = true
	f.left--
	f.leftBytes -= size(m)
	last = f.left == 0 || f.config.MaxBytes > 0 && f.leftBytes <= 0
	f.mu.Unlock()
	if pin := m.Header.Get("Nats-Pin-Id"); pin != "" && f.config.Group.Name != "" {
		f.js.pins.set(f.place(), pin)
	}
	f.take(m)
	return nil, last
}

// over is the end of one request.
func (f *Fetch) over(status *nats.Msg, err error) {
	f.mu.Lock()
	came := f.came
	f.mu.Unlock()
	nobody, late := fault.CodeOf(err) == fault.NoResponders, wire.IsDeadline(err)
	switch {
	case nobody, late && !came && f.config.Explain && f.js.conn.Status() == wire.Connected:
		// Nobody was there to take the request, or to answer it: why?
		asking := f.js
		if late {
			asking = asking.WithTimeout(min(askWhy, f.js.options.Timeout))
		}
		asking.absent(f.stream, f.consumer, func(why error) {
			if why != nil || !nobody {
				f.tell(why)
				return
			}
			f.retry()
		})
	case late:
		f.tell(nil)
	case status != nil && statusOf(status) == "423": // another client is the pinned one now
		f.js.pins.set(f.place(), "")
		f.retry()
	case status != nil && (statusOf(status) == "400" || statusOf(status) == "412"):
		f.finish(status, refusedBy(status))
	default:
		f.finish(status, err)
	}
}

// askWhy is how long a fetch whose time is over waits for the reason.
const askWhy = time.Second

// refusedBy is the error of a status message.
func refusedBy(status *nats.Msg) *fault.Error {
	text := strings.TrimPrefix(status.Header.Get("Description"), "Bad Request - ")
	return &fault.Error{Code: fault.JSResponse, Words: []string{statusOf(status), "0"}, Text: text}
}

// tell ends it with a reason; with none its time is over.
func (f *Fetch) tell(why error) {
	if why == nil {
		why = &fetchTimeout{fault.New(fault.Timeout, "Sync pull request timeout, subject="+f.subject)}
	}
	f.finish(nil, why)
}

func (f *Fetch) finish(status *nats.Msg, err error) {
	if f.close() != nil {
		f.end(status, err)
	}
}

// retryFetch is the wait before a request is made again that nobody took, though the
// consumer is there: its leader may be changing.
const retryFetch = 100 * time.Millisecond

func (f *Fetch) retry() {
	time.AfterFunc(retryFetch, func() { f.js.conn.Guarded(f.again) })
}

// again makes the request anew, for what is left of its messages and its time.
func (f *Fetch) again() {
	var left time.Duration
	if !f.deadline.IsZero() {
		if left = time.Until(f.deadline); left <= 0 {
			f.tell(nil)
			return
		}
	}
	if err := f.send(left); err != nil {
		f.tell(err)
	}
}

// renew makes the request anew on a new connection, for the server that had it may be gone, and no
// deadline would end it. The old one ends with its reply subject, so that nothing is delivered twice.
func (f *Fetch) renew() {
	f.mu.Lock()
	pending := f.pending
	f.lastSeen = wire.Now()
	f.mu.Unlock()
	if pending.Cancel() { // else its end is being told
		f.again()
	}
}

// missedBeats is how many heartbeats may be missing.
const missedBeats = 2

// tick looks for signs of life. While there is no connection there can be none.
func (f *Fetch) tick() {
	f.mu.Lock()
	limit := missedBeats * f.config.IdleHeartbeat
	silence := f.lastSeen.Elapsed()
	pending := f.pending
	if f.stopped {
		f.mu.Unlock()
		return
	}
	if silence < limit || f.js.conn.Status() != wire.Connected {
		f.alarmLocked(f.js.conn, f.config.IdleHeartbeat, f.tick)
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	if pending.Cancel() {
		f.finish(nil, fault.New(fault.ConsumerNotActive, "nothing came for "+limit.String()))
	}
}

// fetchTimeout is the ErrTimeout of a fetch whose own time is over.
type fetchTimeout struct{ cause *fault.Error }

func (e *fetchTimeout) Error() string { return e.cause.Text }
func (e *fetchTimeout) Unwrap() error { return e.cause }

// IsFetchTimeout tells whether a fetch ended because its time was over.
func IsFetchTimeout(err error) bool {
	var late *fetchTimeout
	return errors.As(err, &late)
}

// statusOf is the code of a message that is the server's own, "" for one of a stream.
func statusOf(m *nats.Msg) string {
	if len(m.Data) > 0 || len(m.Header) == 0 || m.Reply != "" {
		return ""
	}
	return m.Header.Get("Status")
}

// absent has done called with the reason why a consumer does not answer, where the API
// can tell one: the stream, the consumer or JetStream is not there.
func (j *JetStream) absent(stream, consumer string, done func(error)) {
	asked := wire.Now()
	err := j.ConsumerInfo(stream, consumer, func(_ dict.Dict, err error) {
		switch fault.CodeOf(err) {
		case fault.ConnectionClosed, fault.StreamNotFound, fault.JetStreamNotEnabled, fault.JetStreamNotEnabledForAccount:
			done(err)
		case fault.ConsumerNotFound:
			j.unlessDelayed(asked.Elapsed(), err, done)
		default:
			done(nil)
		}
	})
	if err != nil {
		done(nil)
	}
}

// delayed is less than the half second for which a server of a cluster holds an answer back that another one may know better.
const delayed = 400 * time.Millisecond

// unlessDelayed has done called with the error that a consumer is not there, unless the answer was held back: from 2.15.3 on a
// server that was just started, and is about to have the consumer, says so, too (jsConsumerInfoRequest). Nobody else
// answers while the consumer has no leader. took is how long the answer was under way, which may be far.
func (j *JetStream) unlessDelayed(took time.Duration, missing error, done func(error)) {
	if took < delayed {
		done(missing)
		return
	}
	err := j.conn.RTT(j.Timeout(), func(way time.Duration, err error) {
		if err != nil || took-way >= delayed {
			missing = nil
		}
		done(missing)
	})
	if err != nil {
		done(nil)
	}
}

// pins are the IDs by which servers know the pinned clients of groups (ADR-42): each fetch of a
// group has to tell the one that the last had.
type pins struct {
	mu    sync.Mutex
	known map[string]string
}

func (p *pins) of(place string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[place]
}

// set keeps a pin, or with an empty one forgets it.
func (p *pins) set(place, pin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pin == "" {
		delete(p.known, place)
		return
	}
	if p.known == nil {
		p.known = map[string]string{}
	}
	p.known[place] = pin
}
