// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"unsafe"

	"github.com/nats-io/nats.go"
)

// Lent is a message that has come and is still its Conn's: when whoever was given it returns, nothing of it is valid but the
// header. What is to stay is copied by Own, OwnIn or Keep. Where many messages come, of which little is wanted, that spares their memory.
type Lent struct {
	nats.Msg
	of    string // a text that stays: what was subscribed to, as most messages' subject is, or the subject once it is copied
	owned bool   // the payload's memory is the message's own
}

// Own has the subject and the payload stay, in one piece of memory: who keeps the subject alone clones it, or the payload
// stays as well. The reply subject is lent still.
func (l *Lent) Own() { l.OwnIn(nil) }

// OwnIn is Own in memory that it shares with others.
func (l *Lent) OwnIn(memory *Memory) { l.own(false, memory) }

// Keep returns the message as one that stays. That of nil is nil.
func (l *Lent) Keep() *nats.Msg {
	if l == nil {
		return nil
	}
	l.own(true, nil)
	m := l.Msg
	return &m
}

// own copies what is lent into one piece of memory, which is cheaper than a piece for each part.
func (l *Lent) own(reply bool, memory *Memory) {
	size := 0
	literal := l.Subject != l.of
	if literal {
		size += len(l.Subject)
	}
	if reply {
		size += len(l.Reply)
	}
	if !l.owned {
		size += len(l.Data)
	}
	kept := memory.take(size)
	if !l.owned {
		n := copy(kept, l.Data)
		l.Data, l.owned, kept = kept[:n:n], true, kept[n:]
	}
	if literal {
		n := copy(kept, l.Subject)
		l.of, kept = view(kept[:n]), kept[n:]
	}
	l.Subject = l.of
	if reply {
		l.Reply = view(kept[:copy(kept, l.Reply)])
	}
}

// Memory is that of messages which stay together, and are let go of together: each keeps what was copied next to it as well.
// With nil each has its own.
type Memory struct {
	left  []byte
	block int // the size of the last block
}

// A block is what is asked of the runtime at once: the more messages there are, the more.
const (
	leastBlock = 1 << 10
	mostBlock  = 32 << 10
)

func (m *Memory) take(n int) []byte {
	if m == nil || n > mostBlock/8 {
		return make([]byte, n)
	}
	if n > len(m.left) {
		m.block = min(max(2*m.block, leastBlock), mostBlock)
		m.left = make([]byte, max(m.block, n))
	}
	taken := m.left[:n:n]
	m.left = m.left[n:]
	return taken
}

// view is b as a string, for as long as nobody writes it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
