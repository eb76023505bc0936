// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// Statistics counts what a connection has carried over its whole life, replies and what the
// JetStream API says included. Bytes are those of payloads and headers.
type Statistics struct {
	InMessages, OutMessages uint64
	InBytes, OutBytes       uint64
	Reconnects              uint64 // those that have succeeded
}

// traffic is counted here, not asked of nats.go: whoever does that may wait for a server that
// is frozen, and each attempt would begin at zero.
type traffic struct {
	inMessages, outMessages atomic.Uint64
	inBytes, outBytes       atomic.Uint64
	reconnects              atomic.Uint64
}

// Statistics returns the counts. It needs no server, and waits for nobody.
func (c *Conn) Statistics() Statistics {
	t := &c.traffic
	return Statistics{
		t.inMessages.Load(), t.outMessages.Load(), t.inBytes.Load(), t.outBytes.Load(), t.reconnects.Load(),
	}
}

// Buffered is how many bytes of what was published wait for a server to take them, or for a server.
func (c *Conn) Buffered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.keptBytes
	if e := c.engine; e != nil {
		waiting, _ := e.socket.waiting()
		n += waiting + e.out.gathered()
	}
	return n
}

func (t *traffic) came(size int) {
	t.inMessages.Add(1)
	t.inBytes.Add(uint64(size))
}

func (t *traffic) went(number, size int) {
	t.outMessages.Add(uint64(number))
	t.outBytes.Add(uint64(size))
}

// Size is the length of a message's payload and header on the wire.
func Size(m *nats.Msg) int { return len(m.Data) + headerSize(m.Header) }

// headerSize is the length of a header on the wire.
func headerSize(h nats.Header) int {
	if len(h) == 0 {
		return 0
	}
	size := len(headerVersion) + len("\r\n")
	for key, values := range h {
		for _, value := range values {
			size += len(key) + len(": ") + len(value) + len("\r\n")
		}
	}
	return size
}
