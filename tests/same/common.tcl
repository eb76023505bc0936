# SPDX-License-Identifier: Apache-2.0
# What the scripts of run.tcl have in common: a connection to the server whose URL is the first argument, and
# commands that print.

package require nats
fconfigure stdout -encoding utf-8 -translation lf
set conn [nats::connection new same -log_level error]
$conn configure -servers [lindex $argv 0]
$conn connect
interp bgerror {} {apply {{message options} {puts "in the background: [dict get $options -errorcode] $message"}}}

# Runs a script, and prints it with its result, or with errorCode and message.
proc try! {script} {
    if {[catch {uplevel #0 $script} result options]} {
        set result "[dict get $options -errorcode]: $result"
    }
    puts "$script -> $result"
}

# Waits, with events served, until an expression is true.
proc waitFor {expression} {
    set end [expr {[clock milliseconds] + 30000}]
    while {![uplevel #0 [list expr $expression]] && [clock milliseconds] < $end} {
        after 5 {set ::tick 1}
        vwait ::tick
    }
}

proc heard {what args} {
    lappend ::heard($what) $args
}
array set heard {a {} b {} ack {} ordered {} watch {}}

proc finish {} {
    $::conn destroy
    puts done
    exit
}
