# SPDX-License-Identifier: Apache-2.0
# Follows a stream, as tail -f follows a file: an ordered consumer brings every message once, in
# order, whatever becomes of the connection.
#
#     tclsh examples/tail_stream.tcl ?-server url?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
foreach name {writer reader} {
    set $name [nats::connection new $name -log_level error]
    [set $name] configure -servers [list $url] -utf8_convert true
    [set $name] connect
    set js($name) [[set $name] jet_stream]
}
$js(writer) add_stream LOG -subjects log.> -max_age 3600000

foreach {level text} {info "service started" warn "disk is nearly full" info "request from 10.0.0.7"} {
    $js(writer) publish log.$level $text
}

set lines 0
proc show {message} {
    set about [nats::metadata $message]
    puts [format "%2d %-4s %s" [dict get $about stream_seq] [lindex [split [nats::msg subject $message] .] 1] [nats::msg data $message]]
    incr ::lines
}

proc waitForLines {n} {
    while {$::lines < $n} {
        vwait ::lines
    }
}

# What was there before, and then what comes.
set tail [$js(reader) ordered_consumer LOG -callback show]
waitForLines 3
puts "-- that was there before"
$js(writer) publish log.error "disk is full"
waitForLines 4

# The consumer is lost on the server: the tail starts anew behind the last line that it brought, as soon
# as it has missed three heartbeats.
$tail destroy
set tail [$js(reader) ordered_consumer LOG -callback show -deliver_policy new -idle_heartbeat 200]
$js(reader) delete_consumer LOG [$tail name]
$js(writer) publish log.info "said while nobody listened"
waitForLines 5
puts "-- [dict get [set [info object namespace $tail]::last_error] code]"

# Only what matters, from the beginning.
$tail destroy
set tail [$js(reader) ordered_consumer LOG -callback show -filter_subject log.error]
waitForLines 6

$js(writer) delete_stream LOG
$writer destroy
$reader destroy
if {[info exists server]} {
    $server destroy
}
