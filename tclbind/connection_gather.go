// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// Requests that gather several replies (ADR-47): until there are -max_msgs, no further one comes for -stall,
// one is the -sentinel, or the time is over.

// sentinel is what tells the last reply.
var sentinel = &option.Kind{Word: "list", Takes: "the word empty, or a command prefix", Parse: option.Prefix.Parse}

// gathers tells whether a request is for several replies.
func gathers(o option.Values) bool { return o.Has("max_msgs") || o.Has("stall") || o.Has("sentinel") }

// gathering is one request for several replies. Its fields but for the turns and those under mu are not written once it
// is sent.
type gathering struct {
	c       *connection
	most    int           // 0: no limit
	stall   time.Duration // 0: none
	empty   bool          // an empty reply is the last one, and not counted
	options option.Values // of the request
	command bridge.Value  // tells whether a reply is the last one, retained; nil for none
	turns   bridge.Turns  // of the replies and the end: the command may serve events

	pending *wire.Pending
	sent    chan struct{} // closed when pending is there

	mu      sync.Mutex
	timer   *time.Timer // of stall
	replies int
}

func (c *connection) newGathering(o option.Values) *gathering {
	g := &gathering{c: c, most: small(o.Int("max_msgs")), stall: o.Duration("stall"), options: o, sent: make(chan struct{})}
	if v, given := o.Get("sentinel").(bridge.Value); given {
		if v.Text() == "empty" {
			g.empty = true
		} else {
			g.command = v.Retain()
		}
	}
	return g
}

// letGo ends what the request holds, in the interpreter's thread.
func (g *gathering) letGo() {
	if g.command != nil {
		g.command.Release()
		g.command = nil
	}
}

// send sends the request. take is called with each reply, by the connection's reader; last tells that it is
// the last one. done is told the end.
func (g *gathering) send(p *bridge.Package, m *nats.Msg, timeout time.Duration, take func(m *nats.Msg, last bool), done func(*nats.Msg, error)) (err error) {
	g.pending, err = g.c.wire.Collect(m, timeout,
		func(reply *nats.Msg) bool {
			if g.empty && len(reply.Data) == 0 {
				return true
			}
			g.wait(p)
			g.replies++
			last := g.replies == g.most
			take(reply, last)
			return last
		},
		func(m *nats.Msg, err error) {
			g.mu.Lock()
			if g.timer != nil {
				g.timer.Stop()
			}
			g.mu.Unlock()
			done(m, err)
		})
	expire(g.pending, m, g.options)
	close(g.sent)
	return err
}

// wait begins the time within which another reply has to come.
func (g *gathering) wait(p *bridge.Package) {
	if g.stall == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = p.After(g.stall, g.complete)
}

// complete ends the request as the last reply does.
func (g *gathering) complete() {
	<-g.sent
	if g.pending != nil {
		g.pending.Complete()
	}
}

// isSentinel runs the command of -sentinel. An error of it goes to bgerror, and means no.
func (g *gathering) isSentinel(p *bridge.Package, m *nats.Msg) (yes bool) {
	if g.command == nil || !p.Alive(g.c) {
		return false
	}
	q := &question{
		c: g.c, command: g.command, args: []any{g.c.reply(m, g.pending, true)}, none: func() {},
		take: func(_ *bridge.Package, v bridge.Value, _ error) error {
			said, ok := bridge.Boolean(v.Text())
			if !ok {
				return invalid("The command of -sentinel returns a bool, not " + v.Text())
			}
			yes = said
			return nil
		},
	}
	q.Run(p)
	return yes
}

// gathered are the replies of a request that a script waits for. Its fields are under g.mu.
type gathered struct {
	g      *gathering
	come   []*nats.Msg
	looked int  // how many replies were looked at, and are no sentinels
	over   bool // a sentinel has come
}

// add is called by the connection's reader.
func (r *gathered) add(m *nats.Msg) {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	if !r.over {
		r.come = append(r.come, m)
	}
}

// some is true where there is something for the script: replies, or a sentinel with nothing before it.
func (r *gathered) some() bool {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	return len(r.come) > 0 || r.over
}

// unlooked is the next reply that the script was not asked about, nil for none.
func (r *gathered) unlooked() *nats.Msg {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	if r.over || r.looked == len(r.come) {
		return nil
	}
	r.looked++
	return r.come[r.looked-1]
}

// end forgets the sentinel, which has been looked at, and what is behind it.
func (r *gathered) end(m *nats.Msg) {
	r.g.mu.Lock()
	defer r.g.mu.Unlock()
	if i := slices.Index(r.come, m); i >= 0 {
		r.come, r.over = r.come[:i], true
	}
}

// look asks the script about the replies that have come; true where one is the sentinel.
func (r *gathered) look(p *bridge.Package) bool {
	for m := r.unlooked(); m != nil; m = r.unlooked() {
		if r.g.isSentinel(p, m) {
			r.end(m)
			return true
		}
	}
	return false
}

// lookAt is the turn of replies that have come: the script is asked about them.
type lookAt struct {
	*gathered
	found bool // the sentinel
}

func (l *lookAt) Run(p *bridge.Package) { l.g.turns.Take(p, l) }

func (l *lookAt) Prepare(p *bridge.Package) { l.found = l.look(p) }

func (l *lookAt) Finish(*bridge.Package) {
	if l.found {
		l.g.complete()
	}
}

// gatheredEnd is the turn of the end, which may have come before what was there in time.
type gatheredEnd struct {
	*gathered
	done func()
}

func (e *gatheredEnd) Run(p *bridge.Package) { e.g.turns.Take(p, e) }

func (e *gatheredEnd) Prepare(p *bridge.Package) { e.look(p) }

func (e *gatheredEnd) Finish(*bridge.Package) { e.done() }

// collect waits for several replies: complete, or as many as came before the timeout.
func (c *connection) collect(p *bridge.Package, m *nats.Msg, timeout time.Duration, o option.Values) (any, error) {
	g := c.newGathering(o)
	r := &gathered{g: g}
	return bridge.BeginHolding(p, g.letGo,
		func(done func(struct{}, error)) error {
			return g.send(p, m, timeout,
				func(reply *nats.Msg, _ bool) {
					r.add(reply)
					if g.command != nil {
						p.Post(&lookAt{gathered: r})
					}
				},
				func(_ *nats.Msg, err error) {
					if wire.IsDeadline(err) && r.some() {
						err = nil
					}
					if g.command == nil || err != nil {
						done(struct{}{}, err)
						return
					}
					p.Post(&gatheredEnd{r, func() { done(struct{}{}, nil) }})
				})
		},
		func(struct{}) (any, error) {
			g.letGo()
			list := make([]any, len(r.come))
			for i, reply := range r.come {
				list[i] = c.reply(reply, g.pending, true)
			}
			return list, nil
		})
}
