# SPDX-License-Identifier: Apache-2.0
# Runs every suite, each in a process of its own, in the interpreter that runs this:
#
#     tclsh tests/all.tcl ?pattern?
#
# The last line counts: Total N Passed N Skipped N Failed N. Exits with 1 if one failed.

set here [file dirname [file normalize [info script]]]
set pattern [expr {$argc ? [lindex $argv 0] : "*"}]
set total {Total 0 Passed 0 Skipped 0 Failed 0}
set broken {}
foreach file [lsort [glob -directory $here $pattern.test]] {
    set name [file rootname [file tail $file]]
    set channel [open |[list [info nameofexecutable] $file 2>@1] r]
    fconfigure $channel -encoding utf-8 -translation auto
    set counted 0
    while {[gets $channel line] >= 0} {
        if {[regexp {Total\s+(\d+)\s+Passed\s+(\d+)\s+Skipped\s+(\d+)\s+Failed\s+(\d+)} $line -> t p s f]} {
            set counted 1
            foreach {key n} [list Total $t Passed $p Skipped $s Failed $f] {
                dict incr total $key $n
            }
            puts [format "%-16s %4d passed %4d skipped %4d failed" $name $p $s $f]
        } elseif {![regexp {^(Tests (began|ended) at|Number of tests skipped for each constraint|\s*$)} $line]} {
            puts $line
        }
        flush stdout
    }
    if {[catch {close $channel} message] || !$counted} {
        if {!$counted} {
            lappend broken $name
            puts "$name did not come to its end: $message"
        }
    }
}
dict incr total Total [llength $broken]
dict incr total Failed [llength $broken]
puts $total
exit [expr {[dict get $total Failed] > 0}]
