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

    # Empty while the consumer is started anew.
    method name {} {
        return [::nats::core::consumer_name $handle]
    }
}

# What fetches on and on from a pull consumer: made by a jet_stream's method pull_consumer.
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
        return [::nats::core::do consumer_info {*}[::nats::core::pull_place $handle]]
    }

    method last_error {} {
        return $last_error
    }

    # No callback starts after it. What was not given to one comes again later.
    method stop {} {
        ::nats::core::pull_stop $handle
        return
    }

    # Asks for no more; returns when what has come was given to the callback.
    method drain {} {
        ::nats::core::do pull_drain $handle
        return
    }
}
