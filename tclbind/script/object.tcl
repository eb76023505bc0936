# SPDX-License-Identifier: Apache-2.0
# Object stores: made by a jet_stream's create_object_store and bind_object_store. See
# object-store in docs/. Each method begins the operation in Go, and waits for its end.

oo::define ::nats::jet_stream {
    # Each of the four returns an object_store object.
    #
    # args - ?-description text? ?-ttl ms? ?-max_bytes n? ?-storage file|memory? ?-num_replicas n?
    #        ?-placement dict? ?-compression none|s2? ?-metadata dict?
    method create_object_store {bucket args} {
        return [my ObjectStore create_object_store $handle $bucket {*}$args]
    }

    # Only what is given changes.
    #
    # args - as those of create_object_store, less -storage
    method update_object_store {bucket args} {
        return [my ObjectStore update_object_store $handle $bucket {*}$args]
    }

    method create_or_update_object_store {bucket args} {
        return [my ObjectStore create_or_update_object_store $handle $bucket {*}$args]
    }

    method bind_object_store {bucket} {
        return [my ObjectStore bind_object_store $handle $bucket]
    }

    method delete_object_store {bucket} {
        return [::nats::core::do delete_object_store $handle $bucket]
    }

    method object_stores {} {
        return [::nats::core::do object_stores $handle]
    }

    # Returns a list of what object_store's status returns.
    method object_store_statuses {} {
        return [::nats::core::do object_store_statuses $handle]
    }

    method ObjectStore {args} {
        return [::nats::core::adopt ::nats::object_store [::nats::core::do {*}$args]]
    }
}

oo::class create ::nats::object_store {
    superclass ::nats::core::handled
    variable handle

    constructor {resource} {
        my Stand $resource
    }

    # Returns the info, a dict: bucket, name, description, header, metadata, size, chunks,
    # digest, nuid, mtime, deleted, link, chunk_size.
    #
    # args - -data bytes or -channel chan ?-size n?; ?-description text? ?-header dict? ?-metadata dict?
    #        ?-chunk_size n? ?-timeout ms? ?-progress cmdPrefix?
    method put {name args} {
        lassign [::nats::core::object_put $handle $name {*}$args] writer channel
        return [::nats::core::transfer_in $writer $channel]
    }

    # The object's name is the file's, unless one is given.
    #
    # args - ?name? and options as those of put, less -data and -channel
    method put_file {file args} {
        set name $file
        if {[llength $args] % 2} {
            set args [lassign $args name]
        }
        ::nats::core::refuse_options {data channel} $args
        set channel [::nats::core::open_file $file rb]
        try {
            return [::nats::core::outlived [list close $channel] {my put $name -size [file size $file] {*}$args -channel $channel}]
        } finally {
            close $channel
        }
    }

    # Returns the bytes; with -channel or -callback the info, when all were given.
    #
    # args - ?-channel chan? ?-callback cmdPrefix? ?-progress cmdPrefix?
    method get {name args} {
        lassign [::nats::core::do object_get $handle $name {*}$args] reader channel callback
        set end [list ::nats::core::end_transfer $reader]
        try {
            return [::nats::core::outlived $end {
                if {$channel ne ""} {
                    ::nats::core::transfer_out $reader $channel
                } elseif {$callback ne ""} {
                    ::nats::core::transfer_by $reader $callback
                } else {
                    ::nats::core::do object_text $reader
                }
            }]
        } finally {
            {*}$end
        }
    }

    # Returns the info. The file is there when it is whole: what was there before stays
    # until then.
    #
    # args - ?-progress cmdPrefix?
    method get_file {name file args} {
        if {[string index $file 0] eq "-" && [llength $args] % 2} {
            throw {NATS ErrInvalidArg} "get_file needs the name of a file between the object's name and $file: [self] get_file $name FILE $file [lindex $args 0]"
        }
        ::nats::core::refuse_options {channel callback} $args
        return [::nats::core::transfer_file $file [list [self] get $name {*}$args -channel]]
    }

    # Returns a channel to read the object from. Closing it ends the reading.
    method open {name} {
        return [[my object $name] channel]
    }

    # Returns a nats::object.
    method object {name} {
        lassign [::nats::core::do object_get $handle $name] reader
        return [::nats::core::adopt ::nats::object $reader]
    }

    # args - ?-deleted bool?
    method info {name args} {
        return [::nats::core::do object_info $handle $name {*}$args]
    }

    # Returns a list of infos.
    #
    # args - ?-deleted bool?
    method list {args} {
        return [::nats::core::do object_list $handle {*}$args]
    }

    method delete {name} {
        ::nats::core::do object_delete $handle $name
        return
    }

    # Changes what is given. Returns the info.
    #
    # args - ?-name new? ?-description text? ?-header dict? ?-metadata dict?
    method update_meta {name args} {
        return [::nats::core::do object_update_meta $handle $name {*}$args]
    }

    # Makes a name for another object. Returns the link's info.
    #
    # args - ?-bucket b?
    method link {name target args} {
        return [::nats::core::do object_link $handle $name $target {*}$args]
    }

    method link_bucket {name bucket} {
        return [::nats::core::do object_link_bucket $handle $name $bucket]
    }

    # Returns an object_watcher object.
    #
    # args - -callback cmdPrefix ?-include_history bool? ?-ignore_deletes bool?
    #        ?-updates_only bool? ?-idle_heartbeat ms?
    method watch {args} {
        set watcher [::nats::core::do object_watch $handle {*}$args]
        set object [::nats::core::adopt ::nats::object_watcher $watcher]
        ::nats::core::open $watcher
        return $object
    }

    # From then on nothing can be changed.
    method seal {} {
        ::nats::core::do object_seal $handle
        return
    }

    # A dict: bucket, description, ttl, storage, replicas, sealed, size, backing_store,
    # metadata, is_compressed, stream_config, stream_state.
    method status {} {
        return [::nats::core::do object_status $handle]
    }
}

# What follows an object store: destroy it to stop.
oo::class create ::nats::object_watcher {
    superclass ::nats::core::handled

    # consumer - the ordered_consumer object behind it
    variable handle consumer

    constructor {resource} {
        my Stand $resource
        set consumer [::nats::core::adopt ::nats::ordered_consumer [::nats::core::object_watch_consumer $handle]]
    }

    method consumer {} {
        return $consumer
    }
}

# An object that is being read: made by an object_store's methods object and open.
oo::class create ::nats::object {
    superclass ::nats::core::handled

    # channel  - that of the method channel, "" where there is none
    # blocking - it waits for what has not come yet
    # watched  - somebody wants to know when it is readable
    # turn     - the timer that tells so, "" where none runs
    variable handle channel blocking watched turn

    constructor {resource} {
        set channel ""
        set blocking 1
        set watched 0
        set turn ""
        my Stand $resource
    }

    destructor {
        if {[info exists turn]} {
            after cancel $turn
            if {$watched} {
                # Who waits for the channel learns by reading that it has ended.
                after 0 [list ::nats::core::wake_channel $channel]
            }
        }
        next
    }

    # Returns so many bytes, fewer at the end alone; without a count all that are left.
    method read {{count -1}} {
        return [::nats::core::do object_read $handle $count]
    }

    # Whether all bytes were read, as far as that is known without waiting.
    method eof {} {
        return [::nats::core::object_eof $handle]
    }

    method info {} {
        return [::nats::core::object_info_of $handle]
    }

    method close {} {
        my destroy
    }

    # Returns a channel to read from in place of the method read. Closing it destroys the
    # object.
    method channel {} {
        if {$channel eq ""} {
            set channel [chan create read [list ::nats::core::drive_object [self namespace]]]
            chan configure $channel -translation binary
            ::nats::core::object_notify $handle [namespace code {my Tell}]
        }
        return $channel
    }

    # What Tcl asks of the channel: see the manual page refchan.
    method Drive {what chan args} {
        switch -- $what {
            initialize {
                return {initialize finalize watch read blocking}
            }
            finalize {
                # Not while Tcl is in here.
                after 0 [list ::nats::core::finish_object [self]]
            }
            blocking {
                set blocking [lindex $args 0]
            }
            watch {
                set watched [expr {"read" in [lindex $args 0]}]
                my Schedule
            }
            read {
                return [my Fetch [lindex $args 0]]
            }
        }
        return
    }

    method Fetch {count} {
        lassign [::nats::core::object_poll $handle $count] state data
        while {$state eq "later"} {
            if {!$blocking} {
                return -code error EAGAIN
            }
            ::nats::core::do object_await $handle
            lassign [::nats::core::object_poll $handle $count] state data
        }
        return $data
    }

    # Has Tell called soon.
    method Schedule {} {
        after cancel $turn
        set turn ""
        if {$watched} {
            set turn [after 0 [namespace code {my Tell}]]
        }
    }

    # Tells whoever watches that the channel is readable, as long as it is.
    method Tell {} {
        set turn ""
        if {!$watched} return
        try {
            set there [::nats::core::object_there $handle]
        } on error {} {
            set there 1 ;# reading throws it
        }
        if {$there} {
            my Schedule
            chan postevent $channel read
        }
    }
}

# What a channel calls. It may outlive its object.
proc ::nats::core::drive_object {namespace what chan args} {
    if {[namespace exists $namespace]} {
        return [${namespace}::my Drive $what $chan {*}$args]
    }
    if {$what eq "read"} {
        throw {NATS ErrConnectionClosed} "The object was destroyed"
    }
}

# The channel may be closed by now.
proc ::nats::core::wake_channel {channel} {
    if {$channel in [chan names $channel]} {
        chan postevent $channel read
    }
}

proc ::nats::core::finish_object {object} {
    if {[info object isa object $object]} {
        $object destroy
    }
}
