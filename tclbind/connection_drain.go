// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strings"
	"time"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// draining is the end of a connection in which nothing is lost. It belongs to the
// interpreter's thread, and goes from step to step by items of the mailbox, behind the
// deliveries that have come: first subscriptions, then callbacks and requests, then what was
// published.
type draining struct {
	c       *connection
	empty   bool // all that had come for the subscriptions is with their callbacks
	beneath int  // callbacks that were running when it began: one of them may wait for it
	within  int  // coroutines with callbacks that wait for it
	asked   bool // it will be told when no request is open, or when the last PING is answered
	over    bool
	waiting []drainWait
}

// drainWait is one call that waits for the end.
type drainWait struct {
	done  func(error)
	timer *time.Timer // nil: without end
}

var drainOptions = option.Table{{Name: "timeout", Kind: option.Millis, Default: 30 * time.Second, About: "when this time is over, the connection, or the subscription, ends although messages are left, and the error is ErrTimeout; 0: no limit"}}

// cmdDrain drains the connection, or where a subscription's ID comes first that one. Its first argument is
// the coroutine that waits for it: one that a callback runs in is not waited for.
func cmdDrain(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	own := strings.HasPrefix(args[0].Text(), namespace+"calls::callback-")
	args = args[1:]
	var id bridge.Value
	if len(args)%2 == 1 && !strings.HasPrefix(args[0].Text(), "-") {
		id, args = args[0], args[1:]
	}
	o, err := drainOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	timeout := o.Duration("timeout")
	if id != nil {
		return c.drainSubscription(p, id, timeout)
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		if c.draining == nil {
			d := &draining{c: c, beneath: c.calling}
			if err := c.wire.Drain(d.step(p, (*draining).emptied)); err != nil {
				return err
			}
			c.draining = d
		}
		if own {
			c.draining.within++
		}
		c.draining.wait(p, timeout, done)
		c.news.lines(p) // a logger may serve events, and so see the end
		return nil
	})
}

func errDrainTimeout() error { return fault.New(fault.Timeout, "Drain timed out") }

func (d *draining) wait(p *bridge.Package, timeout time.Duration, done func(error)) {
	w := drainWait{done: done}
	if timeout > 0 {
		late := func() {
			p.PostUrgent(&drainStep{d, func(d *draining, p *bridge.Package) { d.close(p, errDrainTimeout()) }})
		}
		w.timer = p.After(timeout, late)
	}
	d.waiting = append(d.waiting, w)
}

// step makes a function for any goroutine that has next run in the interpreter's thread. An
// error is that of a connection that was closed meanwhile: its status tells.
func (d *draining) step(p *bridge.Package, next func(*draining, *bridge.Package)) func(error) {
	return func(err error) {
		if err == nil {
			p.Post(&drainStep{d, next})
		}
	}
}

type drainStep struct {
	d    *draining
	next func(*draining, *bridge.Package)
}

func (s *drainStep) Run(p *bridge.Package) {
	if !s.d.over {
		s.next(s.d, p)
	}
}

// emptied comes behind the last delivery of the subscriptions.
func (d *draining) emptied(p *bridge.Package) {
	d.c.stopServices(p, d.step(p, (*draining).served))
}

// served comes behind the end of the last service.
func (d *draining) served(p *bridge.Package) {
	d.empty = true
	d.settle(p)
}

// running tells whether callbacks run that it has to wait for.
func (d *draining) running() bool { return d.c.calling > d.beneath || d.c.coroutines > d.within }

// settle waits until no callback runs and no request waits for its reply: both may publish
// something yet. It is tried anew whenever a callback has ended.
func (d *draining) settle(p *bridge.Package) {
	if d.empty && !d.asked && !d.running() {
		d.asked = true
		quiet := d.step(p, (*draining).quiet)
		d.c.wire.WhenIdle(func() { quiet(nil) })
	}
}

// quiet comes behind the ends of all requests. Those may have begun others.
func (d *draining) quiet(p *bridge.Package) {
	begun, open := d.c.wire.Requests()
	if open > 0 || d.running() {
		d.asked = false
		d.settle(p)
		return
	}
	// An error is that of a connection that is closed, as its status will tell.
	_ = d.c.wire.Flush(d.step(p, func(d *draining, p *bridge.Package) {
		if now, _ := d.c.wire.Requests(); now == begun && !d.running() {
			d.close(p, nil)
			return
		}
		d.asked = false
		d.settle(p)
	}))
}

// close ends the connection, and the draining with it.
func (d *draining) close(p *bridge.Package, err error) {
	d.c.draining = nil
	d.c.wire.Disconnect()
	d.c.news.all(p)
	d.end(err)
}

// end tells those who wait.
func (d *draining) end(err error) {
	if d == nil || d.over {
		return
	}
	d.over = true
	for _, w := range d.waiting {
		if w.timer != nil {
			w.timer.Stop()
		}
		w.done(err)
	}
}

// closed is the end of the connection by another way.
func (c *connection) closed() {
	d := c.draining
	c.draining = nil
	d.end(fault.New(fault.ConnectionClosed, "Connection closed"))
}

// call calls a callback of a message or a reply. It may destroy the connection.
func (c *connection) call(p *bridge.Package, callback bridge.Value, args ...any) {
	c.calling++
	defer c.called(p)
	p.Host.Callback(callback, args...)
}

// Call is call, for operations that tell a callback (bridge.Caller).
func (c *connection) Call(p *bridge.Package, callback bridge.Value, args ...any) {
	c.call(p, callback, args...)
}

// deliver is call for what is delivered again and again.
func (c *connection) deliver(p *bridge.Package, callback bridge.Value, args bridge.Record) {
	c.calling++
	defer c.called(p)
	p.Host.Deliver(callback, args)
}

func (c *connection) called(p *bridge.Package) {
	c.calling--
	c.settle(p)
}

// settle has a drain go on, where it has waited for a callback.
func (c *connection) settle(p *bridge.Package) {
	if c.draining != nil && !p.Closed() {
		c.draining.settle(p)
	}
}

// drainSubscription ends one subscription, when its callback has been called with what had
// come.
func (c *connection) drainSubscription(p *bridge.Package, id bridge.Value, timeout time.Duration) (any, error) {
	s, err := c.subscriptionOf(id)
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		d := &subscriptionDrain{s: s, done: done}
		if timeout > 0 {
			d.timer = p.After(timeout, func() { p.PostUrgent(&subscriptionDrained{d, errDrainTimeout()}) })
		}
		s.sub.Drain(0, func(err error) { p.Post(&subscriptionDrained{d, err}) })
		return nil
	})
}

// subscriptionDrain is the end of one subscription in which nothing is lost, or its time is over.
type subscriptionDrain struct {
	s     *subscription
	done  func(error)
	timer *time.Timer // nil: without end
	over  bool
}

// subscriptionDrained comes behind the last delivery, or when the time is over.
type subscriptionDrained struct {
	d   *subscriptionDrain
	err error
}

func (e *subscriptionDrained) Run(p *bridge.Package) {
	d := e.d
	if d.over {
		return
	}
	d.over = true
	if d.timer != nil {
		d.timer.Stop()
	}
	d.s.sub.Stop()
	d.s.finish(p)
	d.done(e.err)
}
