# SPDX-License-Identifier: Apache-2.0
# A file drop: one program puts files into an object store, another one sees them come, reads them
# and takes them away.
#
#     tclsh examples/file_drop.tcl             both, with a server in the process
#     tclsh examples/file_drop.tcl watch URL   the one that picks up, for ever
#     tclsh examples/file_drop.tcl drop URL FILE ...

package require nats

set connections {}
proc dropBox {url} {
    lappend ::connections [set conn [nats::connection new]]
    $conn configure -servers $url
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
lassign $argv what url
switch -- $what {
    watch {
        pickUp [dropBox $url]
        vwait forever
    }
    drop {
        set store [dropBox $url]
        foreach file [lrange $argv 2 end] {
            drop $store $file
        }
    }
    default {
        set server [nats::server new]
        pickUp [dropBox [$server url]]
        set store [dropBox [$server url]]
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
        $server destroy
    }
}
