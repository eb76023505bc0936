// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// wait is one operation of the core that a script waits for. It belongs to the
// interpreter's thread; the core's goroutine only posts its completion.
//
// The script's side is ::nats::core::do (script/core.tcl): the command that begins the operation
// runs in cmdNow, which waits in the event loop, or in cmdParked, after which the coroutine yields
// until it is resumed, and takes the result.
type wait struct {
	id        waitID
	text      string  // the id as the coroutine has it
	coroutine string  // the parked coroutine's command, "" where none is
	end       outcome // nil until it is done
	letGo     func()  // see BeginHolding; nil where nothing is held any more

	// A callback takes the place of whoever waits (Tell). Both are nil where there is none.
	callback Value // retained
	owner    Caller
	canceled func()
}

// outcome is what an operation has come to.
type outcome interface {
	result() (any, error)
	Drop() // ends what the result holds: nobody takes it
}

// waitID is what a command returns that has begun an operation.
type waitID int64

// waitText is an id as scripts have it: nobody resumes a coroutine with it by chance.
func (p *Package) waitText(id waitID) string {
	return p.extension.Name + waitMark + strconv.FormatInt(int64(id), 10)
}

const waitMark = "-wait-"

type waits struct {
	byID map[waitID]*wait
	// holding has the waits that nobody waits for any more, but whose operation still holds values of the script.
	holding map[*wait]struct{}
	last    waitID
	// allowed is true while a command runs that may begin an operation, since its caller waits for the end.
	allowed bool
	served  time.Time // when the event loop last had its turn in a wait
	// yielding is for waits outside coroutines.
	yielding yielding
}

// Begin starts an operation that ends in done, and returns the id of its wait.
// The request is on its way when it returns. finish turns the core's result into
// the script's, in the interpreter's thread. discard is for results that hold
// something: it ends one that nobody waits for any more, and may be called by any
// goroutine.
func Begin[T any](p *Package, start func(done func(T, error)) error, finish func(T) (any, error), discard ...func(T)) (any, error) {
	return BeginHolding(p, nil, start, finish, discard...)
}

// BeginHolding is Begin for an operation that holds values of the script's. letGo is called once, in
// the interpreter's thread, where finish does not take them over: the operation fails, or nobody waits
// for it any more.
func BeginHolding[T any](p *Package, letGo func(), start func(done func(T, error)) error, finish func(T) (any, error), discard ...func(T)) (any, error) {
	w := &wait{letGo: letGo}
	if !p.waits.allowed {
		p.unhold(w)
		return nil, fail(ErrInternal, "this command begins an operation, whose end nobody would wait for: call the object's method")
	}
	p.waits.last++
	w.id = p.waits.last
	p.waits.byID[w.id] = w
	err := start(func(v T, err error) {
		c := &completion[T]{w, v, err, finish, discard}
		post := p.Post
		if err != nil && p.extension.Urgent != nil && p.extension.Urgent(err) {
			post = p.PostUrgent
		}
		if !post(c) {
			c.Drop()
		}
	})
	if err != nil {
		p.forget(w)
		p.unhold(w)
		return nil, err
	}
	p.begun()
	return w.id, nil
}

// forget is the end of a wait that nobody waits for any more, or whose end has come. What its
// operation holds is let go of when that is over.
func (p *Package) forget(w *wait) {
	delete(p.waits.byID, w.id)
	if w.callback != nil {
		w.callback.Release()
		w.callback = nil
	}
	if w.letGo != nil {
		p.waits.holding[w] = struct{}{}
	}
}

// unhold lets go of what the operation holds.
func (p *Package) unhold(w *wait) {
	if letGo := w.letGo; letGo != nil {
		w.letGo = nil
		delete(p.waits.holding, w)
		letGo()
	}
}

// BeginWork is Begin for work that takes its time and has no callback: it runs in a goroutine of its
// own. A panic in it is the operation's error.
func BeginWork[T any](p *Package, work func() (T, error), finish func(T) (any, error), discard ...func(T)) (any, error) {
	return Begin(p, func(done func(T, error)) error {
		go func() {
			var value T
			var err error
			defer func() {
				if r := recover(); r != nil {
					err = p.extension.Panicked(r)
				}
				done(value, err)
			}()
			value, err = work()
		}()
		return nil
	}, finish, discard...)
}

// BeginPlain is Begin for an operation that only succeeds or fails; result is
// what the script gets then.
func BeginPlain(p *Package, result any, start func(done func(error)) error) (any, error) {
	return Begin(p,
		func(done func(struct{}, error)) error {
			return start(func(err error) { done(struct{}{}, err) })
		},
		func(struct{}) (any, error) { return result, nil })
}

// Plain is the finish of an operation whose result needs no translation.
func Plain[T any](v T) (any, error) { return v, nil }

// completion ends a wait, and resumes the coroutine that is parked at it.
type completion[T any] struct {
	wait   *wait
	value  T
	err    error
	finish func(T) (any, error)

	discard []func(T)
}

// Drop may be called by any goroutine.
func (c *completion[T]) Drop() {
	if c.err == nil {
		for _, discard := range c.discard {
			discard(c.value)
		}
	}
}

func (c *completion[T]) Run(p *Package) {
	w := c.wait
	if p.waits.byID[w.id] != w {
		c.Drop() // nobody waits
		p.unhold(w)
		return
	}
	w.end = c
	if w.callback != nil {
		p.tell(w)
		return
	}
	if w.coroutine == "" {
		return
	}
	coroutine := w.coroutine
	w.coroutine = ""
	if !p.Host.Call(coroutine, w.text) && !p.closed {
		p.forget(w)
		c.Drop()
		p.unhold(w)
		p.Host.Background(fail(ErrInvalidCoroutine, "Invalid coroutine "+coroutine))
	}
}

func (c *completion[T]) result() (any, error) {
	if c.err != nil {
		return nil, c.err
	}
	return c.finish(c.value)
}

// Caller is a resource that knows of the callbacks that run because of it.
type Caller interface {
	Resource
	// Call is Host.Callback.
	Call(p *Package, callback Value, args ...any)
}

// Tell lets a callback have the end of the operation that a command has begun, in place of a script that waits for
// it: id is what Begin returned. The callback is called once as `cmd error result`: error is empty, or a dict of code
// and errorMessage, and then result is empty. It is not called once owner is released, or the operation forgotten.
// Tell returns the operation's number, which Forget takes; canceled, if it is not nil, is called then.
func (p *Package) Tell(id any, owner Caller, callback Value, canceled func()) (any, error) {
	number, ok := id.(waitID)
	if !ok {
		return nil, fail(ErrInternal, "nothing has begun")
	}
	w := p.waits.byID[number]
	w.callback, w.owner, w.canceled = callback.Retain(), owner, canceled
	return int64(number), nil
}

// Forget takes the callback of an operation back; what was begun goes on, unless it can be canceled. It is false where
// there is no such operation any more.
func (p *Package) Forget(number int64) bool {
	w := p.waits.byID[waitID(number)]
	if w == nil || w.callback == nil {
		return false
	}
	p.forget(w)
	if w.canceled != nil {
		w.canceled()
	}
	return true
}

// tell is the end of an operation with a callback.
func (p *Package) tell(w *wait) {
	callback := w.callback
	w.callback = nil
	defer callback.Release()
	if !p.Alive(w.owner) {
		p.forget(w)
		w.end.Drop()
		p.unhold(w)
		return
	}
	result, err := p.outcome(w)
	if err = p.Keep(err); err != nil {
		w.owner.Call(p, callback, ErrorDict(p.extension.CodeOf(err), err.Error()), "")
		return
	}
	if result == nil {
		result = ""
	}
	w.owner.Call(p, callback, "", result)
}

// ErrorDict is an error as callbacks and public variables have it: a dict of code, an errorCode, and errorMessage.
func ErrorDict(code []string, text string) any {
	return errorDict{code, text}
}

type errorDict struct {
	code []string
	text string
}

func (errorDict) Len() int { return 2 }

func (d errorDict) At(i int) (string, any) {
	if i == 0 {
		return "code", d.code
	}
	return "errorMessage", d.text
}

// outcome ends the wait's life.
func (p *Package) outcome(w *wait) (any, error) {
	p.forget(w)
	result, err := w.end.result()
	if err != nil {
		p.unhold(w)
		return nil, err
	}
	delete(p.waits.holding, w) // they are the result's
	return result, nil
}

func (p *Package) waitOf(v Value) (*wait, error) {
	text, ours := strings.CutPrefix(v.Text(), p.extension.Name+waitMark)
	id, err := strconv.ParseInt(text, 10, 64)
	w := p.waits.byID[waitID(id)]
	if !ours || err != nil || w == nil {
		return nil, fail(ErrInternal, "no such wait "+v.Text())
	}
	return w, nil
}

// command runs the command of that name; w is nil where it has not begun an operation.
func (p *Package) command(name Value, args []Value) (w *wait, result any, err error) {
	run := p.commands[name.ViewText()]
	if run == nil {
		return nil, nil, fail(ErrInternal, "no such command "+name.Text())
	}
	before := p.waits.allowed
	p.waits.allowed = true
	defer func() { p.waits.allowed = before }()
	if result, err = run(args); err != nil {
		return nil, nil, err
	}
	if id, ok := result.(waitID); ok {
		return p.waits.byID[id], nil, nil
	}
	return nil, result, nil
}

// fromOutside is a command as a script calls it: nobody would wait for the end of an operation.
func (p *Package) fromOutside(run func([]Value) (any, error)) func([]Value) (any, error) {
	return func(args []Value) (any, error) {
		if p.closed {
			return nil, p.Gone()
		}
		if !p.speaking.Load() {
			p.speaking.Store(true)
		}
		before := p.waits.allowed
		p.waits.allowed = false
		defer func() { p.waits.allowed = before }()
		return run(args)
	}
}

// cmdNow runs a command, and serves events, as vwait does, until the operation that it has
// begun is done.
func cmdNow(p *Package, args []Value) (any, error) {
	w, result, err := p.command(args[0], args[1:])
	if w == nil {
		return result, err
	}
	return p.await(w)
}

// cmdParked runs a command in a coroutine, which is resumed when the operation that it has
// begun is done. The result is a list of the wait's id; or of an empty text and the result, where there
// is nothing to wait for.
func cmdParked(p *Package, args []Value) (any, error) {
	w, result, err := p.command(args[1], args[2:])
	if err == nil && w != nil && w.end != nil { // the command has run a script that has served events
		result, err = p.outcome(w)
		w = nil
	}
	if err != nil {
		return nil, err
	}
	if w == nil {
		if result == nil {
			result = ""
		}
		return []any{"", result}, nil
	}
	w.coroutine = args[0].Text()
	w.text = p.waitText(w.id)
	return []string{w.text}, nil
}

// cmdStart runs a command, and nobody waits for the end of the operation that it has begun.
func cmdStart(p *Package, args []Value) (any, error) {
	w, result, err := p.command(args[0], args[1:])
	if w != nil {
		p.forget(w)
	}
	return result, err
}

// cmdWait is for a coroutine that is parked, and cannot yield.
func cmdWait(p *Package, args []Value) (any, error) {
	w, err := p.waitOf(args[0])
	if err != nil {
		return nil, err
	}
	return p.await(w)
}

func (p *Package) await(w *wait) (any, error) {
	w.coroutine = ""
	p.sendGathered()
	yields := p.waits.yielding.begin()
	for w.end == nil {
		err := p.waitEvent(&yields)
		if p.closed {
			return nil, cmp.Or(err, p.Gone())
		}
		if err != nil {
			p.forget(w)
			if w.end != nil { // it came in the same event
				w.end.Drop()
				p.unhold(w)
			}
			return nil, err
		}
	}
	p.waits.yielding.end(yields)
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
func (p *Package) waitEvent(w *budget) error {
	overdue := time.Since(p.waits.served) > fairness
	if !overdue && p.mailbox.sleep(nap, w) {
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
		return p.Host.WaitEvent()
	}
	w.left = 0 // what comes from here on comes late
	err := p.Host.WaitEvent()
	p.waits.served = time.Now()
	return err
}

// pollEvents serves a few events that are there: ours, timers and files. With natsh a file is
// seen some turns later than a timer.
func (p *Package) pollEvents() error {
	for range 8 {
		served, err := p.Host.PollEvent()
		if !served || err != nil || p.closed {
			return err
		}
	}
	return nil
}

func cmdTake(p *Package, args []Value) (any, error) {
	w, err := p.waitOf(args[0])
	if err != nil {
		return nil, err
	}
	if w.end == nil {
		return nil, fail(ErrInternal, "nothing has come for "+args[0].Text())
	}
	return p.outcome(w)
}

// abandonWaits lets go of all waits: nobody can be resumed in a closed package.
func (p *Package) abandonWaits() {
	for _, w := range p.waits.byID {
		p.forget(w)
		if w.end != nil {
			w.end.Drop()
		}
	}
	for w := range p.waits.holding {
		p.unhold(w)
	}
}
