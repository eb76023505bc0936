# SPDX-License-Identifier: Apache-2.0
# Threads: each has an interpreter, a package and a connection of its own. They share nothing but the server,
# and that is how they talk to each other. It needs the package Thread, which natsh has not.
#
#     tclsh examples/threads.tcl ?-server url?

package require nats
package require Thread

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new -jetstream false]
    set url [$server url]
}

# What a thread runs. It waits for events until it is released.
set worker {
    package require nats
    set conn [nats::connection new]
    $conn configure -servers [list $url] -utf8_convert true
    $conn connect
    # The members of a queue group share the work.
    $conn subscribe primes -queue workers -callback {apply {{subject n reply} {
        set prime [expr {$n > 1}]
        for {set i 2} {$i * $i <= $n} {incr i} {
            if {$n % $i == 0} {
                set prime 0
                break
            }
        }
        $::conn publish $reply $prime
    }}}
    # The server has seen the subscription when this returns.
    $conn ping
    # A thread that is released while it waits for something else than thread::wait is not released: it
    # says when it is that far.
    thread::send -async $main {incr ready}
    thread::wait
    $conn destroy
}
set threads {}
# Before the first thread is there: `connect` below serves events, and so it counts those that are ready by then.
set ready 0
set prelude "[list set auto_path $auto_path]\n[list set url $url]\n[list set main [thread::id]]\n"
for {set i 0} {$i < 4} {incr i} {
    lappend threads [thread::create -joinable $prelude$worker]
}

set conn [nats::connection new]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
while {$ready < [llength $threads]} {
    vwait ready
}

set left 1000
for {set n 1} {$n <= 1000} {incr n} {
    $conn request primes $n -callback [list apply {{n timedOut answer} {
        if {$answer eq "1"} {
            lappend ::primes $n
        }
        incr ::left -1
    }} $n]
}
while {$left > 0} {
    vwait left
}
puts "[llength $primes] primes up to 1000, the last is [lindex [lsort -integer $primes] end]"

# Their connections end before the server does.
foreach thread $threads {
    thread::release $thread
    thread::join $thread
}
$conn destroy
if {[info exists server]} {
    $server destroy
}
