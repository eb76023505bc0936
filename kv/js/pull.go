// SPDX-License-Identifier: Apache-2.0

package js

import (
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// PullConfig configures a consumer that pulls without end. All limits are on what is asked
// for and not yet taken.
type PullConfig struct {
	MaxMessages   int           // 1 and more
	MaxBytes      int64         // 0: no limit
	Threshold     int           // asks again when so many are left, less than MaxMessages
	Expires       time.Duration // of each request; 1 s and more
	IdleHeartbeat time.Duration // of the server while it has nothing to send
	Group         GroupConfig
	StopAfter     int // messages, then it ends; 0: without end

	// Deliver gets each message, in the order in which they come, by a goroutine of the
	// connection. It must not block; whoever has dealt with a message calls Taken.
	Deliver func(*nats.Msg)
	// Failed is told what was wrong, and was mended or is about to be; and of the end.
	Failed func(*fault.Error)
	// Ended is told, after Failed, of an end that it does not come to by Stop or Drain; nil where
	// StopAfter messages have come.
	Ended func(*fault.Error)
}

const (
	// repull is the wait before asking again a server that has refused, or was not there.
	repull = 250 * time.Millisecond
	// missedPulls is how many heartbeats may be missing.
	missedPulls = 2
	// overdue is how long the end of a request may be overdue, where there are no heartbeats.
	overdue = 5 * time.Second
)

// PullConsumer reads a pull consumer on and on: it asks for more before it runs dry, and
// for no more than its receiver takes. It survives reconnects. It is our own, for
// nats.go's stands on a connection of nats.go's that reconnects by itself.
type PullConsumer struct {
	js               *JetStream
	stream, consumer string
	subject          string
	config           PullConfig

	reading
	inbox      string
	asked      int   // messages that the server may still send; this and what follows is behind mu
	askedBytes int64 // and bytes, where MaxBytes is given: there is one request at a time then,
	tooFew     int64 // for the server does not tell when one is used up; it refused so many
	received   int   // in all
	open       int   // delivered, and not taken
	openBytes  int64
	lastSeen   time.Time
	waiting    bool // to ask again: the timer tells when
	draining   bool
	pin        string // of the server, for a group with a pinned client
}

// PullConsumer begins to pull from a consumer that is there. It delivers as soon as done
// was called without an error.
func (j *JetStream) PullConsumer(stream, consumer string, config PullConfig, done func(*PullConsumer, error)) error {
	if err := checkStreamName(stream); err != nil {
		return err
	}
	if err := checkConsumerName(consumer); err != nil {
		return err
	}
	return j.ConsumerInfo(stream, consumer, func(info dict.Dict, err error) {
		if err == nil && info.Text("config", "deliver_subject") != "" {
			err = fault.New(fault.InvalidArg, "Consumer "+consumer+" is push based")
		}
		if err != nil {
			done(nil, err)
			return
		}
		c := &PullConsumer{
			js: j, stream: stream, consumer: consumer, config: config,
			subject: j.prefix + ".CONSUMER.MSG.NEXT." + stream + "." + consumer,
			inbox:   j.conn.NewInbox(), lastSeen: time.Now(),
		}
		c.failed, c.ended = config.Failed, config.Ended
		c.mu.Lock()
		if c.sub, err = j.conn.Listen(c.inbox, c.receive); err == nil {
			c.leave = append(c.leave, j.conn.OnState(c.stateChanged), j.conn.OnRefusal(c.refused))
		}
		c.mu.Unlock()
		if err != nil {
			done(nil, err)
			return
		}
		done(c, nil)
		c.mu.Lock()
		c.refillLocked()
		c.mu.Unlock()
	})
}

// refillLocked asks for what is missing, if it is time.
func (c *PullConsumer) refillLocked() {
	if c.stopped || c.draining || c.waiting {
		return
	}
	out := c.asked + c.open
	if out > c.config.Threshold {
		return
	}
	n := c.config.MaxMessages - out
	if c.config.StopAfter > 0 {
		if n = min(n, c.config.StopAfter-c.received-c.asked); n <= 0 {
			return
		}
	}
	bytes := c.config.MaxBytes - c.openBytes
	if c.config.MaxBytes > 0 && (c.asked > 0 || bytes < c.config.MaxBytes/2 || bytes <= c.tooFew) {
		return
	}
	request := dict.Dict{{Key: "batch", Value: n}, {Key: "expires", Value: int64(c.config.Expires)}}
	if c.config.MaxBytes > 0 {
		request.Set("max_bytes", bytes)
	}
	if c.config.IdleHeartbeat > 0 {
		request.Set("idle_heartbeat", int64(c.config.IdleHeartbeat))
	}
	c.config.Group.addTo(&request, c.pin)
	m := &nats.Msg{Subject: c.subject, Reply: c.inbox, Data: request.JSON()}
	if c.js.options.Trace {
		c.js.conn.Logf(wire.LogDebug, ">>> %s %s", m.Subject, m.Data)
	}
	if c.js.conn.Status() != wire.Connected {
		return // stateChanged asks
	}
	if err := c.js.conn.Publish(m); err != nil {
		c.againLocked()
		return
	}
	if c.asked == 0 {
		c.lastSeen = time.Now()
	}
	c.asked += n
	c.askedBytes = bytes
	c.watchLocked(c.interval())
}

// interval is how often to look for signs of life, and silence how long there may be none.
func (c *PullConsumer) interval() time.Duration {
	if c.config.IdleHeartbeat > 0 {
		return c.config.IdleHeartbeat
	}
	return c.silence()
}

func (c *PullConsumer) silence() time.Duration {
	if c.config.IdleHeartbeat > 0 {
		return missedPulls * c.config.IdleHeartbeat
	}
	return c.config.Expires + overdue
}

func (c *PullConsumer) watchLocked(after time.Duration) { c.alarmLocked(c.js.conn, after, c.tick) }

// againLocked asks anew after a while: what was asked for is lost.
func (c *PullConsumer) againLocked() {
	c.asked, c.tooFew = 0, 0
	c.waiting = true
	c.watchLocked(repull)
}

// tick asks again, or looks for signs of life.
func (c *PullConsumer) tick() {
	c.mu.Lock()
	limit := c.silence()
	silence := time.Since(c.lastSeen)
	switch {
	case c.stopped:
		c.mu.Unlock()
	case c.waiting:
		c.waiting = false
		c.refillLocked()
		c.mu.Unlock()
	case c.asked == 0 || c.js.conn.Status() != wire.Connected:
		c.mu.Unlock() // nothing is to come; the next request sets the timer again
	case silence < limit:
		c.watchLocked(min(c.interval(), limit-silence))
		c.mu.Unlock()
	default:
		c.againLocked()
		c.mu.Unlock()
		c.failOnce(fault.New(fault.ConsumerNotActive, "nothing came for "+limit.String()))
		c.examine()
	}
}

// examine ends the consumer where it, or its stream, is gone from the server.
func (c *PullConsumer) examine() {
	c.js.absent(c.stream, c.consumer, func(why error) {
		switch fault.CodeOf(why) {
		case "", fault.ConnectionClosed: // there, or told by stateChanged
		case fault.StreamNotFound, fault.ConsumerNotFound:
			c.end(retold("stopped due to ", why))
		default: // JetStream may come back: it is still starting, or behind a leaf node that is cut off
			c.failOnce(retold("", why))
		}
	})
}

// size is what the server counts a message for.
func size(m *nats.Msg) int64 { return int64(m.Size()) }

// receive takes what comes for the requests; the connection's reader calls it.
func (c *PullConsumer) receive(m *nats.Msg) {
	c.mu.Lock()
	if c.stopped || c.config.StopAfter > 0 && c.received >= c.config.StopAfter {
		c.mu.Unlock()
		return
	}
	c.lastSeen = time.Now()
	status := statusOf(m)
	if status == "" || status == "100" {
		c.told = ""
	}
	if status != "" {
		c.statusLocked(status, m)
		return
	}
	c.asked = max(c.asked-1, 0)
	c.askedBytes -= size(m)
	if c.config.MaxBytes > 0 && c.askedBytes <= 0 {
		c.asked = 0
	}
	c.tooFew = 0
	c.received++
	c.open++
	c.openBytes += size(m)
	if pin := m.Header.Get("Nats-Pin-Id"); pin != "" && c.config.Group.Name != "" {
		c.pin = pin
	}
	last := c.config.StopAfter > 0 && c.received == c.config.StopAfter
	c.refillLocked()
	c.mu.Unlock()
	c.config.Deliver(m)
	if last {
		c.complete()
	}
}

// Pinned is the ID that the server gave the pinned client of a group; empty for another.
func (c *PullConsumer) Pinned() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pin
}

// statusLocked handles the server's word about a request, and unlocks.
func (c *PullConsumer) statusLocked(status string, m *nats.Msg) {
	if status == "100" {
		c.mu.Unlock()
		return
	}
	text := m.Header.Get("Description")
	// A request that has ended tells what it has not used.
	pending, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
	pendingBytes, _ := strconv.ParseInt(m.Header.Get("Nats-Pending-Bytes"), 10, 64)
	ended := err == nil
	if ended && c.config.MaxBytes > 0 && pending > 0 {
		c.asked = 0
	} else if ended {
		c.asked = max(c.asked-pending, 0)
	}
	failure := &fault.Error{Code: fault.JSResponse, Words: []string{status, "0"}, Text: text}
	switch {
	case status == "503": // nobody listens: gone, or its leader is changing
		c.againLocked()
		c.mu.Unlock()
		c.examine()
	case text == "Consumer Deleted": // or its stream
		c.againLocked()
		c.mu.Unlock()
		c.examine()
	case status == "400" || text == "Consumer is push based" || strings.HasPrefix(text, "Exceeded MaxRequest"):
		c.mu.Unlock()
		c.end(retold("stopped due to ", failure))
	case status == "423": // another client is the pinned one
		c.pin = ""
		c.againLocked()
		c.mu.Unlock()
	case text == "Message Size Exceeds MaxBytes" && pendingBytes >= c.config.MaxBytes:
		// The next message alone is longer than that.
		c.againLocked()
		c.mu.Unlock()
		c.failOnce(failure)
	case text == "Message Size Exceeds MaxBytes":
		c.tooFew = pendingBytes // more, when some were taken
		c.refillLocked()
		c.mu.Unlock()
	case ended:
		c.refillLocked()
		c.mu.Unlock()
	default: // Leadership Change, Exceeded MaxWaiting, Server Shutdown, and what is to come
		c.againLocked()
		c.mu.Unlock()
		if text != "Leadership Change" {
			c.failOnce(failure)
		}
	}
}

// Taken tells that a message has been dealt with. Any goroutine may call it.
func (c *PullConsumer) Taken(m *nats.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	c.openBytes -= size(m)
	c.refillLocked()
}

// stateChanged is called under the connection's lock.
func (c *PullConsumer) stateChanged(s wire.Status) {
	switch s {
	case wire.Closed:
		go c.js.conn.Guarded(func() {
			c.end(fault.New(fault.ConnectionClosed, "stopped"))
		})
	case wire.Connected:
		go c.js.conn.Guarded(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			// The requests went with the old connection. What the server still sends for
			// them is taken all the same.
			c.asked, c.tooFew, c.waiting = 0, 0, false
			c.refillLocked()
		})
	}
}

// refused is told of what the server does not permit: a request, or to listen to what comes for it. It
// may be permitted later.
func (c *PullConsumer) refused(r wire.Refusal) {
	if r.Publish && r.Subject != c.subject || !r.Publish && r.Subject != c.inbox {
		return
	}
	c.mu.Lock()
	stopped := c.stopped
	if !stopped {
		c.againLocked()
	}
	c.mu.Unlock()
	if !stopped {
		c.failOnce(r.Why)
	}
}

// Drain asks for no more, and has done called when what the server has sent is delivered.
func (c *PullConsumer) Drain(done func()) {
	c.mu.Lock()
	c.draining = true
	c.mu.Unlock()
	c.drain(done)
}
