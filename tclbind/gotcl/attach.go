// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"fmt"
	"strings"
	"sync"

	"modernc.org/libc"
	"modernc.org/tcl"
	lib "modernc.org/tcl/lib"
	"natstcl/tclbind/bridge"
)

// Attach makes `package require` of an extension work in an interpreter: x is tclbind.Nats, for
// `package require nats`, or an extension of the program's own. It may be called by the
// goroutine alone that runs the interpreter, as everything with one; callbacks come when
// that one serves events (vwait, update). The package ends with the interpreter.
//
// The interpreter has to have its Tcl library (see Library). In interpreters that it makes
// with interp create, `load {} Nats` brings the package.
func Attach(in *tcl.Interp, x *bridge.Extension) error {
	offer(in.TLS(), x)
	h := &host{x: x, tls: in.TLS(), interp: in.Handle()}
	if err := h.Eval(ifNeeded(x)); err != nil {
		return fmt.Errorf("gotcl: %w", err)
	}
	return nil
}

// ifNeeded is the script that tells Tcl how to load the package. After package forget it is there
// still, and load would do nothing a second time.
func ifNeeded(x *bridge.Extension) string {
	return "package ifneeded " + x.Name + " " + x.Version + " {\n" +
		"    if {[interp issafe]} {\n" +
		"        error \"A safe interpreter does not get the package " + x.Name + ".\"\n" +
		"    } elseif {[info exists " + x.Namespace + "version]} {\n" +
		"        package provide " + x.Name + " $" + x.Namespace + "version\n" +
		"    } else {\n" +
		"        load {} " + prefix(x) + "\n" +
		"    }\n" +
		"}"
}

// prefix is the name by which load knows the package: Tcl wants the first letter alone to be upper case.
func prefix(x *bridge.Extension) string {
	return strings.ToUpper(x.Name[:1]) + strings.ToLower(x.Name[1:])
}

// offered are the initializations that the library knows, by their prefixes: it holds no
// reference to a Go function that the garbage collector would see.
var offered = struct {
	sync.Mutex
	loads map[string]*func(*libc.TLS, uintptr) int32
}{loads: map[string]*func(*libc.TLS, uintptr) int32{}}

// offer makes the package a static one of the process. It is loaded when it is asked for:
// its start costs a few milliseconds, which scripts without it need not spend.
func offer(tls *libc.TLS, x *bridge.Extension) {
	offered.Lock()
	defer offered.Unlock()
	if offered.loads[prefix(x)] != nil {
		return
	}
	load := func(tls *libc.TLS, interp uintptr) int32 {
		if err := attach(tls, interp, x); err != nil {
			(&host{x: x, tls: tls, interp: interp}).throw(err)
			return lib.TCL_ERROR
		}
		return lib.TCL_OK
	}
	offered.loads[prefix(x)] = &load
	name, _ := cString(tls, prefix(x)) // the library keeps it
	lib.XTcl_StaticPackage(tls, 0, name, procedure(load), 0)
}
