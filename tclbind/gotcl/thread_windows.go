// SPDX-License-Identifier: Apache-2.0

package gotcl

import "runtime"

// stay keeps the goroutine that makes an interpreter on its thread. modernc.org/tcl v1.15.2 asks Windows
// for the number of the thread (GetCurrentThreadId) wherever it wants to know its own. Once Go had moved the
// goroutine to another one, what is queued for the interpreter (Tcl_ThreadQueueEvent) found nobody of that
// number, and was dropped: a call that waited for it waited for ever.
func stay() { runtime.LockOSThread() }
