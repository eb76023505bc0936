// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Change is one of the writes of Atomic, by the names of the methods that do the same.
type Change struct {
	What     string // "put", "create", "update", "delete" or "purge"
	Key      string
	Value    []byte  // of put, create and update
	Revision *uint64 // that must be the key's last: of update, delete and purge; nil for any
}

// String is the change as messages name it.
func (c Change) String() string { return c.What + " " + c.Key }

// Atomic does all of the changes or none (ADR-50), and returns their revisions, in order. Each key may be there
// once. The bucket needs BucketConfig.AllowAtomic: else ErrNotSupported.
//
// ErrWrongLastSequence: one of them lost, and nothing was written; the error has its number, from 1 on, and its key as
// further words. ErrInvalidArg: what cannot be, before anything is sent. After ErrTimeout it is not known whether all
// were written, or none.
func (b *Bucket) Atomic(changes []Change, done func([]uint64, error)) error {
	keys := map[string]bool{}
	for i, c := range changes {
		if err := checkChange(c); err != nil {
			return inChange(i, c, err)
		}
		if keys[c.Key] {
			return inChange(i, c, invalid("the key is there twice"))
		}
		keys[c.Key] = true
	}
	if len(changes) == 0 || len(changes) > js.MostInBatch {
		return invalid(fmt.Sprintf("A bucket does 1 to %d changes at once, not %d", js.MostInBatch, len(changes)))
	}
	t := &transaction{bucket: b, changes: changes, expected: make([]*uint64, len(changes)), tries: mostTries, done: done}
	for i, c := range changes {
		t.expected[i] = c.Revision
		if c.What == "create" {
			t.expected[i] = new(uint64)
		}
	}
	if b.atomic || b.mirror {
		return t.send()
	}
	refusal := func() error {
		return lacks("Bucket "+b.name+" takes no changes that are all done or none", "allow_atomic", "2.12")
	}
	return b.whereAllowed("allow_atomic", refusal, t.send, func(err error) { done(nil, err) })
}

func checkChange(c Change) error {
	switch c.What {
	case "put", "create":
		if c.Revision != nil {
			return invalid("it takes no revision")
		}
	case "update":
		if c.Revision == nil {
			return invalid("it needs a revision")
		}
	case "delete", "purge":
		if c.Value != nil {
			return invalid("it takes no value")
		}
	default:
		return invalid("put, create, update, delete or purge is wanted")
	}
	if c.Revision != nil {
		if err := checkRevision(*c.Revision); err != nil {
			return err
		}
	}
	return checkKey(c.Key)
}

// inChange says which change an error is about.
func inChange(i int, c Change, err error) error {
	return fault.New(fault.CodeOf(err), fmt.Sprintf("change %d (%s): %s", i+1, c, err))
}

// transaction is an Atomic on its way.
type transaction struct {
	bucket   *Bucket
	changes  []Change
	expected []*uint64 // the last revision that each needs
	tries    int
	begun    wire.Instant // the last try
	done     func([]uint64, error)
}

// mostTries bounds how often it is sent: a create is tried with no revision first, and where the key was
// deleted with that of its marker, which others may change meanwhile.
const mostTries = 8

func (t *transaction) send() error {
	t.tries--
	messages := make([]*nats.Msg, len(t.changes))
	for i, c := range t.changes {
		m := &nats.Msg{Subject: t.bucket.write + c.Key, Data: c.Value, Header: nats.Header{}}
		switch c.What {
		case "delete":
			m.Header["KV-Operation"] = []string{"DEL"}
		case "purge":
			m.Header["KV-Operation"] = []string{"PURGE"}
			m.Header["Nats-Rollup"] = []string{"sub"}
		}
		if e := t.expected[i]; e != nil {
			m.Header["Nats-Expected-Last-Subject-Sequence"] = []string{strconv.FormatUint(*e, 10)}
		}
		messages[i] = m
	}
	t.begun = wire.Now()
	return t.bucket.js.PublishBatch(messages, t.bucket.js.Timeout(), wire.DefaultRetry, t.acknowledged)
}

func (t *transaction) acknowledged(ack dict.Dict, err error) {
	switch {
	case fault.CodeOf(err) == fault.WrongLastSequence:
		t.explain(err)
	case err != nil:
		t.bucket.told(t.begun, true, err, func(err error) { t.done(nil, err) })
	default:
		last, _ := strconv.ParseUint(ack.Text("seq"), 10, 64)
		revisions := make([]uint64, len(t.changes))
		for i := range revisions {
			revisions[i] = last - uint64(len(revisions)-1-i)
		}
		t.done(revisions, nil)
	}
}

// explain finds out which change lost: the server does not say. Where it was none but creates of keys
// that were deleted, they are sent again.
func (t *transaction) explain(refusal error) {
	last := make([]Entry, len(t.changes))
	failures := make([]error, len(t.changes))
	var open atomic.Int64
	open.Add(1)
	ended := func() {
		if open.Add(-1) == 0 {
			t.judge(last, failures, refusal)
		}
	}
	for i, c := range t.changes {
		if t.expected[i] == nil {
			continue
		}
		open.Add(1)
		err := t.bucket.lastWritten(c.Key, func(e Entry, err error) {
			last[i], failures[i] = e, err
			ended()
		})
		if err != nil {
			failures[i] = err
			ended()
		}
	}
	ended()
}

// judge compares the last entries with what the changes need.
func (t *transaction) judge(last []Entry, failures []error, refusal error) {
	for i, c := range t.changes {
		if t.expected[i] == nil {
			continue
		}
		if err := failures[i]; err != nil && fault.CodeOf(err) != fault.KeyNotFound {
			if unread(err) && slices.ContainsFunc(t.changes, func(c Change) bool { return c.What == "create" }) {
				refusal = err // it may have been refused for the marker of a key alone
			}
			t.done(nil, refusal)
			return
		}
		now := last[i].Revision // 0 where there is none
		switch {
		case c.What == "create" && now > 0 && last[i].Operation == Put:
			t.lost(i, "the key exists, in revision "+strconv.FormatUint(now, 10))
			return
		case c.What == "create":
			t.expected[i] = &now
		case now != *t.expected[i]:
			t.lost(i, fmt.Sprintf("the key's last revision is %d, not %d", now, *t.expected[i]))
			return
		}
	}
	// The marker of a key is what the next try expects, or whatever stood in the way has gone.
	if t.tries == 0 {
		t.done(nil, refusal)
		return
	}
	if err := t.send(); err != nil {
		t.done(nil, err)
	}
}

func (t *transaction) lost(i int, why string) {
	c := t.changes[i]
	t.done(nil, &fault.Error{
		Code: fault.WrongLastSequence, Words: []string{strconv.Itoa(i + 1), c.Key},
		Text: fmt.Sprintf("change %d (%s) lost: %s; nothing was written", i+1, c, why),
	})
}
