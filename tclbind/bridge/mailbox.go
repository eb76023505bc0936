// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// slice is how long deliveries may keep the event loop busy before timers, file
// events and idle callbacks get their turn.
const slice = 5 * time.Millisecond

// gatherTime is how long what callbacks and coroutines publish waits for more: the server has
// something to do while the script goes on.
const gatherTime = 200 * time.Microsecond

// Item is one thing to do in the interpreter's thread: deliver a message,
// complete a wait, write a variable.
type Item interface {
	Run(p *Package)
}

// Post gives an item to the interpreter, behind those that were posted before. Any goroutine may
// call it. It is false where the interpreter is gone.
func (p *Package) Post(it Item) bool { return p.mailbox.post(it) }

// PostUrgent gives an item that tells of a deadline: it comes before all that waits, however much that
// is.
func (p *Package) PostUrgent(it Item) bool { return p.mailbox.postUrgent(it) }

// EndEvent is for an item that has done what a script may wait for with vwait: the script has its turn
// before the next item runs.
func (p *Package) EndEvent() { p.mailbox.ended = true }

// Extract takes the items that match out of the mailbox, in order: for a method whose effects
// have to be there when it returns.
func (p *Package) Extract(match func(Item) bool) []Item { return p.mailbox.extract(match) }

// mailbox is the one way from the core's goroutines into an interpreter. Items
// run in the order in which they were posted, so that no reply overtakes a
// delivery that came before it on the wire.
//
// It has no bound of its own: each source has one (a subscription drops, an
// ordered consumer leaves the server's flow control unanswered until Taken, a
// reply was asked for).
//
// An item that is dropped with the mailbox has its Drop called, if it has that method.
type mailbox struct {
	host Host

	mu      sync.Mutex
	queue   []Item
	urgent  []Item       // come before the others
	urgents atomic.Int32 // of urgent
	woken   bool         // a Drain is on its way
	asleep  bool         // in Host.Sleep: whoever posts rouses it, and it drains
	closed  bool

	// The rest belongs to the interpreter's thread.
	taken    []Item // out of the queue, from head on to be run
	head     int
	again    bool          // a Drain is in the event queue behind the one that runs
	ended    bool          // see EndEvent
	busy     time.Duration // time spent in Drain since the event loop last had its turn
	deferred bool          // a Drain comes by way of Later; others have to let it pass
	stale    int           // Drains on their way that were asked for before Later
}

// post adds it, and wakes the interpreter if it sleeps. Any goroutine may call it.
// It is false where the interpreter is gone.
func (m *mailbox) post(it Item) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.postLocked(it)
}

// postLocked is post for one who holds the lock. Wake is called under the lock,
// so that none can come after close.
func (m *mailbox) postLocked(it Item) bool {
	if m.closed {
		return false
	}
	m.queue = append(m.queue, it)
	m.wakeLocked()
	return true
}

func (m *mailbox) postUrgent(it Item) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.urgent = append(m.urgent, it)
	m.urgents.Add(1)
	m.wakeLocked()
	return true
}

func (m *mailbox) wakeLocked() {
	switch {
	case m.woken:
	case m.asleep:
		m.woken, m.asleep = true, false
		m.host.Rouse()
	default:
		m.woken = true
		m.host.Wake()
	}
}

// sleep waits for a post, for so long at most, without an event. It is false where there was
// none, or a Drain is on its way; else the Drain is the caller's.
func (m *mailbox) sleep(most time.Duration) bool {
	m.mu.Lock()
	if m.woken || m.closed {
		m.mu.Unlock()
		return false
	}
	m.asleep = true
	m.mu.Unlock()
	m.host.Sleep(most)
	m.mu.Lock()
	defer m.mu.Unlock()
	roused := !m.asleep
	m.asleep = false
	return roused
}

// onItsWay tells whether a Drain is.
func (m *mailbox) onItsWay() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.woken
}

// next takes the first item. While there are more behind it, it sees to it that a
// Drain is on its way: the item may run an event loop of its own (vwait, a
// synchronous call), and Tcl runs no event handler again while it is running.
func (m *mailbox) next() Item {
	it := m.first()
	if it == nil {
		return nil
	}
	if !m.again && (m.head < len(m.taken) || m.waiting() > 0) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.again = true; !m.woken && !m.closed {
			m.woken = true
			m.host.Again()
		}
	}
	return it
}

// first takes the first item out.
func (m *mailbox) first() Item {
	if m.urgents.Load() > 0 {
		m.mu.Lock()
		defer m.mu.Unlock()
		it := m.urgent[0]
		m.urgent = m.urgent[1:]
		m.urgents.Add(-1)
		return it
	}
	if m.head == len(m.taken) && !m.take() {
		return nil
	}
	it := m.taken[m.head]
	m.taken[m.head] = nil
	m.head++
	return it
}

// take moves what was posted to the interpreter's side: the lock is held for many items once.
func (m *mailbox) take() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.queue) == 0 {
		return false
	}
	free := m.taken[:0]
	if cap(free) > mostSpare {
		free = nil // a burst is over: give the memory back
	}
	m.taken, m.head, m.queue = m.queue, 0, free
	return true
}

// mostSpare is how many items' room is kept.
const mostSpare = 1 << 14

// extract takes the items that match out of the queue, in order.
func (m *mailbox) extract(match func(Item) bool) []Item {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Item
	filter := func(queue []Item) []Item {
		kept := queue[:0]
		for _, it := range queue {
			if match(it) {
				out = append(out, it)
			} else {
				kept = append(kept, it)
			}
		}
		clear(queue[len(kept):])
		return kept
	}
	rest := filter(m.taken[m.head:])
	m.taken = m.taken[:m.head+len(rest)]
	m.queue = filter(m.queue)
	return out
}

func (m *mailbox) close() {
	m.mu.Lock()
	dropped := slices.Concat(m.urgent, m.taken[m.head:], m.queue)
	m.closed, m.urgent, m.queue, m.taken, m.head = true, nil, nil, nil, 0
	m.urgents.Store(0)
	m.mu.Unlock()
	for _, it := range dropped {
		if holder, ok := it.(interface{ Drop() }); ok {
			holder.Drop()
		}
	}
}

func (m *mailbox) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.urgent) + len(m.queue) + len(m.taken) - m.head
}

// Drain runs what is in the mailbox, one item at a time, for at most a slice of
// time. The host calls it, in the interpreter's thread, after Wake, Again or Later.
func (p *Package) Drain() {
	m := &p.mailbox
	if p.closed || !m.arrived() {
		return
	}
	defer p.sendGathered()
	start := time.Now()
	sent := time.Duration(0)
	for {
		it := m.next()
		if it == nil {
			break
		}
		it.Run(p)
		if p.closed {
			return
		}
		spent := time.Since(start)
		if m.ended {
			m.busy += spent
			return // if there is more, the next Drain is on its way
		}
		if m.busy+spent > slice {
			m.rest()
			return
		}
		if spent-sent > gatherTime {
			p.sendGathered()
			sent = spent
		}
	}
	m.busy += time.Since(start)
}

// arrived is the beginning of a Drain: from here on a post wakes anew. It is
// false where the event loop is owed its turn first.
func (m *mailbox) arrived() bool {
	m.again, m.ended = false, false
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deferred {
		if m.stale > 0 {
			m.stale--
			return false
		}
		m.deferred = false
		m.busy = 0
	}
	m.woken = false
	return true
}

// rest gives the event loop its turn: the next Drain comes behind timers and
// files. A Drain that is in the event queue already would come before them, so it
// has to be let pass.
func (m *mailbox) rest() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deferred || m.closed {
		return
	}
	m.deferred = true
	m.stale = 0
	if m.woken {
		m.stale = 1
	}
	m.woken = true
	m.host.Later()
}

// A Source holds its items back until it is opened: so that no callback of a
// watcher runs before the call that made the watcher has returned.
type Source struct {
	mailbox *mailbox
	held    []Item // under mailbox.mu, as is open
	open    bool
}

// NewSource makes one that is not open. Any goroutine may call its methods.
func (p *Package) NewSource() *Source { return &Source{mailbox: &p.mailbox} }

// Post is Package.Post, or keeps the item.
func (s *Source) Post(it Item) {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	if s.open {
		s.mailbox.postLocked(it)
	} else {
		s.held = append(s.held, it)
	}
}

// Open posts what was kept.
func (s *Source) Open() {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	s.open = true
	for _, it := range s.held {
		s.mailbox.postLocked(it)
	}
	s.held = nil
}
