// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

// Command sanitized is a tclsh with the package nats built in: C Tcl in a Go program. A shared library of
// Go cannot be loaded with the race detector or with AddressSanitizer in it; a program can have them.
// tests/sanitize builds it, and runs the suites in it.
package main

// #cgo LDFLAGS: -ltcl8.6
// #include <stdlib.h>
// void runShell(int argc, char **argv);
import "C"

import (
	"os"
	"runtime"
	"unsafe"

	"natstcl/tclbind"
	"natstcl/tclbind/ctcl"
)

func init() { runtime.LockOSThread() }

// NatsInit is what `load {} Nats` calls: it brings the package into an interpreter.
//
//export NatsInit
func NatsInit(interp unsafe.Pointer) C.int {
	return C.int(ctcl.Init(interp, tclbind.Nats))
}

func main() {
	// Tcl keeps the arguments for as long as it runs, and C owns them.
	argv := unsafe.Slice((**C.char)(C.calloc(C.size_t(len(os.Args)+1), C.size_t(unsafe.Sizeof((*C.char)(nil))))), len(os.Args)+1)
	for i, arg := range os.Args {
		argv[i] = C.CString(arg)
	}
	C.runShell(C.int(len(os.Args)), &argv[0])
}
