# SPDX-License-Identifier: Apache-2.0
# What a thread of the case threads (many.tcl) has: a connection of its own.
package require nats

set conn [nats::connection new thread -log_level error]
$conn configure -servers [lindex $argv 0]
$conn connect
set kv [[$conn jet_stream] bind_kv_bucket bench]

# Returns how many values were put.
proc putAll {prefix n value} {
    for {set i 0} {$i < $n} {incr i} {
        $::kv put $prefix$i $value
    }
    return $i
}
