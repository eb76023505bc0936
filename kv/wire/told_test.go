// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

// A request that cannot be sent, and whose end is told meanwhile by another goroutine: by done or by the error, never by both.
func TestTheEndOfARequestThatCannotBeSentIsToldOnce(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	for _, refused := range []bool{false, true} {
		told := 0
		p := &Pending{conn: c, subject: "a", reply: func(*Lent, error) { told++ }}
		c.mu.Lock()
		c.pending.add(p, 0)
		if refused {
			c.pending.fail(fault.New(fault.Permissions, "no"), func(p *Pending) bool { return p.subject == "a" })
		}
		_, err := c.askLocked(p, &nats.Msg{Subject: "a b"}, false, 0)
		if (err != nil) == (told > 0) || told > 1 {
			t.Errorf("refused: %v; done was called %d times, the error is %v", refused, told, err)
		}
	}
	if _, open := c.Requests(); open != 0 {
		t.Errorf("%d requests are open", open)
	}
}
