# SPDX-License-Identifier: Apache-2.0
# Has a suite run on a server that is there already, in place of one inside the process: fixture.tcl
# reads this where the environment has NATS_ELSEWHERE.
#
#     NATS_ELSEWHERE           the server's URL
#     NATS_ELSEWHERE_SKIP      names of tests that are left out
#     NATS_ELSEWHERE_REPLICAS  how many replicas each bucket gets; not given: what the suite says
#                              and a leader who answers reads, for a script reads what it has just written from
#                              nobody else (docs/key-value.md, "Replicas")

configure -skip $env(NATS_ELSEWHERE_SKIP)

# Stands for a nats::server.
oo::class create elsewhere {
    method url {} {
        return $::env(NATS_ELSEWHERE)
    }
}

oo::class create replicated {
    method create_kv_bucket {bucket args} {
        set kv [next $bucket -num_replicas $::env(NATS_ELSEWHERE_REPLICAS) -allow_direct false {*}$args]
        # A write that is refused, and stores nothing: when it is answered, writes are taken at once, and none has to
        # be tried again and comes behind the next.
        catch {$kv update probe x 999999999}
        return $kv
    }
}

if {[info exists env(NATS_ELSEWHERE_REPLICAS)]} {
    oo::define ::nats::jet_stream mixin replicated
}

proc startServer {} {
    set ::server [elsewhere new]
    set ::conn [connectTo $::server]
    set ::js [$::conn jet_stream -timeout $::patience]
}
