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

// PullConfig configures a PullConsumer. A message counts against MaxMessages and MaxBytes from the request that
// asks for it until its receiver calls Taken.
type PullConfig struct {
	MaxMessages   int           // how many messages may be asked for and not yet taken, 1 and more
	MaxBytes      int64         // how many bytes may be; 0: no limit
	Threshold     int           // the consumer asks for more when so many are left, less than MaxMessages
	Expires       time.Duration // how long each request lasts, 1 s and more
	IdleHeartbeat time.Duration // how often the server shows that it lives while it has nothing to send; 0: never
	Group         GroupConfig
	StopAfter     int // the consumer ends after so many messages; 0: never

	// Deliver is called with each message, in the order in which they come, by a goroutine of the
	// connection. It must not block. Whoever has dealt with the message calls Taken.
	Deliver func(*nats.Msg)
	// Failed is called with an error that the consumer survives. It must not block.
	Failed func(*fault.Error)
	// Ended is called when the consumer ends by itself, and not by Stop or Drain, with the reason, which is
	// nil if StopAfter messages have come.
	Ended func(*fault.Error)
}

const (
	// repull is how long the consumer waits before it asks again, after the server has refused a request or
	// nobody has answered it.
	repull = 250 * time.Millisecond
	// missedPulls is how many heartbeats in a row may be missing before the requests count as lost.
	missedPulls = 2
	// overdue is how long after a request should have ended it counts as lost, if there are no heartbeats.
	overdue = 5 * time.Second
)

// PullConsumer reads a pull consumer until it is stopped. It asks the server for more messages before it has
// none left, but never for more than its receiver takes. It survives reconnects. The pull consumer of nats.go
// cannot be used for this, because it needs a nats.Conn that reconnects by itself, and ours do not.
type PullConsumer struct {
	js               *JetStream
	stream, consumer string
	subject          string
	config           PullConfig

	reading
	inbox string
	// All that follows is guarded by mu.
	asked int // how many messages the server may still send
	// askedBytes is how many bytes the server may still send, if there is a MaxBytes. There is only one
	// request at a time then, because the server does not tell when a request has used up its bytes.
	askedBytes int64
	tooFew     int64 // a request for so many bytes was refused, because the next message is longer
	received   int   // how many messages have come in all
	open       int   // how many were delivered and not yet taken
	openBytes  int64
	lastSeen   wire.Instant // when the server has last sent anything
	waiting    bool         // the timer will ask again, and nobody else does until then
	draining   bool
	pin        string // the ID that the server gave to this client, if it is the pinned one of its group
}

// PullConsumer begins to read a consumer that exists on the server. Messages are delivered when done has been
// called without an error.
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
			inbox:   j.conn.NewInbox(), lastSeen: wire.Now(),
		}
		c.failed, c.ended = config.Failed, config.Ended
		c.mu.Lock()
		listen := func() (*wire.Sub, error) { return j.conn.Listen(c.inbox, c.receive) }
		stopWatch := j.conn.OnRefusal(c.refused) // before it listens: a refusal can come at once
		err = c.listenLocked(j.conn, c.stateChanged, listen)
		c.leave = append(c.leave, stopWatch)
		c.mu.Unlock()
		if err != nil {
			stopWatch()
			done(nil, err)
			return
		}
		done(c, nil)
		c.mu.Lock()
		c.refillLocked()
		c.mu.Unlock()
	})
}

// refillLocked asks the server for more messages if no more than Threshold are on their way or with the receiver.
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
	m := c.js.question(c.subject, request.JSON())
	m.Reply = c.inbox
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
		c.lastSeen = wire.Now()
	}
	c.asked += n
	c.askedBytes = bytes
	c.watchLocked(c.interval())
}

// interval is how often to look whether the server still lives.
func (c *PullConsumer) interval() time.Duration {
	if c.config.IdleHeartbeat > 0 {
		return c.config.IdleHeartbeat
	}
	return c.silence()
}

// silence is how long the server may send nothing before the requests count as lost.
func (c *PullConsumer) silence() time.Duration {
	if c.config.IdleHeartbeat > 0 {
		return missedPulls * c.config.IdleHeartbeat
	}
	return c.config.Expires + overdue
}

func (c *PullConsumer) watchLocked(after time.Duration) { c.alarmLocked(c.js.conn, after, c.tick) }

// againLocked forgets the requests that are out, because their messages will not come, and asks anew after repull.
func (c *PullConsumer) againLocked() {
	c.asked, c.tooFew = 0, 0
	c.waiting = true
	c.watchLocked(repull)
}

// tick is called by the timer. It asks again if that is due, and otherwise looks whether the server still lives.
func (c *PullConsumer) tick() {
	c.mu.Lock()
	limit := c.silence()
	silence := c.lastSeen.Elapsed()
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

// examine asks the server whether the consumer and its stream still exist, and ends the reading if they do not.
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

// size is how many bytes of MaxBytes the server counts for a message.
func size(m *nats.Msg) int64 { return int64(m.Size()) }

// receive handles a message, or a status, that answers a request. The connection's reader calls it.
func (c *PullConsumer) receive(m *nats.Msg) {
	c.mu.Lock()
	if c.stopped || c.config.StopAfter > 0 && c.received >= c.config.StopAfter {
		c.mu.Unlock()
		return
	}
	c.lastSeen = c.js.conn.LastRead()
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

// Pinned returns the ID that the server gave to this client if it is the pinned one of its group, "" if it is not.
func (c *PullConsumer) Pinned() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pin
}

// statusLocked handles a status message, by which the server tells that a request has ended, or why. It unlocks mu.
func (c *PullConsumer) statusLocked(status string, m *nats.Msg) {
	if status == "100" {
		c.mu.Unlock()
		return
	}
	text := m.Header.Get("Description")
	// The status of a request that has ended says how many of its messages and bytes were not sent.
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
		c.tooFew = pendingBytes // the next request asks for more bytes, when messages were taken
		c.refillLocked()
		c.mu.Unlock()
	case ended:
		c.refillLocked()
		c.mu.Unlock()
	default: // Leadership Change, Exceeded MaxWaiting, Server Shutdown, and what later servers may say
		c.againLocked()
		c.mu.Unlock()
		if text != "Leadership Change" {
			c.failOnce(failure)
		}
	}
}

// Taken tells the consumer that its receiver has dealt with a message, so that another one may be asked for. Any
// goroutine may call it.
func (c *PullConsumer) Taken(m *nats.Msg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	c.openBytes -= size(m)
	c.refillLocked()
}

// stateChanged is called at each change of the connection's status. The caller holds the connection's lock, so all
// that calls the connection runs in a goroutine of its own.
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
			// The server has forgotten the requests of the old connection. If it still sends messages for
			// them, these are delivered like any other.
			c.asked, c.tooFew, c.waiting = 0, 0, false
			c.refillLocked()
		})
	}
}

// refused is called when the server does not permit something. If it was our request, or the subscription to
// the answers, the consumer asks again after a while, because permissions can change.
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

// Drain makes no more requests. It calls done when all messages that the server had sent are delivered.
func (c *PullConsumer) Drain(done func()) {
	c.mu.Lock()
	c.draining = true
	c.mu.Unlock()
	c.drain(done)
}
