# SPDX-License-Identifier: Apache-2.0
# The classes of the floor (floor.c): as much of each as its cases of the benchmark need. The methods
# that are called for each message are in C.
namespace eval ::nats {}
namespace eval ::floor {
    variable lastID 0
    variable core
    if {![info exists core]} {
        set core c
    }
}

oo::class create ::nats::connection {
    constructor args {}

    method configure {option url} {
        variable server $url
    }

    method connect {} {
        variable server
        set ::floor::inbox _INBOX.[pid]x[clock microseconds].
        set ::floor::api [string range $::floor::inbox 0 end-1]api
        if {$::floor::core eq "go"} {
            floor::begin $server $::floor::inbox
            floor::say "SUB $::floor::inbox> 0"
            floor::subscribe $::floor::api message floor::replied {}
            return
        }
        if {![regexp {//(.+):(\d+)} $server -> host port]} {
            error "a URL has a host and a port: $server"
        }
        set channel [socket $host $port]
        fconfigure $channel -blocking true -translation crlf
        gets $channel info
        puts $channel {CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}}
        puts $channel "SUB $::floor::inbox> 0"
        flush $channel
        fconfigure $channel -blocking false
        floor::begin $channel $::floor::inbox
        floor::subscribe $::floor::api message floor::replied {}
    }

    method jet_stream args {
        return [::nats::jet_stream new]
    }

    method subscribe {subject option callback} {
        return [floor::subscribe $subject message $callback {}]
    }

    method unsubscribe {id} {
        floor::say "UNSUB $id"
        floor::forget $id
        return
    }
}

# Returns the subscription's number.
proc ::floor::subscribe {subject kind callback bucket} {
    variable lastID
    incr lastID
    say "SUB $subject $lastID"
    deliver $lastID $kind $subject $callback $bucket
    return $lastID
}

# Sends a request to JetStream, and waits for nothing: what comes of it comes behind this call.
proc ::floor::request {subject body} {
    variable api
    say "PUB \$JS.API.$subject $api [string length $body]\r\n$body"
}

proc ::floor::replied {subject message reply} {
    if {[string match {*"error":*} $message]} {
        error $message
    }
}

oo::class create ::nats::jet_stream {
    method bind_kv_bucket {bucket} {
        return [::nats::key_value new $bucket]
    }

    method fast_publisher {} {
        floor::fast ${::floor::inbox}f.[incr ::floor::lastBatch].100.fail.
        return [::nats::fast_publisher new]
    }
}

oo::class create ::nats::fast_publisher {}

oo::class create ::nats::key_value {
    variable bucket

    constructor {name} {
        set bucket $name
    }

    method watch {filter option callback} {
        return [::nats::kv_watcher new {*}[my Consume $filter entry $callback last_per_subject]]
    }

    method history {filter} {
        lassign [my Consume $filter gathered {} all] stream consumer id
        set list [floor::forget $id]
        floor::endConsumer $stream $consumer $id
        return $list
    }

    # Makes an ordered consumer. Returns its stream, its name, and the number of the subscription.
    method Consume {filter kind callback policy} {
        set stream KV_$bucket
        set subject \$KV.$bucket.$filter
        set inbox [string range $::floor::inbox 0 end-1]d[incr ::floor::lastConsumer]
        set name floor[pid]x$::floor::lastConsumer
        set id [floor::subscribe $inbox $kind $callback $bucket]
        floor::request CONSUMER.CREATE.$stream.$name.$subject [string map [list %s $stream %n $name %d $inbox %p $policy %f $subject] {
            {"stream_name":"%s","config":{"name":"%n","deliver_subject":"%d","deliver_policy":"%p","ack_policy":"none",
            "max_deliver":1,"filter_subject":"%f","replay_policy":"instant","flow_control":true,"idle_heartbeat":5000000000,
            "mem_storage":true,"num_replicas":1,"inactive_threshold":300000000000}}
        }]
        return [list $stream $name $id]
    }
}

oo::class create ::nats::kv_watcher {
    variable stream consumer id

    constructor {args} {
        lassign $args stream consumer id
    }

    destructor {
        floor::forget $id
        floor::endConsumer $stream $consumer $id
    }
}

# Ends a consumer, at once: the benchmark may delete its stream before the event loop turns again.
proc ::floor::endConsumer {stream consumer id} {
    say "UNSUB $id"
    say "PUB \$JS.API.CONSUMER.DELETE.$stream.$consumer 0\r\n"
    update
}

load [file join [file dirname [info script]] ../../../build/[dict get {c floor go floorgo} $::floor::core][info sharedlibextension]] Floor
package provide nats 0
