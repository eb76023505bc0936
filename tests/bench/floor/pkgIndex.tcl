# SPDX-License-Identifier: Apache-2.0
# The floor of the benchmark in the place of the package nats: make bench OTHER=tests/bench/floor.
package ifneeded nats 0 [list source [file join $dir floor.tcl]]
