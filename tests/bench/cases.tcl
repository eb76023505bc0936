# SPDX-License-Identifier: Apache-2.0
# The cases in Tcl: the driver (main.go) starts this in C Tcl and in natsh.
#
#     tclsh tests/bench/cases.tcl url
#
# It reads lines "case n size", runs that case, and answers each with "ok figure ..." or
# "error text". Each case checks that it got what it asked for, and its figures are µs for
# each operation, unless it says so.
package require nats

set value [string repeat x 128]
set large [string repeat x 65536]

# What goes wrong in a callback ends the process: nobody waits for what does not come.
interp bgerror {} [list apply {{message options} {
    puts stderr [dict get $options -errorinfo]
    exit 1
}}]

proc connect {} {
    set conn [nats::connection new bench -log_level error]
    $conn configure -servers [lindex $::argv 0]
    $conn connect
    return $conn
}

# µs for each of n since then.
proc each {start n} {
    return [perOne [expr {[clock microseconds] - $start}] $n]
}

proc perOne {time n} {
    return [expr {double($time) / $n}]
}

# The same thing was got as was wanted, or else the case fails.
proc expect {what got wanted} {
    if {$got != $wanted} {
        error "$what: $got instead of $wanted"
    }
}

namespace eval cases {}

proc cases::put {n size} {
    return [putValues k $n $::value]
}

# Keys are this prefix with a number.
proc cases::putValues {prefix n value} {
    global kv
    set last 0
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        set revision [$kv put $prefix$i $value]
        if {$revision <= $last} {
            error "revision $revision after $last"
        }
        set last $revision
    }
    return [each $start $n]
}

proc cases::get {n size} {
    return [getValues k $n [string length $::value]]
}

proc cases::getValues {prefix n length} {
    global kv
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        set entry [$kv get $prefix$i]
        expect bytes [string length [dict get $entry value]] $length
    }
    return [each $start $n]
}

proc cases::create {n size} {
    global created value
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        $created create k$i $value
    }
    return [each $start $n]
}

proc cases::update {n size} {
    global kv value
    set revision [$kv put updated $value]
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        set revision [$kv update updated $value $revision]
    }
    return [each $start $n]
}

proc cases::request {n size} {
    global conn value
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect bytes [string length [$conn request echo $value]] 128
    }
    return [each $start $n]
}

# 64 coroutines put and get, n operations in all, half of each.
proc cases::coroutines {n size} {
    set pairs [expr {max($n / 2 / 64, 1)}]
    set ::finished 0
    set start [clock microseconds]
    for {set id 0} {$id < 64} {incr id} {
        coroutine putAndGet$id cases::putAndGet $id $pairs
    }
    while {$::finished < 64} {
        vwait ::finished
    }
    return [each $start [expr {2 * $pairs * 64}]]
}

proc cases::putAndGet {id pairs} {
    global kv value
    for {set i 0} {$i < $pairs} {incr i} {
        $kv put w$id.$i $value
        set entry [$kv get w$id.$i]
        expect bytes [string length [dict get $entry value]] 128
    }
    incr ::finished
}

proc cases::put64k {n size} {
    return [putValues large $n $::large]
}

proc cases::get64k {n size} {
    return [getValues large $n [string length $::large]]
}

# At most 10,000 are not yet acknowledged.
proc cases::acks {n size} {
    global js value acked
    set acked 0
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        while {$i - $acked >= 10000} {
            vwait ::acked
        }
        $js publish acks $value -callback cases::acked
    }
    while {$acked < $n} {
        vwait ::acked
    }
    return [each $start $n]
}

proc cases::acked {timedOut ack failure} {
    if {$timedOut || $failure ne ""} {
        error "not acknowledged: $timedOut $failure"
    }
    incr ::acked
}

proc cases::pubsub {n size} {
    global conn value received
    set received 0
    set subscription [$conn subscribe own -callback cases::received]
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        $conn publish own $value
    }
    while {$received < $n} {
        vwait ::received
    }
    set time [each $start $n]
    $conn unsubscribe $subscription
    return $time
}

proc cases::received {subject message reply} {
    incr ::received
}

proc cases::fetch {n size} {
    global js
    set consumer [dict get [$js add_consumer MSGS -ack_policy none] name]
    set received 0
    set start [clock microseconds]
    while {$received < $n} {
        set batch [$js fetch MSGS $consumer -batch_size 100 -timeout 30000]
        foreach message $batch {
            expect bytes [string length [dict get $message data]] 128
        }
        if {[llength $batch] == 0} {
            error "messages: $received instead of $n"
        }
        incr received [llength $batch]
    }
    set time [each $start $received]
    $js delete_consumer MSGS $consumer
    return $time
}

proc cases::ordered {n size} {
    global js bytes
    set n 100000
    set bytes 0
    set start [clock microseconds]
    set consumer [$js ordered_consumer MSGS -callback cases::consumed]
    set wanted [expr {$n * 128}]
    while {$bytes < $wanted} {
        vwait ::bytes
    }
    set time [each $start $n]
    $consumer destroy
    expect bytes $bytes $wanted
    return $time
}

proc cases::consumed {message} {
    incr ::bytes [string length [dict get $message data]]
}

# The time from a put to the callback of a watcher on another connection, median and 99th
# percentile.
proc cases::notify {n size} {
    global kv value latencies sent
    set other [connect]
    set watcher [[[$other jet_stream] bind_kv_bucket bench] watch notified -updates_only true -callback cases::noticed]
    set latencies {}
    set ::began 0
    while {!$::began} {
        vwait ::began
    }
    for {set i 1} {$i <= $n} {incr i} {
        set sent [clock microseconds]
        $kv put notified $value
        while {[llength $latencies] < $i} {
            vwait ::latencies
        }
    }
    $other destroy
    set sorted [lsort -integer $latencies]
    return [list [lindex $sorted [expr {$n / 2}]] [lindex $sorted [expr {$n * 99 / 100}]]]
}

proc cases::noticed {entry} {
    if {$entry eq ""} {
        set ::began 1
    } else {
        lappend ::latencies [expr {[clock microseconds] - $::sent}]
    }
}

proc cases::keys {n size} {
    set kv [$::js bind_kv_bucket keys$size]
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect keys [llength [$kv keys]] $size
    }
    set time [each $start [expr {$n * $size}]]
    $kv destroy
    return $time
}

proc cases::history {n size} {
    set kv [$::js bind_kv_bucket keys$size]
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect entries [llength [$kv history >]] $size
    }
    set time [each $start [expr {$n * $size}]]
    $kv destroy
    return $time
}

# The time in which the current entries of a bucket come, n times.
proc cases::watch {n size} {
    set kv [$::js bind_kv_bucket keys$size]
    set time 0
    for {set i 0} {$i < $n} {incr i} {
        set ::bytes 0
        set start [clock microseconds]
        set watcher [$kv watch > -callback cases::watched]
        vwait ::complete
        incr time [expr {[clock microseconds] - $start}]
        $watcher destroy
        expect bytes $::bytes [expr {$size * 128}]
    }
    $kv destroy
    return [perOne $time [expr {$n * $size}]]
}

proc cases::watched {entry} {
    if {$entry eq ""} {
        set ::complete 1
    } else {
        incr ::bytes [string length [dict get $entry value]]
    }
}

proc cases::array {n size} {
    set kv [$::js bind_kv_bucket keys$size]
    set time 0
    for {set i 0} {$i < $n} {incr i} {
        set start [clock microseconds]
        set watcher [cached $kv $size]
        incr time [expr {[clock microseconds] - $start}]
        $watcher destroy
        expect bytes [string length $::cache(key.0000000)] 128
        unset ::cache
    }
    $kv destroy
    return [perOne $time [expr {$n * $size}]]
}

# Follows a bucket in the array cache, and waits until all of it is there: for the key that comes
# last, for Tcl counts an array's elements one by one each time.
proc cached {kv size} {
    set watcher [$kv watch > -values_array ::cache]
    vwait ::cache([format key.%07d [expr {$size - 1}]])
    expect keys [::array size ::cache] $size
    return $watcher
}

# A change that reaches all of size watchers, n times.
proc cases::watchers {n size} {
    global kv value reached
    set reached 0
    for {set i 0} {$i < $size} {incr i} {
        lappend watchers [$kv watch fan -updates_only true -callback cases::reach]
    }
    # The end of current data of each.
    while {$reached < $size} {
        vwait ::reached
    }
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        set reached 0
        $kv put fan $value
        while {$reached < $size} {
            vwait ::reached
        }
    }
    set time [each $start [expr {$n * $size}]]
    foreach watcher $watchers {
        $watcher destroy
    }
    return $time
}

proc cases::reach {entry} {
    incr ::reached
}

# What follows takes memory, which the driver measures.

proc cases::connected {n size} {}

proc cases::memory-connection {n size} {
    while {[llength $::connections] < $n} {
        lappend ::connections [connect]
    }
    return
}

proc cases::memory-watcher {n size} {
    while {[llength $::watchers] < $n} {
        lappend ::watchers [$::kv watch idle.> -updates_only true -callback cases::idle]
    }
    # The end of current data of each.
    while {$::idle < $n} {
        vwait ::idle
    }
    return
}

proc cases::idle {entry} {
    incr ::idle
}

proc cases::memory-peak {n size} {
    set kv [$::js bind_kv_bucket keys$size]
    set ::keys [$kv keys]
    cached $kv $size
    expect keys [llength $::keys] $size
    return
}

source [file join [file dirname [info script]] many.tcl]
source [file join [file dirname [info script]] window.tcl]

set conn [connect]
set js [$conn jet_stream -timeout 120000]
set kv [$js bind_kv_bucket bench]
set created [$js bind_kv_bucket created]
set connections {}
set watchers {}
set idle 0
while {[gets stdin line] >= 0} {
    lassign $line name n size
    if {[catch {cases::$name $n $size} result options]} {
        puts stderr [dict get $options -errorinfo]
        puts "error [string map {\n " "} $result]"
    } else {
        puts "ok $result"
    }
    flush stdout
}
