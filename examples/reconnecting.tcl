# SPDX-License-Identifier: Apache-2.0
# A server that goes and comes back: what a program sees of it, and what it need not do.
#
#     tclsh examples/reconnecting.tcl ?-server url?
#
# Where a server is given, somebody has to stop it and to start it again when the example says so.

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new -jetstream false]
    set url [$server url]
}

# Attempts at the same server are 100 ms apart, and go on without end. By default it is 2 s, and 60
# attempts; what -servers names besides is tried in turn.
set conn [nats::connection new example -log_level error]
$conn configure -servers [list $url] -utf8_convert true -reconnect_time_wait 100 -max_reconnect_attempts -1

# status and last_error are variables of the object, and a trace tells of each change: first
# of the error, then of the status that changes because of it.
proc changed {name args} {
    upvar #0 $name status
    set line "status: $status"
    if {$status eq "reconnecting"} {
        upvar #0 [namespace qualifiers $name]::last_error error
        append line " because of [lindex [dict get $error code] 1]"
    }
    puts $line
    set ::statusNow $status
}
trace add variable [info object namespace $conn]::status write changed

# It may have come already: methods that wait serve events, too.
proc awaitGreeting {text} {
    while {![info exists ::greeting] || $::greeting ne $text} {
        vwait ::greeting
    }
}

$conn connect
$conn subscribe greetings -callback {apply {{subject message reply} {
    puts "got: $message"
    set ::greeting $message
}}}
$conn publish greetings "hello"
awaitGreeting "hello"

# The server goes. The connection notices by itself, and begins to try.
if {[info exists server]} {
    set port [$server port]
    $server destroy
} else {
    puts "Now stop the server."
}
while {$statusNow ne "reconnecting"} {
    vwait statusNow
}

# What is published meanwhile is kept (64 MiB at most), and a request waits for its reply as long
# as its timeout lets it.
$conn publish greetings "kept while there was no server"
try {
    $conn request nobody x -timeout 300
} trap {NATS ErrTimeout} message {
    puts "request: $message"
}

# A ping needs a server now.
try {
    $conn ping
} trap {NATS ErrConnectionClosed} message {
    puts "ping: $message"
}

# The server is back. The subscription comes with the connection, then what was kept.
if {[info exists server]} {
    set server [nats::server new -jetstream false -port $port]
} else {
    puts "Now start it again."
}
awaitGreeting "kept while there was no server"
puts "reconnects: [dict get [$conn stats] reconnects]"

$conn drain
$conn destroy
if {[info exists server]} {
    $server destroy
}
