// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
)

// statuses collects the changes of a connection's status.
type statuses struct {
	silent
	changed chan Status
}

func (s statuses) Status(status Status) { s.changed <- status }

func (s statuses) await(t *testing.T, want Status) {
	t.Helper()
	for {
		select {
		case got := <-s.changed:
			if got == want {
				return
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("the status does not become %s", want)
		}
	}
}

// refused is a connection that is acknowledged, and whose only server refuses it: closed, and
// its owner does not know.
func refused(t *testing.T) *Conn {
	t.Helper()
	options := DefaultOptions()
	options.Acknowledged = true
	seen := statuses{changed: make(chan Status, 16)}
	c := New(options, seen)
	if err := c.SetServers([]string{"127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(func(error) {}); err != nil {
		t.Fatal(err)
	}
	seen.await(t, Closed)
	return c
}

// What is called after the end of a connection, and before its owner knows, succeeds, and ends as
// if it had been called before.
func TestCallsGoByTheStatusThatWasAcknowledged(t *testing.T) {
	c := refused(t)
	if err := c.Publish(&nats.Msg{Subject: "a"}); err != nil {
		t.Errorf("publish: %v", err)
	}
	sub, err := c.Subscribe("a", "", 0, func(*nats.Msg) {})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	if _, err := c.Request(&nats.Msg{Subject: "a"}, 0, func(_ *nats.Msg, err error) { ended <- err }); err != nil {
		t.Fatal(err)
	}
	if err := c.SetServers([]string{"127.0.0.1:2"}); fault.CodeOf(err) != "ErrInvalidArg" {
		t.Errorf("SetServers: %v", err)
	}
	if err := c.Ping(time.Minute, func(error) {}); fault.CodeOf(err) != "ErrConnectionClosed" {
		t.Errorf("ping while it is said to be connecting: %v", err)
	}
	select {
	case err := <-ended:
		t.Fatalf("the request ended before the status was acknowledged: %v", err)
	default:
	}
	c.Acknowledge(Closed)
	if err := <-ended; fault.CodeOf(err) != "ErrTimeout" || IsDeadline(err) {
		t.Errorf("request: %v", err)
	}
	if sub.Alive() {
		t.Error("the subscription lives on")
	}
	if err := c.Publish(&nats.Msg{Subject: "a"}); fault.CodeOf(err) != "ErrConnectionClosed" {
		t.Errorf("publish: %v", err)
	}
}

// Its owner may close it instead.
func TestDisconnectBeforeTheEndWasAcknowledged(t *testing.T) {
	c := refused(t)
	ended := make(chan error, 1)
	if _, err := c.Request(&nats.Msg{Subject: "a"}, 0, func(_ *nats.Msg, err error) { ended <- err }); err != nil {
		t.Fatal(err)
	}
	<-c.Disconnect()
	if err := <-ended; fault.CodeOf(err) != "ErrConnectionClosed" {
		t.Errorf("request: %v", err)
	}
	c.Acknowledge(Closed)
	if err := c.SetServers([]string{"127.0.0.1:2"}); err != nil {
		t.Error(err)
	}
}

// A ping goes by what was acknowledged, too: it waits for the connection to come back.
func TestPingWhileTheLossIsNotAcknowledged(t *testing.T) {
	c := refused(t)
	c.Acknowledge(Connected)
	ended := make(chan error, 1)
	if err := c.Ping(time.Minute, func(err error) { ended <- err }); err != nil {
		t.Fatal(err)
	}
	c.Acknowledge(Closed)
	if err := <-ended; fault.CodeOf(err) != "ErrConnectionClosed" {
		t.Errorf("ping: %v", err)
	}
}

// Who begins to follow the status after the end of a connection, and before its owner knows, hears of that end, and who
// begins when all know it hears nothing: there is no change to hear of.
func TestOnStateTellsAnEndThatNobodyKnows(t *testing.T) {
	c := refused(t)
	heard := make(chan Status, 4)
	stop := c.OnState(func(s Status) { heard <- s })
	defer stop()
	select {
	case s := <-heard:
		if s != Closed {
			t.Fatalf("heard %s", s)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the end is not told")
	}
	c.Acknowledge(Closed)
	defer c.OnState(func(s Status) { heard <- s })()
	select {
	case s := <-heard:
		t.Errorf("heard %s once more", s)
	default:
	}
}
