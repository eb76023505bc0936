// SPDX-License-Identifier: Apache-2.0

package js

import (
	"cmp"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// OrderedConfig configures an ordered consumer (docs/jetstream.md "Ordered consumers").
type OrderedConfig struct {
	Description   string
	HeadersOnly   bool
	DeliverPolicy string // "all" where empty
	IdleHeartbeat time.Duration
	FilterSubject string

	FilterSubjects    []string      // several in place of FilterSubject
	OptStartSeq       uint64        // of the deliver policy by_start_sequence
	OptStartTime      string        // of by_start_time, RFC 3339
	ReplayPolicy      string        // "instant" where empty
	InactiveThreshold time.Duration // when the server removes it, where nobody listens; 2 s where 0
	Metadata          dict.Dict
	NamePrefix        string // its names are that, _ and 1, 2, …; without one the server makes them
	MaxResetAttempts  int    // new starts that may fail in a row, then it ends; 0: no limit

	// Deliver gets each message once, in stream order, by a goroutine of the
	// connection. It must not block; whoever has dealt with the message calls Taken.
	Deliver func(*OrderedConsumer, *nats.Msg, Metadata)
	// Started is told at each start that has succeeded how many messages are to come of
	// those that are there now; in order with Deliver. nil: nobody wants to know.
	Started func(pending uint64)
	// Idle is told of each heartbeat that shows that the server has nothing more to send
	// now; in order with Deliver. nil: nobody wants to know.
	Idle func()
	// StreamCreated returns the time at which the stream was made, as its info tells it, or ""
	// where the caller does not know it. A new start compares it, to notice another stream of the
	// same name. nil: nobody knows it.
	StreamCreated func() string
	// Renewed is told that another stream has taken the place of the one that was read: what
	// is delivered from now on comes from its beginning. nil: nobody wants to know.
	Renewed func()
	// Failed is told of each new start, each one that failed, and of the end. nil: nobody
	// wants to know.
	Failed func(*fault.Error)
	// Ended is told, after Failed, that no message will come any more. nil: as above.
	Ended func(*fault.Error)
}

const (
	// missedHeartbeats is how many intervals may pass in silence.
	missedHeartbeats = 3
	// ackWait is long: nothing is acknowledged.
	ackWait = 22 * time.Hour
	// inactiveThreshold is when the server removes a consumer that nobody listens to.
	inactiveThreshold = 2 * time.Second
)

// retryAfter is the wait after a new start that failed. Only tests change it.
var retryAfter = 10 * time.Second

// OrderedConsumer reads a stream in order, without a gap and without a double, whatever
// happens to the consumer, the server and the connection beneath. It is our own, for
// nats.go's pushing one restarts at sequence 1 when nothing was delivered yet, and ends on
// errors that this one survives (docs/jetstream.md "Ordered consumers").
type OrderedConsumer struct {
	js     *JetStream
	stream string
	config OrderedConfig

	taken     atomic.Uint64 // by the receiver
	delivered atomic.Uint64 // to the receiver

	lifetime
	name        string // empty while it is started anew, and after the end; this and what follows is behind mu
	info        dict.Dict
	generation  int    // of the start; what an earlier one brings is passed over
	starts      int    // tried
	streamSeq   uint64 // of the last message delivered
	consumerSeq uint64
	from        uint64 // where the stream was when the consumer was created
	policy      string // of the next start that does not begin at a sequence number
	made        string // when the stream was made, "" where that is not known
	lastSeen    time.Time
	restarting  bool
	retrying    bool // a start has failed, and the next one waits
	failures    int  // of starts, since the last one that succeeded
	cameBack    bool // the connection, since the start began
	created     bool
	flowReply   string // owed to the server when flowAt messages are taken
	flowAt      uint64
}

// OrderedConsumer creates a consumer; it delivers from the moment of its creation, which
// may be before done is called.
func (j *JetStream) OrderedConsumer(stream string, config OrderedConfig, done func(*OrderedConsumer, error)) error {
	if err := checkStreamName(stream); err != nil {
		return err
	}
	if config.NamePrefix != "" {
		if err := checkConsumerName(config.NamePrefix); err != nil {
			return err
		}
	}
	if config.DeliverPolicy == "" {
		config.DeliverPolicy = "all"
	}
	c := &OrderedConsumer{js: j, stream: stream, config: config, policy: config.DeliverPolicy}
	c.mu.Lock() // until then stop has nothing to call
	c.leave = append(c.leave, j.conn.OnState(c.stateChanged))
	c.mu.Unlock()
	err := c.start(0, func(err error) {
		if err != nil {
			c.Stop()
			done(nil, err)
			return
		}
		done(c, nil)
	})
	if err != nil {
		c.Stop()
	}
	return err
}

// start creates the consumer on the server, anew from a sequence number where that is
// not 0.
func (c *OrderedConsumer) start(fromSeq uint64, done func(error)) error {
	inbox := c.js.conn.NewInbox()
	c.mu.Lock()
	c.generation++
	c.starts++
	generation, number := c.generation, c.starts
	c.consumerSeq = 0
	c.flowReply = ""
	policy := c.policy
	c.mu.Unlock()
	sub, err := c.js.conn.Listen(inbox, func(m *nats.Msg) { c.receive(generation, m) })
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		sub.Stop()
		return fault.New(fault.ConnectionClosed, "stopped")
	}
	c.sub = sub
	c.mu.Unlock()

	request, config := c.request(inbox, policy, fromSeq, number)
	body := dict.Dict{
		{Key: "stream_name", Value: c.stream},
		{Key: "config", Value: config},
		{Key: "action", Value: "create"},
	}
	err = c.js.call(request, body.JSON(), func(reply dict.Dict, err error) {
		if err == nil && !c.started(generation, reply) || c.superseded(generation) {
			err = fault.New(fault.ConnectionClosed, "stopped")
		}
		if err != nil {
			sub.Stop()
		}
		done(err)
		if err == nil && c.config.Started != nil {
			c.config.Started(c.toCome(reply))
		}
	}, aText("name"), anObject("config"), aCount("delivered.stream_seq"), aCount("num_pending"))
	if err != nil {
		sub.Stop()
	}
	return err
}

// request is where the consumer is made, and its config there; from a sequence number where that
// is not 0, elsewhere by the policy. number is that of the start, from 1 on.
func (c *OrderedConsumer) request(inbox, policy string, fromSeq uint64, number int) (endpoint, dict.Dict) {
	o := &c.config
	config := dict.Dict{
		{Key: "deliver_subject", Value: inbox},
		{Key: "deliver_policy", Value: policy},
		{Key: "ack_policy", Value: "none"},
		{Key: "ack_wait", Value: int64(ackWait)},
		{Key: "max_deliver", Value: 1},
		{Key: "replay_policy", Value: cmp.Or(o.ReplayPolicy, "instant")},
		{Key: "flow_control", Value: true},
		{Key: "idle_heartbeat", Value: int64(o.IdleHeartbeat)},
		{Key: "inactive_threshold", Value: int64(cmp.Or(o.InactiveThreshold, inactiveThreshold))},
		{Key: "num_replicas", Value: 1},
		{Key: "mem_storage", Value: true},
	}
	set := func(key string, value any, given bool) {
		if given {
			config.Set(key, value)
		}
	}
	if fromSeq == 0 && policy == o.DeliverPolicy { // not at the beginning of another stream
		set("opt_start_seq", o.OptStartSeq, o.OptStartSeq > 0)
		set("opt_start_time", o.OptStartTime, o.OptStartTime != "")
	}
	set("deliver_policy", "by_start_sequence", fromSeq > 0)
	set("opt_start_seq", fromSeq, fromSeq > 0)
	set("description", o.Description, o.Description != "")
	set("filter_subject", o.FilterSubject, o.FilterSubject != "")
	set("filter_subjects", o.FilterSubjects, len(o.FilterSubjects) > 0)
	set("headers_only", true, o.HeadersOnly)
	set("metadata", o.Metadata, len(o.Metadata) > 0)
	if o.NamePrefix == "" {
		return at("CONSUMER.CREATE", c.stream), config
	}
	config.Set("name", o.NamePrefix+"_"+strconv.Itoa(number))
	e, _ := c.js.consumerEndpoint(c.stream, config) // the prefix was looked at
	return e, config
}

// started takes over what the server said of the new consumer.
func (c *OrderedConsumer) started(generation int, reply dict.Dict) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || c.generation != generation {
		return false
	}
	if !c.created {
		// The server counts what lies before its start as delivered.
		c.from = count(reply, "delivered", "stream_seq") + 1
	}
	c.name, c.info = reply.Text("name"), reply
	c.created, c.restarting, c.retrying = true, false, false
	c.failures = 0
	c.lastSeen = time.Now()
	c.watchLocked(c.config.IdleHeartbeat)
	return true
}

// superseded tells whether another start has begun since, or there is no more to come: this one
// has nothing to say then.
func (c *OrderedConsumer) superseded(generation int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation != generation
}

// toCome is the number of pending messages less those that came before the reply.
func (c *OrderedConsumer) toCome(reply dict.Dict) uint64 {
	pending := count(reply, "num_pending")
	c.mu.Lock()
	defer c.mu.Unlock()
	return pending - min(pending, c.consumerSeq)
}

// watchLocked sets the one timer of the consumer.
func (c *OrderedConsumer) watchLocked(after time.Duration) {
	if after <= 0 {
		return
	}
	c.alarmLocked(c.js.conn, after, c.tick)
}

// tick looks for signs of life, or makes the next try to start. Heartbeats count when
// they arrive here, not when a script comes round to look.
func (c *OrderedConsumer) tick() {
	c.mu.Lock()
	switch {
	case c.stopped || c.restarting && !c.retrying:
		c.mu.Unlock()
	case c.retrying && c.js.conn.Status() != wire.Connected:
		c.mu.Unlock() // once it is back: stateChanged
	case c.retrying:
		c.mu.Unlock()
		c.restart(fault.ConsumerNotActive)
	default:
		silence := time.Since(c.lastSeen)
		if limit := missedHeartbeats * c.config.IdleHeartbeat; silence < limit {
			c.watchLocked(min(c.config.IdleHeartbeat, limit-silence))
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		c.restart(fault.ConsumerNotActive)
	}
}

// receive handles what comes on the deliver subject; the connection's reader calls it.
func (c *OrderedConsumer) receive(generation int, m *nats.Msg) {
	c.mu.Lock()
	if c.stopped || c.generation != generation {
		c.mu.Unlock()
		return
	}
	c.lastSeen = time.Now()
	if len(m.Header) > 0 && len(m.Data) == 0 && m.Header.Get("Status") == "100" {
		c.controlLocked(m)
		return
	}
	meta, ok := ParseMetadata(m.Reply)
	if !ok {
		c.mu.Unlock()
		return
	}
	if meta.ConsumerSeq != c.consumerSeq+1 {
		c.mu.Unlock()
		c.restart(fault.ConsumerSequenceMismatch)
		return
	}
	c.consumerSeq, c.streamSeq = meta.ConsumerSeq, meta.StreamSeq
	c.delivered.Add(1)
	c.mu.Unlock()
	c.config.Deliver(c, m, meta)
}

// controlLocked handles heartbeats and flow control, and unlocks.
func (c *OrderedConsumer) controlLocked(m *nats.Msg) {
	if m.Reply != "" { // flow control
		c.owe(m.Reply)
		return
	}
	if stalled := m.Header.Get("Nats-Consumer-Stalled"); stalled != "" {
		c.owe(stalled)
		return
	}
	last, ok := decimal(m.Header.Get("Nats-Last-Consumer"))
	missing := ok && last != c.consumerSeq
	c.mu.Unlock()
	switch {
	case missing:
		c.restart(fault.ConsumerSequenceMismatch)
	case c.config.Idle != nil:
		c.config.Idle()
	}
}

// owe answers the server when all that was delivered so far is taken: until then its
// window bounds what is in memory. It unlocks.
func (c *OrderedConsumer) owe(reply string) {
	c.flowReply, c.flowAt = reply, c.delivered.Load()
	c.mu.Unlock()
	c.pay()
}

// pay answers flow control if it is time.
func (c *OrderedConsumer) pay() {
	c.mu.Lock()
	reply := c.flowReply
	if reply == "" || c.taken.Load() < c.flowAt {
		c.mu.Unlock()
		return
	}
	c.flowReply = ""
	c.mu.Unlock()
	// Where the connection has gone, so has the server's question.
	_ = c.js.conn.Publish(&nats.Msg{Subject: reply})
}

// Taken tells that one more message has been dealt with. Any goroutine may call it.
func (c *OrderedConsumer) Taken() {
	taken := c.taken.Add(1)
	// Rarely more than a look at two counters: flow control comes every few hundred
	// messages.
	if taken == c.delivered.Load() || taken%64 == 0 {
		c.pay()
	}
}

// restart starts the consumer anew behind the last message delivered.
func (c *OrderedConsumer) restart(code string) {
	c.mu.Lock()
	if c.stopped || !c.created || c.restarting && !c.retrying {
		c.mu.Unlock()
		return
	}
	c.restarting, c.retrying, c.cameBack = true, false, false
	c.name = ""
	c.generation++ // nothing that the old one still brings counts
	from := c.from
	again := from
	if c.streamSeq > 0 {
		from = c.streamSeq + 1
		again = from
	} else if c.policy == "last_per_subject" {
		again = 0 // nothing was delivered yet: as it was created
	}
	sub := c.sub
	c.sub = nil
	c.mu.Unlock()
	if sub != nil {
		sub.Stop()
	}
	if code != "" {
		c.fail(fault.New(code, fmt.Sprintf("reset with opt_start_seq = %d due to %s", from, code)))
	}
	if code == fault.ConsumerNotActive {
		c.compareStream()
	}
	if err := c.start(again, c.restarted); err != nil {
		c.restarted(err)
	}
}

// compareStream asks whether the stream is still the one that was read: where a server was
// restarted, or somebody deleted the stream, another one may have its name. The question goes
// out before the new start, and holds it up no more than the network does; a user may not be
// allowed to ask it, and then goes on as if it were the same.
func (c *OrderedConsumer) compareStream() {
	_ = c.js.StreamState(c.stream, "", func(now StreamState, err error) {
		if err != nil {
			return
		}
		known := ""
		if c.config.StreamCreated != nil {
			known = c.config.StreamCreated()
		}
		c.mu.Lock()
		before := cmp.Or(c.made, known)
		c.made = now.Created
		same := before == "" || before == c.made
		// A stream that lost what it had counts anew, too.
		same = same && now.LastSeq >= c.streamSeq
		c.mu.Unlock()
		if !same {
			c.renew()
		}
	})
}

// renew starts the consumer at the beginning of a stream that was made anew.
func (c *OrderedConsumer) renew() {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return
	}
	c.restarting, c.retrying = true, false
	c.name = ""
	c.generation++
	c.streamSeq, c.from = 0, 1
	if c.policy != "last_per_subject" {
		c.policy = "all" // all of it has come since
	}
	sub := c.sub
	c.sub = nil
	c.mu.Unlock()
	if sub != nil {
		sub.Stop()
	}
	c.fail(fault.New(fault.ConsumerNotActive, "stream "+c.stream+" was made anew: reset with opt_start_seq = 1"))
	if c.config.Renewed != nil {
		c.config.Renewed()
	}
	if err := c.start(0, c.restarted); err != nil {
		c.restarted(err)
	}
}

// StartAgain starts the consumer anew behind the last message delivered, without a word to
// Failed: for a server that does not go on by itself.
func (c *OrderedConsumer) StartAgain() { c.restart("") }

// restarted is the end of one try.
func (c *OrderedConsumer) restarted(err error) {
	if err == nil {
		return
	}
	switch fault.CodeOf(err) {
	case fault.StreamNotFound:
		c.end(retold("stopped due to ", err))
		return
	case fault.ConnectionClosed:
		return // told by stateChanged
	}
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return
	}
	c.retrying = true
	c.failures++
	over := c.config.MaxResetAttempts > 0 && c.failures >= c.config.MaxResetAttempts
	again := c.cameBack
	if !over {
		c.watchLocked(retryAfter)
	}
	c.mu.Unlock()
	if over {
		c.end(retold("stopped due to ", err))
		return
	}
	c.fail(retold("failed to reset: ", err))
	if again {
		c.restart(fault.ConsumerNotActive)
	}
}

// stateChanged is called under the connection's lock.
func (c *OrderedConsumer) stateChanged(s wire.Status) {
	switch s {
	case wire.Closed:
		go c.js.conn.Guarded(func() { c.end(fault.New(fault.ConnectionClosed, "stopped")) })
	case wire.Connected:
		go c.js.conn.Guarded(func() {
			c.mu.Lock()
			c.cameBack = true // the answer to a start that is out may have gone before
			retrying := c.retrying
			c.mu.Unlock()
			if retrying {
				c.restart(fault.ConsumerNotActive)
			}
		})
	}
}

func (c *OrderedConsumer) fail(e *fault.Error) {
	if c.config.Failed != nil {
		c.config.Failed(e)
	}
}

// end stops the consumer for good, and tells why.
func (c *OrderedConsumer) end(why *fault.Error) {
	if !c.stop() {
		return
	}
	c.mu.Lock()
	created := c.created
	c.mu.Unlock()
	if !created {
		return // the error of the creation is told
	}
	c.fail(why)
	if c.config.Ended != nil {
		c.config.Ended(why)
	}
}

// Stop ends the consumer: nothing that comes later is delivered. It may be called more
// than once.
func (c *OrderedConsumer) Stop() { c.stop() }

func (c *OrderedConsumer) stop() bool {
	if !c.lifetime.stop() {
		return false
	}
	c.mu.Lock()
	name := c.name
	c.name = ""
	c.mu.Unlock()
	if name != "" {
		// The server would find out by itself, but one that makes many consumers would
		// reach its limit first.
		c.js.conn.CleanUp(&nats.Msg{Subject: c.js.prefix + ".CONSUMER.DELETE." + c.stream + "." + name})
	}
	return true
}

// Name is the consumer's name on the server; empty from the moment a new start is
// decided until it has succeeded, and after the end.
func (c *OrderedConsumer) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name
}

// Info is the consumer's info as last created, durations in ns.
func (c *OrderedConsumer) Info() dict.Dict {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info
}
