# SPDX-License-Identifier: Apache-2.0
# All services of a system, and how they do.
#
#     tclsh examples/service_dashboard.tcl                    with a server and two services in the process
#     tclsh examples/service_dashboard.tcl -server url ?ms?   those of a system, anew every so often

package require nats

# A line for each endpoint of each service.
proc dashboard {conn} {
    set lines [list [format "%-8s %-7s %-14s %8s %7s %9s" service version endpoint requests errors "mean (ms)"]]
    foreach service [lsort -command byName [$conn service_stats]] {
        foreach endpoint [dict get $service endpoints] {
            lappend lines [format "%-8s %-7s %-14s %8d %7d %9s" [dict get $service name] [dict get $service version] \
                [dict get $endpoint subject] [dict get $endpoint num_requests] [dict get $endpoint num_errors] [milliseconds $endpoint]]
        }
    }
    return [join $lines \n]
}

proc byName {a b} {
    return [string compare [dict get $a name] [dict get $b name]]
}

proc milliseconds {endpoint} {
    if {[dict get $endpoint num_requests] == 0} {
        return -
    }
    return [format %.1f [expr {[dict get $endpoint average_processing_time] / 1e6}]]
}

set conn [nats::connection new]
if {[lindex $argv 0] eq "-server"} {
    lassign $argv - url every
    $conn configure -servers [list $url] -utf8_convert true
    $conn connect
    while 1 {
        puts [dashboard $conn]
        after [expr {$every eq "" ? 2000 : $every}] {set again 1}
        vwait again
    }
}
set server [nats::server new]
$conn configure -servers [$server url] -utf8_convert true
$conn connect

set echo [$conn service echo 1.0.0]
$echo endpoint echo -callback {apply {request {
    $::echo respond $request [nats::msg data $request]
}}}
set slow [$conn service slow 0.1.0]
$slow endpoint slow -subject slow.answers -callback {apply {request {
    # Others are served meanwhile.
    after 20 [info coroutine]
    yield
    error "no answer after 20 ms"
}}}
$slow endpoint idle -callback list
for {set i 0} {$i < 3} {incr i} {
    $conn service_request echo $i
}
catch {$conn service_request slow.answers x}
puts [dashboard $conn]
$conn destroy
$server destroy
