// SPDX-License-Identifier: Apache-2.0

package js

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// MostInBatch is how many messages servers take in one batch, unless they are told otherwise.
const MostInBatch = 1000

// PublishBatch publishes messages of one stream all or none (ADR-50; servers from 2.12): done gets the
// acknowledgement of the last one, whose seq is that of all, with count. On an error nothing is stored, unless the time
// was over: then it is not known. A stream whose leader goes in the middle forgets the batch, which is then sent again,
// as retry says. The stream's config needs allow_atomic: else the server's 10174.
//
// ErrInvalidArg: no messages, or more than MostInBatch; ErrMaxPayload: one is too long, and none is sent.
func (j *JetStream) PublishBatch(messages []*nats.Msg, timeout time.Duration, retry wire.Retry, done func(dict.Dict, error)) error {
	switch n := len(messages); {
	case n == 0:
		return fault.New(fault.InvalidArg, "A batch has one message or more")
	case n > MostInBatch:
		return fault.New(fault.InvalidArg, fmt.Sprintf("A batch has %d messages at most, not %d", MostInBatch, n))
	}
	for _, m := range messages {
		if err := j.conn.CheckSize(m); err != nil {
			return err
		}
	}
	b := &batch{js: j, messages: messages, retry: retry, done: done}
	if timeout > 0 {
		b.until = time.Now().Add(timeout)
	}
	return b.send()
}

// The headers of an atomic batch (ADR-50).
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
)

// batch is one on its way.
type batch struct {
	js       *JetStream
	messages []*nats.Msg
	retry    wire.Retry // with the attempts that are left
	until    time.Time  // zero: without end
	done     func(dict.Dict, error)
}

// send sends all messages, and asks for the acknowledgement of the last one: it tells what became
// of the others, too.
func (b *batch) send() error {
	id := nuid.Next()
	last := len(b.messages) - 1
	for i, m := range b.messages {
		own := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
		for name, values := range m.Header {
			own.Header[name] = slices.Clone(values)
		}
		own.Header[batchID] = []string{id}
		own.Header[batchSequence] = []string{strconv.Itoa(i + 1)}
		if i < last {
			if err := b.js.conn.Publish(own); err != nil {
				return err
			}
			continue
		}
		own.Header[batchCommit] = []string{"1"}
		var timeout time.Duration
		if !b.until.IsZero() {
			timeout = max(time.Until(b.until), time.Millisecond)
		}
		_, err := b.js.Publish(own, timeout, wire.Retry{}, b.acknowledged)
		return err
	}
	return nil
}

// batchForgotten is the server's word that it has not, or not any more, all of the messages.
const batchForgotten = "10176"

func (b *batch) acknowledged(ack Ack, err error) {
	api, _ := err.(*APIError)
	again := fault.CodeOf(err) == fault.NoResponders || api != nil && api.ErrCode == batchForgotten
	if !again || b.retry.Attempts <= 0 || !b.until.IsZero() && time.Until(b.until) <= b.retry.Wait {
		b.done(ack.Fields, err)
		return
	}
	b.retry.Attempts--
	time.AfterFunc(b.retry.Wait, func() {
		b.js.conn.Guarded(func() {
			if err := b.send(); err != nil {
				b.done(nil, err)
			}
		})
	})
}
