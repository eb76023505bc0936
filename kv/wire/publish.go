// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"math"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// DefaultMaxWaiting is that of Options.MaxWaiting.
const DefaultMaxWaiting = 64 << 20

// mostWaiting is Options.MaxWaiting as a number to compare with.
func (o *Options) mostWaiting() int {
	if o.MaxWaiting <= 0 {
		return math.MaxInt
	}
	return o.MaxWaiting
}

func keptSize(m *nats.Msg) int { return len(m.Data) + len(m.Subject) + len(m.Reply) + 64 }

// Publish sends m, in the order of the calls. While connecting or reconnecting it is
// kept, and sent later. m belongs to the Conn from then on.
//
// It never waits: whoever publishes faster than the server takes it calls Hold in between.
//
// Errors: ErrConnectionClosed, ErrBadSubject, ErrMaxPayload, ErrHeadersNotSupported,
// ErrBufferExceeded (Options.MaxWaiting).
func (c *Conn) Publish(m *nats.Msg) error { return c.publish(m, false) }

// PublishNow is Publish of a message that stays the caller's: the Conn has a copy where it keeps
// it.
func (c *Conn) PublishNow(m *nats.Msg) error { return c.publish(m, true) }

// PublishAll is PublishNow of messages without headers and replies that the owner was allowed to keep back (Room). It has no
// error: what can be sent no longer, and is not kept for the next connection, is reported.
func (c *Conn) PublishAll(messages iter.Seq2[[]byte, []byte]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.engine; e != nil && c.takesPiecesLocked() {
		if number, size, ok := e.out.publishAll(messages); ok {
			c.traffic.went(number, size)
			return
		}
	}
	var failure error
	for subject, data := range messages {
		m := &nats.Msg{Subject: string(subject), Data: bytes.Clone(data)}
		err := c.mayKeepLocked(m)
		if err == nil {
			err = c.publishLocked(m, false)
		}
		failure = cmp.Or(failure, err)
	}
	if failure != nil {
		c.reportLocked(c.publishErrorLocked(failure))
	}
}

// Room is how many bytes of messages the owner may keep back for a moment, as if they were published: Publish would gather
// them. 0: none. Whoever has begun to keep some back asks once more: HandOver may have been called in between, and then nobody
// calls it again.
func (c *Conn) Room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.engine
	if e == nil || c.shown != Connected || c.options.HandOver == nil || !c.takesPiecesLocked() ||
		e.full || e.socket.queued.Load() > 0 || !e.out.gathers() {
		return 0
	}
	return gatherLimit
}

// takesPiecesLocked tells whether no limit is less than what is gathered, as it counts where it is kept for the next
// connection: an empty message as more than 64 bytes.
func (c *Conn) takesPiecesLocked() bool {
	return (c.maxPayload <= 0 || c.maxPayload >= gatherLimit) && c.options.mostWaiting() >= 16*gatherLimit
}

func (c *Conn) publish(m *nats.Msg, borrowed bool) error {
	c.mu.Lock()
	before := len(c.kept)
	defer c.mu.Unlock()
	if err := c.mayKeepLocked(m); err != nil {
		return err
	}
	err := c.publishLocked(m, false)
	if borrowed && len(c.kept) > before {
		kept := *m
		kept.Data = bytes.Clone(m.Data)
		c.kept[before] = &kept
	}
	return err
}

// mayKeepLocked is the error of a message that would be kept where Options.MaxKept forbids it. What the
// owner of the connection cannot know yet does not count.
func (c *Conn) mayKeepLocked(m *nats.Msg) error {
	most := c.options.MaxKept
	if most < 0 || c.engine != nil || c.shown == Connected || c.closedLocked() {
		return nil
	}
	if most == 0 {
		return c.noServerLocked()
	}
	if keptSize(m) > most-c.keptBytes {
		return tooMuch(most)
	}
	return nil
}

// Hold waits while megabytes of what was published are waiting and the server takes them, though
// slowly; it does not wait for one that takes nothing. It must not be called by a goroutine of the
// Conn, which has to read meanwhile.
func (c *Conn) Hold() {
	if !c.pressed.Load() {
		return
	}
	c.mu.Lock()
	e := c.engine
	c.mu.Unlock()
	if e != nil {
		e.socket.backpressure()
	}
}

// publishLocked sends a message, or keeps it. wildcards allows them in its subject.
func (c *Conn) publishLocked(m *nats.Msg, wildcards bool) error {
	if c.closedLocked() {
		return NoConnection()
	}
	if err := checkSubject("subject", m.Subject, c.options.CheckSubjects, wildcards); err != nil {
		return err
	}
	if m.Reply != "" {
		if err := checkSubject("reply", m.Reply, c.options.CheckSubjects, false); err != nil {
			return err
		}
	}
	if c.maxPayload > 0 && int64(len(m.Data)) > c.maxPayload {
		return tooLong(c.maxPayload)
	}
	if e := c.engine; e != nil {
		switch err := c.sendLocked(e, m); err {
		case nil:
			return nil
		case nats.ErrConnectionClosed:
			// Lost, and about to be told: it goes to the next one.
		default:
			return c.publishErrorLocked(err)
		}
	}
	if most := c.options.mostWaiting(); len(c.kept) > 0 && keptSize(m) > most-c.keptBytes {
		return tooMuch(most)
	}
	c.kept = append(c.kept, m)
	c.keptBytes += keptSize(m)
	return nil
}

func tooMuch(most int) *fault.Error {
	return fault.New(fault.BufferExceeded, "More than "+strconv.Itoa(most)+" bytes are waiting to be sent")
}

// roomLocked tells whether an engine takes a message of that size. A server that is too slow, or
// frozen, is told of once, until half of what waits has gone.
func (c *Conn) roomLocked(e *engine, size int) bool {
	if !e.full && e.socket.queued.Load() == 0 {
		return true
	}
	most := c.options.mostWaiting()
	waiting, taken := e.socket.waiting()
	if waiting <= most/2 {
		e.full = false
	}
	if waiting == 0 || size <= most-waiting {
		return true
	}
	if !e.full {
		e.full = true
		c.reportLocked(fault.New(fault.BufferExceeded, "Server "+e.server.address()+" does not take what is published: "+
			strconv.Itoa(waiting)+" bytes are waiting"))
		e.endIfStuck(taken)
	}
	return false
}

// Gather has what is published wait for more, for a millisecond at most, until Ungather is called: for a goroutine
// that has much to say.
func (c *Conn) Gather() { c.talkers.Add(1) }

// Ungather is the end of a Gather, and sends what was gathered.
func (c *Conn) Ungather() {
	c.talkers.Add(-1)
	c.SendGathered()
}

// SendGathered sends what was published and is gathered (Gather, Options.Gather). It does not wait.
func (c *Conn) SendGathered() {
	c.mu.Lock()
	e := c.engine
	c.mu.Unlock()
	if e != nil { // without it the owner keeps nothing back
		e.out.sendAll()
	}
}

// handOver has the owner publish what it keeps back.
func (c *Conn) handOver() {
	c.mu.Lock()
	handOver := c.options.HandOver
	c.mu.Unlock()
	if handOver != nil {
		handOver()
	}
}

// sendLocked gives a message to an engine, in the order of the calls.
func (c *Conn) sendLocked(e *engine, m *nats.Msg) error {
	header := encodeHeader(m.Header)
	switch {
	case header != nil && !c.headers:
		return nats.ErrHeadersNotSupported
	case c.maxPayload > 0 && int64(len(header)+len(m.Data)) > c.maxPayload:
		return nats.ErrMaxPayload
	case !c.roomLocked(e, len(header)+len(m.Data)):
		return tooMuch(c.options.mostWaiting())
	case !e.out.publish(m, header):
		return nats.ErrConnectionClosed
	}
	c.traffic.went(1, len(header)+len(m.Data))
	return nil
}

// maxPayload is the server's limit, 0 where no server has told one yet.
func maxPayload(info dict.Dict) int64 {
	n, _ := strconv.ParseInt(info.Text("max_payload"), 10, 64)
	return n
}

// batchHeaders is more than what PublishBatch adds to a message takes.
const batchHeaders = 256

// CheckSize tells whether a server would take the message, with the headers of a batch added: ErrMaxPayload. It says
// nothing where no server has told its limit yet.
func (c *Conn) CheckSize(m *nats.Msg) error {
	c.mu.Lock()
	most := c.maxPayload
	c.mu.Unlock()
	size := len(m.Data) + batchHeaders
	for name, values := range m.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if most > 0 && int64(size) > most {
		return tooLong(most)
	}
	return nil
}

// HeaderSize is how many bytes a header takes on the wire.
func HeaderSize(h nats.Header) int { return len(encodeHeader(h)) }

func tooLong(most int64) *fault.Error {
	return fault.New(fault.MaxPayload, "Maximum size of NATS message is "+strconv.FormatInt(most, 10))
}

// publishErrorLocked finds the error of ours for one of nats.go's.
func (c *Conn) publishErrorLocked(err error) *fault.Error {
	var ours *fault.Error
	if errors.As(err, &ours) {
		return ours
	}
	switch code := fault.OfClient(err); code {
	case "":
		return fault.New(fault.Server, err.Error())
	case fault.MaxPayload:
		return tooLong(c.maxPayload)
	default:
		return fault.New(code, "")
	}
}
