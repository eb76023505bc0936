// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
)

// news is what has happened to a connection, or to a server in the process, until the script sees
// it: lines of the log, and changes of the object's public variables, in their order. Each piece has
// its place in the mailbox, too, among the deliveries; a method that has brought some about shows
// them itself, before it returns.
//
// It has bounds, for errors may come faster than a script looks at its events: then a line that waits
// already is counted, and a newer error or INFO takes the place of the last one.
type news struct {
	p  *bridge.Package
	mu sync.Mutex
	// The oldest first. Those in front that were shown are taken out.
	waiting []*piece
	lost    int  // lines that were neither kept nor counted
	ended   bool // nothing more is shown
}

const (
	// plentiful is how many pieces may wait before the same text again is counted.
	plentiful = 256
	// mostPieces is how many of them may wait in all, beside changes of the status.
	mostPieces = 1024
	// alike is how far back a line is looked for.
	alike = 64
)

// piece is one line of the log, or one change of a variable: an item of the mailbox.
type piece struct {
	news  *news
	shown bool // under news.mu, as all that follows until it is shown
	again int  // how often the same line has come since

	line     line                            // of the log, where write is there
	write    func(p *bridge.Package, l line) // writes it
	variable string                          // a public variable, where change is there
	change   func(p *bridge.Package, variable string, value any)
	value    any
}

// line is one of a log.
type line struct {
	level wire.Level
	text  string
	at    time.Time
}

// log adds a line. Any goroutine may call it, as well as tell.
func (n *news) log(level wire.Level, text string, write func(*bridge.Package, line)) {
	n.add(&piece{line: line{level, text, time.Now()}, write: write})
}

// tell adds a new value of a public variable.
func (n *news) tell(variable string, value any, change func(*bridge.Package, string, any)) {
	n.add(&piece{variable: variable, value: value, change: change})
}

func (n *news) add(new *piece) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended || len(n.waiting) >= plentiful && n.absorbLocked(new) {
		return
	}
	new.news = n
	n.waiting = append(n.waiting, new)
	n.p.Post(new) // under the lock: the order is the same in both
}

// absorbLocked finds a piece that waits and can stand for a new one.
func (n *news) absorbLocked(new *piece) bool {
	for back := 1; back <= len(n.waiting) && back <= alike; back++ {
		old := n.waiting[len(n.waiting)-back]
		switch {
		case new.isLine() && old.isLine() && old.line.level == new.line.level && old.line.text == new.line.text:
			old.again++
			return true
		case new.isLine():
		case old.variable == "status":
			return false // what comes behind it stays there
		case old.variable == new.variable:
			old.value = new.value
			return true
		}
	}
	if new.isLine() && len(n.waiting) >= mostPieces {
		n.lost++
		return true
	}
	return false
}

func (x *piece) isLine() bool { return x.write != nil }

// Run is the piece's turn in the mailbox.
func (x *piece) Run(p *bridge.Package) {
	if x.take() {
		x.show(p)
	}
}

// take marks the piece as shown. It returns false if it was already.
func (x *piece) take() bool {
	n := x.news
	n.mu.Lock()
	defer n.mu.Unlock()
	if x.shown {
		return false
	}
	x.shown = true
	for len(n.waiting) > 0 && n.waiting[0].shown {
		n.waiting[0] = nil
		n.waiting = n.waiting[1:]
	}
	if len(n.waiting) == 0 {
		n.waiting = nil
	}
	return true
}

func (x *piece) show(p *bridge.Package) {
	if !x.isLine() {
		x.change(p, x.variable, x.value)
		return
	}
	x.write(p, x.line)
	if x.again > 0 {
		x.write(p, line{x.line.level, fmt.Sprintf("%s (%d times more)", x.line.text, x.again), time.Now()})
	}
	x.news.tellLost(p, x.write)
}

// tellLost writes how many lines were left out, once there is room again.
func (n *news) tellLost(p *bridge.Package, write func(*bridge.Package, line)) {
	n.mu.Lock()
	lost := n.lost
	if len(n.waiting) >= plentiful {
		lost = 0
	}
	n.lost -= lost
	n.mu.Unlock()
	if lost > 0 {
		write(p, line{wire.LogWarn, fmt.Sprintf("%d lines of the log were left out: the script did not look at its events", lost), time.Now()})
	}
}

// until shows what waits now, up to the last piece for which stop is true, and the lines that
// follow it. What a trace or a logger brings about comes with the event loop.
func (n *news) until(p *bridge.Package, stop func(*piece) bool) {
	n.mu.Lock()
	todo := slices.Clone(n.waiting)
	last := len(todo) - 1
	for last >= 0 && !stop(todo[last]) {
		last--
	}
	n.mu.Unlock()
	for i, x := range todo {
		if p.Closed() || i > last && !x.isLine() {
			return
		}
		x.Run(p)
	}
}

// all shows what waits now; lines shows those of the log that tell of nothing that the script has
// still to see.
func (n *news) all(p *bridge.Package)   { n.until(p, func(*piece) bool { return true }) }
func (n *news) lines(p *bridge.Package) { n.until(p, func(*piece) bool { return false }) }

// rest is the end of the object, or of the package with it: nothing more is to be seen, but no line of
// the log is lost.
func (n *news) rest(p *bridge.Package) {
	n.mu.Lock()
	todo := n.waiting
	n.waiting, n.ended = nil, true
	n.mu.Unlock()
	for _, x := range todo {
		if x.isLine() && x.take() {
			x.show(p)
		}
	}
}
