# SPDX-License-Identifier: Apache-2.0
# Sessions that end by themselves: each is a key with a time to live, and each use begins its life anew.
#
#     tclsh examples/session_store.tcl ?-server url?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new sessions]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
# Markers let watchers, and arrays, see a session that ends.
set kv [[$conn jet_stream] create_or_update_kv_bucket SESSIONS -storage memory -limit_marker_ttl 1000]

# All sessions that are alive, by their IDs.
set watcher [$kv watch > -values_array sessions]
$watcher wait

set lifetime 1000

# A session is a dict. Returns its ID.
proc login {user} {
    set id [format %08x%08x [expr {int(rand() * 0xffffffff)}] [clock clicks]]
    $::kv create $id [dict create user $user] -ttl $::lifetime
    return $id
}

# Returns the session, and lets it live on; throws ErrKeyNotFound where it has ended.
proc use {id} {
    $::kv touch $id -ttl $::lifetime
    return [$::kv get_value $id]
}

set anna [login anna]
set bob [login bob]
puts "logged in: [dict get [use $anna] user] and [dict get [use $bob] user]"

# Anna goes on using hers, Bob does not.
while {![info exists sessions($bob)]} {
    vwait sessions
}
set active [after 300 {set tick 1}]
while {[info exists sessions($bob)]} {
    vwait tick
    use $anna
    set active [after 300 {set tick 1}]
}
puts "bob's session has ended, anna's lives: [dict get $sessions($anna) user]"
try {
    use $bob
} trap {NATS ErrKeyNotFound} {} {
    puts "bob has to log in again"
}
$conn destroy
if {[info exists server]} {
    $server destroy
}
