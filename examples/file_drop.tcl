# SPDX-License-Identifier: Apache-2.0
# A file drop: one program puts files into an object store, another one sees them come, reads them
# and takes them away.
#
#     tclsh examples/file_drop.tcl ?-server url?                 both of them
#     tclsh examples/file_drop.tcl -server url watch             the one that picks up, for ever
#     tclsh examples/file_drop.tcl -server url drop file ...     the other one

package require nats

set connections {}
proc dropBox {url} {
    lappend ::connections [set conn [nats::connection new]]
    $conn configure -servers [list $url] -utf8_convert true
    $conn connect
    # Both may come first.
    return [[$conn jet_stream] create_object_store DROP]
}

proc drop {store file} {
    set info [$store put_file $file [file tail $file] -progress {apply {{stored total} {
        set ::progress "$stored of $total bytes"
    }}} -metadata [list from [file dirname $file]]]
    puts "dropped [dict get $info name]: $::progress in [dict get $info chunks] chunks"
}

# Each file is picked up in a coroutine of its own, so that a large one holds no other up.
proc pickUp {store} {
    $store watch -ignore_deletes true -callback [list picked $store]
}

proc picked {store info} {
    if {$info eq ""} {
        return ;# what was there is complete
    }
    coroutine pick-[dict get $info nuid] apply {{store info} {
        set name [dict get $info name]
        set channel [$store open $name]
        set lines 0
        while {[gets $channel line] >= 0} {
            incr lines
        }
        close $channel
        $store delete $name
        puts "picked up $name: $lines lines, [dict get $info size] bytes"
        incr ::pickedUp
    }} $store $info
}

set pickedUp 0
# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set what [lindex $argv 2]
switch -- $what {
    watch {
        pickUp [dropBox $url]
        vwait forever
    }
    drop {
        set store [dropBox $url]
        foreach file [lrange $argv 3 end] {
            drop $store $file
        }
    }
    default {
        pickUp [dropBox $url]
        set store [dropBox $url]
        set here [file dirname [file normalize [info script]]]
        drop $store [file join $here services.txt]
        drop $store [file join $here orders.json]
        while {$pickedUp < 2} {
            vwait pickedUp
        }
        puts "left in the drop: [expr {[catch {$store list}] ? "nothing" : "something"}]"
        foreach conn $connections {
            $conn destroy
        }
        if {[info exists server]} {
            $server destroy
        }
    }
}
