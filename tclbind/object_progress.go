// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"sync/atomic"

	"natstcl/tclbind/bridge"
)

// transferProgress tells a script how far a transfer has come, by a command that is called with the bytes so far and
// those in all, -1 where nobody knows. A call may stand for several steps.
type transferProgress struct {
	c       *connection
	command bridge.Value // retained; nil for none
	total   int64
	now     atomic.Uint64
	posted  atomic.Bool
	ended   bool
}

func (t *transferProgress) release() {
	t.ended = true
	if t.command != nil {
		t.command.Release()
		t.command = nil
	}
}

// at may be called by any goroutine, while the progress lives.
func (t *transferProgress) at(p *bridge.Package, bytes uint64) {
	t.now.Store(bytes)
	if !t.posted.Swap(true) {
		p.Post(&progressCall{t})
	}
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
	t.c.call(p, command, t.now.Load(), t.total)
}

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
