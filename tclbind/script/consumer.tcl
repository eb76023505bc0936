# SPDX-License-Identifier: Apache-2.0
# An ordered consumer: made by a jet_stream's method ordered_consumer, and by
# watching a bucket.
oo::class create ::nats::ordered_consumer {
    superclass ::nats::core::handled

    # last_error - empty, or a dict: code, errorMessage; Go writes it.
    variable handle last_error

    constructor {resource} {
        set last_error ""
        my Stand $resource
        ::nats::core::open $handle
    }

    # The consumer_info as last created.
    method info {} {
        return [::nats::core::consumer_info_of $handle]
    }

    method last_error {} {
        return $last_error
    }

    # Empty while the consumer is started anew.
    method name {} {
        return [::nats::core::consumer_name $handle]
    }
}

# What reads a consumer on and on: made by a jet_stream's methods pull_consumer and push_consumer.
# It is no part of the pure-Tcl client.
oo::class create ::nats::consumer {
    superclass ::nats::core::handled

    # last_error - empty, or a dict: code, errorMessage; Go writes it.
    variable handle last_error

    constructor {resource} {
        set last_error ""
        my Stand $resource
        ::nats::core::open $handle
    }

    # The consumer_info as it is now.
    method info {} {
        return [::nats::core::do consumer_info {*}[::nats::core::consumer_place $handle]]
    }

    method last_error {} {
        return $last_error
    }

    # Returns the next message, of a consumer without a callback.
    #
    # args - ?-timeout ms?
    method next {args} {
        return [::nats::core::do consumer_next $handle {*}$args]
    }

    # No callback starts after it. What was not given to one comes again later.
    method stop {} {
        ::nats::core::consumer_stop $handle
        return
    }

    # Asks for no more; returns when what has come was given to the callback, or is there for next.
    method drain {} {
        ::nats::core::do consumer_drain $handle
        return
    }

    # True when nothing comes any more, and all is given out.
    method closed {} {
        return [::nats::core::consumer_closed $handle]
    }

    # The ID of a group's pinned client; empty for another.
    method pinned {} {
        return [::nats::core::consumer_pinned $handle]
    }
}
