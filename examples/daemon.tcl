# SPDX-License-Identifier: Apache-2.0
# A daemon: it starts before its server does, lives on when that one goes and comes back, tells of it in its
# log, and ends when it is asked to, with nothing lost.
#
#     tclsh examples/daemon.tcl -server url    the daemon
#     tclsh examples/daemon.tcl                the same, with a server in the process that comes late, goes and comes back

package require nats

set own [expr {[lindex $argv 0] ne "-server"}]
if {$own} {
    # A port that is free now.
    set server [nats::server new]
    set url [$server url]
    set port [$server port]
    $server destroy
} else {
    set url [lindex $argv 1]
}

proc log {text} {
    puts $text
    flush stdout
}

# Attempts at a server go on without end, 100 ms apart. Of the package's own log only errors are of interest here:
# the trace tells of the rest.
set conn [nats::connection new daemon -log_chan stderr -log_level error]
$conn configure -servers [list $url] -utf8_convert true -reconnect_time_wait 100 -max_reconnect_attempts -1

trace add variable [info object namespace $conn]::status write {apply {{name args} {
    log "status: [set $name]"
    set ::changes [incr ::count]
}}}

# What the daemon does: it counts words, and ends when it is told to.
set words 0
proc count {subject message reply} {
    incr ::words [llength $message]
    if {$reply ne ""} {
        $::conn publish $reply $::words
    }
}
proc stop {args} {
    set ::stopped 1
}

# With -retry the attempts go on until the server is there, and with -async in the background: the daemon may start
# first. It subscribes at once, for subscriptions are kept until there is a server, now and after each reconnect.
$conn connect -async -retry true
$conn subscribe words -callback count
$conn subscribe stop -callback stop -max_msgs 1

# The rest of the world, in this process: the server comes, goes, and comes back.
proc until {status} {
    while {[$::conn status] ne $status} {
        vwait ::changes
    }
}
if {$own} {
    after 300 {set server [nats::server new -port $port]}
    until connected
    # The server has seen the subscriptions when a ping returns.
    $conn ping
    # By a connection of its own, somebody asks.
    set asking [nats::connection new asking -log_chan stderr -log_level error]
    $asking configure -servers [list $url] -utf8_convert true -reconnect_time_wait 100 -max_reconnect_attempts -1
    $asking connect
    puts "counted: [$asking request words {one two three}]"
    $server destroy
    until reconnecting
    set server [nats::server new -port $port]
    until connected
    $conn ping
    # A request waits until the one who asks is connected again, too.
    puts "counted: [$asking request words {four five}]"
    $asking publish stop {}
    $asking drain
    $asking destroy
}

while {![info exists stopped]} {
    vwait stopped
}
# What has come is served, and what was answered is with the server, before the connection is closed.
$conn drain
$conn destroy
if {$own} {
    $server destroy
}
