# SPDX-License-Identifier: Apache-2.0
# One client of a stress run (main.go), in Tcl: it writes, reads, watches, consumes and serves while
# servers and connections fail, and writes down what it did and what it was told.
#
#     tclsh worker.tcl NAME URLS BUCKET SEED FILE TIMEOUT
#
# It reads lines from its standard input: "stop" has it begin nothing more, and it writes "stopped"
# when all calls have ended; "settle KV STREAM" has it wait until its watchers and its consumer have
# come to those sequence numbers, and it writes "settled", after what its arrays hold; "why" has it tell on its standard
# error what it waits for. It ends with its standard input. native.go does the same in Go.
#
# A line of FILE has fields with tabs between: what was done, when it began and ended (µs since 1970), the key,
# the value, the revision that was expected, ok or the errorCode, and the revision or what else came of it.

package require nats

lassign $argv name urls bucket seed file timeout
expr {srand($seed)}
set log [open $file w]
fconfigure $log -translation lf -encoding utf-8 -buffersize 65536
set running 1
set active 0  ;# coroutines that have not ended
set number 0  ;# of the last value that was made
set seen {}   ;# watcher -> its last revision
set taken 0   ;# messages of the consumer, each counted once
array set known {} ;# key -> the last revision that was read or written here
interp bgerror {} {apply {{message options} {
    note bgerror 0 0 - - 0 [dict get $options -errorcode] $message
}}}

proc note {what begin end key value expected code result} {
    puts $::log [join [list $what $begin $end $key $value $expected [lrange $code 0 1] [string map {\t { } \n { }} $result]] \t]
}

proc pick {n} {
    return [expr {int(rand() * $n)}]
}

# A value that nobody else writes.
proc value {} {
    return $::name-[incr ::number]
}

proc pause {ms} {
    after $ms [info coroutine]
    yield
}

# Does one call, and notes it. Returns its result, or an empty text where it failed.
proc call {what key value expected command} {
    set begin [clock microseconds]
    if {[catch $command result options]} {
        set code [dict get $options -errorcode]
        note $what $begin [clock microseconds] $key $value $expected $code $result
        if {[lindex $code 1] ni {ErrWrongLastSequence ErrKeyNotFound}} {
            pause 20
        }
        return
    }
    note $what $begin [clock microseconds] $key $value $expected ok $result
    return $result
}

# One of the clients of the keys whose history has to be linear.
proc linear {} {
    global kv known
    set key l[pick 24]
    set revision [expr {[info exists known($key)] ? $known($key) : 1}]
    switch [pick 10] {
        0 - 1 - 2 {
            set new [call put $key [set value [value]] 0 [list $kv put $key $value]]
        }
        3 {
            set new [call create $key [set value [value]] 0 [list $kv create $key $value]]
        }
        4 - 5 {
            set new [call update $key [set value [value]] $revision [list $kv update $key $value $revision]]
        }
        6 {
            call delete $key - 0 [list $kv delete $key]
            set new ""
        }
        default {
            set entry [call get $key - 0 [list reading $key -leader true]]
            set new [lindex $entry 0]
        }
    }
    if {$new ne ""} {
        set known($key) $new
    }
}

# Returns revision and value.
proc reading {key args} {
    set entry [$::kv get $key {*}$args]
    return [list [dict get $entry revision] [dict get $entry value]]
}

# Any replica may answer: what it says must have been so once.
proc direct {} {
    set key l[pick 24]
    call direct $key - 0 [list reading $key]
    pause 5
}

# Two keys that always change together.
proc both {} {
    set pair p[pick 4]
    set value [value]
    call atomic $pair $value 0 [list $::kv atomic [list [list put $pair.x $value] [list put $pair.y $value]]]
    pause 200 ;# the server syncs its files for each, and all else waits
}

# Many values at once: the result is their revisions, 0 where one failed.
proc many {} {
    set value [value]
    set pairs {}
    for {set i 0} {$i < 200} {incr i} {
        dict set pairs m$i $value.$i
    }
    call put_many m $value 200 [list putMany $pairs]
    pause 10
}

proc putMany {pairs} {
    try {
        return [join [$::kv put_many $pairs] ,]
    } trap {NATS ErrIncomplete} {message options} {
        # What failed says why, with a code of its own.
        lassign [dict get $options -errorcode] - - failed revisions
        dict for {key error} $failed {
            if {[lindex [dict get $error code] 0] ne "NATS"} {
                return -options $options $message
            }
        }
        return [join [lmap revision $revisions {expr {$revision eq "" ? 0 : $revision}}] ,]
    }
}

proc objects {} {
    set object o[pick 5]-$::name
    set value [value]
    call object $object $value 0 [list putObject $object [string repeat $value| 20000]]
    pause 100
}

proc putObject {object data} {
    return [dict get [$::store put $object -data $data] digest]
}

proc publishes {} {
    set value [value]
    call publish s.$::name $value 0 [list publishOne $value]
    pause 2
}

proc publishOne {value} {
    return [dict get [$::js publish s.$::name $value -timeout $::timeout] seq]
}

proc requests {} {
    set value [value]
    call request echo $value 0 [list $::conn request $::bucket.echo $value -timeout $::timeout]
    pause 10
}

# Runs one of those again and again, as a coroutine.
proc again {what} {
    incr ::active
    coroutine ::$what#[incr ::coroutines] apply {{what} {
        yield
        while {$::running} {
            $what
        }
        incr ::active -1
    }} $what
    after 0 ::$what#$::coroutines
}

proc changed {watcher entry} {
    if {[dict size $entry] == 0} {
        note current [clock microseconds] 0 - - 0 ok $watcher
        return
    }
    dict with entry {
        dict set ::seen $watcher $revision
        note seen $watcher 0 $key [expr {$value eq "" ? "-" : $value}] $revision ok $operation
    }
}

# Reads the consumer, also where a server has removed it, when it is there again.
proc consume {} {
    if {[catch {$::js pull_consumer S_$::bucket $::name -callback consumed -expires 2000 -error_callback failed} ::consumer]} {
        after 500 consume
    }
}

proc failed {error} {
    if {[string match stopped* [dict get $error errorMessage]]} {
        note unread 0 0 - - 0 ok [dict get $error errorMessage]
        after 500 consume
    }
}

proc consumed {message} {
    set sequence [dict get [nats::metadata $message] stream_seq]
    if {![info exists ::consumed($sequence)]} {
        set ::consumed($sequence) 1
        incr ::taken
        note consumed 0 0 - [nats::msg data $message] $sequence ok 0
    }
    # Without a connection it comes again.
    catch {$::js ack $message}
}

# A line from the driver.
proc told {} {
    if {[gets stdin line] < 0} {
        if {[eof stdin]} {exit}
        return
    }
    switch [lindex $line 0] {
        stop {
            set ::running 0
            # A write that timed out without a connection goes out with the next one: what is read behind this has it.
            until {expr {$::active == 0 && [$::conn status] eq "connected" && ![catch {
                $::conn ping -timeout 5000
                $::js stream_info KV_$::bucket
            }]}} {
                puts stopped
            }
        }
        why {
            flush $::log
            puts stderr "$::name: running $::running, active $::active, [$::conn status], seen $::seen,\
                array [$::second revision], taken $::taken\n[nats::core::stats]\n[join [info commands ::*#*] " "]"
        }
        settle {
            lassign $line - kv stream
            until [list settled $kv $stream] {
                writeArrays
                close $::log
                puts settled
            }
        }
    }
}

# Runs a script once a condition, a script of its own, returns true.
proc until {condition script} {
    if {[uplevel #0 $condition]} {
        uplevel #0 $script
        flush stdout
    } else {
        after 20 [list until $condition $script]
    }
}

# Whether watchers and consumer have come so far.
proc settled {kv stream} {
    foreach watcher {1 2} {
        if {![dict exists $::seen $watcher] || [dict get $::seen $watcher] < $kv} {return 0}
    }
    return [expr {[$::second revision] >= $kv && $::taken >= $stream}]
}

proc writeArrays {} {
    foreach array {cache cache2} {
        foreach {key value} [array get ::$array] {
            note $array 0 0 $key $value 0 ok 0
        }
    }
}

# Connects and finds what the driver has made; that may need some tries.
set conn [nats::connection new $name -log_level error -log_chan [open $file.log w]]
$conn configure -servers $urls -max_reconnect_attempts -1 -reconnect_time_wait 100 -ping_interval 500 -connect_timeout 1000
# Does a call again that was too late: on a busy machine a server may not answer in time.
proc eventually {args} {
    for {set tries 1} {[catch {uplevel #0 $args} result options]} {incr tries} {
        if {$tries == 20} {
            return -options $options $result
        }
        after 500
    }
    return $result
}
eventually $conn connect
set js [$conn jet_stream -timeout $timeout]
set kv [eventually $js bind_kv_bucket $bucket]
set store [eventually $js bind_object_store $bucket]
set service [$conn service echo 1.0.0]
$service endpoint echo -subject $bucket.echo -callback {apply {{request} {
    catch {$::service respond $request [nats::msg data $request]}
}}}
set first [eventually $kv watch > -callback {changed 1} -values_array cache -idle_heartbeat 1000]
set second [eventually $kv watch > -values_array cache2 -callback {changed 2} -idle_heartbeat 1000]
consume

fconfigure stdin -blocking 0
fileevent stdin readable told
foreach {what n} {linear 4 direct 1 both 1 many 1 objects 1 publishes 2 requests 1} {
    for {set i 0} {$i < $n} {incr i} {
        again $what
    }
}
puts ready
flush stdout
vwait forever
