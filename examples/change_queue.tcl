# SPDX-License-Identifier: Apache-2.0
# A queue of changes: each change of a bucket is worked on in order, and by a program that starts anew after the last
# one that it has done, however long it was away.
#
#     tclsh examples/change_queue.tcl ?-server url?
#
# The revision of the last change that was done is kept in a bucket of its own.

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new queue]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set js [$conn jet_stream]
# As many revisions of a key as may come while nobody works on them.
set orders [$js create_or_update_kv_bucket ORDERS -storage memory -history 64]
set places [$js create_or_update_kv_bucket PLACES -storage memory]

# Works on so many changes, from where it was the last time, and ends.
proc work {name count} {
    set from 1
    catch {set from [expr {[$::places get_value $name] + 1}]}
    set ::left $count
    set watcher [$::orders watch > -resume_from_revision $from -callback [list changed $name]]
    while {$::left > 0} {
        vwait ::left
    }
    $watcher destroy
}

proc changed {name entry} {
    if {$entry eq "" || $::left == 0} return
    dict with entry {
        puts "$name: [string tolower $operation] $key [expr {$value eq "" ? "" : "= $value"}]"
        # Only now it is done: who dies before works on it again.
        $::places put $name $revision
    }
    incr ::left -1
}

$orders put 4711 new
$orders put 4711 paid
work billing 2
puts "billing is away"
$orders put 4712 new
$orders delete 4711
work billing 2
puts "done up to revision [$places get_value billing]"
$conn destroy
if {[info exists server]} {
    $server destroy
}
