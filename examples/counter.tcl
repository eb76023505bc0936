# SPDX-License-Identifier: Apache-2.0
# A counter in a bucket: read, add, and write on condition that nobody wrote in between.
#
#     tclsh examples/counter.tcl ?-server url?
#
# Ten coroutines add at the same time; nothing is lost.

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new counter]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set kv [[$conn jet_stream] create_kv_bucket COUNTERS -storage memory]

# Adds to a counter, and returns its new value.
proc add {kv name n} {
    while 1 {
        try {
            set entry [$kv get $name]
            set value [expr {[dict get $entry value] + $n}]
            $kv update $name $value [dict get $entry revision]
            return $value
        } trap {NATS ErrKeyNotFound} {} {
            try {
                $kv create $name $n
                return $n
            } trap {NATS ErrWrongLastSequence} {} {}
        } trap {NATS ErrWrongLastSequence} {} {
            # Somebody was faster: once more.
        }
    }
}

set running 10
for {set i 0} {$i < 10} {incr i} {
    coroutine adder$i apply {{kv} {
        for {set i 0} {$i < 10} {incr i} {
            add $kv visitors 1
        }
        incr ::running -1
    }} $kv
}
while {$running > 0} {
    vwait running
}
puts "visitors: [$kv get_value visitors]"
$conn destroy
if {[info exists server]} {
    $server destroy
}
