# Runs the cases in both interpreters in turn, against the same server, and prints a
# Markdown table of medians and their ratio.
#
#     tclsh tests/bench/hosts.tcl ?rounds?
set here [file dirname [file normalize [info script]]]
set root [file dirname [file dirname $here]]
lappend auto_path $root
package require nats
set rounds [expr {$argc ? [lindex $argv 0] : 5}]
set hosts [list "C Tcl" [info nameofexecutable] natsh [file join $root build natsh]]

proc median {list} {
    set sorted [lsort -real $list]
    return [lindex $sorted [expr {[llength $sorted] / 2}]]
}

# How long a process takes for a script, in ms.
proc start {shell script} {
    close [file tempfile file]
    set channel [open $file w]
    puts $channel $script
    close $channel
    set ms [expr {[lindex [time {exec $shell $file} 1] 0] / 1000.0}]
    file delete $file
    return $ms
}

set server [nats::server new]
for {set round 0} {$round < $rounds} {incr round} {
    dict for {host shell} $hosts {
        dict for {case time} [exec $shell [file join $here cases.tcl] [$server url]] {
            dict lappend times [list "$case (µs)" $host] $time
        }
        dict lappend times [list "start, an empty script (ms)" $host] [start $shell {}]
        dict lappend times [list "start, package require nats (ms)" $host] \
            [start $shell "lappend auto_path [list $root]\npackage require nats"]
    }
}
$server destroy

puts "| case | C Tcl | natsh | ratio |"
puts "|---|---|---|---|"
foreach case [lsort -unique [lmap key [dict keys $times] {lindex $key 0}]] {
    set c [median [dict get $times [list $case "C Tcl"]]]
    set n [median [dict get $times [list $case natsh]]]
    puts [format "| %s | %.1f | %.1f | %.2f |" $case $c $n [expr {$n / $c}]]
}
