# SPDX-License-Identifier: Apache-2.0
# What one server of the built-in kind carries: its memory by keys, watchers and connections, and how long things
# take when there are many.
#
#     tclsh examples/scale_server.tcl ?-server url ?-pid pid?? ?-keys "10000 100000"? ?-watchers "100 1000"?
#         ?-connections "100 1000"? ?-storage memory?
#
# The server is a process of its own. The memory of one of yours is told if it runs on this machine, and its -pid
# is given.

source [file join [file dirname [info script]] scale_servers.tcl]

options {-server "" -pid "" -keys {10000 100000} -watchers {100 1000} -connections {100 1000} -storage memory}
# Each line is measured with a server of its own, which has not freed anything yet, where none is given. A stream
# of it may have any number of consumers, not only 1,000.
set own [expr {$option(-server) eq ""}]
proc begin {} {
    global own option servers conn js before
    if {$own} {
        stopServers
        set option(-server) [serve "jetstream { limits { default_max_consumers: -1 } }"]
        set option(-pid) [pid [lindex $servers end]]
    }
    set conn [connect $option(-server)]
    set js [$conn jet_stream -timeout 60000]
    set before [memory]
}

# The memory of the server, in KiB; "" where nobody can tell.
proc memory {} {
    if {$::option(-pid) eq "" || [catch {open /proc/$::option(-pid)/status} channel]} {
        return ""
    }
    regexp {VmRSS:\s+(\d+)} [read $channel] -> KiB
    close $channel
    return $KiB
}

# The memory of the server, and what each of count takes beyond what it had when it began.
proc memoryOf {count} {
    set now [memory]
    if {$now eq ""} {
        return {- -}
    }
    return [list "[expr {$now / 1024}] MiB" [format "%.1f KiB" [expr {double($now - $::before) / $count}]]]
}

row "keys of 128 bytes" memory "for each key" put_many "get" "keys, all"
foreach count $option(-keys) {
    begin
    set kv [$js create_kv_bucket SCALE -storage $option(-storage)]
    set pairs {}
    for {set i 0} {$i < $count} {incr i} {
        lappend pairs key$i [string repeat x 128]
    }
    set put [took {$kv put_many $pairs}]
    set memory [memoryOf $count]
    set get [median i 1000 {$kv get key[expr {$i * 7919 % $count}]}]
    row $count {*}$memory [rate $count $put] "$get µs" [format "%.2f s" [expr {[took {set keys [$kv keys]}] / 1e6}]]
    if {[llength $keys] != $count} {
        error "[llength $keys] keys in place of $count"
    }
    $js delete_kv_bucket SCALE
    $conn destroy
}
puts ""

set reached 0
proc reach {entry} {
    incr ::reached
}
row "watchers of a key" memory "for each" "a change reaches all" "for each"
foreach count $option(-watchers) {
    begin
    set kv [$js create_kv_bucket SCALE -storage $option(-storage)]
    set watchers {}
    set reached 0
    for {set i 0} {$i < $count} {incr i} {
        lappend watchers [$kv watch key -updates_only true -callback reach]
    }
    # Each is told once that it has begun.
    await {$reached >= $count}
    set time [median i 10 {
        set reached 0
        $kv put key [string repeat x 128]
        await {$reached >= $count}
    }]
    row $count {*}[memoryOf $count] [format "%.1f ms" [expr {$time / 1000.0}]] [format "%.1f µs" [expr {double($time) / $count}]]
    foreach watcher $watchers {
        $watcher destroy
    }
    $js delete_kv_bucket SCALE
    $conn destroy
}
puts ""

row "connections" memory "for each" "to connect" "a ping, of each"
foreach count $option(-connections) {
    begin
    set connections {}
    set time [median i $count {lappend connections [connect $option(-server)]}]
    set ping [median i $count {[lindex $connections $i] ping}]
    row $count {*}[memoryOf $count] "$time µs" "$ping µs"
    foreach one $connections {
        $one destroy
    }
    $conn destroy
}
stopServers
