# SPDX-License-Identifier: Apache-2.0
# Streams managed from a JSON file, as other NATS tools write it: made where it is not there,
# changed where the file says so, and shown.
#
#     tclsh examples/stream_from_json.tcl ?-server url? ?file?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set file [lindex $argv [expr {[info exists server] ? 0 : 2}]]
if {$file eq ""} {
    set file [file join [file dirname [info script]] orders.json]
}
set channel [open $file]
fconfigure $channel -encoding utf-8
set json [read $channel]
close $channel

set conn [nats::connection new]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set js [$conn jet_stream]

# The JSON goes to the server as it is: also fields that this package has never heard of.
# (What comes back is JSON, too; stream_info has it as a dict.)
$js add_stream_from_json $json
regexp {"name": *"([^"]+)"} $json -> name
set config [dict get [$js stream_info $name] config]
puts "$name: [dict get $config description]"
puts "subjects: [join [dict get $config subjects] {, }]"
puts "kept for [expr {[dict get $config max_age] / 86400000}] days"

# Made again from the same file: nothing happens. From another one: the server refuses.
$js add_stream_from_json $json
try {
    $js add_stream_from_json [string map {{"old"} {"new"}} $json]
} trap {NATS ErrJSResponse} message {
    puts "refused: $message"
}

# A config that was read can be changed and given back.
dict set config max_msgs_per_subject 5
dict set config metadata reviewed yes
set config [dict get [$js update_stream $name {*}$config] config]
puts "changed: [dict get $config max_msgs_per_subject] messages a subject, owned by [dict get $config metadata owner]"

for {set i 1} {$i <= 7} {incr i} {
    $js publish orders.[expr {$i % 2 ? "north" : "south"}].new "order $i"
}
foreach {subject count} [lsort -stride 2 [$js stream_subjects $name]] {
    puts "$subject: $count, the last is [nats::msg data [$js stream_direct_get $name -last_by_subj $subject]]"
}

# A consumer from JSON. Its durations are in ns there.
$js add_consumer_from_json $name billing {{"durable_name": "billing", "ack_policy": "explicit", "ack_wait": 45000000000, "filter_subject": "orders.*.paid"}}
puts "billing has [expr {[dict get [$js consumer_info $name billing] config ack_wait] / 1000}] seconds for an order"

puts "purged: [$js purge_stream $name -filter orders.north.new -keep 1]"
$js delete_stream $name
puts "streams left: [llength [lsearch -all -exact [$js stream_names] $name]]"

$conn destroy
if {[info exists server]} {
    $server destroy
}
