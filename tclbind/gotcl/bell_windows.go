// SPDX-License-Identifier: Apache-2.0

package gotcl

import "modernc.org/libc"

// bell is for a Tcl without threads on Unix. On Windows Tcl_ThreadAlert wakes by a message to Tcl's window.
type bell struct{}

var theBell bell

func (bell) hang(*libc.TLS) error { return nil }

func (bell) ring(uintptr) {}
