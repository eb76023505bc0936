// SPDX-License-Identifier: Apache-2.0

// Package bridge is Go in a Tcl interpreter: what a Tcl package needs whose commands are written
// in Go, and nothing of what it is about. An Extension is the package, a Host is the interpreter,
// and a Package is the one in the other: its commands, the mailbox by which goroutines reach the
// interpreter, the operations that scripts wait for, and the resources that TclOO objects stand on.
package bridge

import (
	"errors"
	"time"
)

// Host is one Tcl interpreter. Packages ctcl (C Tcl) and gotcl (modernc.org/tcl) implement it.
//
// All methods but Wake and Rouse are called in the interpreter's own thread alone, and
// only until Package.Close has returned.
//
// The host turns Go values into Tcl values, in one place: a string becomes a Tcl string, []byte a
// byte array, bool true or false, int, int64 and uint64 integers, json.Number a number as it was
// written, nil "null" inside a dict or list, []string and []any a list, Fields a list of keys and
// values, which is a dict to whoever asks for one, a Record what it writes. A Value is handed on as
// it is.
type Host interface {
	// Define makes the command name (fully qualified). run is called with the
	// arguments, without the command's own name. The values in args are valid
	// until run returns, unless retained. A result of nil is the empty string. The
	// host recovers a panic of run and makes it an error. Extension.CodeOf gives
	// errorCode of an error, except for a ScriptError, which leaves the interpreter's
	// result, errorCode and errorInfo as a script left them.
	Define(name string, run func(args []Value) (any, error))

	// DefineMethod gives a class a public method that is run itself, for one that has to cost less than a method written in
	// Tcl. run is called as that of Define, with the value of the object's variable handle before the arguments. A call
	// with fewer of them than least, or more than most, unless that is -1, is refused as Tcl does: words has their names.
	// noted is Command.Noted, for a Noter.
	DefineMethod(class, name string, least, most int, words string, noted bool, run func(args []Value) (any, error)) error

	// Eval runs a script at global level and returns its error's text as error.
	Eval(script string) error

	// Callback calls prefix, a command prefix, with args appended, at global level,
	// as from an event. An error (also a break, a continue, …) goes to interp
	// bgerror, with its errorInfo. Callback reports whether there was none.
	Callback(prefix Value, args ...any) bool
	// Deliver is Callback with the arguments that a Record writes as a list.
	Deliver(prefix Value, args Record) bool

	// Invoke calls prefix, a command prefix, with args appended, at global level, for its result,
	// which is retained. Errors: a ScriptError, whose errorInfo the interpreter holds until it does something else;
	// ErrBreak.
	Invoke(prefix Value, args ...any) (Value, error)
	// ErrorOptions returns the return options (return(3tcl)) of the error that the interpreter holds, retained.
	ErrorOptions() Value

	// Call calls the command of a fully qualified name with an argument, as Callback does. It is
	// false where there is no such command.
	Call(name, argument string) bool

	// Background reports err to interp bgerror, as Callback does.
	Background(err error)

	// SetVar writes a namespace variable (fully qualified name), traces and all.
	// An error (of a trace, of a namespace that is gone) is returned.
	SetVar(name string, value any) error
	// SetElement writes one element of an array, or makes the array.
	SetElement(array, key string, value any) error
	// UnsetElement removes one element. One that is not there is no error.
	UnsetElement(array, key string) error
	// StoreElement is SetElement for many elements of one array, whose name is a Value: pair
	// writes a list of key and value.
	StoreElement(array Value, pair Record) error

	// Append appends the elements of the list that a Record writes to a list that is the
	// package's own.
	Append(list Value, elements Record)

	// NewValue makes a Tcl value that is retained: for a prefix of the package's own.
	NewValue(v any) Value

	// WaitEvent serves one event, as vwait does, waiting for one where there is
	// none. An error ends the wait that asked for it: canceled, a limit exceeded,
	// or the interpreter deleted.
	WaitEvent() error
	// PollEvent does the same without waiting. It is false where there was no event.
	PollEvent() (bool, error)

	// Yield may be called before Sleep: it has the interpreter's thread let others run, again and again, until Rouse is called,
	// which it leaves for Sleep to see, or the time is over. It returns how much of the time is left, 0 where nobody has
	// called Rouse, which a host may find sooner. can is false, at once, where the host may not do that now.
	Yield(most time.Duration) (left time.Duration, can bool)

	// Sleep waits without serving events until Rouse is called, or the time is over: for a
	// reply that is about to come this is much shorter than an event's way. Any goroutine
	// may call Rouse, but not after Close.
	Sleep(most time.Duration)
	Rouse()

	// Wake makes the interpreter's event loop call Package.Drain soon. Any goroutine
	// may call it; the package calls it once until the next Drain begins, and
	// never after Close.
	Wake()
	// Again does the same from within the interpreter's thread, behind the events
	// that are queued now. It is cheaper: the notifier is awake.
	Again()
	// Later does the same, but lets the event loop look at its timers, files and
	// idle callbacks first.
	Later()

	// Write writes line and a newline to a Tcl channel, and flushes it.
	Write(channel, line string) error
	// ReadFile reads a file by Tcl's rules (~, virtual file systems), and no more than so many bytes of it.
	ReadFile(name string, most int) ([]byte, error)
	// FileName returns the name that the system knows a file by, by Tcl's rules (~).
	FileName(name string) (string, error)
	// Getenv reads env(name) as the script sees it, "" where it is not set.
	Getenv(name string) string
}

// Fields is a dict of Go's: keys with their values, in order.
type Fields interface {
	Len() int
	// At returns the field of a number from 0 on.
	At(i int) (key string, value any)
}

// Record is a value that is made for each message: it writes itself, so that it costs no more
// than its parts.
type Record interface{ WriteTo(w Writer) }

// Writer makes a value of its parts. What is made of a list of names and values is a dict to
// whoever asks for one, and cheaper: Tcl makes the dict when it is asked for.
type Writer interface {
	// List is followed by the n elements.
	List(n int)
	Text(s string)
	Bytes(b []byte)
	Int(n int64)
	Any(v any)
}

// Value is a Tcl value. It belongs to the interpreter's thread.
type Value interface {
	// Text returns the string, as UTF-8 (Tcl's own encoding of NUL and of
	// characters outside the BMP undone).
	Text() string
	// ViewText is Text without a copy: it is valid until the value is used again, and nothing of it is to be kept.
	ViewText() string
	// Bytes returns a copy of the byte array; of a string with characters above 255
	// their low eight bits, as Tcl 8.6 sends them to a binary channel.
	Bytes() []byte
	// View is Bytes without a copy: it is read only, and valid until the value is used again.
	View() []byte
	// Wide tells whether a character is above 255, so that Bytes loses a part of it. It is to be asked
	// before Bytes and View.
	Wide() bool
	// List returns the elements, valid as long as the value itself.
	List() ([]Value, error)
	// Retain returns a value that lives until its Release.
	Retain() Value
	Release()
}

// Given is a Value whose reference goes with it, to whoever gets it.
type Given struct{ Value }

// ScriptError is the error of a script that the host ran for the command, whose
// result and errorInfo the interpreter still holds.
type ScriptError struct{ Text string }

// ErrBreak is a script's way to say that it wants no more.
var ErrBreak = errors.New("invoked \"break\" outside of a loop")

func (e ScriptError) Error() string { return e.Text }
