package gotcl

import (
	"fmt"
	"sync"

	"modernc.org/libc"
	"modernc.org/tcl"
	lib "modernc.org/tcl/lib"
	"natstcl/tclbind"
)

// Attach makes `package require nats` work in an interpreter. It may be called by the
// goroutine alone that runs the interpreter, as everything with one; callbacks come when
// that one serves events (vwait, update). The package ends with the interpreter.
//
// The interpreter has to have its Tcl library (see Library). In interpreters that it makes
// with interp create, `load {} Nats` brings the package.
func Attach(in *tcl.Interp) error {
	offer(in.TLS())
	h := &host{tls: in.TLS(), interp: in.Handle()}
	if err := h.Eval("package ifneeded nats " + tclbind.Version + " {load {} Nats}"); err != nil {
		return fmt.Errorf("gotcl: %w", err)
	}
	return nil
}

var offered sync.Once

// offer makes the package a static one of the process. It is loaded when it is asked for:
// its start costs a few milliseconds, which scripts without it need not spend.
func offer(tls *libc.TLS) {
	offered.Do(func() {
		name, _ := cString(tls, "Nats") // the library keeps it
		lib.XTcl_StaticPackage(tls, 0, name, procedure(load), 0)
	})
}

// load is the package's initialization in one interpreter.
func load(tls *libc.TLS, interp uintptr) int32 {
	if err := attach(tls, interp); err != nil {
		(&host{tls: tls, interp: interp}).throw(err)
		return lib.TCL_ERROR
	}
	return lib.TCL_OK
}
