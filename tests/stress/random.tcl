# SPDX-License-Identifier: Apache-2.0
# Random calls of everything that is public, with random and hostile arguments, of objects that end at random times
# (life.tcl): no crash, no hang, no errorCode but those of NATS and Tcl.
#
#     tclsh random.tcl SECONDS ?SEED?
#
# Each life is an interpreter of its own, with a seed of its own that is printed before it begins, so that the
# last line names the one that crashed. "random.tcl 0 SEED" repeats that one life.

set here [file dirname [file normalize [info script]]]
lappend auto_path [file dirname [file dirname $here]]
package require nats
lassign $argv seconds seed
set once [expr {$seconds == 0}]
if {$seed eq ""} {
    set seed [expr {[clock microseconds] % 1000000000}]
}
# Some calls write files, by whatever names they are given.
set directory [file join [expr {[info exists env(TMPDIR)] ? $env(TMPDIR) : "/tmp"}] nats-random-[pid]]
file mkdir $directory
cd $directory
set env(HOME) $directory
set server [nats::server new]
set calls 0
if {[info exists env(TRACE)]} {
    set trace [open $env(TRACE) w]
}
set wrong 0

# What a life has to say that should not be.
proc wrong {text} {
    incr ::wrong
    puts "wrong: seed $::seed: [string range $text 0 400]"
}

# Counts a call. With TRACE in the environment, the name of a file, it is written there before it is made.
proc called {command} {
    incr ::calls
    if {[info exists ::trace]} {
        puts $::trace [string range $command 0 1000]
        flush $::trace
    }
}

# Ends a life from within it.
proc perish {} {
    if {[interp exists life]} {
        interp delete life
    }
}

# Serves events until a life's time is over, or it has ended itself.
proc live {ms} {
    set end [expr {[clock milliseconds] + $ms}]
    while {[interp exists life] && [clock milliseconds] < $end} {
        after 20 {set ::tick 1}
        vwait ::tick
    }
}

set finish [expr {[clock milliseconds] + 1000 * $seconds}]
while 1 {
    puts "life $seed"
    flush stdout
    expr {srand($seed)}
    interp create life
    foreach name {wrong called perish} {
        interp alias life $name {} $name
    }
    interp eval life [list set auto_path $auto_path]
    interp eval life [list set url [$server url]]
    interp eval life [list set seed $seed]
    if {[catch {interp eval life [list source [file join $here life.tcl]]} message options] && [interp exists life]} {
        wrong "beginning: [dict get $options -errorcode] $message"
    }
    live 1500
    if {[interp exists life]} {
        # At most one of the ends; perish is another.
        switch [expr {$seed % 3}] {
            0 {interp delete life}
            1 {catch {interp eval life {end}}; catch {interp delete life}}
            2 {catch {interp eval life {$conn destroy}}; catch {interp delete life}}
        }
    }
    if {$once || [clock milliseconds] >= $finish} break
    set seed [expr {($seed * 69069 + 1) % 1000000000}]
}
$server destroy
cd /
file delete -force $directory
puts "$calls calls, $wrong wrong"
exit [expr {$wrong > 0}]
