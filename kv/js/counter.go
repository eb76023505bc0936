// SPDX-License-Identifier: Apache-2.0

package js

import (
	"math/big"
	"slices"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// Counter is a stream whose messages are counters, one for each subject (ADR-49). Any goroutine
// may use it.
type Counter struct {
	js     *JetStream
	stream string
}

// Count is a counter as it is stored.
type Count struct {
	Subject string
	Value   string // an integer of any size, as text
	Incr    string // what was added last, empty where the server does not tell
	Sources dict.Dict
}

// Counter binds a stream. ErrInvalidArg: it does not count (allow_msg_counter), or has no direct
// gets (allow_direct).
func (j *JetStream) Counter(stream string, done func(*Counter, error)) error {
	return j.StreamInfo(stream, func(info dict.Dict, err error) {
		for _, field := range []string{"allow_msg_counter", "allow_direct"} {
			if err == nil && info.Path("config", field) != true {
				err = fault.New(fault.InvalidArg, "Stream "+stream+" has no "+field)
			}
		}
		if err != nil {
			done(nil, err)
			return
		}
		done(&Counter{j, stream}, nil)
	})
}

// Add adds n to the counter of a subject, one that is not there is 0, and has done called with
// its value, an integer of any size as text.
func (c *Counter) Add(subject string, n *big.Int, done func(string, error)) error {
	m := &nats.Msg{Subject: subject, Header: nats.Header{"Nats-Incr": {n.String()}}}
	_, err := c.js.Publish(m, c.js.Timeout(), wire.DefaultRetry, func(ack Ack, err error) {
		value := ack.Fields.Text("val")
		if err == nil && !isInteger(value) {
			err = badReply(subject, "val is no integer")
		}
		done(value, err)
	})
	return err
}

// Get reads the counter of a subject. ErrMsgNotFound: there is none.
func (c *Counter) Get(subject string, done func(*Count, error)) error {
	return c.js.DirectGet(c.stream, Which{LastBySubject: subject}, func(m *Message, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(c.read(m))
	})
}

// GetMany reads the counters of subjects, which may have wildcards, however many pages that takes.
// Those that are not there are left out.
func (c *Counter) GetMany(subjects []string, done func([]*Count, error)) error {
	return c.pages(subjects, &Page{}, nil, done)
}

// pages reads what comes behind a page: all of them as of the same moment, but for those behind a page that ended before a
// message that was removed.
func (c *Counter) pages(subjects []string, before *Page, known []*Count, done func([]*Count, error)) error {
	request := dict.Dict{{Key: "multi_last", Value: subjects}}
	if before.UpTo > 0 {
		request.Set("up_to_seq", before.UpTo)
	}
	if before.Last > 0 {
		request.Set("seq", before.Last+1)
	}
	return c.js.DirectGetPage(c.stream, request, func(page *Page, err error) {
		for _, m := range page.Messages {
			var one *Count
			if err == nil {
				one, err = c.read(m)
			}
			if before.Last > 0 && before.UpTo == 0 { // it may have come before, in its earlier place
				known = slices.DeleteFunc(known, func(k *Count) bool { return k != nil && k.Subject == m.Subject })
			}
			known = append(known, one)
		}
		if err != nil {
			done(nil, err)
			return
		}
		if page.Pending == 0 || len(page.Messages) == 0 {
			done(known, nil)
			return
		}
		if err := c.pages(subjects, page, known, done); err != nil {
			done(nil, err)
		}
	})
}

// read reads a stored counter.
func (c *Counter) read(m *Message) (*Count, error) {
	out := &Count{Subject: m.Subject, Incr: m.Header.Get("Nats-Incr"), Sources: dict.Dict{}}
	body, err := dict.Parse(m.Data)
	if d, ok := body.(dict.Dict); err == nil && ok {
		out.Value = d.Text("val")
	}
	if !isInteger(out.Value) {
		return nil, fault.New(fault.Protocol, "The message of "+m.Subject+" is no counter")
	}
	if text := m.Header.Get("Nats-Counter-Sources"); text != "" {
		sources, err := dict.Parse([]byte(text))
		d, ok := sources.(dict.Dict)
		if err != nil || !ok {
			return nil, fault.New(fault.Protocol, "The sources of the counter "+m.Subject+" cannot be read")
		}
		out.Sources = d
	}
	return out, nil
}

// isInteger tells whether a text is a decimal integer, of any size.
func isInteger(text string) bool {
	digits := text
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits != ""
}
