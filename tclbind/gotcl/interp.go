// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/tcl"
	lib "modernc.org/tcl/lib"
	"natstcl/tclbind/bridge"
)

// Interp is an interpreter that is ready for use: with its Tcl library, and with an extension to
// be required. It is used by one goroutine at a time, but for Post.
type Interp struct {
	in *tcl.Interp
	h  *host
}

// starting is held while an interpreter is made: it is told of its library by a variable of
// the process's environment.
var starting sync.Mutex

// NewInterp makes one. executable is what info nameofexecutable tells, an absolute path; x is
// tclbind.Nats, or an extension of the program's own.
// Unless TCL_LIBRARY is set, Library is used; processes that scripts start do not inherit
// that. Any goroutine may call it, at any time; on Windows it is locked to its thread from then on. Where Tcl has no
// threads (Linux on arm64, macOS) one goroutine at a time may use any interpreter of the process.
func NewInterp(executable string, x *bridge.Extension) (*Interp, error) {
	const variable = "TCL_LIBRARY"
	starting.Lock()
	defer starting.Unlock()
	stay()
	_, given := os.LookupEnv(variable)
	if !given {
		dir, err := Library(x)
		if err != nil {
			return nil, err
		}
		os.Setenv(variable, dir)
		defer os.Unsetenv(variable)
	}
	// Before the first interpreter: it finds out the system's encoding, too.
	tls := libc.NewTLS()
	defer tls.Close()
	p, free := cString(tls, executable)
	defer free()
	lib.XTcl_FindExecutable(tls, p)
	if !given {
		// For interpreters that scripts make, which will not see the variable.
		command := valueOf(tls, newObj(tls, []string{"set", "tcl_library", os.Getenv(variable)})).Retain()
		script, _ := cString(tls, command.Text()) // Tcl keeps it
		command.Release()
		lib.XTclSetPreInitScript(tls, script)
	}

	in, err := tcl.NewInterp()
	if err != nil {
		return nil, err
	}
	thread, err := currentThread(in.TLS())
	if err != nil {
		return nil, err
	}
	i := &Interp{in, &host{x: x, tls: in.TLS(), interp: in.Handle(), thread: thread, waker: libc.NewTLS()}}
	if lib.XTcl_Init(in.TLS(), in.Handle()) != lib.TCL_OK {
		return nil, fmt.Errorf("Tcl does not start: %w", i.h.scriptError())
	}
	if !given {
		if err := i.Eval("unset -nocomplain ::env(" + variable + ")"); err != nil {
			return nil, err
		}
	}
	return i, Attach(in, x)
}

// Tcl is the interpreter as modernc.org/tcl has it.
func (i *Interp) Tcl() *tcl.Interp { return i.in }

// Eval runs a script at global level. The error's text is the script's.
func (i *Interp) Eval(script string) error { return i.h.Eval(script) }

// EvalFile runs a file at global level, as source does, with info script set. encoding may
// be empty: the system's.
func (i *Interp) EvalFile(name, encoding string) error {
	h := i.h
	path := valueOf(h.tls, newText(h.tls, name)).Retain().(value)
	defer path.Release()
	var p uintptr
	if encoding != "" {
		var free func()
		p, free = cString(h.tls, encoding)
		defer free()
	}
	if lib.XTcl_FSEvalFileEx(h.tls, h.interp, path.obj, p) != lib.TCL_OK {
		return h.scriptError()
	}
	return nil
}

// SetVar writes a variable, by its fully qualified name.
func (i *Interp) SetVar(name string, v any) error { return i.h.SetVar(name, v) }

// Define makes a command of a Go function. Its error is thrown with errorCode NONE.
func (i *Interp) Define(name string, run func(args []string) (any, error)) {
	i.h.Define(name, func(args []bridge.Value) (any, error) {
		texts := make([]string, len(args))
		for n, a := range args {
			texts[n] = a.Text()
		}
		result, err := run(texts)
		if err != nil {
			err = &bridge.TclError{Code: []string{"NONE"}, Text: err.Error()}
		}
		return result, err
	})
}

// Exit ends the process as the command exit does, exit handlers and all.
func (i *Interp) Exit(code int) { lib.XTcl_Exit(i.h.tls, int32(code)) }

// Close deletes the interpreter. Nothing may be posted to it any more.
func (i *Interp) Close() {
	i.in.MustClose()
	i.h.waking.Lock()
	defer i.h.waking.Unlock()
	i.h.waker.Close()
}

// posted are functions on their way to their interpreters.
var posted registry

var postedP = procedure(runPosted)

// logEventPanic is deferred by what Tcl calls for no interpreter's package.
func logEventPanic() {
	if r := recover(); r != nil {
		fmt.Fprintf(os.Stderr, "panic in an event: %v\n%s", r, debug.Stack())
	}
}

func runPosted(_ *libc.TLS, event uintptr, _ int32) int32 {
	defer logEventPanic()
	id := at[wakeEvent](event).owner
	f, ok := posted.get(id).(func())
	posted.remove(id)
	if ok {
		f()
	}
	return 1
}

// Post has f called by the goroutine of the interpreter, when that serves events. Any
// goroutine may call it while the interpreter lives.
func (i *Interp) Post(f func()) {
	h := i.h
	h.waking.Lock()
	defer h.waking.Unlock()
	p := lib.XTcl_Alloc(h.waker, uint32(unsafe.Sizeof(wakeEvent{})))
	*at[wakeEvent](p) = wakeEvent{header: lib.Tcl_Event{Fproc: postedP}, owner: posted.add(f)}
	h.queue(p)
}
