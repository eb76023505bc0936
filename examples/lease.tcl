# SPDX-License-Identifier: Apache-2.0
# A lease: something is somebody's for a time, and is renewed before that is over. Who renews too late is told.
#
#     tclsh examples/lease.tcl ?-server url?
#
# Addresses of a pool are leased; the one that nobody renews comes back into the pool by itself.

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new lease]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set kv [[$conn jet_stream] create_or_update_kv_bucket LEASES -storage memory -limit_marker_ttl 1000]
set pool {10.0.0.1 10.0.0.2}

# Who has what at the moment: a lease that ends leaves the array.
set watcher [$kv watch > -values_array holders]
$watcher wait

# Leases a free address. Returns it with the revision, by which it is renewed; nothing where none is free.
proc lease {owner ms} {
    foreach address $::pool {
        try {
            return [list $address [$::kv create $address $owner -ttl $ms]]
        } trap {NATS ErrWrongLastSequence} {} {
            # It is somebody's.
        }
    }
    return
}

# Returns the new revision. ErrWrongLastSequence: the lease is over.
proc renew {address owner revision ms} {
    return [$::kv update $address $owner $revision -ttl $ms]
}

lassign [lease printer 60000] address revision
puts "printer: $address"
lassign [lease camera 1000] lost old
puts "camera: $lost"
puts "phone: [expr {[lease phone 60000] eq "" ? "nothing is free" : "?"}]"

set revision [renew $address printer $revision 60000]
while {![info exists holders($lost)]} {
    vwait holders
}
while {[info exists holders($lost)]} {
    vwait holders
}
puts "the camera's lease is over, the printer's was renewed: $holders($address)"
puts "phone: [lindex [lease phone 60000] 0]"
try {
    renew $lost camera $old 1000
} trap {NATS ErrWrongLastSequence} {} {
    puts "the camera is too late"
}
$kv delete $address $revision
$conn destroy
if {[info exists server]} {
    $server destroy
}
