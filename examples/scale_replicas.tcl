# SPDX-License-Identifier: Apache-2.0
# What copies of a bucket cost: puts and gets on three nodes, by the number of replicas and the size of values.
#
#     tclsh examples/scale_replicas.tcl ?-server urls? ?-replicas "1 3"? ?-sizes "128 4096 65536"? ?-count 5000? ?-storage file?
#
# A client is connected to the bucket's leader where these are the program's own servers. Of a size so many
# values are written that they have 64 MiB together, at most -count.

source [file join [file dirname [info script]] scale_servers.tcl]

options {-server "" -replicas {1 3} -sizes {128 4096 65536} -count 5000 -storage file}
set urls $option(-server)
set nodes {}
if {$urls eq ""} {
    set nodes [serveCluster]
    set urls [dict values $nodes]
}
set conn [connect $urls]
set js [$conn jet_stream -timeout 20000]

proc getOne {kv size i} {
    if {[string length [$kv get_value k$i]] != $size} {
        error "k$i has not come back as it was put"
    }
}

proc measure {replicas size} {
    global option js conn nodes
    # A name of its own, for the servers may take a while to forget another one.
    set bucket SCALE_${replicas}_$size
    $js create_kv_bucket $bucket -num_replicas $replicas -storage $option(-storage)
    set own [toLeader $conn $nodes $bucket]
    set kv [[$own jet_stream -timeout 20000] bind_kv_bucket $bucket]
    set count [expr {max(1, min($option(-count), (64 << 20) / $size))}]
    set single [expr {max(1, $count / 5)}]
    set value [string repeat x $size]
    set pairs {}
    for {set i 0} {$i < $count} {incr i} {
        lappend pairs k$i $value
    }
    set many [took {$kv put_many $pairs}]
    set put [median i $single {$kv put k$i $value}]
    set get [median i $single {getOne $kv $size $i}]
    set gets [took {inCoroutines $count [list getOne $kv $size]}]
    row "[bytes $size], $replicas" "$put µs" [rate $count $many $size] "$get µs" [rate $count $gets $size]
    $js delete_kv_bucket $bucket
    if {$own ne $conn} {
        $own destroy
    }
}

row "values, replicas" put put_many get "get in 64 coroutines"
foreach size $option(-sizes) {
    foreach replicas $option(-replicas) {
        measure $replicas $size
    }
}
$conn destroy
stopServers
