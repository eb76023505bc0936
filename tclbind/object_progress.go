// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"sync/atomic"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
)

// transferProgress tells a script how far a transfer has come, by a command that is called with the bytes so far and
// those in all, -1 where nobody knows. A call may stand for several steps. The command cancels the transfer by
// `return -code break`.
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
	if t.ended || t.command == nil {
		return
	}
	command := t.command.Retain() // the call may end the transfer
	defer command.Release()
	t.c.calling++
	defer t.c.called(p)
	v, err := p.Host.Invoke(command, t.now.Load(), t.total)
	switch {
	case err == nil:
		v.Release()
	case err == bridge.ErrBreak:
		t.stopped.Store(true)
		if t.cancel != nil && !t.ended {
			t.cancel(errCanceled())
		}
	default:
		p.Report(err)
	}
}

func errCanceled() error { return fault.New(fault.Canceled, "") }

// hold is a wait that a script ends itself, from an event of a channel, or that ends with the transfer.
type hold struct{ done func(struct{}, error) }

func (h *hold) wait(p *bridge.Package) (any, error) {
	if h.done != nil {
		return nil, invalid("The transfer is waited for already")
	}
	return bridge.Begin(p, func(done func(struct{}, error)) error {
		h.done = done
		return nil
	}, func(struct{}) (any, error) { return nil, nil })
}

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
