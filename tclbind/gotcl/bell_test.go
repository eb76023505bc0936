// SPDX-License-Identifier: Apache-2.0

//go:build unix

package gotcl

import (
	"testing"
	"time"

	"natstcl/tclbind/bridge"
)

// What comes from another goroutine wakes a Tcl that has no threads, and comes in order. A Tcl with threads waits for
// the bell as well, so that any machine can try it.
func TestABellWakesATclWithoutThreads(t *testing.T) {
	i, err := NewInterp("/nowhere/bell", &bridge.Extension{Name: "bell", Version: "1.0", Namespace: "::bell::"})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err := theBell.hang(i.h.tls); err != nil {
		t.Fatal(err)
	}
	i.h.thread = noThreads
	if err := i.Eval("set got {}; set bell {}; after 60000 {lappend got late; set bell late}"); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		go func() {
			time.Sleep(time.Millisecond)
			i.Post(func() { i.Eval("lappend got first") })
			i.Post(func() { i.Eval("lappend got second; set bell rung") })
		}()
		if err := i.Eval("vwait bell"); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.Eval("if {$got ne [lrepeat 100 first second]} {error $got}"); err != nil {
		t.Fatal(err)
	}
}
