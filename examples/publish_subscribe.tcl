# SPDX-License-Identifier: Apache-2.0
# Publishing and subscribing: wildcards, queue groups, headers, a limit, and an end in which
# nothing is lost.
#
#     tclsh examples/publish_subscribe.tcl ?-server url?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new -jetstream false]
    set url [$server url]
}
set conn [nats::connection new example]
$conn configure -servers [list $url] -utf8_convert true
$conn connect

# A callback gets the subject, the message, and where a reply is wanted. * stands for one token of
# a subject, > for all that follow.
proc weather {subject message reply} {
    puts "[lindex [split $subject .] 1]: $message"
}
$conn subscribe weather.*.temperature -callback weather
$conn publish weather.berlin.temperature "21 degrees"
$conn publish weather.oslo.temperature "14 degrees"
$conn publish weather.oslo.wind "nobody listens to this one"

# ping returns when the server has seen all that went before, and its answers have come.
$conn ping

# With -dictmsg the message is a dict, which has the headers, too.
proc order {subject message reply} {
    puts "order [nats::msg data $message] from [nats::header lookup $message Customer unknown]"
}
$conn subscribe orders -callback order -dictmsg true
$conn publish orders 4711 -header {Customer {Ada}}
$conn publish orders 4712
$conn ping

# The members of a queue group share the messages: each message goes to one of them.
proc work {member subject message reply} {
    incr ::done($member)
}
foreach member {one two three} {
    $conn subscribe jobs -queue workers -callback [list work $member]
}
for {set i 0} {$i < 300} {incr i} {
    $conn publish jobs $i
}
$conn ping
puts "300 jobs, done [expr {$done(one) + $done(two) + $done(three)}] times by [array size done] members"

# A subscription may end by itself, after so many messages.
proc first {subject message reply} {
    puts "first: $message"
}
$conn subscribe news -callback first -max_msgs 2
foreach message {a b c d} {
    $conn publish news $message
}

# drain closes the connection when all that has come is with the callbacks, and all that they
# publish is with the server.
$conn drain
puts "status [$conn cget -status]: [dict get [$conn stats] in_msgs] messages came in, [dict get [$conn stats] out_msgs] went out"

$conn destroy
if {[info exists server]} {
    $server destroy
}
