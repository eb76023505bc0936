# SPDX-License-Identifier: Apache-2.0
# A leader among equals: whoever creates the key leads while it renews it; when it stops, the
# others see the key expire, and one of them is next.
#
#     tclsh examples/leader_election.tcl ?-server url?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}

# One of those that could lead.
oo::class create candidate {
    # kv       - the bucket of the election
    # revision - of the key that says that this one leads, empty while it does not
    variable name conn kv watcher revision beat

    constructor {its_name url} {
        set name $its_name
        set revision ""
        set conn [nats::connection new $name]
        $conn configure -servers [list $url] -utf8_convert true
        $conn connect
        set kv [[$conn jet_stream] create_or_update_kv_bucket ELECTION -storage memory -limit_marker_ttl 1000]
        # Tells of the leader that there is, and of the end of each.
        set watcher [$kv watch leader -callback [nats::mymethod Changed]]
    }

    # Ends without a word, as one that crashes: the key expires.
    destructor {
        after cancel $beat
        $conn destroy
    }

    method leads {} {
        return [expr {$revision ne ""}]
    }

    method Changed {entry} {
        # Nobody leads where there is no key at the end of the current data, or where it went.
        if {$entry eq "" ? ![info exists beat] : [dict get $entry operation] ne "PUT"} {
            set beat [after 0 [nats::mymethod Stand]]
        } elseif {$entry ne ""} {
            set beat ""
        }
    }

    method Stand {} {
        $kv create leader $name -ttl 1000 -callback [nats::mymethod Elected]
    }

    method Elected {error its_revision} {
        if {$error ne ""} return
        set revision $its_revision
        puts "$name leads"
        set ::leader [self]
        set beat [after 300 [nats::mymethod Beat]]
    }

    # Says that this one still leads.
    method Beat {} {
        $kv update leader $name $revision -ttl 1000 -callback [nats::mymethod Beaten]
    }

    method Beaten {error its_revision} {
        if {$error ne ""} {
            puts "$name leads no longer: [dict get $error errorMessage]"
            set revision ""
            return
        }
        set revision $its_revision
        set beat [after 300 [nats::mymethod Beat]]
    }
}

# Returns the candidate that leads, as soon as there is one.
proc theLeader {} {
    while {![info exists ::leader]} {
        vwait ::leader
    }
    set its $::leader
    unset ::leader
    return $its
}

foreach name {anna bob} {
    candidate new $name $url
}
set first [theLeader]
puts "the leader goes"
$first destroy
set second [theLeader]
puts "there is another one"
$second destroy
if {[info exists server]} {
    $server destroy
}
