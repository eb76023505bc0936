// SPDX-License-Identifier: Apache-2.0

package gotcl_test

import (
	"os"
	"strings"
	"testing"

	"modernc.org/libc"
	"modernc.org/tcl"
	lib "modernc.org/tcl/lib"
	"natstcl/tclbind"
	"natstcl/tclbind/gotcl"
)

// newInterp is an interpreter of somebody else's making.
func newInterp(t *testing.T) *tcl.Interp {
	t.Helper()
	library, err := gotcl.Library(tclbind.Nats)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TCL_LIBRARY", library)
	in := tcl.MustNewInterp()
	if lib.XTcl_Init(in.TLS(), in.Handle()) != lib.TCL_OK {
		t.Fatal("Tcl does not start")
	}
	t.Cleanup(in.MustClose)
	return in
}

func eval(t *testing.T, in *tcl.Interp, script string) string {
	t.Helper()
	result, err := in.Eval(script)
	if err != nil {
		t.Fatalf("%s: %s", script, result)
	}
	return result
}

func TestAttachToAnInterpreterThatIsThere(t *testing.T) {
	in := newInterp(t)
	if before := eval(t, in, "package ifneeded nats "+tclbind.Version); before != "" {
		t.Fatalf("the package is there before: %s", before)
	}
	if err := gotcl.Attach(in, tclbind.Nats); err != nil {
		t.Fatal(err)
	}
	if version := eval(t, in, "package require nats 3.2"); version != tclbind.Version {
		t.Errorf("version %s", version)
	}
}

// Interpreters in several goroutines share nothing, where Tcl has threads.
func TestInterpretersInGoroutines(t *testing.T) {
	tls := libc.NewTLS()
	defer tls.Close()
	if lib.XTcl_GetCurrentThread(tls) == 0 {
		t.Skip("this Tcl has no threads")
	}
	os.Unsetenv("TCL_LIBRARY")
	done := make(chan string)
	for range 4 {
		in, err := gotcl.NewInterp(os.Args[0], tclbind.Nats)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			result, err := in.Tcl().Eval(`
				package require nats
				set server [nats::server new]
				set conn [nats::connection new]
				$conn configure -servers [$server url]
				$conn connect
				set kv [[$conn jet_stream] create_kv_bucket b]
				for {set i 0} {$i < 200} {incr i} {
					$kv put k$i $i
				}
				set n [llength [$kv keys]]
				$conn destroy
				$server destroy
				list $n [dict get [nats::core::stats] handles]`)
			if err != nil {
				result += err.Error()
			}
			done <- result
			in.Close()
		}()
	}
	for range 4 {
		if result := <-done; result != "200 0" {
			t.Errorf("got %q", result)
		}
	}
}

// They may be made in several goroutines at once, while others run.
func TestInterpretersMadeAtOnce(t *testing.T) {
	os.Unsetenv("TCL_LIBRARY")
	failures := make(chan error, 8)
	for range cap(failures) {
		go func() {
			in, err := gotcl.NewInterp(os.Args[0], tclbind.Nats)
			if err == nil {
				err = in.Eval(`
					package require tcltest
					package require nats
					interp create child
					if {[info exists env(TCL_LIBRARY)] || ![child eval {file isfile $tcl_library/init.tcl}]} {
						error "the library is not there"
					}`)
				in.Close()
			}
			failures <- err
		}()
	}
	for range cap(failures) {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}

// Text with NUL and with characters outside the BMP goes through unharmed, both ways.
func TestTextGoesThroughUnharmed(t *testing.T) {
	in, err := gotcl.NewInterp(os.Args[0], tclbind.Nats)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	const text = "a\x00b\u00e9\u20ac\U0001F600"
	var got string
	in.Define("::take", func(args []string) (any, error) {
		got = args[0]
		return args[0], nil
	})
	if err := in.SetVar("::text", text); err != nil {
		t.Fatal(err)
	}
	if err := in.Eval("if {[take $text] ne $text} {error different}"); err != nil || got != text {
		t.Errorf("got %q, %v", got, err)
	}
	if err := in.Eval("error {no such luck}"); err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("got %v", err)
	}
}
