# SPDX-License-Identifier: Apache-2.0
# A work queue: each job is done once, by whichever worker is free. A worker that fails gives its
# job back, and one that dies has its job given to another when its time is over.
#
#     tclsh examples/work_queue.tcl ?-server url?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set js [$conn jet_stream]

# Jobs stay until a worker has acknowledged them.
$js add_stream JOBS -subjects jobs.> -retention workqueue
$js add_pull_consumer JOBS workers -ack_wait 30000 -max_deliver 5

# Acknowledged by the server when the callback is called: the job is safe.
set stored 0
proc stored {timedOut ack error} {
    if {$timedOut || $error ne ""} {
        puts "not stored: $error"
    }
    incr ::stored
}
foreach number {3 8 five 13 21 34} {
    $js publish jobs.square $number -callback stored
}
# A second one with the same ID is a duplicate, and stored once.
$js publish jobs.square 55 -msg_id last
puts "sent twice, stored once: [dict get [$js publish jobs.square 55 -msg_id last] duplicate]"
while {$stored < 6} {
    vwait stored
}
puts "jobs waiting: [dict get [$js stream_info JOBS] state messages]"

# A worker takes a job, does it, and acknowledges it. Several run side by side, each in its
# coroutine.
proc worker {name} {
    global js
    while 1 {
        # The server says after a second that there is nothing more.
        set messages [$js fetch JOBS workers -timeout 5000 -expires 1000]
        if {[llength $messages] == 0} break
        set job [lindex $messages 0]
        set number [nats::msg data $job]
        set tries [dict get [nats::metadata $job] num_delivered]
        if {![string is integer -strict $number]} {
            lappend ::results "$number is no number: never again"
            $js term $job
        } elseif {$number == 13 && $tries == 1} {
            lappend ::results "$number failed once"
            $js nak $job -delay 100
        } else {
            lappend ::results "$number squared is [expr {$number ** 2}], try $tries"
            $js ack_sync $job
        }
    }
    incr ::ended
}

set results {}
set ended 0
foreach name {one two three} {
    coroutine worker-$name worker $name
}
while {$ended < 3} {
    vwait ended
}
puts [join [lsort -dictionary $results] \n]
puts "jobs waiting: [dict get [$js stream_info JOBS] state messages]"

$js delete_stream JOBS
$conn destroy
if {[info exists server]} {
    $server destroy
}
