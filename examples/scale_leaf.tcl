# SPDX-License-Identifier: Apache-2.0
# Readers that are far from a bucket: a leaf node near them, and a mirror of the bucket in it. Shows how long
# reads and writes take with and without it, and what crosses the line when many watch.
#
#     tclsh examples/scale_leaf.tcl ?-server hub -leaf leaf -domain hub? ?-line 20? ?-watchers "1 10 100"? ?-count 20?
#
# Without servers the program runs a hub and a leaf, and between them a line on which everything takes -line ms
# each way, and which counts bytes. They do not compress, as they would by default: many copies of one message are
# short then. Servers of yours are named by their URLs, and the hub's JetStream by its domain.

source [file join [file dirname [info script]] scale_servers.tcl]

options {-server "" -leaf "" -domain hub -line 20 -watchers {1 10 100} -count 20}

# The line: what comes from one side is passed to the other, later.
set crossed 0
proc lineAccept {port client args} {
    set server [socket 127.0.0.1 $port]
    foreach {from to} [list $client $server $server $client] {
        fconfigure $from -translation binary -blocking 0 -buffering none
        fileevent $from readable [list linePass $from $to]
    }
}
proc linePass {from to} {
    set data [read $from]
    incr ::crossed [string length $data]
    # The hub, or the leaf, may have gone meanwhile.
    after $::option(-line) [list catch [list puts -nonewline $to $data]]
    if {[eof $from]} {
        close $from
        after $::option(-line) [list catch [list close $to]]
    }
}

if {($option(-server) eq "") != ($option(-leaf) eq "")} {
    puts stderr "-server and -leaf go together: the hub and a leaf of it"
    exit 1
}
set counted [expr {$option(-server) eq ""}]
if {$counted} {
    set port [freePort]
    set option(-server) [serve "server_name: hub\njetstream { domain: hub }\nleafnodes { listen: '127.0.0.1:$port', compression: off }"]
    set line [lindex [fconfigure [socket -server [list lineAccept $port] -myaddr 127.0.0.1 0] -sockname] 2]
    set option(-leaf) [serve "server_name: leaf\njetstream { domain: leaf }\nleafnodes { remotes: \[ { url: 'nats://127.0.0.1:$line', compression: off } \] }"]
}
set hub [connect $option(-server)]
set leaf [connect $option(-leaf)]
set far [$leaf jet_stream -domain $option(-domain) -timeout 10000] ;# the hub's JetStream, from here
set near [$leaf jet_stream -timeout 10000]
await {![catch {$far account_info}]}

# What somebody has at the hub and republishes; and what mirrors it here.
set bucket [$far create_kv_bucket SCALE -storage memory -republish {src {$KV.SCALE.>} dest scale.changed.>}]
$near create_kv_bucket SCALE_NEAR -storage memory -mirror_name SCALE -mirror_domain $option(-domain)
set mirror [$near bind_kv_bucket SCALE_NEAR]
$bucket put key first
await {![catch {$mirror get key}]}

proc ms {time} {
    return [format %.2f [expr {$time / 1000.0}]]
}

set value [string repeat x 128]
row "ms, the median" get put
foreach {what kv} [list "the bucket, by the line" $bucket "its mirror in the leaf" $mirror] {
    row $what [ms [median i $option(-count) {$kv get key}]] [ms [median i $option(-count) {$kv put key $value}]]
}
puts ""

# Changes reach all that watch; how many consumers has the hub then, and how much has crossed the line for each
# change?
proc watched {what watchers begin} {
    set count $::option(-count)
    set ::reached 0
    {*}$begin $watchers
    set consumers [dict get [$::far stream_info KV_SCALE] state consumer_count]
    # What is under way crosses: the leaf's asking for subjects, and flow control.
    after [expr {10 * $::option(-line)}] {set ::rest 1}
    vwait ::rest
    set before $::crossed
    set time [median i $count {
        set ::reached 0
        $::atHub put key $::value
        await {$::reached >= $watchers}
    }]
    after [expr {10 * $::option(-line)}] {set ::rest 1}
    vwait ::rest
    row $what $watchers $consumers [expr {$::counted ? [format %.0f [expr {double($::crossed - $before) / $count}]] : "-"}] [ms $time]
    foreach watcher $::begun {
        $watcher destroy
    }
    set ::begun {}
    await {[dict get [$::far stream_info KV_SCALE] state consumer_count] == 0}
}

set begun {}
proc watchAll {kv watchers} {
    for {set i 0} {$i < $watchers} {incr i} {
        lappend ::begun [$kv watch key -updates_only true -callback reach]
    }
    # Each is told once that it has begun.
    await {$::reached >= $watchers}
}
proc reach {args} {
    incr ::reached
}

# Those who need no more than what changes: the bucket publishes it once more, at a subject without consumers.
# Each has a connection of its own, as on many machines.
proc subscribeAll {watchers} {
    for {set i 0} {$i < $watchers} {incr i} {
        lappend ::begun [set conn [connect $::option(-leaf)]]
        $conn subscribe scale.changed.key -confirm true -callback reach
    }
}

set atHub [[$hub jet_stream] bind_kv_bucket SCALE]
row "who watches" watchers "consumers at the hub" "bytes on the line" "ms to reach all"
foreach {what begin} [list "its mirror in the leaf" [list watchAll $mirror] "the bucket, by the line" [list watchAll $bucket] \
        "what it republishes" subscribeAll] {
    foreach watchers $option(-watchers) {
        watched $what $watchers $begin
    }
    # Others are measured without what the mirror has the hub send.
    catch {$near delete_kv_bucket SCALE_NEAR}
}

$far delete_kv_bucket SCALE
$leaf destroy
$hub destroy
stopServers
