# SPDX-License-Identifier: Apache-2.0
# The floor of the benchmark on a core in Go in the place of the package nats: make bench OTHER=tests/bench/floorgo.
package ifneeded nats 0 [string map [list %D [list $dir]] {
    namespace eval ::floor {variable core go}
    source [file join [file dirname %D] floor floor.tcl]
}]
