// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// slice is how long items may run before the event loop serves timers, files and idle callbacks.
const slice = 5 * time.Millisecond

// gatherTime is after how long a Drain sends what callbacks and coroutines have published, so that the server can
// work while the script goes on.
const gatherTime = 200 * time.Microsecond

// Item is something to do in the interpreter's thread: to deliver a message, to end a wait, to write a variable.
type Item interface {
	Run(p *Package)
}

// Post gives an item to the interpreter, behind those that were posted before. Any goroutine may call it. It returns
// false if the interpreter is gone.
func (p *Package) Post(it Item) bool { return p.mailbox.post(it) }

// PostUrgent gives an item to the interpreter that overtakes all that wait. It is for the end of a deadline, which a
// script has to see in time however much there is to deliver.
func (p *Package) PostUrgent(it Item) bool { return p.mailbox.postUrgent(it) }

// EndEvent ends the event of the item that calls it: the script's vwait returns before the next item runs. An item
// calls it that has changed something that scripts wait for, as the status.
func (p *Package) EndEvent() { p.mailbox.ended = true }

// Extract takes the items that match out of the mailbox, in order. A method uses it to run at once what has to be done
// when it returns.
func (p *Package) Extract(match func(Item) bool) []Item { return p.mailbox.extract(match) }

// mailbox is the only way from the core's goroutines into an interpreter. Items run in the order in which they were
// posted, so that no reply overtakes a delivery that came before it on the wire.
//
// The mailbox has no limit of its own, because each of its sources has one: a subscription drops messages, an
// ordered consumer does not answer the server's flow control before its messages are taken, and a request brings
// one reply.
//
// If the mailbox is closed with items in it, the method Drop of each that has one is called.
type mailbox struct {
	host Host

	mu      sync.Mutex
	queue   []Item
	urgent  []Item       // run before those of queue
	urgents atomic.Int32 // the length of urgent, to be read without the lock
	woken   bool         // the host was asked for a Drain, which has not begun yet
	asleep  bool         // the interpreter's thread is in Host.Yield or Host.Sleep; whoever posts rouses it, and then it calls Drain
	closed  bool

	// All that follows belongs to the interpreter's thread.
	taken    []Item        // items that were moved here from queue; those before head have been run
	head     int           // the index in taken of the next item
	again    bool          // another Drain is in the event queue behind the one that runs
	ended    bool          // EndEvent was called by the item that runs
	busy     time.Duration // how long Drain has worked since the event loop last served other events
	deferred bool          // a Drain was asked for by Later, and earlier ones must do nothing
	stale    int           // how many such earlier Drains are still to come
}

// post is Package.Post.
func (m *mailbox) post(it Item) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.postLocked(it)
}

// postLocked is post for a caller that holds the lock. The host is woken under the lock, so that it cannot be woken
// after close.
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

// wakeLocked asks the host for a Drain, unless one was asked for already.
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

// sleep waits outside the event loop until something is posted, but not longer than most; at first by yielding, for as long as
// the wait may. If it returns true, something was posted, and the caller has to call Drain. It returns false if nothing was
// posted, or if a Drain comes by an event.
func (m *mailbox) sleep(most time.Duration, wait *budget) bool {
	m.mu.Lock()
	if m.woken || m.closed {
		m.mu.Unlock()
		return false
	}
	m.asleep = true
	m.mu.Unlock()
	if may := min(wait.left, most); may > 0 {
		left, can := m.host.Yield(may)
		if can {
			most -= may - left
		}
		wait.left, wait.yielded = left, can
	}
	m.host.Sleep(most)
	m.mu.Lock()
	defer m.mu.Unlock()
	roused := !m.asleep
	m.asleep = false
	return roused
}

// onItsWay returns true if the host was asked for a Drain that has not begun yet.
func (m *mailbox) onItsWay() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.woken
}

// next takes the next item out of the mailbox; nil if there is none. If there are more items, it asks for another Drain
// first, because this item may run an event loop of its own (vwait, a call that waits). The other items have to run
// in that loop, and Tcl does not run the event of this Drain again before it has ended.
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

// first takes the first item out, urgent ones before all others; nil if there is none.
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

// take moves all items from queue to taken, so that the lock is taken once for many items. It returns false if there
// are none.
func (m *mailbox) take() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.queue) == 0 {
		return false
	}
	free := m.taken[:0]
	if cap(free) > mostSpare {
		free = nil // there were many items at once, whose memory is given back
	}
	m.taken, m.head, m.queue = m.queue, 0, free
	return true
}

// mostSpare is how many items the queue keeps memory for when it is empty.
const mostSpare = 1 << 14

// extract is Package.Extract.
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

// close drops all items; later ones are refused.
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

// waiting returns how many items have not been run.
func (m *mailbox) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.urgent) + len(m.queue) + len(m.taken) - m.head
}

// Drain runs the items of the mailbox one after the other, and stops when it has worked for the time slice. The host
// calls it, in the interpreter's thread, after Wake, Again or Later.
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
			return // next has asked for another Drain if there is more
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

// arrived begins a Drain: from now on a post asks the host for the next one. It returns false if this Drain has to do
// nothing, because the event loop has to serve other events first.
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

// rest lets the event loop serve timers and files before the next Drain, which Later asks for. If a Drain is in the
// event queue already, it would come before them. So it is counted in stale, and does nothing.
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

// A Source posts items, and holds them back until it is opened. So no callback of a watcher runs before the call
// that made the watcher has returned. Any goroutine may call its methods.
type Source struct {
	mailbox *mailbox
	held    []Item // guarded by mailbox.mu, as is open
	open    bool
}

// NewSource makes a source that is not open yet.
func (p *Package) NewSource() *Source { return &Source{mailbox: &p.mailbox} }

// Post is Package.Post if the source is open, and otherwise keeps the item.
func (s *Source) Post(it Item) {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	if s.open {
		s.mailbox.postLocked(it)
	} else {
		s.held = append(s.held, it)
	}
}

// Open posts the items that were kept, and lets those that come later through.
func (s *Source) Open() {
	s.mailbox.mu.Lock()
	defer s.mailbox.mu.Unlock()
	s.open = true
	for _, it := range s.held {
		s.mailbox.postLocked(it)
	}
	s.held = nil
}
