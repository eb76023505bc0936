// SPDX-License-Identifier: Apache-2.0

package gotcl_test

import (
	"fmt"
	"os"

	"natstcl/tclbind"
	"natstcl/tclbind/gotcl"
)

// A Go program that embeds Tcl gives its scripts the package nats. To one that has an
// interpreter of modernc.org/tcl already, Attach brings it.
func Example() {
	executable, _ := os.Executable()
	in, err := gotcl.NewInterp(executable, tclbind.Nats)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer in.Close()
	result, err := in.Tcl().Eval(`
		package require nats
		set server [nats::server new]
		set conn [nats::connection new]
		$conn configure -servers [$server url]
		$conn connect
		set kv [[$conn jet_stream] create_kv_bucket config]
		$kv put greeting "hello from Tcl in Go"
		set value [$kv get_value greeting]
		$conn destroy
		$server destroy
		set value
	`)
	fmt.Println(result, err)
	// Output: hello from Tcl in Go <nil>
}
