# SPDX-License-Identifier: Apache-2.0
# Keys that are spread over several buckets, and subjects over several consumers, by a hash of the key, as the
# server's partition() in a subject transform has it.
#
#     tclsh examples/scale_partitions.tcl ?-server urls? ?-buckets 4? ?-keys 4000? ?-replicas 1?
#
# The program's own servers, three, have this in their configuration: whoever publishes put.KEY writes KEY into
# the bucket that it belongs to, and need not know which that is.
#
#     mappings { "put.*": "$KV.{{partition(4,1)}}.{{wildcard(1)}}" }
#
# A server of yours may have it, too. Where it has not, those who write reckon the bucket themselves.

source [file join [file dirname [info script]] scale_servers.tcl]

options {-server "" -buckets 4 -keys 4000 -replicas 1}
set urls $option(-server)
set nodes {}
if {$urls eq ""} {
    set nodes [serveCluster "mappings { \"put.*\": \"\$KV.{{partition($option(-buckets),1)}}.{{wildcard(1)}}\" }"]
    set urls [dict values $nodes]
}
set conn [connect $urls]
set js [$conn jet_stream -timeout 20000]

# What the server's partition(count,1) gives for a key: FNV-1a of 32 bits.
proc partition {key count} {
    set hash 2166136261
    foreach byte [split [encoding convertto utf-8 $key] ""] {
        set hash [expr {(($hash ^ [scan $byte %c]) * 16777619) & 0xffffffff}]
    }
    return [expr {$hash % $count}]
}

# The buckets 0, 1, ..., each by a connection of its own, to the server that leads it.
set buckets {}
for {set i 0} {$i < $option(-buckets)} {incr i} {
    $js create_kv_bucket $i -num_replicas $option(-replicas) -storage memory
    lappend own [toLeader $conn $nodes $i]
    lappend buckets [[[lindex $own end] jet_stream -timeout 20000] bind_kv_bucket $i]
}
for {set i 0} {$i < $option(-keys)} {incr i} {
    lappend keys key$i
}

# Each bucket gets the keys that are its own, all at the same time. Returns how many µs that takes.
proc putAll {buckets keys} {
    foreach key $keys {
        lappend pairs([partition $key [llength $buckets]]) $key [string repeat x 128]
    }
    set ::open [array size pairs]
    return [took {
        foreach part [array names pairs] {
            [lindex $buckets $part] put_many $pairs($part) -callback written
        }
        while {$::open} {
            vwait ::open
        }
    }]
}
proc written {error revisions} {
    incr ::open -1
    if {$error ne ""} {
        error $error
    }
}

# By the writers' own reckoning; the same keys in a single bucket for comparison.
row "put_many of $option(-keys) keys" buckets "puts a second"
foreach some [list [lrange $buckets 0 0] $buckets] {
    putAll $some $keys
    row "" [llength $some] [rate $option(-keys) [putAll $some $keys]]
    foreach kv $some {
        $kv delete_keys
    }
}

# By the server's mapping.
if {[catch {$js publish put.key0 by-mapping -retry_attempts 0}]} {
    puts "the server has no mapping of put.*"
    putAll $buckets $keys
} else {
    set left $option(-keys)
    foreach key $keys {
        $js publish put.$key by-mapping -callback stored
    }
    proc stored {timedOut ack error} {
        incr ::left -1
        if {$timedOut || $error ne ""} {
            error "not stored: $error"
        }
    }
    while {$left} {
        vwait left
    }
    puts "put.KEY was written to [llength $buckets] buckets by the server's mapping"
}
set misplaced 0
foreach kv $buckets {
    set there [$kv keys]
    lappend counts [llength $there]
    foreach key $there {
        incr misplaced [expr {[partition $key [llength $buckets]] != [$kv bucket]}]
    }
}
row "keys by bucket" {*}$counts
puts "keys that a reader would look for in another bucket: $misplaced"

# A stream whose subjects get the partition as their second token: each worker reads one partition, and the
# orders of one customer stay in their order.
set parts $option(-buckets)
$js add_stream ORDERS -subjects orders.* -storage memory -num_replicas $option(-replicas) \
    -subject_transform [list src orders.* dest "orders.{{partition($parts,1)}}.{{wildcard(1)}}"]
set done 0
set disordered 0
proc work {part message} {
    lassign [dict get $message data] number
    set customer [lindex [split [dict get $message subject] .] 2]
    if {[info exists ::last($customer)] && $::last($customer) >= $number} {
        incr ::disordered
    }
    set ::last($customer) $number
    incr ::of($part)
    incr ::done
}
for {set i 0} {$i < $parts} {incr i} {
    lappend workers [$js ordered_consumer ORDERS -filter_subject orders.$i.* -callback [list work $i]]
}
for {set i 1} {$i <= $option(-keys)} {incr i} {
    $js publish orders.customer[expr {$i % 100}] $i -callback {apply {{timedOut ack error} {}}}
}
await {$done == $option(-keys)}
row "orders by worker" {*}[lmap part [lsort -integer [array names of]] {set of($part)}]
puts "out of their order: $disordered"

foreach worker $workers {
    $worker destroy
}
$js delete_stream ORDERS
foreach kv $buckets {
    $js delete_kv_bucket [$kv bucket]
}
$conn destroy
stopServers
