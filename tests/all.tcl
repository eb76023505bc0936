# SPDX-License-Identifier: Apache-2.0
# Runs every suite, each in a process of its own, in the interpreter that runs this:
#
#     tclsh tests/all.tcl ?pattern? ?seconds?
#
# A suite that takes longer than so many seconds, 600 if none are given, has hung: it is ended,
# and has failed. Before the last line stands a line "failed: ..." for each test that failed.
# The last line counts: Total N Passed N Skipped N Failed N. Exits with 1 if one failed.

set here [file dirname [file normalize [info script]]]
set pattern [expr {$argc ? [lindex $argv 0] : "*"}]
set limit [expr {$argc > 1 ? [lindex $argv 1] : 600}]
set unix [expr {$tcl_platform(platform) eq "unix"}]
set total {Total 0 Passed 0 Skipped 0 Failed 0}
set failures {} ;# what failed, in order: suite and test as one text, and what it is about

# Runs a suite to its end, or to that of its time.
proc run {file} {
    global suite counted code limit ended began
    set suite [file rootname [file tail $file]]
    set began [clock milliseconds]
    set counted {}
    set code ""
    # All that the suite starts has this in its environment, and can be found by it.
    set ::env(NATS_SUITE) [pid]-$suite-[clock microseconds]
    set channel [start [list [info nameofexecutable] $file]]
    fileevent $channel readable [list take $channel]
    set timer [after [expr {$limit * 1000}] {set ended hung}]
    vwait ended
    after cancel $timer
    endLeftovers $::env(NATS_SUITE)
    # Of what has ended, the end may be waited for.
    fconfigure $channel -blocking [expr {$ended ne "hung"}]
    catch {close $channel} message
    if {$ended eq "hung"} {
        broken "it was ended, for it had not come to its end in $limit s"
    } elseif {$counted eq ""} {
        broken "it did not come to its end: [expr {$code eq "" ? $message : "exit code $code"}]"
    } elseif {$code ni {"" 0} && [lindex $counted 3] == 0} {
        broken "its process ended with exit code $code, after its last test"
    }
}

# Returns a channel with all that a command writes. It closes when the command has ended, whose
# exit code stands in the last line, where there is a sh to write it.
proc start {command} {
    if {$::unix} {
        set command [list sh -c {"$@"; echo "exit code $?"} sh {*}$command]
    }
    set channel [open |[list {*}$command 2>@1] r]
    fconfigure $channel -encoding utf-8 -translation auto -blocking 0
    if {[package vsatisfies [info tclversion] 9]} {
        fconfigure $channel -profile replace
    }
    return $channel
}

# Takes what a suite has written: counts, and passes on what is worth reading.
proc take {channel} {
    global suite counted code began
    while {[gets $channel line] >= 0} {
        set counts [regexp -inline {^\S+:\tTotal\t(\d+)\tPassed\t(\d+)\tSkipped\t(\d+)\tFailed\t(\d+)$} $line]
        if {[llength $counts]} {
            set counted [lrange $counts 1 end]
            foreach key {Total Passed Skipped Failed} n $counted {
                dict incr ::total $key $n
            }
            puts [format "%-16s %4d passed %4d skipped %4d failed %6.1f s" $suite {*}[lrange $counted 1 end] \
                [expr {([clock milliseconds] - $began) / 1e3}]]
        } elseif {![regexp {^exit code (\d+)$} $line -> code] &&
            ![regexp {^(Tests (began|ended) at|Number of tests skipped for each constraint|\s*$)} $line]} {
            if {[regexp {^==== (\S+) (.*)FAILED$} $line -> test description]} {
                failed $test $description
            }
            puts $line
        }
        flush stdout
    }
    if {[eof $channel]} {
        set ::ended yes
        fileevent $channel readable {}
    }
}

# Notes a test that failed. tcltest tells twice, the second time without the description.
proc failed {test description} {
    global failures suite
    if {![dict exists $failures "$suite $test"]} {
        dict set failures "$suite $test" [string trim $description]
    }
}

# Notes a suite that failed as a whole, as one test.
proc broken {how} {
    global failures suite total
    dict set failures $suite $how
    dict incr total Total
    dict incr total Failed
    puts "$suite: $how"
    flush stdout
}

# Ends the processes that have a mark in their environment: what a suite has left behind, or
# all of it, where ps can tell.
proc endLeftovers {mark} {
    if {!$::unix || [catch {exec ps axeww -o pid=,command=} processes]} {
        return
    }
    foreach line [split $processes \n] {
        if {[string match "*NATS_SUITE=$mark*" $line] && [scan $line %d pid] == 1} {
            # Most often it is ps, which has ended.
            catch {exec kill -KILL $pid}
        }
    }
}

foreach file [lsort [glob -directory $here $pattern.test]] {
    run $file
}
foreach {name description} $failures {
    puts [string trimright "failed: $name $description"]
}
puts $total
exit [expr {[dict get $total Failed] > 0}]
