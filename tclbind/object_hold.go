// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
)

// errTransferDestroyed ends a transfer whose object is destroyed: a nats::object, or with all that came from it an
// object_store, a jet_stream or a connection. A method that finds its object gone throws the same.
func errTransferDestroyed() error {
	return fault.New(fault.ConnectionClosed, "The object was destroyed")
}

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
