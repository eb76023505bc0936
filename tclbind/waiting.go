package tclbind

import (
	"time"

	"natstcl/kv/wire"
)

// wait is one operation of the core that a script waits for. It belongs to the
// interpreter's thread; the core's goroutine only posts its completion.
//
// The script's side is ::nats::core::await (script/core.tcl): it gets the id
// from the command that began the operation, waits in its coroutine or in the
// event loop, and takes the result.
type wait struct {
	id        int64
	coroutine string // the parked coroutine's command, "" where none is
	done      bool
	result    any
	err       error
}

type waits struct {
	byID   map[int64]*wait
	last   int64
	served time.Time // when the event loop last had its turn in a wait
}

// begin starts an operation that ends in done, and returns the id of its wait.
// The request is on its way when it returns. finish turns the core's result into
// the script's, in the interpreter's thread. discard is for results that hold
// something: it ends one that nobody waits for any more, and may be called by any
// goroutine.
func begin[T any](p *Package, start func(done func(T, error)) error, finish func(T) (any, error), discard ...func(T)) (any, error) {
	p.waits.last++
	w := &wait{id: p.waits.last}
	p.waits.byID[w.id] = w
	err := start(func(v T, err error) {
		c := &completion[T]{w, v, err, finish, discard}
		if !p.mailbox.post(c) {
			c.drop()
		}
	})
	if err != nil {
		delete(p.waits.byID, w.id)
		return nil, err
	}
	return w.id, nil
}

// beginPlain is begin for an operation that only succeeds or fails; result is
// what the script gets then.
func beginPlain(p *Package, result any, start func(done func(error)) error) (any, error) {
	return begin(p,
		func(done func(struct{}, error)) error {
			return start(func(err error) { done(struct{}{}, err) })
		},
		func(struct{}) (any, error) { return result, nil })
}

// plain is the finish of an operation whose result needs no translation.
func plain[T any](v T) (any, error) { return v, nil }

// completion ends a wait, and resumes the coroutine that is parked at it.
type completion[T any] struct {
	wait   *wait
	value  T
	err    error
	finish func(T) (any, error)

	discard []func(T)
}

func (c *completion[T]) drop() {
	if c.err == nil {
		for _, discard := range c.discard {
			discard(c.value)
		}
	}
}

func (c *completion[T]) run(p *Package) {
	w := c.wait
	if p.waits.byID[w.id] != w {
		c.drop()
		return
	}
	if w.coroutine != "" && !p.host.HasCommand(w.coroutine) {
		delete(p.waits.byID, w.id)
		c.drop()
		p.host.Background(wire.Fail("ErrInvalidCoroutine", "Invalid coroutine "+w.coroutine))
		return
	}
	w.done, w.err = true, c.err
	if w.err == nil {
		w.result, w.err = c.finish(c.value)
	}
	if w.coroutine == "" {
		return
	}
	resume := p.host.NewValue([]string{w.coroutine})
	w.coroutine = ""
	p.host.Callback(resume)
	resume.Release()
}

// outcome ends the wait's life.
func (p *Package) outcome(w *wait) (any, error) {
	delete(p.waits.byID, w.id)
	return w.result, w.err
}

func (p *Package) waitOf(v Value) (*wait, error) {
	id, err := integer(v)
	if err != nil {
		return nil, err
	}
	if w := p.waits.byID[id]; w != nil {
		return w, nil
	}
	return nil, wire.Fail("ErrInternal", "no such wait "+v.Text())
}

// cmdWait serves events, as vwait does, until the operation is done.
func cmdWait(p *Package, args []Value) (any, error) {
	w, err := p.waitOf(args[0])
	if err != nil {
		return nil, err
	}
	w.coroutine = ""
	p.flush()
	for !w.done {
		if err := p.waitEvent(); err != nil {
			delete(p.waits.byID, w.id)
			return nil, err
		}
		if p.closed {
			return nil, errClosed
		}
	}
	return p.outcome(w)
}

const (
	// nap is how long a reply is waited for before the event loop is entered: most come in a
	// fraction of that.
	nap = time.Millisecond
	// fairness is how long a script that only makes synchronous calls may keep its timers and
	// files waiting.
	fairness = 5 * time.Millisecond
)

// waitEvent serves what comes next: what is posted, or an event.
func (p *Package) waitEvent() error {
	overdue := time.Since(p.waits.served) > fairness
	if !overdue && p.mailbox.sleep(nap) {
		p.Drain()
		return nil
	}
	if p.mailbox.onItsWay() {
		// Its event comes before timers and files, and if they had no turn for long would so
		// again and again.
		if overdue {
			p.waits.served = time.Now()
			return p.pollEvents()
		}
		return p.host.WaitEvent()
	}
	err := p.host.WaitEvent()
	p.waits.served = time.Now()
	return err
}

// pollEvents serves a few events that are there: ours, timers and a file.
func (p *Package) pollEvents() error {
	for range 3 {
		served, err := p.host.PollEvent()
		if !served || err != nil || p.closed {
			return err
		}
	}
	return nil
}

// cmdPark leaves the coroutine's name, to be resumed when the operation is done;
// true says that it is done already.
func cmdPark(p *Package, args []Value) (any, error) {
	w, err := p.waitOf(args[0])
	if err != nil {
		return nil, err
	}
	if !w.done {
		w.coroutine = args[1].Text()
	}
	return w.done, nil
}

func cmdTake(p *Package, args []Value) (any, error) {
	w, err := p.waitOf(args[0])
	if err != nil {
		return nil, err
	}
	return p.outcome(w)
}

// cmdForget is for an operation whose end nobody waits for.
func cmdForget(p *Package, args []Value) (any, error) {
	w, err := p.waitOf(args[0])
	if err == nil {
		delete(p.waits.byID, w.id)
	}
	return nil, err
}

// abandon lets go of all waits: nobody can be resumed in a closed package.
func (w *waits) abandon() { clear(w.byID) }
