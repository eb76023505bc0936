# SPDX-License-Identifier: Apache-2.0
# A calculator as a service: endpoints in a group, errors with codes, a handler that asks another
# endpoint, and what it has counted.
#
#     tclsh examples/calculator.tcl ?-server url?          asks it some questions
#     tclsh examples/calculator.tcl ?-server url? serve    serves for ever, whoever asks

package require nats

proc calculator {conn} {
    set service [$conn service calculator 1.0.0 -description "calculates with lists of numbers" -metadata {unit none}]
    set group [$service group calc]
    foreach name {sum product mean} {
        $group endpoint $name -callback [list $name $conn $service] -metadata [list about "the $name of the numbers"]
    }
    return $service
}

# The numbers of a request. An error is its answer.
proc numbers {request} {
    set numbers [nats::msg data $request]
    if {[llength $numbers] == 0} {
        throw {NATS SERVICE 400} "no numbers"
    }
    foreach number $numbers {
        if {![string is double -strict $number]} {
            throw {NATS SERVICE 422} "not a number: $number"
        }
    }
    return $numbers
}

proc sum {conn service request} {
    $service respond $request [::tcl::mathop::+ {*}[numbers $request]]
}

proc product {conn service request} {
    $service respond $request [::tcl::mathop::* {*}[numbers $request]]
}

# It runs in a coroutine, as all handlers do: others are served while it waits for the sum.
proc mean {conn service request} {
    set numbers [numbers $request]
    set sum [$conn service_request calc.sum $numbers]
    $service respond $request [expr {double($sum) / [llength $numbers]}]
}

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
set service [calculator $conn]
if {[lindex $argv end] eq "serve"} {
    puts "serving at $url"
    vwait forever
}

foreach {what numbers} {sum {1 2 3} product {4 5 6} mean {1 2 3 6} sum {} product {2 two}} {
    try {
        puts "$what of $numbers: [$conn service_request calc.$what $numbers]"
    } trap {NATS ErrService} {text options} {
        puts "$what of $numbers: error [lindex [dict get $options -errorcode] 2], $text"
    }
}

set stats [lindex [$conn service_stats calculator] 0]
foreach endpoint [dict get $stats endpoints] {
    dict with endpoint {
        puts "$subject: $num_requests requests, $num_errors errors $last_error"
    }
}
$service stop
puts "found after stop: [llength [$conn service_ping calculator]]"
$conn destroy
if {[info exists server]} {
    $server destroy
}
