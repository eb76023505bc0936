// SPDX-License-Identifier: Apache-2.0

package bridge

// Turns keeps what belongs to one object in order. A script that runs in the middle, as a codec's command or a trace, may
// serve events, and so have the object's next event run inside of it: that one waits for its turn. It is used in the
// interpreter's thread alone.
type Turns struct {
	coming []Turn
	busy   bool // a turn is being prepared
	asked  bool // waitingTurns is in the mailbox
}

// A Turn is one of the events.
type Turn interface {
	// Prepare is the part that no other turn comes into.
	Prepare(p *Package)
	// Finish is called behind it. It may serve events, and the next turns run inside of it then: so callbacks begin in order,
	// and one that waits holds up none of the others.
	Finish(p *Package)
}

// Take runs a turn behind those that were taken before it.
func (t *Turns) Take(p *Package, turn Turn) {
	if t.busy || len(t.coming) > 0 {
		t.coming = append(t.coming, turn)
	} else {
		t.run(p, turn)
	}
	t.rest(p)
}

// rest runs the turns that wait.
func (t *Turns) rest(p *Package) {
	for !t.busy && len(t.coming) > 0 {
		next := t.coming[0]
		t.coming[0] = nil
		t.coming = t.coming[1:]
		t.run(p, next)
	}
}

func (t *Turns) run(p *Package, turn Turn) {
	t.prepare(p, turn)
	if len(t.coming) > 0 && !t.asked {
		t.asked = p.Post(waitingTurns{t})
	}
	turn.Finish(p)
}

func (t *Turns) prepare(p *Package, turn Turn) {
	t.busy = true
	defer func() { t.busy = false }()
	turn.Prepare(p)
}

// waitingTurns is the event by which a callback that serves events gets the turns that have waited for its own to be prepared.
type waitingTurns struct{ *Turns }

func (w waitingTurns) Run(p *Package) {
	w.asked = false
	w.rest(p)
}
