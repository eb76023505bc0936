# The commands beside the classes.

# Returns a dict for create_kv_aggregate and create_kv_mirror.
#
# args - -bucket b ?-stream s? ?-keys list? ?-domain d | -api prefix? ?-deliver subject?
proc ::nats::make_kv_origin {args} {
    return [::nats::core::make_kv_origin {*}$args]
}

# The next two return JSON, for the options of add_stream and update_stream.
#
# args - -name s ?-opt_start_seq n? ?-opt_start_time iso? ?-filter_subject s?
#        ?-subject_transforms list? ?-api prefix? ?-deliver subject?
proc ::nats::make_stream_source {args} {
    return [::nats::core::make_stream_source {*}$args]
}

# args - -src s -dest s
proc ::nats::make_subject_transform {args} {
    return [::nats::core::make_subject_transform {*}$args]
}

namespace eval ::nats {
    namespace export connection make_kv_origin make_stream_source make_subject_transform
}
