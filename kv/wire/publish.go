package wire

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
)

// keptLimit bounds, in bytes, what is kept while there is no server. Past it publish
// throws.
const keptLimit = 64 << 20

func keptSize(m *nats.Msg) int { return len(m.Data) + len(m.Subject) + len(m.Reply) + 64 }

// Publish sends m, in the order of the calls. While connecting or reconnecting it is
// kept, and sent later. m belongs to the Conn from then on.
//
// Errors: ErrConnectionClosed, ErrBadSubject, ErrMaxPayload, ErrHeadersNotSupported,
// ErrBufferExceeded (too much is kept already).
func (c *Conn) Publish(m *nats.Msg) error { return c.publish(m, false) }

// PublishNow is Publish of a message that stays the caller's: the Conn has a copy where it keeps
// it.
func (c *Conn) PublishNow(m *nats.Msg) error { return c.publish(m, true) }

func (c *Conn) publish(m *nats.Msg, borrowed bool) error {
	c.mu.Lock()
	before := len(c.kept)
	e, err := c.publishLocked(m)
	if borrowed && len(c.kept) > before {
		kept := *m
		kept.Data = bytes.Clone(m.Data)
		c.kept[before] = &kept
	}
	c.mu.Unlock()
	if e != nil {
		e.socket.backpressure()
	}
	return err
}

// publishLocked returns the engine that took the message, if one did.
func (c *Conn) publishLocked(m *nats.Msg) (*engine, error) {
	if c.closedLocked() {
		return nil, errNoConnection()
	}
	if err := checkSubject("subject", m.Subject, c.options.CheckSubjects, false); err != nil {
		return nil, err
	}
	if m.Reply != "" {
		if err := checkSubject("reply", m.Reply, c.options.CheckSubjects, false); err != nil {
			return nil, err
		}
	}
	if c.maxPayload > 0 && int64(len(m.Data)) > c.maxPayload {
		return nil, tooLong(c.maxPayload)
	}
	if e := c.engine; e != nil {
		switch err := c.sendLocked(e, m); err {
		case nil:
			return e, nil
		case nats.ErrConnectionClosed:
			// Lost, and about to be told: it goes to the next one.
		default:
			return nil, c.publishErrorLocked(err)
		}
	}
	if len(c.kept) > 0 && c.keptBytes+keptSize(m) > keptLimit {
		return nil, Fail("ErrBufferExceeded", "More than "+strconv.Itoa(keptLimit)+" bytes are waiting to be sent")
	}
	c.kept = append(c.kept, m)
	c.keptBytes += keptSize(m)
	return nil, nil
}

// Push sends what was published and is gathered (Options.Gather). It does not wait.
func (c *Conn) Push() {
	c.mu.Lock()
	e := c.engine
	c.mu.Unlock()
	if e != nil {
		e.out.flush()
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
	case !e.out.publish(m, header):
		return nats.ErrConnectionClosed
	}
	c.traffic.went(len(header) + len(m.Data))
	return nil
}

// maxPayload is the server's limit, 0 where no server has told one yet.
func maxPayload(info dict.Dict) int64 {
	n, _ := strconv.ParseInt(info.Text("max_payload"), 10, 64)
	return n
}

func tooLong(most int64) *Error {
	return Fail("ErrMaxPayload", "Maximum size of NATS message is "+strconv.FormatInt(most, 10))
}

// publishErrorLocked finds the contract's error for one of nats.go's.
func (c *Conn) publishErrorLocked(err error) *Error {
	var ours *Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, nats.ErrMaxPayload):
		return tooLong(c.maxPayload)
	case errors.Is(err, nats.ErrHeadersNotSupported):
		return Fail("ErrHeadersNotSupported", "Headers are not supported by this server")
	case errors.Is(err, nats.ErrBadSubject):
		return Fail("ErrBadSubject", "Invalid subject")
	}
	return Fail("ErrServer", err.Error())
}
