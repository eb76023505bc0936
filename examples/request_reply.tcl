# SPDX-License-Identifier: Apache-2.0
# A service, and those who ask it: requests with one reply, with many, and with a callback.
#
#     tclsh examples/request_reply.tcl ?-server url?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new -jetstream false]
    set url [$server url]
}
foreach name {service client} {
    set $name [nats::connection new $name]
    [set $name] configure -servers [list $url] -utf8_convert true
    [set $name] connect
}

# The service: it answers with a message of its own, and tells what it counts in a header.
set served 0
proc serve {subject message reply} {
    global service served
    if {![string is integer -strict $message]} {
        set answer [nats::msg create $reply -data "not a number: $message"]
        nats::header set answer Error 1
    } else {
        set answer [nats::msg create $reply -data [expr {$message ** 2}]]
    }
    nats::header add answer Served [incr served]
    $service publish_msg $answer
}
$service subscribe math.square -callback serve
$service ping

puts "12 squared is [$client request math.square 12]"
set answer [$client request math.square twelve -dictmsg true]
puts "[nats::msg data $answer] (error [nats::header get $answer Error], served [nats::header get $answer Served])"

try {
    $client request math.cube 3
} trap {NATS ErrNoResponders} message {
    puts "math.cube: $message"
}

# Many at once, each with a callback.
proc replied {n timedOut message} {
    set ::squares($n) $message
}
foreach n {1 2 3 4 5} {
    $client request math.square $n -callback [list replied $n]
}
while {[array size squares] < 5} {
    vwait squares
}
puts "squares: [lmap n {1 2 3 4 5} {set squares($n)}]"

# And in coroutines, which read as if each waited alone.
foreach n {6 7 8} {
    coroutine ask$n apply {n {
        set ::squares($n) [$::client request math.square $n]
    }} $n
}
while {[array size squares] < 8} {
    vwait squares
}
puts "more: [lmap n {6 7 8} {set squares($n)}]"

$client destroy
$service destroy
if {[info exists server]} {
    $server destroy
}
