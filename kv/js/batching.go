// SPDX-License-Identifier: Apache-2.0

package js

import (
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// BatchConfig configures an atomic batch.
type BatchConfig struct {
	AckEvery int           // the server is asked after so many messages; the first is always asked for. 0: no other
	Timeout  time.Duration // of each question, and of the commit; 0: without end
}

// Batch is an atomic batch that is sent while it grows (PublishBatch sends one that is complete):
// its messages are stored all together, or none is. Its methods are to be called one after another,
// each after the last one's done.
type Batch struct {
	js     *JetStream
	id     string
	config BatchConfig

	mu      sync.Mutex
	size    int
	subject string // of the last message
	closed  bool   // committed, discarded, or refused by the server
}

// Batch makes a batch; nothing is sent before Add.
func (j *JetStream) Batch(config BatchConfig) *Batch {
	return &Batch{js: j, id: nuid.Next(), config: config}
}

// Size is how many messages were added.
func (b *Batch) Size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// Closed tells whether it was committed, discarded or refused.
func (b *Batch) Closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// next stamps the message that is the batch's next one, with the word of a commit where it is the
// last.
func (b *Batch) next(m *nats.Msg, commit string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fault.New(fault.InvalidArg, "The batch is closed")
	}
	if m.Header == nil {
		m.Header = nats.Header{}
	}
	m.Header[batchID] = []string{b.id}
	m.Header[batchSequence] = []string{strconv.Itoa(b.size + 1)}
	if commit != "" {
		m.Header[batchCommit] = []string{commit}
	}
	return nil
}

// counted takes a message into the batch that was sent.
func (b *Batch) counted(m *nats.Msg) (size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size++
	b.subject = m.Subject
	return b.size
}

func (b *Batch) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}

// Add adds a message. Where the server is asked, done is called with its answer, and asked is true;
// an error closes the batch. Errors: ErrInvalidArg, it is closed; those of Publish.
func (b *Batch) Add(m *nats.Msg, done func(error)) (asked bool, err error) {
	if err := b.next(m, ""); err != nil {
		return false, err
	}
	n := b.Size() + 1
	if n > 1 && (b.config.AckEvery == 0 || n%b.config.AckEvery != 0) {
		if err := b.js.conn.Publish(m); err != nil {
			return false, err
		}
		b.counted(m)
		return false, nil
	}
	_, err = b.js.Publish(m, b.config.Timeout, wire.Retry{}, func(_ Ack, err error) {
		if err != nil {
			b.close()
		}
		done(err)
	})
	if err == nil {
		b.counted(m)
	}
	return true, err
}

// Commit adds the last message, and has the batch stored; done gets the acknowledgement, with
// batch and count. m nil: what was added is all.
func (b *Batch) Commit(m *nats.Msg, done func(dict.Dict, error)) error {
	commit := "1"
	if m == nil {
		if b.Size() == 0 && !b.Closed() {
			return fault.New(fault.InvalidArg, "The batch is empty")
		}
		commit = "eob"
		b.mu.Lock()
		m = &nats.Msg{Subject: b.subject}
		b.mu.Unlock()
	}
	if err := b.next(m, commit); err != nil {
		return err
	}
	subject := m.Subject
	_, err := b.js.conn.Request(m, b.config.Timeout, func(reply *nats.Msg, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		ack, err := parseReply(subject, reply.Data, aText("stream"), aCount("seq"), aCount("count"))
		done(ack, err)
	})
	if err != nil {
		return err
	}
	if commit == "1" {
		b.counted(m)
	}
	b.close()
	return nil
}

// Discard gives the batch up: the server forgets it when nothing has come for a while.
func (b *Batch) Discard() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fault.New(fault.InvalidArg, "The batch is closed")
	}
	b.closed = true
	return nil
}
