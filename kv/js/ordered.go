// SPDX-License-Identifier: Apache-2.0

package js

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
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
	NamePrefix        string // the consumer's names are this, _ and 1, 2, …; without it the server makes them
	MaxResetAttempts  int    // how many new starts in a row may fail before the consumer ends; 0: no limit

	// Deliver is called with each message once, in stream order, by a goroutine of the
	// connection. It must not block. Whoever has dealt with the message calls Taken. The message, and the names in
	// Metadata, are lent.
	Deliver func(*OrderedConsumer, *wire.Lent, Metadata)
	// Started is called at each start that has succeeded, in order with Deliver. pending is how many
	// of the messages that are in the stream now are still to come. It may be nil.
	Started func(pending uint64)
	// Idle is called at each heartbeat, in order with Deliver: the server has nothing more to send
	// at that moment. It may be nil.
	Idle func()
	// StreamCreated returns the time at which the stream was made, as its info tells it, or ""
	// where the caller does not know it. A new start compares it, to notice another stream of the
	// same name. nil: nobody knows it.
	StreamCreated func() string
	// Renewed is called when another stream has taken the place of the one that was read. The
	// messages that are delivered from then on begin with that stream's first. It may be nil.
	Renewed func()
	// Failed is called with the reason of each new start, with the error of each start that
	// failed, and with the reason of the end. It must not block. It may be nil.
	Failed func(*fault.Error)
	// Ended is called, after Failed, when no more messages will come. It may be nil.
	Ended func(*fault.Error)
}

const (
	// missedHeartbeats is how many heartbeats in a row may be missing before the consumer starts anew.
	missedHeartbeats = 3
	// ackWait is the consumer's ack_wait. It is long because the messages are not acknowledged.
	ackWait = 22 * time.Hour
	// inactiveThreshold is after how long the server removes a consumer that nobody listens to.
	inactiveThreshold = 2 * time.Second
)

// retryAfter is how long to wait after a start that has failed. Only tests change it.
var retryAfter = 10 * time.Second

// OrderedConsumer reads a stream in order, without gaps and duplicates, whatever happens to the consumer on the
// server, to the server and to the connection (docs/jetstream.md "Ordered consumers"). The one of nats.go that
// is pushed to cannot be used: it restarts at sequence 1 if nothing was delivered yet, and it ends on errors that
// this one survives.
type OrderedConsumer struct {
	js     *JetStream
	stream string
	config OrderedConfig

	// The receiver counts what it takes in memory that the reader does not write to: processors that change the same 64
	// bytes hand them over for each message.
	taken  atomic.Uint64 // how many messages the receiver has dealt with
	owedAt atomic.Uint64 // how many have to be, for flowReply to be answered; 0 where it is ""; changed with mu
	_      [64]byte

	lifetime
	// All that follows is guarded by mu.
	name        string // the name on the server; empty while the consumer is started anew, and after the end
	info        dict.Dict
	generation  int          // counts starts and restarts; messages for an earlier generation are ignored
	starts      int          // how often a start was tried
	delivered   uint64       // how many messages the receiver was given
	streamSeq   uint64       // the stream sequence of the last message that was delivered
	consumerSeq uint64       // and its consumer sequence
	from        uint64       // the stream sequence at which a new start begins while nothing was delivered,
	each        bool         // with every message from there on, and not as the first start began
	policy      string       // the deliver policy of a start that does not begin at a sequence number
	made        string       // when the stream was created, "" if that is not known
	lastSeen    wire.Instant // when the server has last sent anything
	restarting  bool
	retrying    bool   // a start has failed, and the timer will try the next one
	failures    int    // how many starts have failed since the last one that succeeded
	cameBack    bool   // the connection was lost and came back since the start began
	created     bool   // one start has succeeded
	flowReply   string // the subject to answer when owedAt messages are taken; "" for none
}

// OrderedConsumer creates a consumer on the server. Messages may be delivered before done is called.
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
	c.mu.Lock() // the status may change before leave is set, and then stop has to wait for it
	c.leave = append(c.leave, j.conn.OnState(c.stateChanged))
	c.mu.Unlock()
	err := c.start(0, 0, func(err error) {
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

// start creates the consumer on the server, for a generation, unless another one has begun since that was decided. It
// begins at the stream sequence fromSeq, or, if that is 0, where the deliver policy says.
func (c *OrderedConsumer) start(generation int, fromSeq uint64, done func(error)) error {
	inbox := c.js.conn.NewInbox()
	c.mu.Lock()
	if c.generation != generation {
		c.mu.Unlock()
		return fault.New(fault.ConnectionClosed, "stopped")
	}
	c.starts++
	number := c.starts
	c.consumerSeq = 0
	c.flowReply = ""
	c.owedAt.Store(0)
	policy := c.policy
	c.mu.Unlock()
	sub, err := c.js.conn.ListenLending(inbox, func(m *wire.Lent) { c.receive(generation, m) })
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.stopped || c.generation != generation {
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

// request returns the API's endpoint that creates the consumer, and the consumer's config. fromSeq and policy say
// where it begins, as for start. number is how often it was started, from 1 on, for its name.
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
	e, _ := c.js.consumerEndpoint(c.stream, config) // no error is possible: the prefix was checked before
	return e, config
}

// started notes what the server says about the new consumer. It returns false if the consumer was stopped or
// started again meanwhile.
func (c *OrderedConsumer) started(generation int, reply dict.Dict) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || c.generation != generation {
		return false
	}
	if !c.created {
		// The server counts all messages before the consumer's first one as delivered.
		c.from = count(reply, "delivered", "stream_seq") + 1
		c.each = count(reply, "num_pending") == 0 // there was nothing that the first start was to deliver
	}
	c.name, c.info = reply.Text("name"), reply
	c.created, c.restarting, c.retrying = true, false, false
	c.failures = 0
	c.lastSeen = wire.Now()
	c.watchLocked(c.config.IdleHeartbeat)
	return true
}

// superseded returns true if another start has begun since that of the given generation, whose result does not
// count any more.
func (c *OrderedConsumer) superseded(generation int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation != generation
}

// toCome returns how many messages are still pending: those that the reply tells of, less those that were delivered
// before the reply came.
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

// tick is called by the timer. It makes the next attempt to start if one is due, and otherwise looks whether the
// server still lives. A heartbeat counts at the time when it has arrived in Go, not when a script runs its events.
func (c *OrderedConsumer) tick() {
	c.mu.Lock()
	switch {
	case c.stopped || c.restarting && !c.retrying:
		c.mu.Unlock()
	case c.retrying && c.js.conn.Status() != wire.Connected:
		c.mu.Unlock() // stateChanged starts it, when the connection is back
	case c.retrying:
		c.mu.Unlock()
		c.restart(fault.ConsumerNotActive)
	default:
		silence := c.lastSeen.Elapsed()
		if limit := missedHeartbeats * c.config.IdleHeartbeat; silence < limit {
			c.watchLocked(min(c.config.IdleHeartbeat, limit-silence))
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		c.restart(fault.ConsumerNotActive)
	}
}

// receive handles a message that has come on the deliver subject. The connection's reader calls it.
func (c *OrderedConsumer) receive(generation int, m *wire.Lent) {
	c.mu.Lock()
	if c.stopped || c.generation != generation {
		c.mu.Unlock()
		return
	}
	c.lastSeen = c.js.conn.LastRead()
	if len(m.Header) > 0 && len(m.Data) == 0 && m.Header.Get("Status") == "100" {
		c.controlLocked(&m.Msg)
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
	c.consumerSeq = meta.ConsumerSeq
	if meta.StreamSeq <= c.streamSeq {
		// A server that stores messages while it makes a consumer of last_per_subject sends those a second time
		// (selectStartingSeqNo of nats-server 2.15.3: its list of the last messages is made behind the state that says
		// where it goes on).
		c.mu.Unlock()
		if meta.Pending == 0 && c.config.Idle != nil {
			c.config.Idle()
		}
		return
	}
	c.streamSeq = meta.StreamSeq
	c.delivered++
	c.mu.Unlock()
	c.config.Deliver(c, m, meta)
}

// controlLocked handles heartbeats and flow control. It unlocks mu.
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

// owe notes that the server's flow control has to be answered when all messages that were delivered so far are taken.
// Until then the server sends no more than its window, which limits what is in memory. It unlocks mu.
func (c *OrderedConsumer) owe(reply string) {
	c.flowReply = strings.Clone(reply)
	c.owedAt.Store(c.delivered)
	c.mu.Unlock()
	c.pay()
}

// pay answers flow control if the messages before it are taken.
func (c *OrderedConsumer) pay() {
	c.mu.Lock()
	reply := c.flowReply
	if reply == "" || c.taken.Load() < c.owedAt.Load() {
		c.mu.Unlock()
		return
	}
	c.flowReply = ""
	c.owedAt.Store(0)
	c.mu.Unlock()
	// An error means that the connection is gone. Then the server does not wait for the answer any more.
	_ = c.js.conn.Publish(&nats.Msg{Subject: reply})
}

// Taken tells that one more message has been dealt with. Any goroutine may call it.
func (c *OrderedConsumer) Taken() {
	taken := c.taken.Add(1)
	if at := c.owedAt.Load(); at > 0 && taken >= at {
		c.pay()
	}
}

// restart starts the consumer anew behind the last message that was delivered. Failed is told of code, unless it
// is "".
func (c *OrderedConsumer) restart(code string) {
	c.mu.Lock()
	if c.stopped || !c.created || c.restarting && !c.retrying {
		c.mu.Unlock()
		return
	}
	c.restarting, c.retrying, c.cameBack = true, false, false
	c.name = ""
	c.generation++ // messages of the old consumer are ignored from now on
	generation, from := c.generation, c.from
	again := from
	if c.streamSeq > 0 {
		from = c.streamSeq + 1
		again = from
	} else if c.policy == "last_per_subject" && !c.each {
		again = 0 // nothing was delivered yet, so it begins as it did at first
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
	if err := c.start(generation, again, c.restarted); err != nil {
		c.restarted(err)
	}
}

// compareStream asks the server whether the stream is still the one that was read. If somebody has deleted the stream,
// or it was in memory and its server was restarted, another stream may have its name. The request is sent before
// that of the new start, which does not wait for the answer. If the user is not allowed to ask, the stream counts
// as the same.
func (c *OrderedConsumer) compareStream() {
	c.mu.Lock()
	read := c.streamSeq // what comes before the answer may be newer than that
	c.mu.Unlock()
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
		// A stream that ends before the last message that was delivered has lost messages, and is read anew, too.
		same = same && now.LastSeq >= read
		c.mu.Unlock()
		if !same {
			c.renew()
		}
	})
}

// renew starts the consumer at the beginning of a stream that has taken the place of the one that was read.
func (c *OrderedConsumer) renew() {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return
	}
	c.restarting, c.retrying = true, false
	c.name = ""
	c.generation++
	generation := c.generation
	c.streamSeq, c.from, c.each = 0, 1, false
	if c.policy != "last_per_subject" {
		c.policy = "all" // all messages of the new stream have come since
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
	if err := c.start(generation, 0, c.restarted); err != nil {
		c.restarted(err)
	}
}

// Complete tells that the initial data of the deliver policy last_per_subject, which is that up to the stream sequence
// through, needs nothing more: a new start delivers every message behind it, also where nothing was delivered before. One
// that is under way, and would deliver the last message of each subject, gives way to another.
func (c *OrderedConsumer) Complete(through uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := c.restarting && !c.retrying && c.streamSeq == 0 && !c.each
	c.from, c.each = through+1, true
	if late {
		c.generation++ // what it delivers does not count
		c.retrying = true
		go c.js.conn.Guarded(c.StartAgain)
	}
}

// StartAgain starts the consumer anew behind the last message that was delivered, without telling Failed. It is for a
// server that does not send the rest by itself.
func (c *OrderedConsumer) StartAgain() { c.restart("") }

// restarted is called with the result of a new start. If it has failed, the next attempt is prepared, or the consumer
// ends.
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

// stateChanged is called at each change of the connection's status. The caller holds the connection's lock, so all
// that calls the connection runs in a goroutine of its own.
func (c *OrderedConsumer) stateChanged(s wire.Status) {
	switch s {
	case wire.Closed:
		go c.js.conn.Guarded(func() { c.end(fault.New(fault.ConnectionClosed, "stopped")) })
	case wire.Connected:
		go c.js.conn.Guarded(func() {
			c.mu.Lock()
			c.cameBack = true // the answer to a start may have been lost with the old connection
			retrying := c.retrying
			c.mu.Unlock()
			if retrying {
				c.restart(fault.ConsumerNotActive)
			} else {
				c.look()
			}
		})
	}
}

// lookAgain is the wait before the next look where there is no stream: somebody may be about to make it again.
const lookAgain = 500 * time.Millisecond

// look asks, when the connection is back, whether the server still has the consumer: a server that was restarted has
// lost it, and its heartbeats would be missed only later. What cannot be told now they will tell, and so they do where
// the stream does not come back; a user may not be allowed to ask, and then nobody hears of it.
func (c *OrderedConsumer) look() {
	c.mu.Lock()
	name, generation := c.name, c.generation
	c.mu.Unlock()
	if name == "" { // it is not there yet, is started anew, or has ended
		return
	}
	subject := c.js.prefix + ".CONSUMER.INFO." + c.stream + "." + name
	_ = c.js.conn.Inquire(&nats.Msg{Subject: subject}, c.js.Timeout(), func(m *wire.Lent, err error) {
		if err == nil {
			_, err = parseReply(subject, m.Data)
		}
		if err == nil || c.superseded(generation) {
			return
		}
		switch fault.CodeOf(err) {
		case fault.ConsumerNotFound:
			c.restart(fault.ConsumerNotActive)
		case fault.StreamNotFound:
			time.AfterFunc(lookAgain, func() { c.js.conn.Guarded(c.look) })
		}
	})
}

// fail tells Failed, unless the consumer has ended.
func (c *OrderedConsumer) fail(e *fault.Error) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	stopped := c.stopped
	c.mu.Unlock()
	if !stopped && c.config.Failed != nil {
		c.config.Failed(e)
	}
}

// failLast tells Failed of the end.
func (c *OrderedConsumer) failLast(why *fault.Error) {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.config.Failed != nil {
		c.config.Failed(why)
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
		return // the caller of OrderedConsumer gets the error
	}
	c.failLast(why)
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
