package tclbind

import (
	"errors"
	"strings"
	"sync"
)

// textValue is a Tcl value in a test: its text; a list is split at blanks.
type textValue string

func (v textValue) Text() string  { return string(v) }
func (v textValue) Bytes() []byte { return []byte(v) }
func (v textValue) View() []byte  { return []byte(v) }
func (v textValue) Retain() Value { return v }
func (v textValue) Release()      {}

func (v textValue) List() ([]Value, error) {
	if strings.Contains(string(v), "{") {
		return nil, errors.New("unmatched open brace in list")
	}
	return values(strings.Fields(string(v))...), nil
}

func values(texts ...string) []Value {
	out := make([]Value, len(texts))
	for i, t := range texts {
		out[i] = textValue(t)
	}
	return out
}

// loop is an event loop in a test: Drains that were asked for, in the order in
// which a Tcl notifier would bring them.
type loop struct {
	Host // what a test does not need is not there

	mu     sync.Mutex
	queue  int // Wake and Again
	timers int // Later
}

func (l *loop) add(n *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*n++
}

func (l *loop) Wake()  { l.add(&l.queue) }
func (l *loop) Again() { l.add(&l.queue) }
func (l *loop) Later() { l.add(&l.timers) }

// one serves one event: of the queue, or where that is empty a timer.
func (l *loop) one(p *Package) (timer, ok bool) {
	l.mu.Lock()
	switch {
	case l.queue > 0:
		l.queue--
	case l.timers > 0:
		l.timers--
		timer = true
	default:
		l.mu.Unlock()
		return false, false
	}
	l.mu.Unlock()
	p.Drain()
	return timer, true
}

func newLoop() (*loop, *Package) {
	l := &loop{}
	p := &Package{host: l, ended: make(chan struct{})}
	p.mailbox.host = l
	p.handles.byID = map[int64]resource{}
	p.waits.byID = map[waitID]*wait{}
	return l, p
}
