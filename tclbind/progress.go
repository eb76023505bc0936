// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"sync"
	"sync/atomic"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// progress tells a script how far an operation has come, by a command that is called with what is done and the total. The
// command cancels the operation by `return -code break`, and so does its error, which goes to interp bgerror. One call may
// stand for several steps. The command may serve events: while it runs it is not called again, and the operation's end waits
// for it, as it may cancel still.
type progress struct {
	c       *connection
	command bridge.Value // retained; nil for none
	cancel  func(error)  // ends the operation at once; nil: at its next step
	stopped atomic.Bool

	mu     sync.Mutex
	now    steps
	coming bool // a call is on its way to the script, or runs

	// All that follows belongs to the interpreter's thread.
	running bool
	ended   bool
	behind  []func() // called when no call is coming any more
	late    []func() // called when the one that runs has returned
}

// steps are what a call tells.
type steps struct{ done, total int64 }

// beginProgress takes the command of the option -progress, if there is one.
func (g *progress) beginProgress(c *connection, o option.Values) {
	g.c = c
	if command, given := o.Get("progress").(bridge.Value); given {
		g.command = command.Retain()
	}
}

// release lets go of the command: it is not called any more.
func (g *progress) release() {
	if g.command != nil && !g.ended {
		g.command.Release()
	}
	g.ended = true
}

// at may be called by any goroutine. It is false where the script has canceled.
func (g *progress) at(p *bridge.Package, done, total int64) (goOn bool) {
	if g.stopped.Load() {
		return false
	}
	if g.command != nil && g.note(steps{done, total}) {
		p.Post(&progressCall{g})
	}
	return true
}

// note keeps the newest steps; true where no call is coming that will tell them.
func (g *progress) note(now steps) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = now
	before := g.coming
	g.coming = true
	return !before
}

// told is behind a call that has told these steps; true where another one has to come.
func (g *progress) told(those steps) (more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.coming = g.now != those && g.wanted()
	return g.coming
}

func (g *progress) wanted() bool { return !g.ended && !g.stopped.Load() }

// whenTold calls then behind the calls that are coming, or at once.
func (g *progress) whenTold(then func()) {
	g.mu.Lock()
	coming := g.coming
	g.mu.Unlock()
	if coming {
		g.behind = append(g.behind, then)
		return
	}
	then()
}

// progressCall is a call on its way to the script.
type progressCall struct{ g *progress }

func (s *progressCall) Run(p *bridge.Package) {
	g := s.g
	g.mu.Lock()
	now := g.now
	g.mu.Unlock()
	if g.wanted() && p.Alive(g.c) {
		g.call(p, now)
	}
	late := g.late
	g.late = nil
	for _, end := range late {
		end()
	}
	// Another call goes behind what has come meanwhile, so that the script's other events have their turn.
	if g.told(now) && p.Post(s) {
		return
	}
	behind := g.behind
	g.behind = nil
	for _, then := range behind {
		then()
	}
}

func (g *progress) call(p *bridge.Package, now steps) {
	command := g.command.Retain() // the call may end the operation
	defer command.Release()
	g.c.calling++
	defer g.c.called(p)
	g.running = true
	v, err := p.Host.Invoke(command, now.done, now.total)
	g.running = false
	if err == nil {
		v.Release()
		return
	}
	g.stopped.Store(true)
	if err != bridge.ErrBreak {
		p.Report(err)
	}
	if g.cancel != nil && !g.ended {
		g.cancel(errCanceled())
	}
}

func errCanceled() error { return fault.New(fault.Canceled, "") }
