# SPDX-License-Identifier: Apache-2.0
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

    # Each of these returns a key_value object.
    method create_kv_bucket {bucket args} {
        return [my Bucket create_kv_bucket $handle $bucket {*}$args]
    }

    method create_kv_aggregate {bucket writable origins args} {
        return [my Bucket create_kv_aggregate $handle $bucket $writable $origins {*}$args]
    }

    # Changes what is given, and nothing else of the bucket.
    method update_kv_bucket {bucket args} {
        return [my Bucket update_kv_bucket $handle $bucket {*}$args]
    }

    method create_or_update_kv_bucket {bucket args} {
        return [my Bucket create_or_update_kv_bucket $handle $bucket {*}$args]
    }

    # args - ?-key_codec codecs? ?-value_codec codecs?
    method bind_kv_bucket {bucket args} {
        return [my Bucket bind_kv_bucket $handle $bucket {*}$args]
    }

    # Lets an aggregate gather from one bucket more.
    method add_kv_origin {bucket origin} {
        ::nats::core::do add_kv_origin $handle $bucket $origin
        return
    }

    method create_kv_mirror {name origin args} {
        ::nats::core::do create_kv_mirror $handle $name $origin {*}$args
        return
    }

    method delete_kv_bucket {bucket} {
        return [::nats::core::do delete_kv_bucket $handle $bucket]
    }

    # Returns how many messages went.
    method empty_kv_bucket {bucket} {
        return [::nats::core::do empty_kv_bucket $handle $bucket]
    }

    method kv_buckets {} {
        return [::nats::core::do kv_buckets $handle]
    }
    method kv_statuses {} {
        return [::nats::core::do kv_statuses $handle]
    }

    method Bucket {args} {
        return [::nats::core::adopt ::nats::key_value [::nats::core::do {*}$args]]
    }

    # Messages -------------------------------------------------------------

    # Returns the server's acknowledgement, with -callback an ID at once.
    #
    # args - ?-timeout ms? ?-callback cmdPrefix? ?-stream name? ?-msg_id id? ?-expect_last_seq n?
    #        ?-expect_last_subject_seq n? ?-expect_last_msg_id id? ?-ttl ms? ?-header dict?
    method publish {subject message args} {
        if {[info coroutine] eq ""} { ;# as do has it, without the call of a procedure for each message
            return [::nats::core::now js_publish $handle $subject $message {*}$args]
        }
        return [::nats::core::do js_publish $handle $subject $message {*}$args]
    }

    # How many messages are published and not answered yet.
    method publish_pending {} {
        return [::nats::core::publish_pending $handle]
    }

    # Returns when all are answered, and their callbacks were called.
    #
    # args - ?-timeout ms?
    method publish_wait {args} {
        ::nats::core::do publish_wait $handle {*}$args
        return
    }

    # args - as those of publish, less -header
    method publish_msg {msg args} {
        return [::nats::core::do js_publish_msg $handle $msg {*}$args]
    }

    # Returns a list of messages, with -callback an ID at once.
    #
    # args - ?-batch_size n? ?-timeout ms? ?-expires ms? ?-callback cmdPrefix? ?-max_bytes n?
    #        ?-idle_heartbeat ms? ?-group name? ?-min_pending n? ?-min_ack_pending n? ?-priority n?
    method fetch {stream consumer args} {
        return [::nats::core::do fetch $handle $stream $consumer {*}$args]
    }

    # The old name of fetch.
    method consume {stream consumer args} {
        return [my fetch $stream $consumer {*}$args]
    }

    method cancel_pull_request {fetchID} {
        ::nats::core::cancel_pull_request $handle $fetchID
        return
    }

    method ack {msg} {
        ::nats::core::ack $handle $msg
        return
    }

    # Returns the server's confirmation.
    method ack_sync {msg} {
        return [::nats::core::do ack_sync $handle $msg]
    }

    # args - ?-delay ms?
    method nak {msg args} {
        ::nats::core::nak $handle $msg {*}$args
        return
    }

    # args - ?-reason text?
    method term {msg args} {
        ::nats::core::term $handle $msg {*}$args
        return
    }

    method in_progress {msg} {
        ::nats::core::in_progress $handle $msg
        return
    }

    # Streams --------------------------------------------------------------

    method account_info {} {
        return [::nats::core::do account_info $handle]
    }

    method add_stream {stream args} {
        return [::nats::core::do add_stream $handle $stream {*}$args]
    }

    # The JSON goes as it is, and the reply's JSON comes as it is.
    method add_stream_from_json {json} {
        return [::nats::core::do add_stream_from_json $handle $json]
    }

    method update_stream {stream args} {
        return [::nats::core::do update_stream $handle $stream {*}$args]
    }

    # Changes it, or makes it where it is not there.
    method create_or_update_stream {stream args} {
        return [::nats::core::do create_or_update_stream $handle $stream {*}$args]
    }

    method delete_stream {stream} {
        return [::nats::core::do delete_stream $handle $stream]
    }

    # Returns how many messages went.
    #
    # args - ?-filter subject? ?-keep n? ?-seq n?
    method purge_stream {stream args} {
        return [::nats::core::do purge_stream $handle $stream {*}$args]
    }

    # args - ?-deleted_details bool? ?-subjects_filter subject?
    method stream_info {stream args} {
        return [::nats::core::do stream_info $handle $stream {*}$args]
    }

    # Returns a list of infos.
    #
    # args - ?-subject subject?
    method stream_list {args} {
        return [::nats::core::do stream_list $handle {*}$args]
    }

    # args - ?-subject subject?
    method stream_names {args} {
        return [::nats::core::do stream_names $handle {*}$args]
    }

    # Returns a dict: subject, number of messages.
    #
    # args - ?-filter subject?
    method stream_subjects {stream args} {
        return [::nats::core::do stream_subjects $handle $stream {*}$args]
    }

    # These two return a message with seq and time.
    #
    # args - ?-seq n? ?-last_by_subj subject? ?-next_by_subj subject?
    method stream_msg_get {stream args} {
        return [::nats::core::do stream_msg_get $handle $stream {*}$args]
    }

    method stream_direct_get {stream args} {
        return [::nats::core::do stream_direct_get $handle $stream {*}$args]
    }

    # Returns a list of messages with seq and time.
    #
    # args - -multi_last subjects ?-up_to_seq n? ?-up_to_time iso?, or -batch n ?-seq n?
    #        ?-start_time iso? ?-next_by_subj subject?; ?-max_bytes n? ?-cursor varName?
    method stream_direct_get_batch {stream args} {
        lassign [::nats::core::do stream_direct_get_batch $handle $stream {*}$args] messages cursor variable
        if {$variable ne ""} {
            uplevel 1 [list set $variable $cursor]
        }
        return $messages
    }

    # args - -seq n ?-no_erase bool?
    method stream_msg_delete {stream args} {
        return [::nats::core::do stream_msg_delete $handle $stream {*}$args]
    }

    # Consumers ------------------------------------------------------------

    # The next five return the consumer's info; their options are in docs/jetstream.md.
    method add_consumer {stream args} {
        return [::nats::core::do add_consumer $handle $stream {*}$args]
    }

    method add_pull_consumer {stream name args} {
        return [::nats::core::do add_pull_consumer $handle $stream $name {*}$args]
    }

    method add_push_consumer {stream name deliver_subject args} {
        return [::nats::core::do add_push_consumer $handle $stream $name $deliver_subject {*}$args]
    }

    method update_consumer {stream args} {
        return [::nats::core::do update_consumer $handle $stream {*}$args]
    }

    method create_or_update_consumer {stream args} {
        return [::nats::core::do create_or_update_consumer $handle $stream {*}$args]
    }

    # json - the config, which goes as it is; the reply's JSON comes as it is
    method add_consumer_from_json {stream consumer json} {
        return [::nats::core::do add_consumer_from_json $handle $stream $consumer $json]
    }

    method delete_consumer {stream consumer} {
        return [::nats::core::do delete_consumer $handle $stream $consumer]
    }

    method consumer_info {stream consumer} {
        return [::nats::core::do consumer_info $handle $stream $consumer]
    }

    method consumer_names {stream} {
        return [::nats::core::do consumer_names $handle $stream]
    }

    # Returns a list of infos.
    method consumer_list {stream} {
        return [::nats::core::do consumer_list $handle $stream]
    }

    # Lets it begin anew. Returns its info with reset_seq.
    #
    # args - ?-seq n?
    method reset_consumer {stream consumer args} {
        return [::nats::core::do reset_consumer $handle $stream $consumer {*}$args]
    }

    # Ends the turn of a group's pinned client.
    method unpin_consumer {stream consumer group} {
        ::nats::core::do unpin_consumer $handle $stream $consumer $group
        return
    }

    # These two return the reply, a dict: paused, pause_until, pause_remaining (in ns).
    #
    # until - the time, as 2030-01-01T00:00:00Z
    method pause_consumer {stream consumer until} {
        return [::nats::core::do pause_consumer $handle $stream $consumer $until]
    }

    method resume_consumer {stream consumer} {
        return [::nats::core::do pause_consumer $handle $stream $consumer]
    }

    # args - -callback cmdPrefix ?option value ...?; the options are in docs/jetstream.md
    method ordered_consumer {stream args} {
        set consumer [::nats::core::do ordered_consumer $handle $stream {*}$args]
        return [::nats::core::adopt ::nats::ordered_consumer $consumer]
    }

    # These two return a nats::consumer, which reads on and on.
    #
    # args - ?-callback cmdPrefix? ?-error_callback cmdPrefix? ?-stop_after n?; the other options are
    #        in docs/jetstream.md
    method pull_consumer {stream consumer args} {
        set pulling [::nats::core::do pull_consumer $handle $stream $consumer {*}$args]
        return [::nats::core::adopt ::nats::consumer $pulling]
    }

    method push_consumer {stream consumer args} {
        set pushed [::nats::core::do push_consumer $handle $stream $consumer {*}$args]
        return [::nats::core::adopt ::nats::consumer $pushed]
    }
}
