// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

// The C entry points of the Tcl package nats, for -buildmode=c-shared.
package main

// #include <tcl.h>
import "C"

import (
	"unsafe"

	"natstcl/tclbind"
	"natstcl/tclbind/ctcl"
)

// Nats_Init is what load calls: it brings the package into an interpreter.
//
//export Nats_Init
func Nats_Init(interp *C.Tcl_Interp) C.int {
	return C.int(ctcl.Init(unsafe.Pointer(interp), tclbind.Nats))
}

func main() {}
