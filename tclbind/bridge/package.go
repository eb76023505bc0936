// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Extension is a Tcl package whose commands are written in Go: what a host brings into an
// interpreter.
type Extension struct {
	Name, Version string // of the Tcl package, for package require
	// Namespace is that of the commands, from the global one on, and ends in "::". The commands
	// are internal: what scripts may call is what the classes offer.
	Namespace string
	Commands  []Command
	// Scripts are read from Files in this order, when the commands are there.
	Scripts []string
	Files   fs.FS
	// Urgent tells whether an error is that of a deadline: whoever waits hears of it before all else that
	// has come for the script. It may be called by any goroutine. nil: none is.
	Urgent func(error) bool
	// ErrorCode is the errorCode with which an error is thrown that is none of Tcl's own (a
	// TclError). It is also asked for this package's own, a Fault.
	ErrorCode func(error) []string
	// Failing is called in the interpreter's thread before a command's error is thrown: what it tells of may have to be
	// seen first. nil: nothing has.
	Failing func(*Package, error)
}

// Trace is the line of errorInfo that says that an error came out of a callback, with the line break before it.
func (x *Extension) Trace() string { return "\n    (" + x.Name + " callback)" }

// Command is one internal command.
type Command struct {
	Name string // without the namespace
	// Usage names the arguments, with blanks between them: a name with a leading ? is optional,
	// and a last one of "args" takes the rest.
	Usage string
	Run   func(p *Package, args []Value) (any, error)
	// Method is the class of which this is a method, and no command of the namespace; "" for all that need not be as
	// cheap. The first argument is the handle of the object.
	Method string
	// Noted tells that a host may take down calls of the method, and make them later (Noter).
	Noted bool
}

// Package is an Extension in one interpreter. Its methods belong to the
// interpreter's thread; other goroutines reach it through its mailbox alone (Post).
type Package struct {
	Host Host

	noter     Noter // the same; nil: it is none
	extension *Extension
	mailbox   mailbox
	handles   handles
	waits     waits
	// Those of the extension, by the names that they have in its namespace: for now, parked and start, which
	// were called from outside, and run another one.
	commands  map[string]func([]Value) (any, error)
	words     map[string]Value
	gatherers []*func()
	speaking  atomic.Bool // see Speaking
	holders   []*func()
	closed    bool
	late      late
	ended     chan struct{} // closed with the package, for goroutines that asked it something
}

func newPackage(host Host, x *Extension) *Package {
	p := &Package{
		Host: host, extension: x,
		commands: map[string]func([]Value) (any, error){}, words: map[string]Value{}, ended: make(chan struct{}),
	}
	p.mailbox.host = host
	p.noter, _ = host.(Noter)
	p.handles.byID = map[int64]Resource{}
	p.waits.byID, p.waits.holding = map[waitID]*wait{}, map[*wait]struct{}{}
	return p
}

// Attach brings an extension to life in the host's interpreter: it defines the internal
// commands and the classes, and provides the Tcl package. The variable version of its namespace
// says that all of that is there.
func Attach(host Host, x *Extension) (*Package, error) {
	p := newPackage(host, x)
	if err := host.Eval("namespace eval " + strings.TrimSuffix(x.Namespace, "::") + " {}"); err != nil {
		return nil, err
	}
	for _, c := range ownCommands {
		host.Define(x.Namespace+c.Name, p.fromOutside(p.checked(c)))
	}
	for _, c := range x.Commands {
		if c.Method != "" {
			continue // when the class is there
		}
		run := p.checked(c)
		p.commands[c.Name] = run
		host.Define(x.Namespace+c.Name, p.fromOutside(run))
	}
	for _, name := range x.Scripts {
		text, err := fs.ReadFile(x.Files, name)
		if err != nil {
			return nil, err
		}
		if err := host.Eval(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, c := range x.Commands {
		if c.Method != "" {
			least, most, words := argumentsOf(strings.Fields(c.Usage)[1:])
			if err := host.DefineMethod(c.Method, c.Name, least, most, words, c.Noted, p.fromOutside(p.running(c))); err != nil {
				return nil, err
			}
		}
	}
	if err := host.Eval("set " + x.Namespace + "version " + x.Version + "; package provide " + x.Name + " " + x.Version); err != nil {
		return nil, err
	}
	return p, nil
}

// checked is a command that looks at the number of its arguments first.
func (p *Package) checked(c Command) func([]Value) (any, error) {
	least, most, words := argumentsOf(strings.Fields(c.Usage))
	run := p.running(c)
	return func(args []Value) (any, error) {
		if len(args) < least || most >= 0 && len(args) > most {
			return nil, wrongArgs(p.extension.Namespace+c.Name, words)
		}
		return run(args)
	}
}

// running is a command whose arguments are as many as it wants. A method's are counted by the host.
func (p *Package) running(c Command) func([]Value) (any, error) {
	return func(args []Value) (any, error) {
		result, err := c.Run(p, args)
		if err != nil && p.extension.Failing != nil && !p.closed {
			p.extension.Failing(p, err)
		}
		return result, err
	}
}

// argumentsOf returns how many arguments a usage wants, -1 for any number above the least, and its words as Tcl shows them.
func argumentsOf(usage []string) (least, most int, words string) {
	least, most = len(usage), len(usage)
	shown := make([]string, len(usage))
	for i, name := range usage {
		shown[i] = name
		if name[0] == '?' {
			least = min(least, i)
			shown[i] += "?"
		}
		if name == "args" {
			least, most = min(least, i), -1
			shown[i] = "?arg ...?"
		}
	}
	return least, most, strings.Join(shown, " ")
}

// Close ends all that lives in this interpreter: resources, youngest first, and waits. No
// callback starts after it. It may be called more than once.
func (p *Package) Close() {
	if p.closed {
		return
	}
	p.TakeNotes()
	p.closed = true
	close(p.ended)
	p.mailbox.close()
	p.releaseAll()
	p.AwaitLate()
	p.abandonWaits()
	for _, word := range p.words {
		word.Release()
	}
}

// Closed tells whether Close was called: a callback may have ended the interpreter.
func (p *Package) Closed() bool { return p.closed }

// Ended is closed with the package: for a goroutine that asked the script something.
func (p *Package) Ended() <-chan struct{} { return p.ended }

// Word returns a value that is made once for an interpreter, and shared by all that write
// it: for the names of fields. It lives as long as the package.
func (p *Package) Word(text string) Value {
	word, ok := p.words[text]
	if !ok {
		word = p.Host.NewValue(text)
		p.words[text] = word
	}
	return word
}

// OnGathered has f send what it has gathered whenever the script is about to wait, and when the
// events that were there are served. remove ends that.
func (p *Package) OnGathered(f func()) (remove func()) { return register(&p.gatherers, f) }

func (p *Package) sendGathered() {
	p.speaking.Store(false)
	callAll(p.gatherers)
}

// Speaking is true from a script's call of a command on, and false when what it has said is sent (OnGathered): what
// others say then, for a script that waits, has nothing to wait for. Any goroutine may read it.
func (p *Package) Speaking() *atomic.Bool { return &p.speaking }

// OnBegun has f called whenever an operation was begun: it may hold up a script that begins more of
// them than the other side takes. remove ends that.
func (p *Package) OnBegun(f func()) (remove func()) { return register(&p.holders, f) }

func (p *Package) begun() { callAll(p.holders) }

func register(list *[]*func(), f func()) (remove func()) {
	*list = append(*list, &f)
	return func() {
		*list = slices.DeleteFunc(*list, func(other *func()) bool { return other == &f })
	}
}

func callAll(list []*func()) {
	for _, f := range list {
		(*f)()
	}
}

// Guarded runs f, and keeps a panic in it from ending the process: for goroutines and timers, where no host
// does that.
func (p *Package) Guarded(f func()) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(os.Stderr, "%s: panic: %v\n%s", p.extension.Name, r, debug.Stack())
		}
	}()
	f()
}

// After is time.AfterFunc, guarded.
func (p *Package) After(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { p.Guarded(f) })
}

// Report sends what went wrong in an event to interp bgerror.
func (p *Package) Report(err error) {
	if err != nil && !p.closed {
		p.Host.Background(err)
	}
}

// ownCommands are those that the classes of every extension stand on.
var ownCommands = []Command{
	{Name: "now", Usage: "command args", Run: cmdNow},
	{Name: "parked", Usage: "coroutine command args", Run: cmdParked},
	{Name: "start", Usage: "command args", Run: cmdStart},
	{Name: "wait", Usage: "id", Run: cmdWait},
	{Name: "take", Usage: "id", Run: cmdTake},
	{Name: "bind", Usage: "handle namespace", Run: On(cmdBind)},
	{Name: "children", Usage: "handle", Run: On(cmdChildren)},
	{Name: "release", Usage: "handle", Run: On(cmdRelease)},
	{Name: "open", Usage: "handle", Run: On(cmdOpen)},
	{Name: "panic", Usage: "text", Run: cmdPanic},
}

// cmdPanic panics: a fault in the core must reach the script as an error, and
// this is how that is tried.
func cmdPanic(_ *Package, args []Value) (any, error) {
	panic(args[0].Text())
}
