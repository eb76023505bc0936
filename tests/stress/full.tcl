# SPDX-License-Identifier: Apache-2.0
# One process at full speed for a long time: what it does stays right, and it does not grow.
#
#     tclsh full.tcl SECONDS
#
# Coroutines put and get, publish to the process itself and for acknowledgements, ask a service of its own, store
# objects, list and change many keys at once, and make watchers and consumers that end at once. Each looks at what it gets. A watcher
# sees all of it, with a callback and an array. Meanwhile the process's handles, goroutines, threads, open files and
# memory are looked at. The server, with all in memory, is another process.

set here [file dirname [file normalize [info script]]]
lappend auto_path [file dirname [file dirname $here]]
package require nats
set seconds [lindex $argv 0]

# What goes wrong anywhere ends it.
interp bgerror {} [list apply {{message options} {
    puts "wrong: [dict get $options -errorinfo]"
    exit 1
}}]

set server [open |[list [info nameofexecutable] [file join $here full_server.tcl] 2>@stderr] r+]
set conn [nats::connection new]
$conn configure -servers [gets $server] -connect_timeout 30000
$conn connect
set js [$conn jet_stream -timeout 60000]
set kv [$js create_kv_bucket full -history 3 -storage memory]
set store [$js create_object_store full -storage memory]
$js add_stream WORK -subjects work.> -storage memory -retention workqueue
$js add_pull_consumer WORK worker

# Runs a script again and again, as a coroutine, until the time is over, and counts.
proc again {what script} {
    incr ::active
    set ::done($what) 0
    coroutine ::$what#[incr ::coroutines] apply {{what script} {
        yield
        while {!$::over} {
            eval $script
            incr ::done($what)
        }
        incr ::active -1
    }} $what $script
    after 0 ::$what#$::coroutines
}

# Lets a coroutine wait.
proc pause {ms} {
    after $ms [info coroutine]
    yield
}

proc expect {what got wanted} {
    if {$got ne $wanted} {
        error "$what: [string range $got 0 100] in place of [string range $wanted 0 100]"
    }
}

# Each entry leads further in the stream.
set revision 0
proc changed {entry} {
    if {$entry eq ""} return
    set revision [dict get $entry revision]
    if {$revision <= $::revision} {
        error "revision $revision behind $::revision"
    }
    set ::revision $revision
    incr ::done(watch)
}

proc came {subject message reply} {
    if {[incr ::done(receive)] != $message} {
        error "message $message in place of $::done(receive)"
    }
}

proc acknowledged {timedOut ack error} {
    if {$timedOut || $error ne ""} {
        error "no acknowledgement: $error"
    }
    incr ::acks
}

proc worked {message} {
    incr ::done(consume)
    $::js ack $message
}

set over 0
set active 0
set sent 0
set acks 0
set published 0
set done(receive) 0
set done(consume) 0
set done(watch) 0
set watcher [$kv watch > -callback changed -values_array cache]
$conn subscribe own -pending_msgs 100000 -callback came
set service [$conn service echo 1.0.0]
$service endpoint echo -subject full.echo -callback {apply {request {$::service respond $request [nats::msg data $request]}}}
set consumer [$js pull_consumer WORK worker -callback worked]

for {set i 0} {$i < 16} {incr i} {
    again put "
        set revision \[\$::kv put key.$i \[incr n]]
        set entry \[\$::kv get key.$i]
        expect {key.$i} \[list \[dict get \$entry revision] \[dict get \$entry value]] \[list \$revision \$n]
    "
}
again publish {
    for {set i 0} {$i < 500} {incr i} {
        $::conn publish own [incr ::sent]
    }
    while {$::sent - $::done(receive) > 2000} {
        pause 1
    }
    pause 0
}
again acknowledge {
    for {set i 0} {$i < 200} {incr i} {
        $::js publish work.x x -callback acknowledged
    }
    incr ::published 200
    while {$::published - $::acks > 1000 || $::published - $::done(consume) > 5000} {
        pause 1
    }
    pause 0
}
foreach i {1 2 3 4} {
    again request {
        expect echo [$::conn request full.echo [incr n] -timeout 60000] $n
    }
}
again object {
    set data [string repeat [format %08d [incr n]] 40000]
    $::store put thing -data $data
    expect object [$::store get thing] $data
    pause 50
}
again many {
    set pairs {}
    for {set i 0} {$i < 500} {incr i} {
        lappend pairs many.$i [incr n]
    }
    $::kv put_many $pairs
    expect keys [lsort [$::kv keys -keys many.>]] [lsort [dict keys $pairs]]
    foreach entry [$::kv get_many [lrange [dict keys $pairs] 0 99]] {
        expect many [dict get $entry value] [dict get $pairs [dict get $entry key]]
    }
    expect history [llength [$::kv history many.0]] [expr {min(3, $n / 500)}]
    pause 20
}
again short {
    [$::kv watch many.1 -callback list -values_array ::short] destroy
    [$::js ordered_consumer KV_full -callback list] destroy
    $::conn unsubscribe [$::conn subscribe x.> -callback list]
    catch {$::kv get nosuch}
    set child [interp create]
    interp eval $child [list set auto_path $::auto_path]
    interp eval $child {package require nats; nats::connection new}
    interp delete $child
    pause 10
}

proc entries {directory} {
    return [llength [glob -nocomplain $directory/*]]
}

# What the process has: handles, goroutines, threads, open files and MB of memory; of the last three nothing where the system does not tell.
proc state {} {
    set stats [nats::core::stats]
    set mb 0
    catch {
        set channel [open /proc/self/status]
        regexp {VmRSS:\s+(\d+)} [read $channel] -> kb
        close $channel
        set mb [expr {$kb / 1024}]
    }
    return [list [dict get $stats handles] [dict get $stats goroutines] [entries /proc/self/task] [entries /proc/self/fd] $mb]
}

# What there was, at each look. On a busy machine there may be long pauses between them.
set start [clock milliseconds]
set looks {}
proc look {} {
    if {$::over} return
    lappend ::looks [state]
    if {[clock milliseconds] - $::start >= $::seconds * 1000 && [llength $::looks] >= 4} {
        set ::over 1
        return
    }
    after [expr {min(1000, $::seconds * 50)}] look
}

# The most of each in a quarter of the looks, from 0 on.
proc most {quarter} {
    set n [llength $::looks]
    foreach state [lrange $::looks [expr {$quarter * $n / 4}] [expr {($quarter + 1) * $n / 4 - 1}]] {
        set most [expr {[info exists most] ? [lmap a $state b $most {expr {max($a, $b)}}] : $state}]
    }
    return $most
}
look
vwait over

# All that was under way comes to its end.
set patience [expr {[clock milliseconds] + 120000}]
while {$active || $sent != $done(receive) || $published != $acks || $published != $done(consume)
        || $revision != [dict get [$js stream_info KV_full] state last_seq]} {
    if {[clock milliseconds] > $patience} {
        puts "wrong: $active at work, $sent sent, $done(receive) came, $published published, $acks acknowledged, $done(consume) consumed,\
            revision $revision"
        exit 1
    }
    after 20 {set tick 1}
    vwait tick
}
$watcher wait
set wrong 0
foreach key [$kv keys] {
    if {![info exists cache($key)] || $cache($key) ne [$kv get_value $key]} {
        incr wrong
        puts "wrong: $key in the array"
    }
}
# In the first quarter it warms up. What grows then is a leak.
set names {handles goroutines threads files MB}
set first [most 1]
set last [most 3]
foreach name $names was $first is $last spare {20 100 30 20 40} {
    if {$is > $was + $spare} {
        incr wrong
        puts "wrong: $name grew from $was to $is"
    }
}
puts "what the process had at most, in each quarter of the time: $names"
foreach quarter {0 1 2 3} {
    puts "    [most $quarter]"
}
puts [join [lmap what [lsort [array names done]] {string cat $what " " $done($what)}] ", "]
puts "$seconds s, $wrong wrong"
$conn destroy
close $server
exit [expr {$wrong > 0}]
