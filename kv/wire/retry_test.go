// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

// startAbsent is a server at which nobody listens to a subject for the first so many messages;
// then it answers each with its number. asked returns how many there were.
func startAbsent(t *testing.T, absent int) (url string, asked func() int) {
	var mu sync.Mutex
	sid, n := "", 0
	s := &speaker{heard: func(c net.Conn, line string) {
		fields := strings.Fields(line)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case len(fields) == 3 && fields[0] == "SUB":
			sid = fields[2]
		case len(fields) == 4 && fields[0] == "PUB":
			if n++; n <= absent {
				fmt.Fprintf(c, "HMSG %s %s 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", fields[2], sid)
			} else {
				fmt.Fprintf(c, "MSG %s %s 1\r\n%d\r\n", fields[2], sid, n)
			}
		}
	}}
	return startSpeaker(t, s), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

func TestARequestThatNobodyTakesIsMadeAgain(t *testing.T) {
	ask := func(c *Conn, timeout time.Duration, retry Retry) (reply string, err error) {
		err = natstest.Ended(t, func(done func(error)) error {
			_, err := c.RequestAgain(&nats.Msg{Subject: "a", Data: []byte("b")}, timeout, retry, func(m *Lent, err error) {
				if err == nil {
					reply = string(m.Data)
				}
				done(err)
			})
			return err
		})
		return reply, err
	}
	const wait = 20 * time.Millisecond
	for _, x := range []struct {
		name    string
		absent  int
		timeout time.Duration
		retry   Retry
		reply   string
		code    string
		asked   int
	}{
		{"the last attempt succeeds", 2, natstest.Patience, Retry{Attempts: 2, Wait: wait}, "3", "", 3},
		{"without end", 2, 0, Retry{Attempts: 2, Wait: wait}, "3", "", 3},
		{"none does", 9, natstest.Patience, Retry{Attempts: 2, Wait: wait}, "", "ErrNoResponders", 3},
		{"none is wanted", 9, natstest.Patience, Retry{}, "", "ErrNoResponders", 1},
		{"there is no time for one", 9, natstest.Patience, Retry{Attempts: 2, Wait: natstest.Patience}, "", "ErrNoResponders", 1},
		{"a refusal", 0, natstest.Patience, Retry{Attempts: 2, Wait: wait, Refused: func(m *nats.Msg) bool { return string(m.Data) < "3" }}, "3", "", 3},
		{"a last refusal", 0, natstest.Patience, Retry{Attempts: 1, Wait: wait, Refused: func(m *nats.Msg) bool { return string(m.Data) < "3" }}, "2", "", 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			url, asked := startAbsent(t, x.absent)
			c, _ := connected(t, DefaultOptions(), url)
			start := time.Now()
			reply, err := ask(c, x.timeout, x.retry)
			if reply != x.reply || fault.CodeOf(err) != x.code || asked() != x.asked {
				t.Errorf("got %q %v after %d attempts", reply, err, asked())
			}
			if took := time.Since(start); took < time.Duration(x.asked-1)*wait {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A request in its wait ends like any other, and once.
func TestARequestEndsBetweenItsAttempts(t *testing.T) {
	for name, end := range map[string]struct {
		by   func(*Conn, *Pending)
		code string
	}{
		"disconnect": {func(c *Conn, _ *Pending) { <-c.Disconnect() }, "ErrConnectionClosed"},
		"cancel":     {func(_ *Conn, p *Pending) { p.Cancel() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			url, asked := startAbsent(t, 9)
			c, _ := connected(t, DefaultOptions(), url)
			ends := make(chan error, 9)
			request := func(retry Retry) *Pending {
				p, err := c.RequestAgain(&nats.Msg{Subject: "a"}, 0, retry, func(_ *Lent, err error) { ends <- err })
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			p := request(Retry{Attempts: 1, Wait: time.Hour})
			request(Retry{})
			// The refusal of the second one comes behind that of the first.
			if err := <-ends; fault.CodeOf(err) != "ErrNoResponders" {
				t.Fatal(err)
			}
			end.by(c, p)
			if end.code == "" {
				if begun, open := c.Requests(); begun != 2 || open != 0 {
					t.Errorf("%d begun, %d open", begun, open)
				}
			} else if err := <-ends; fault.CodeOf(err) != end.code {
				t.Error(err)
			}
			if len(ends) != 0 || asked() != 2 {
				t.Errorf("%d more ends, %d attempts", len(ends), asked())
			}
		})
	}
}

// What nobody took holds nothing else up: those that were taken are so in the order of the calls.
func TestARequestInItsWaitHoldsNothingUp(t *testing.T) {
	url, _ := startAbsent(t, 1)
	c, _ := connected(t, DefaultOptions(), url)
	replies := make(chan string, 9)
	for range 3 {
		if _, err := c.RequestAgain(&nats.Msg{Subject: "a"}, 0, Retry{Attempts: 1, Wait: 300 * time.Millisecond}, func(m *Lent, _ error) {
			replies <- string(m.Data)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b, last := <-replies, <-replies, <-replies; a != "2" || b != "3" || last != "4" {
		t.Errorf("%s %s %s", a, b, last)
	}
}
