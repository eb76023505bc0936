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
