# SPDX-License-Identifier: Apache-2.0
# Cases of methods that do many things at once, of services and objects, and of many threads and
# subscriptions. cases.tcl reads this file, and has what they use.

# The keys k0, k1, ... of a run.
proc keyList {n} {
    set keys {}
    for {set i 0} {$i < $n} {incr i} {
        lappend keys k$i
    }
    return $keys
}

# n times, size keys.
proc cases::put-many {n size} {
    global kv value
    set pairs {}
    foreach key [keyList $size] {
        lappend pairs $key $value
    }
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect revisions [llength [$kv put_many $pairs]] $size
    }
    return [each $start [expr {$n * $size}]]
}

# n times, size keys.
proc cases::get-many {n size} {
    global kv
    set keys [keyList $size]
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect entries [llength [$kv get_many $keys]] $size
    }
    return [each $start [expr {$n * $size}]]
}

# n times, a batch of size keys.
proc cases::atomic {n size} {
    global value
    set kv [$::js bind_kv_bucket batches]
    set changes {}
    foreach key [keyList $size] {
        lappend changes [list put $key $value]
    }
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect revisions [llength [$kv atomic $changes]] $size
    }
    set time [each $start [expr {$n * $size}]]
    $kv destroy
    return $time
}

proc cases::touch {n size} {
    set kv [$::js bind_kv_bucket lives]
    $kv put touched $::value
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        $kv touch touched -ttl 3600000
    }
    set time [each $start $n]
    $kv destroy
    return $time
}

# 100 keys out of size, n times.
proc cases::filter-keys {n size} {
    set kv [$::js bind_kv_bucket groups$size]
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect keys [llength [$kv keys -keys g7.*]] [expr {$size / ($size / 100)}]
    }
    set time [each $start $n]
    $kv destroy
    return $time
}

proc cases::filter-watch {n size} {
    set kv [$::js bind_kv_bucket groups$size]
    set time 0
    for {set i 0} {$i < $n} {incr i} {
        set ::bytes 0
        set start [clock microseconds]
        set watcher [$kv watch g7.* -callback cases::watched]
        vwait ::complete
        incr time [expr {[clock microseconds] - $start}]
        $watcher destroy
        expect bytes $::bytes [expr {100 * 128}]
    }
    $kv destroy
    return [perOne $time $n]
}

# An object of n chunks.
proc cases::object {n size} {
    set store [$::js bind_object_store objects]
    set data [binary format a* [string repeat x [expr {$n * 131072}]]] ;# bytes, as a file has
    set start [clock microseconds]
    $store put large -data $data
    set put [each $start $n]
    set start [clock microseconds]
    expect bytes [string length [$store get large]] [expr {$n * 131072}]
    set get [each $start $n]
    $store destroy
    return [list $put $get]
}

proc cases::service {n size} {
    global conn value
    set service [$conn service bench 1.0.0]
    $service endpoint bench-echo -callback [list cases::answer $service]
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        expect bytes [string length [$conn request bench-echo $value]] 128
    }
    set time [each $start $n]
    $service destroy
    return $time
}

proc cases::answer {service request} {
    $service respond $request [nats::msg data $request]
}

proc cases::fast {n size args} {
    global js value
    set fast [$js fast_publisher {*}$args]
    set start [clock microseconds]
    for {set i 1} {$i < $n} {incr i} {
        $fast add fast $value
    }
    set ack [$fast commit fast $value]
    set time [each $start $n]
    expect messages [dict get $ack count] $n
    return $time
}

proc cases::fast-wide {n size} {
    fast $n $size -outstanding 10
}

proc cases::counter {n size} {
    set counter [$::js counter COUNTS]
    set before [$counter add counts.bench 0]
    set start [clock microseconds]
    for {set i 1} {$i <= $n} {incr i} {
        expect value [$counter add counts.bench 1] [expr {$before + $i}]
    }
    set time [each $start $n]
    $counter destroy
    return $time
}

# n messages to size subscriptions in turn.
proc cases::subscriptions {n size} {
    global conn value received
    set received 0
    for {set i 0} {$i < $size} {incr i} {
        lappend ids [$conn subscribe many.$i -callback cases::received]
    }
    set start [clock microseconds]
    for {set i 0} {$i < $n} {incr i} {
        $conn publish many.[expr {$i % $size}] $value
    }
    while {$received < $n} {
        vwait ::received
    }
    set time [each $start $n]
    foreach id $ids {
        $conn unsubscribe $id
    }
    return $time
}

# size threads put n values in all, each on a connection of its own.
proc cases::threads {n size} {
    package require Thread
    set each [expr {max($n / $size, 1)}]
    for {set i 0} {$i < $size} {incr i} {
        set id [thread::create]
        thread::send $id [list set auto_path $::auto_path]
        thread::send $id [list set argv $::argv]
        thread::send $id [list source [file join [file dirname [info script]] thread.tcl]]
        lappend ids $id
    }
    set start [clock microseconds]
    foreach id $ids {
        thread::send -async $id [list putAll t$id. $each $::value] ::ended($id)
    }
    foreach id $ids {
        while {![info exists ::ended($id)]} {
            vwait ::ended($id)
        }
        expect puts $::ended($id) $each
    }
    set time [each $start [expr {$each * $size}]]
    unset ::ended
    foreach id $ids {
        thread::send $id {$conn destroy}
        thread::release -wait $id
    }
    return $time
}
