# SPDX-License-Identifier: Apache-2.0
# What an interpreter takes by itself for the callbacks of two cases, without a server and without this package: the least
# that such a case can cost in it.
#
#     tclsh tests/bench/floor/alone.tcl
#     build/natsh tests/bench/floor/alone.tcl
#
# It prints µs for each message.

set value [string repeat x 128]
set rounds 20
set n 50000

# publish to own subscription: a loop, and a callback of three arguments. No publish at all.
proc received {subject message reply} {
    incr ::received
}

proc own {n} {
    for {set i 0} {$i < $n} {incr i} {
        received own $::value {}
    }
}

# watch with a callback: an entry is made, and one field of it read.
proc changed {entry} {
    if {[dict get $entry key] eq ""} {
        error "no key"
    }
    incr ::received
}

proc watched {n} {
    for {set i 0} {$i < $n} {incr i} {
        changed [list bucket bench key k$i value [string range $::value 0 end] revision $i created [expr {1700000000000 + $i}] \
            delta [expr {$n - $i}] operation PUT]
    }
}

foreach case {own watched} {
    set times {}
    for {set round 0} {$round < $rounds} {incr round} {
        set received 0
        lappend times [lindex [time {$case $n}] 0]
    }
    set times [lsort -real $times]
    puts "$case: [format %.2f [expr {[lindex $times 0] / double($n)}]] at least, [format %.2f [expr {[lindex $times [expr {$rounds / 2}]] / double($n)}]] in the median"
}
