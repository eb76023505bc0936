// SPDX-License-Identifier: Apache-2.0

package js

import (
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// PushConfig configures the reading of a push consumer.
type PushConfig struct {
	StopAfter int // the consumer ends after so many messages; 0: never

	// Deliver gets each message, in the order in which they come, by a goroutine of the
	// connection. It must not block; whoever has dealt with a message calls Taken.
	Deliver func(*nats.Msg)
	// Failed is called with an error that the consumer survives. It must not block.
	Failed func(*fault.Error)
	// Ended is called when the consumer ends by itself, and not by Stop or Drain, with the reason, which is
	// nil if StopAfter messages have come.
	Ended func(*fault.Error)
}

// PushConsumer reads a push consumer that is there: it listens where that publishes, answers its
// flow control when messages are taken, and watches its heartbeats where it has some. It survives
// reconnects.
type PushConsumer struct {
	js               *JetStream
	stream, consumer string
	config           PushConfig
	heartbeat        time.Duration // 0: none

	reading
	received  int // in all; this and what follows is guarded by mu
	delivered uint64
	taken     uint64
	flowReply string // owed to the server when flowAt messages are taken
	flowAt    uint64
	lastSeen  wire.Instant
}

// PushConsumer begins to read; it may deliver before done is called.
// ErrInvalidArg: the consumer is a pull consumer.
func (j *JetStream) PushConsumer(stream, consumer string, config PushConfig, done func(*PushConsumer, error)) error {
	if err := checkStreamName(stream); err != nil {
		return err
	}
	if err := checkConsumerName(consumer); err != nil {
		return err
	}
	return j.ConsumerInfo(stream, consumer, func(info dict.Dict, err error) {
		subject := info.Text("config", "deliver_subject")
		if err == nil && subject == "" {
			err = fault.New(fault.InvalidArg, "Consumer "+consumer+" is pull based")
		}
		if err != nil {
			done(nil, err)
			return
		}
		c := &PushConsumer{js: j, stream: stream, consumer: consumer, config: config, lastSeen: wire.Now()}
		c.failed, c.ended = config.Failed, config.Ended
		c.heartbeat = time.Duration(count(info, "config", "idle_heartbeat"))
		if err := c.listen(subject, info.Text("config", "deliver_group")); err != nil {
			done(nil, err)
			return
		}
		done(c, nil)
	})
}

func (c *PushConsumer) listen(subject, queue string) (err error) {
	c.mu.Lock() // what comes meanwhile waits
	defer c.mu.Unlock()
	err = c.listenLocked(c.js.conn, c.stateChanged, func() (*wire.Sub, error) {
		return c.js.conn.ListenQueue(subject, queue, c.receive)
	})
	if err == nil && c.heartbeat > 0 {
		c.alarmLocked(c.js.conn, c.heartbeat, c.tick)
	}
	return err
}

// receive takes what the consumer publishes; the connection's reader calls it.
func (c *PushConsumer) receive(m *nats.Msg) {
	c.mu.Lock()
	if c.stopped || c.config.StopAfter > 0 && c.received >= c.config.StopAfter {
		c.mu.Unlock()
		return
	}
	c.lastSeen, c.told = c.js.conn.LastRead(), ""
	if len(m.Data) == 0 && len(m.Header) > 0 && m.Header.Get("Status") == "100" {
		if reply := m.Reply; reply != "" { // flow control
			c.flowReply, c.flowAt = reply, c.delivered
		} else if stalled := m.Header.Get("Nats-Consumer-Stalled"); stalled != "" {
			c.flowReply, c.flowAt = stalled, c.delivered
		}
		c.mu.Unlock()
		c.pay()
		return
	}
	c.received++
	c.delivered++
	last := c.config.StopAfter > 0 && c.received == c.config.StopAfter
	c.mu.Unlock()
	c.config.Deliver(m)
	if last {
		c.complete()
	}
}

// pay answers flow control when all that came before it is taken: until then the server's window
// bounds what is in memory.
func (c *PushConsumer) pay() {
	c.mu.Lock()
	reply := c.flowReply
	if reply == "" || c.taken < c.flowAt {
		c.mu.Unlock()
		return
	}
	c.flowReply = ""
	c.mu.Unlock()
	_ = c.js.conn.Publish(&nats.Msg{Subject: reply}) // where the connection has gone, so has the question
}

// Taken tells that a message has been dealt with. Any goroutine may call it.
func (c *PushConsumer) Taken(*nats.Msg) {
	c.mu.Lock()
	c.taken++
	c.mu.Unlock()
	c.pay()
}

// tick looks for signs of life, where the consumer has heartbeats.
func (c *PushConsumer) tick() {
	c.mu.Lock()
	limit := missedHeartbeats * c.heartbeat
	silence := c.lastSeen.Elapsed()
	if c.stopped {
		c.mu.Unlock()
		return
	}
	c.alarmLocked(c.js.conn, c.heartbeat, c.tick)
	dead := silence >= limit && c.js.conn.Status() == wire.Connected
	c.mu.Unlock()
	if !dead {
		return
	}
	c.failOnce(fault.New(fault.ConsumerNotActive, "nothing came for "+limit.String()))
	c.js.absent(c.stream, c.consumer, func(why error) {
		switch fault.CodeOf(why) {
		case fault.StreamNotFound, fault.ConsumerNotFound:
			c.end(retold("stopped due to ", why))
		}
	})
}

// stateChanged is called under the connection's lock.
func (c *PushConsumer) stateChanged(s wire.Status) {
	switch s {
	case wire.Closed:
		go c.js.conn.Guarded(func() { c.end(fault.New(fault.ConnectionClosed, "stopped")) })
	case wire.Connected:
		go c.js.conn.Guarded(func() {
			c.mu.Lock()
			c.lastSeen = wire.Now()
			c.flowReply = "" // the question of another server
			c.mu.Unlock()
		})
	}
}

// Drain listens no longer, and has done called when what the server has sent is delivered.
func (c *PushConsumer) Drain(done func()) { c.drain(done) }
