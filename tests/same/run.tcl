# SPDX-License-Identifier: Apache-2.0
# Runs the same scripts in several shells, or with several packages, and compares what they print.
#
#     tclsh run.tcl SHELL SHELL ...
#     tclsh run.tcl SHELL=DIRECTORY SHELL=DIRECTORY
#
# With a directory the shell looks for the package there: so two versions, or two implementations, can be compared. Each
# run has a nats-server of its own (NATS_SERVER in the environment, or build/nats-server). Times, ids, ports and names of objects are
# masked. Exits with 1 where anything differs.

set here [file dirname [file normalize [info script]]]
set root [file dirname [file dirname $here]]
set server [expr {[info exists env(NATS_SERVER)] ? $env(NATS_SERVER) : "$root/build/nats-server"}]

# What differs from run to run, and the word that takes its place.
set masks {
    {[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9:]{5})?} TIME
    {\m1[0-9]{12}\M} MS
    {\m1[0-9]{18}\M} NS
    {127\.0\.0\.1(:| )[0-9]+} {HOST PORT}
    {_INBOX\.[A-Za-z0-9.]+} INBOX
    {\m[A-Za-z0-9]{22}\M} ID
    {\m[A-Z0-9]{56}\M} KEY
    {::oo::Obj[0-9]+} OBJECT
    {::oo::Obj[0-9]+::} OBJECT::
    {(\mnanoseconds|_time|\mage|\mcpu|\mmemory|\mstorage|\mreserved_[a-z]+) [0-9]+} {\1 N}
}

proc masked {text} {
    foreach {pattern word} $::masks {
        regsub -all $pattern $text $word text
    }
    return $text
}

# Starts a server. Returns its pid and its URL.
proc startServer {directory} {
    set listener [socket -server {} -myaddr 127.0.0.1 0]
    set port [lindex [fconfigure $listener -sockname] 2]
    close $listener
    set pid [exec $::server -a 127.0.0.1 -p $port -js -sd $directory >/dev/null 2>/dev/null &]
    for {set i 0} {$i < 300} {incr i} {
        if {![catch {socket 127.0.0.1 $port} channel]} {
            close $channel
            return [list $pid nats://127.0.0.1:$port]
        }
        after 100
    }
    error "the server does not listen"
}

# Returns what a script prints in a shell, masked, as a list of lines.
proc output {shell script} {
    lassign [split $shell =] program directory
    set store [file join [expr {[info exists ::env(TMPDIR)] ? $::env(TMPDIR) : "/tmp"}] nats-same-[pid]]
    lassign [startServer $store] pid url
    set ::env(TCLLIBPATH) [list [expr {$directory eq "" ? $::root : [file normalize $directory]}]]
    try {
        set text [exec $program $script $url 2>@1]
    } on error {message} {
        set text "$message\nthe shell failed"
    } finally {
        exec kill -KILL $pid
        file delete -force $store
    }
    return [split [masked $text] \n]
}

if {[llength $argv] < 2} {
    puts stderr "usage: run.tcl SHELL?=DIRECTORY? SHELL?=DIRECTORY? ..."
    exit 2
}
set differences 0
foreach script [lsort [glob -directory $here -tails *.tcl]] {
    if {$script in {run.tcl common.tcl}} continue
    set first [output [lindex $argv 0] [file join $here $script]]
    puts "$script: [llength $first] lines"
    if {[lindex $first end] ne "done"} {
        incr differences
        puts "    [lindex $argv 0] did not come to the end: [lrange $first end-3 end]"
    }
    foreach shell [lrange $argv 1 end] {
        set other [output $shell [file join $here $script]]
        foreach a $first b $other {
            if {$a ne $b} {
                incr differences
                puts "    [lindex $argv 0]: [string range $a 0 300]\n    $shell: [string range $b 0 300]"
            }
        }
    }
}
puts "$differences differences"
exit [expr {$differences > 0}]
