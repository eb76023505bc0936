# SPDX-License-Identifier: Apache-2.0
# Services: made by a connection's method service. See services in docs/.

oo::define ::nats::connection {
    # Starts a service. Returns a nats::service object.
    #
    # args - ?-description text? ?-metadata dict? ?-queue q? ?-stats_callback cmdPrefix?
    #        ?-done_callback cmdPrefix? ?-error_callback cmdPrefix?
    method service {name version args} {
        return [::nats::core::adopt ::nats::service [::nats::core::service $handle $name $version {*}$args]]
    }

    # These three return a list of what services answer, each a dict.
    #
    # args - ?name? ?id? ?-timeout ms? ?-stall ms?
    method service_ping {args} {
        return [::nats::core::do service_ask $handle PING {*}$args]
    }

    method service_info {args} {
        return [::nats::core::do service_ask $handle INFO {*}$args]
    }

    method service_stats {args} {
        return [::nats::core::do service_ask $handle STATS {*}$args]
    }

    # Returns the answer. One that tells an error is thrown, as {NATS ErrService CODE}.
    #
    # args - ?-timeout ms? ?-dictmsg bool? ?-header dict?
    method service_request {subject data args} {
        return [::nats::core::do service_call $handle $subject $data {*}$args]
    }
}

# What a service and its groups have in common.
oo::class create ::nats::core::served {
    superclass ::nats::core::handled
    variable handle

    constructor {resource} {
        my Stand $resource
    }

    # args - -callback cmdPrefix ?-subject s? ?-metadata dict? ?-queue q? ?-pending_msgs n?
    #        ?-pending_bytes n?
    method endpoint {name args} {
        ::nats::core::service_endpoint $handle $name {*}$args
        return
    }

    # Returns a service_group object.
    #
    # args - ?-queue q?
    method group {prefix args} {
        return [::nats::core::adopt ::nats::service_group [::nats::core::service_group $handle $prefix {*}$args]]
    }
}

oo::class create ::nats::service_group {
    superclass ::nats::core::served
}

oo::class create ::nats::service {
    superclass ::nats::core::served
    variable handle

    # Answers a request: what the callback got, or kept.
    #
    # args - ?-header dict?
    method respond {request data args} {
        ::nats::core::service_respond $handle $request $data {*}$args
        return
    }

    # Answers with an error.
    #
    # args - ?data? ?-header dict?
    method error {request code text args} {
        ::nats::core::service_error $handle $request $code $text {*}$args
        return
    }

    method id {} {
        return [::nats::core::service_id $handle]
    }

    # What the service answers to INFO, a dict.
    method info {} {
        return [::nats::core::service_described $handle]
    }

    # What it answers to STATS; times in ns.
    method stats {} {
        return [::nats::core::do service_counted $handle]
    }

    # Counts from zero, from now on.
    method reset {} {
        ::nats::core::service_reset $handle
        return
    }

    # Takes no more requests; returns when those that had come are answered. A handler of the
    # service itself does not wait.
    #
    # args - ?-timeout ms?
    method stop {args} {
        if {[string match ::nats::core::calls::service-* [info coroutine]]} {
            ::nats::core::start service_stop $handle {*}$args
        } else {
            ::nats::core::do service_stop $handle {*}$args
        }
        return
    }
}

# Calls the callback of an endpoint, in a coroutine of its own: it may wait for whatever it
# needs, and others go on.
proc ::nats::core::serve {service number callback request} {
    begin_call service ::nats::core::handle_request $service $number $callback $request
}

# An error of the callback is the answer: with code 500, or that of {NATS SERVICE code}.
proc ::nats::core::handle_request {service number callback request} {
    if {[catch {uplevel #0 [list {*}$callback $request]} message options] == 1} {
        set code 500
        set errorCode [dict get $options -errorcode]
        if {[lrange $errorCode 0 1] eq {NATS SERVICE} && [llength $errorCode] > 2} {
            set code [lindex $errorCode 2]
        }
        forgiving service_failed $service $number $code $message
    }
    forgiving service_handled $service $number
}

# Asks a script for what goes with an endpoint's numbers.
#
# question - to be answered by service_stats_answer
proc ::nats::core::ask_stats {question command endpoint} {
    service_stats_answer $question [uplevel #0 [list {*}$command $endpoint]]
}

# Where services are asked: PING, INFO or STATS, all, those of a name, or one by its ID.
proc ::nats::service_subject {verb args} {
    return [::nats::core::service_subject $verb {*}$args]
}
