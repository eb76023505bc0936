// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

func TestManyRequestsAtOnce(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	if _, err := c.Subscribe("echo", "", 0, func(m *nats.Msg) {
		_ = c.Publish(&nats.Msg{Subject: m.Reply, Data: m.Data})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe("mute", "", 0, func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	const n = 100_000
	var answered, late atomic.Int64
	for i := range n {
		want := fmt.Sprint(i)
		if _, err := c.Request(&nats.Msg{Subject: "echo", Data: []byte(want)}, time.Minute, func(m *nats.Msg, err error) {
			if err == nil && string(m.Data) == want {
				answered.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			if _, err := c.Request(&nats.Msg{Subject: "mute"}, time.Duration(i%7+1)*10*time.Millisecond, func(_ *nats.Msg, err error) {
				if fault.CodeOf(err) == "ErrTimeout" {
					late.Add(1)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	natstest.Eventually(t, "all replies and deadlines", func() bool { return answered.Load() == n && late.Load() == n/10 })
}

func TestCollect(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	for range 3 {
		if _, err := c.Subscribe("all", "", 0, func(m *nats.Msg) {
			_ = c.Publish(&nats.Msg{Subject: m.Reply, Data: []byte("x")})
		}); err != nil {
			t.Fatal(err)
		}
	}
	collect := func(subject string, most int, timeout time.Duration) (int, error) {
		n := 0
		err := natstest.Ended(t, func(done func(error)) error {
			_, err := c.Collect(&nats.Msg{Subject: subject}, timeout, func(*nats.Msg) bool {
				n++
				return n == most
			}, func(_ *nats.Msg, err error) { done(err) })
			return err
		})
		return n, err
	}
	if n, err := collect("all", 3, natstest.Patience); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := collect("all", 2, natstest.Patience); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := collect("all", 9, 100*time.Millisecond); n != 3 || fault.CodeOf(err) != "ErrTimeout" {
		t.Errorf("%d, %v", n, err)
	}
	_, err := collect("nobody", 1, natstest.Patience)
	expect(t, err, "ErrNoResponders", "No responders available for request to nobody")
}

func TestRefusals(t *testing.T) {
	s := natstest.StartServer(t, func(o *natsd.Options) { o.MaxPayload = 100 })
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	expect(t, c.Publish(&nats.Msg{Subject: "a", Data: make([]byte, 101)}), "ErrMaxPayload", "Maximum size of NATS message is 100")
	for _, subject := range []string{"", "a b", "a..b", ".a", "a.", "a\r\nPUB x 0\r\n\r\n", "a.*", ">", "€"} {
		expect(t, c.Publish(&nats.Msg{Subject: subject}), "ErrBadSubject", "Invalid subject "+subject)
	}
	expect(t, c.Publish(&nats.Msg{Subject: "a", Reply: "b c"}), "ErrBadSubject", "Invalid reply b c")
	_, err := c.Subscribe("a.>.b", "", 0, nil)
	expect(t, err, "ErrBadSubject", "Invalid subject a.>.b")
	_, err = c.Subscribe("a", "q q", 0, nil)
	expect(t, err, "ErrBadQueueName", "Invalid queue q q")
	o := c.Options()
	o.CheckSubjects = false
	c.Configure(o)
	if err := c.Publish(&nats.Msg{Subject: "é"}); err != nil {
		t.Errorf("unchecked: %v", err)
	}
	expect(t, c.Publish(&nats.Msg{Subject: "a\r\nPUB"}), "ErrBadSubject", "Invalid subject a\r\nPUB")
}

// Of a request that cannot be sent its caller hears, and done does not, however short its time is.
func TestARefusedRequestHasNoOtherEnd(t *testing.T) {
	s := natstest.StartServer(t, nil)
	c, _ := connected(t, DefaultOptions(), s.ClientURL())
	told := make(chan error, 1)
	for range 2000 {
		if _, err := c.Request(&nats.Msg{Subject: "no subject"}, time.Nanosecond, func(_ *nats.Msg, err error) { told <- err }); err == nil {
			t.Fatal("sent")
		}
		if _, err := c.Collect(&nats.Msg{Subject: "no subject"}, time.Nanosecond, func(*nats.Msg) bool { return true },
			func(_ *nats.Msg, err error) { told <- err }); err == nil {
			t.Fatal("sent")
		}
	}
	select {
	case err := <-told:
		t.Fatal(err)
	default:
	}
}

// Who may not listen to replies hears it of each request, also of one that is begun as soon as another has failed.
func TestEachRequestHearsThatRepliesAreRefused(t *testing.T) {
	s := natstest.StartServer(t, func(o *natsd.Options) {
		o.Users = []*natsd.User{{Username: "u", Password: "p", Permissions: &natsd.Permissions{
			Subscribe: &natsd.SubjectPermission{Deny: []string{"_INBOX.>"}}}}}
	})
	o := DefaultOptions()
	o.User, o.Password = "u", "p"
	c, _ := connected(t, o, s.ClientURL())
	ended := make(chan error, 1)
	var ask func(n int) error
	ask = func(n int) error {
		_, err := c.Request(&nats.Msg{Subject: "a"}, 0, func(_ *nats.Msg, err error) {
			if n > 1 && fault.CodeOf(err) == fault.Permissions {
				err = ask(n - 1)
				if err == nil {
					return
				}
			}
			ended <- err
		})
		return err
	}
	if err := ask(20); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if fault.CodeOf(err) != fault.Permissions {
			t.Error(err)
		}
	case <-time.After(natstest.Patience):
		t.Error("a request has heard nothing")
	}
}
