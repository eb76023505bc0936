// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package gotcl

// stay does nothing where Tcl's threads are what modernc.org/libc counts, whichever thread of the system Go runs
// them on.
func stay() {}
