// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"sync/atomic"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var pendingCommands = []bridge.Command{
	{Name: "publish_pending", Usage: "jet_stream", Run: bridge.On(cmdPublishPending)},
	{Name: "publish_wait", Usage: "jet_stream args", Run: bridge.On(cmdPublishWait)},
}

var maxPendingOption = option.Row{Name: "max_pending", Kind: option.Natural, Default: dict.Number("0"),
	About: "how many published messages may be without their acknowledgement; then `publish` waits, also with a callback; 0: no limit"}

// unanswered are the messages of a jet_stream that are published and have no answer yet, and those
// that wait for their turn where there is a limit. Its fields belong to the interpreter's thread but for the
// two that are atomic.
type unanswered struct {
	most    int          // 0: no limit
	open    atomic.Int64 // that are out
	watched atomic.Bool  // somebody wants to know when open changes
	queue   []turn
	idle    []*idleWait
}

// slot is that of one message among the unanswered.
type slot struct {
	p     *bridge.Package
	j     *jetStream
	given atomic.Bool // back
}

// turn is a message that waits for a slot.
type turn struct {
	slot   *slot
	send   func() error
	failed func(error)
}

// idleWait is one who waits for all to be answered.
type idleWait struct {
	done  func(error) // nil when it has its end
	timer *time.Timer // nil: it waits without end
}

// whenFree sends a message now, or when there is a slot for it. An error of send that comes now is returned, a later
// one goes to failed.
func (s *slot) whenFree(send func() error, failed func(error)) error {
	u := &s.j.unanswered
	if u.most > 0 {
		u.watched.Store(true)
		if len(u.queue) > 0 || u.open.Load() >= int64(u.most) {
			u.queue = append(u.queue, turn{s, send, failed})
			return nil
		}
	}
	return s.take(send)
}

// take sends a message.
func (s *slot) take(send func() error) error {
	s.j.unanswered.open.Add(1)
	err := send()
	if err != nil {
		s.giveBack()
	}
	return err
}

// giveBack is called when the message is answered, any number of times, by any goroutine.
func (s *slot) giveBack() {
	if s.given.Swap(true) {
		return
	}
	u := &s.j.unanswered
	u.open.Add(-1)
	if u.watched.Load() {
		s.p.Post(&room{s.j})
	}
}

// room is in the mailbox behind the answer of a message.
type room struct{ j *jetStream }

func (r *room) Run(*bridge.Package) {
	u := &r.j.unanswered
	for len(u.queue) > 0 && u.open.Load() < int64(u.most) {
		next := u.queue[0]
		u.queue = u.queue[1:]
		if err := next.slot.take(next.send); err != nil {
			next.failed(err)
		}
	}
	if u.open.Load() > 0 || len(u.queue) > 0 {
		return
	}
	waiting := u.idle
	u.idle = nil
	u.watched.Store(u.most > 0)
	for _, w := range waiting {
		w.finish(nil)
	}
}

func (w *idleWait) finish(err error) {
	if w.timer != nil {
		w.timer.Stop()
	}
	if done := w.done; done != nil {
		w.done = nil
		done(err)
	}
}

// giveUp ends those that wait: the jet_stream goes.
func (u *unanswered) giveUp() {
	gone := fault.New(fault.ConnectionClosed, "The jet_stream is destroyed")
	queue, idle := u.queue, u.idle
	u.queue, u.idle = nil, nil
	for _, t := range queue {
		t.failed(gone)
	}
	for _, w := range idle {
		w.finish(gone)
	}
}

func cmdPublishPending(_ *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return j.unanswered.open.Load() + int64(len(j.unanswered.queue)), nil
}

var publishWaitOptions = option.Table{{Name: "timeout", Kind: option.Millis, Default: time.Duration(0), About: "how long to wait, then the error is ErrTimeout; 0: no limit"}}

// cmdPublishWait waits until all messages are answered, and their callbacks were called.
func cmdPublishWait(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := publishWaitOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		u := &j.unanswered
		u.watched.Store(true)
		w := &idleWait{done: done}
		if timeout := o.Duration("timeout"); timeout > 0 {
			w.timer = p.After(timeout, func() { p.PostUrgent(&idleLate{w}) })
		}
		u.idle = append(u.idle, w)
		p.Post(&room{j}) // behind the callbacks that are on their way
		return nil
	})
}

// idleLate is the end of the time of one who waits; who has its end does not hear of it.
type idleLate struct{ w *idleWait }

func (l *idleLate) Run(*bridge.Package) {
	l.w.finish(fault.New(fault.Timeout, "Messages are not answered yet"))
}
