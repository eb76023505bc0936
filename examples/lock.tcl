# SPDX-License-Identifier: Apache-2.0
# A lock that no dead holder keeps: a key that is created with a time to live, and renewed while it is held.
#
#     tclsh examples/lock.tcl ?-server url?
#
# Two workers want the lock. The first one dies while it holds it; the second gets it when the key expires.

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new lock]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set kv [[$conn jet_stream] create_or_update_kv_bucket LOCKS -storage memory -limit_marker_ttl 1000]

# Takes the lock, however long that takes. It is the holder's until release, or until it has not been
# refreshed for ttl ms. Returns its revision.
proc acquire {kv name owner ttl} {
    # Follows the key, so that its end is seen at once.
    set watcher [$kv watch $name -callback [list changed [info coroutine]]]
    try {
        while 1 {
            try {
                return [$kv create $name $owner -ttl $ttl]
            } trap {NATS ErrWrongLastSequence} {} {
                yield
            }
        }
    } finally {
        $watcher destroy
    }
}

# The watcher's callback: a key that is gone wakes who waits for it.
proc changed {coroutine entry} {
    if {$entry ne "" && [dict get $entry operation] ne "PUT"} {
        after 0 [list catch $coroutine]
    }
}

# Extends the lock. Throws ErrWrongLastSequence where somebody else has it by now.
proc refresh {kv name owner revision ttl} {
    return [$kv update $name $owner $revision -ttl $ttl]
}

proc release {kv name revision} {
    $kv delete $name $revision
}

proc worker {kv name dies} {
    set revision [acquire $kv job $name 1000]
    puts "$name has the lock"
    set revision [refresh $kv job $name $revision 1000]
    if {$dies} {
        puts "$name dies with it"
        return
    }
    release $kv job $revision
    puts "$name has released it"
    set ::done 1
}

coroutine first worker $kv first true
after 200 [list coroutine second worker $kv second false]
vwait done
$conn destroy
if {[info exists server]} {
    $server destroy
}
