// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"sync/atomic"
	"time"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
)

// transferProgress tells a script how far a transfer has come, by a command that is called with the bytes so far and
// those in all, -1 where nobody knows. A call may stand for several steps. The command cancels the transfer by
// `return -code break`, and so does its error, which goes to interp bgerror.
type transferProgress struct {
	c       *connection
	command bridge.Value // retained; nil for none
	total   int64
	now     atomic.Uint64
	posted  atomic.Bool
	ended   bool
	stopped atomic.Bool
	cancel  func(error) // ends the transfer at once; nil: at its next step
}

func (t *transferProgress) release() {
	t.ended = true
	if t.command != nil {
		t.command.Release()
		t.command = nil
	}
}

// at may be called by any goroutine, while the progress lives. It is false where the script has canceled.
func (t *transferProgress) at(p *bridge.Package, bytes uint64) (goOn bool) {
	t.now.Store(bytes)
	if !t.posted.Swap(true) {
		p.Post(&progressCall{t})
	}
	return !t.stopped.Load()
}

type progressCall struct{ t *transferProgress }

func (s *progressCall) Run(p *bridge.Package) {
	t := s.t
	t.posted.Store(false)
	if t.ended || t.command == nil || t.stopped.Load() {
		return
	}
	command := t.command.Retain() // the call may end the transfer
	defer command.Release()
	t.c.calling++
	defer t.c.called(p)
	v, err := p.Host.Invoke(command, t.now.Load(), t.total)
	if err == nil {
		v.Release()
		return
	}
	t.stopped.Store(true)
	if err != bridge.ErrBreak {
		p.Report(err)
	}
	if t.cancel != nil && !t.ended {
		t.cancel(errCanceled())
	}
}

// errTransferDestroyed ends a transfer whose object is destroyed: a nats::object, or with all that came from it an
// object_store, a jet_stream or a connection. A method that finds its object gone throws the same.
func errTransferDestroyed() error {
	return fault.New(fault.ConnectionClosed, "The object was destroyed")
}

func errCanceled() error { return fault.New(fault.Canceled, "") }

// hold is a wait that a script ends itself, from an event of a channel, or that ends with the transfer.
type hold struct{ done func(struct{}, error) }

// glance is how long a script waits for an event of a channel before it looks at the channel again: one that was closed
// has no events.
const glance = 250 * time.Millisecond

// wait is for an end, or for so long at most where that is not 0. The transfer ends where the coroutine that waits is
// gone.
func (h *hold) wait(p *bridge.Package, transfer bridge.Resource, most time.Duration) (any, error) {
	if h.done != nil {
		return nil, invalid("The transfer is waited for already")
	}
	return bridge.Begin(p, func(done func(struct{}, error)) error {
		h.done = done
		if most > 0 {
			timer := p.After(most, func() { p.Post(&holdEnd{h, transfer}) })
			h.done = func(v struct{}, err error) {
				timer.Stop()
				done(v, err)
			}
		}
		return nil
	}, func(struct{}) (any, error) { return nil, nil }, func(struct{}) { p.Post(&transferLeft{transfer}) })
}

// holdEnd is the end of a wait's time.
type holdEnd struct {
	h        *hold
	transfer bridge.Resource
}

func (e *holdEnd) Run(p *bridge.Package) {
	if p.Alive(e.transfer) {
		e.h.end(nil)
	}
}

// transferLeft ends a transfer whose coroutine is gone.
type transferLeft struct{ transfer bridge.Resource }

func (l *transferLeft) Run(p *bridge.Package) { p.Drop(l.transfer) }

func (h *hold) end(err error) {
	if done := h.done; done != nil {
		h.done = nil
		done(struct{}{}, err)
	}
}

// cmdObjectGo ends the hold of a transfer. An event of a channel calls it, which may come when the
// transfer has ended.
func cmdObjectGo(p *bridge.Package, args []bridge.Value) (any, error) {
	if w, err := bridge.Get[*objectWriter](p, args[0]); err == nil {
		w.hold.end(nil)
	}
	if r, err := bridge.Get[*objectReader](p, args[0]); err == nil {
		r.hold.end(nil)
	}
	return nil, nil
}
