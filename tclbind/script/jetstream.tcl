# JetStream of a connection: made by its method jet_stream.
oo::class create ::nats::jet_stream {
    superclass ::nats::core::handled
    variable handle

    constructor {resource} {
        my Stand $resource
    }

    method api_prefix {} {
        return [::nats::core::api_prefix $handle]
    }

    # In ms, for every request.
    method timeout {} {
        return [::nats::core::timeout $handle]
    }

    # Key-value buckets ----------------------------------------------------

    # Each of the four returns a key_value object.
    method create_kv_bucket {bucket args} {
        return [my Bucket [::nats::core::create_kv_bucket $handle $bucket {*}$args]]
    }

    method create_kv_aggregate {bucket writable origins args} {
        return [my Bucket [::nats::core::create_kv_aggregate $handle $bucket $writable $origins {*}$args]]
    }

    method bind_kv_bucket {bucket} {
        return [my Bucket [::nats::core::bind_kv_bucket $handle $bucket]]
    }

    method create_kv_mirror {name origin args} {
        ::nats::core::await [::nats::core::create_kv_mirror $handle $name $origin {*}$args]
        return
    }

    method delete_kv_bucket {bucket} {
        return [::nats::core::await [::nats::core::delete_kv_bucket $handle $bucket]]
    }

    # Returns how many messages went.
    method empty_kv_bucket {bucket} {
        return [::nats::core::await [::nats::core::empty_kv_bucket $handle $bucket]]
    }

    method kv_buckets {} {
        return [::nats::core::await [::nats::core::kv_buckets $handle]]
    }

    method Bucket {id} {
        return [::nats::core::adopt ::nats::key_value [::nats::core::await $id]]
    }

    # Streams --------------------------------------------------------------

    method add_stream {stream args} {
        return [::nats::core::await [::nats::core::add_stream $handle $stream {*}$args]]
    }

    # The JSON goes as it is, and the reply's JSON comes as it is.
    method add_stream_from_json {json} {
        return [::nats::core::await [::nats::core::add_stream_from_json $handle $json]]
    }

    method update_stream {stream args} {
        return [::nats::core::await [::nats::core::update_stream $handle $stream {*}$args]]
    }

    method delete_stream {stream} {
        return [::nats::core::await [::nats::core::delete_stream $handle $stream]]
    }

    method stream_info {stream} {
        return [::nats::core::await [::nats::core::stream_info $handle $stream]]
    }

    # Consumers ------------------------------------------------------------

    method delete_consumer {stream consumer} {
        return [::nats::core::await [::nats::core::delete_consumer $handle $stream $consumer]]
    }

    # args - -callback cmdPrefix ?-description? ?-headers_only? ?-deliver_policy?
    #        ?-idle_heartbeat? ?-filter_subject?
    method ordered_consumer {stream args} {
        set consumer [::nats::core::await [::nats::core::ordered_consumer $handle $stream {*}$args]]
        return [::nats::core::adopt ::nats::ordered_consumer $consumer]
    }
}
