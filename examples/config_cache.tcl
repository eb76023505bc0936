# SPDX-License-Identifier: Apache-2.0
# A configuration in a key-value bucket, and a cache of it that follows every change.
#
#     tclsh examples/config_cache.tcl ?-server url? ?file?
#
# It needs no server: without a URL one runs inside this process. The file is read by lines, "name
# value ...", as /etc/services has them; comments begin with #.

package require nats

# Returns a dict: name -> the rest of the line. The first line of a name counts.
proc readConfig {file} {
    set channel [open $file]
    set config {}
    foreach line [split [read $channel] \n] {
        if {[regexp {^\s*([^#\s]+)\s+([^#]*)} $line -> name rest]} {
            # Only these characters can stand in a key.
            regsub -all {[^-/_=.a-zA-Z0-9]} $name _ key
            if {![dict exists $config $key]} {
                dict set config $key [string trim $rest]
            }
        }
    }
    close $channel
    return $config
}

# Waits, with events served, until the condition holds.
proc waitUntil {condition} {
    while {![uplevel 1 [list expr $condition]]} {
        after 10 {set ::tick 1}
        vwait ::tick
    }
}

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set file [lindex $argv [expr {[info exists server] ? 0 : 2}]]
if {$file eq ""} {
    set file /etc/services
    if {![file readable $file]} {
        set file [file join [file dirname [info script]] services.txt]
    }
}
set config [readConfig $file]
# Added, changed and deleted below, whatever the file says of them.
set config [dict remove $config http new.service]

# A connection ------------------------------------------------------------------

set conn [nats::connection new config]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set js [$conn jet_stream]
puts "connected to NATS [set [info object namespace $conn]::serverInfo(version)]: [$conn cget -status]"

# A bucket that keeps five values of each key -----------------------------------

set kv [$js create_kv_bucket CONFIG -history 5 -description "services by name"]
dict for {key value} $config {
    $kv put $key $value
}
puts "loaded [dict size $config] keys of [file tail $file], the first is [lindex [$kv keys] 0]"

# Reading and writing ----------------------------------------------------------

$kv put http 80/tcp
set entry [$kv get http]
puts "\nget http: [dict get $entry value] (revision [expr {[dict get $entry revision] - [dict size $config]}] after the load)"

set revision [$kv update http 8080/tcp [dict get $entry revision]]
puts "update with the right revision: [$kv get_value http]"
try {
    $kv update http 9090/tcp [dict get $entry revision]
} trap {NATS ErrWrongLastSequence} message {
    puts "update with an old revision is refused: [regsub {\d+$} $message N]"
}
$kv delete http
try {
    $kv get http
} trap {NATS ErrKeyNotFound} message {
    puts "get after delete: $message"
}
puts "history:"
foreach entry [$kv history http] {
    puts [format "    %-4s %s" [dict get $entry operation] [dict get $entry value]]
}
$kv revert http $revision
puts "reverted to: [$kv get_value http]"

set status [$kv status]
puts "status: bucket [dict get $status bucket], history [dict get $status history],\
    [expr {[dict get $status values] - [dict size $config]}] values of http beside what was loaded"

# Following changes, made by somebody else ---------------------------------------

proc changed {entry} {
    incr ::told
    if {$entry eq ""} {
        puts "watch: that was the current value, what follows are changes"
    } else {
        puts "watch: [dict get $entry key] [dict get $entry operation] [dict get $entry value]"
    }
}
set told 0
puts ""
set watcher [$kv watch http -callback changed]
waitUntil {$told == 2}
set cacheWatcher [$kv watch > -values_array cache]
waitUntil {[array size cache] == [dict size $config] + 1}
puts "cache: as many keys as the bucket, http is $cache(http)"

set other [nats::connection new other]
$other configure -servers [list $url] -utf8_convert true
$other connect
set otherJs [$other jet_stream]
set otherKv [$otherJs bind_kv_bucket CONFIG]
$otherKv put http 8888/tcp
$otherKv put new.service 4711/udp
waitUntil {$told == 3 && $cache(http) eq "8888/tcp" && [info exists cache(new.service)]}
puts "cache after the other connection's puts: http $cache(http), new.service $cache(new.service)"
$otherKv delete new.service
waitUntil {![info exists cache(new.service)]}
puts "cache after its delete: new.service is gone"

$watcher destroy
$cacheWatcher destroy
$other destroy
$js delete_kv_bucket CONFIG
$conn destroy
if {[info exists server]} {
    $server destroy
}
