// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// nextMessages are messages that a script asks for one by one, in place of a callback. They belong to the
// interpreter's thread.
type nextMessages struct {
	ready   []*nats.Msg // that have come, and nobody has asked for
	waiting []*nextWait // who waits, in the order in which they came
	ended   error       // why nothing comes any more behind ready; nil while something may
	closed  bool        // nothing is given out any more
}

// nextWait is one who waits for a message.
type nextWait struct {
	done  func(*nats.Msg, error) // nil when it has its end
	timer *time.Timer            // nil: it waits without end
}

var nextOptions = option.Table{{Name: "timeout", Kind: option.Millis, Default: time.Duration(0), About: "how long to wait, then the error is ErrTimeout; 0: no limit"}}

// put gives a message to the first one who waits, or keeps it.
func (n *nextMessages) put(m *nats.Msg) {
	switch {
	case n.closed:
	case len(n.waiting) > 0:
		first := n.waiting[0]
		n.waiting = n.waiting[1:]
		first.finish(m, nil)
	default:
		n.ready = append(n.ready, m)
	}
}

// end is why nothing comes any more: those who wait hear of it. What is there is still given out.
func (n *nextMessages) end(why error) {
	if n.ended == nil {
		n.ended = why
	}
	waiting := n.waiting
	n.waiting = nil
	for _, w := range waiting {
		w.finish(nil, n.ended)
	}
}

// close is end, and what is there is forgotten.
func (n *nextMessages) close(why error) {
	n.closed, n.ready = true, nil
	n.end(why)
}

func (w *nextWait) finish(m *nats.Msg, err error) {
	if w.timer != nil {
		w.timer.Stop()
	}
	done := w.done
	w.done = nil
	done(m, err)
}

// next returns the next message as give makes it, or waits for it.
func (n *nextMessages) next(p *bridge.Package, timeout time.Duration, give func(*nats.Msg) (any, error)) (any, error) {
	if len(n.ready) > 0 {
		m := n.ready[0]
		n.ready = n.ready[1:]
		return give(m)
	}
	if n.ended != nil {
		return nil, n.ended
	}
	return bridge.Begin(p, func(done func(*nats.Msg, error)) error {
		w := &nextWait{done: done}
		if timeout > 0 {
			w.timer = p.After(timeout, func() { p.PostUrgent(&nextLate{n, w}) })
		}
		n.waiting = append(n.waiting, w)
		return nil
	}, give, func(m *nats.Msg) { p.Post(&givenBack{n, m}) })
}

// nextLate is the end of the time of one who waits.
type nextLate struct {
	n *nextMessages
	w *nextWait
}

func (l *nextLate) Run(*bridge.Package) {
	if l.w.done == nil {
		return // it has its end
	}
	l.n.waiting = slices.DeleteFunc(l.n.waiting, func(w *nextWait) bool { return w == l.w })
	l.w.finish(nil, fault.New(fault.Timeout, "No message came in time"))
}

// givenBack is a message for one who does not wait any more: the next one gets it.
type givenBack struct {
	n *nextMessages
	m *nats.Msg
}

func (g *givenBack) Run(*bridge.Package) {
	if n := g.n; len(n.waiting) > 0 || n.closed {
		n.put(g.m)
	} else {
		n.ready = append([]*nats.Msg{g.m}, n.ready...)
	}
}
