// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"time"

	"modernc.org/libc"
	lib "modernc.org/tcl/lib"
)

// The clock that modernc.org/tcl v1.15.2 has on Windows begins at 1970, and leaps by many years
// when it is first adjusted, a second or so after the start: a timer that was set before is due
// in years, and vwait hangs. Tcl takes another clock (Tcl_SetTimeProc): that of Go.
func init() {
	tls := libc.NewTLS()
	defer tls.Close()
	lib.XTcl_SetTimeProc(tls, procedure(getTime), procedure(scaleTime), 0)
}

func getTime(_ *libc.TLS, t uintptr, _ lib.ClientData) {
	now := time.Now()
	*at[lib.Tcl_Time](t) = lib.Tcl_Time{Fsec: int32(now.Unix()), Fusec: int32(now.Nanosecond() / 1000)}
}

// scaleTime has nothing to do: Tcl's seconds are as long as everybody's.
func scaleTime(*libc.TLS, uintptr, lib.ClientData) {}
