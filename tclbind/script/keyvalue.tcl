# SPDX-License-Identifier: Apache-2.0
# A key-value bucket: made by a jet_stream's create_kv_bucket and bind_kv_bucket.
# Each method begins the operation in Go, and waits for its end.
#
# Every method that waits takes -timeout ms, and -callback cmdPrefix, which is called as `cmdPrefix error result`
# in place of waiting: the method returns a number then, for cancel.
oo::class create ::nats::key_value {
    superclass ::nats::core::handled
    variable handle

    constructor {resource} {
        my Stand $resource
    }

    # Its name.
    method bucket {} {
        return [::nats::core::kv_name $handle]
    }

    # Returns the entry, a dict: bucket, key, value, revision, created, operation.
    #
    # args - ?-revision int? ?-leader bool? ?-deleted bool? ?-headers bool?
    method get {key args} {
        return [::nats::core::do kv_get $handle $key {*}$args]
    }

    method get_value {key args} {
        return [::nats::core::do kv_get_value $handle $key {*}$args]
    }

    # These five return the new revision.
    #
    # args - ?-ttl ms|never? ?-header dict?
    method put {key value args} {
        return [::nats::core::do kv_put $handle $key $value {*}$args]
    }

    method create {key value args} {
        return [::nats::core::do kv_create $handle $key $value {*}$args]
    }

    method update {key value revision args} {
        return [::nats::core::do kv_update $handle $key $value $revision {*}$args]
    }

    method revert {key revision args} {
        return [::nats::core::do kv_revert $handle $key $revision {*}$args]
    }

    # args - ?-ttl ms|never?
    method touch {key args} {
        return [::nats::core::do kv_touch $handle $key {*}$args]
    }

    # args - ?revision? ?-revision n? ?-callback? ?-timeout?
    method delete {key args} {
        set revision {}
        if {[llength $args] % 2} {
            set args [lassign $args revision]
        }
        return [::nats::core::do kv_delete $handle $key $revision {*}$args]
    }

    # args - ?-revision n? ?-ttl ms|never?
    method purge {key args} {
        return [::nats::core::do kv_purge $handle $key {*}$args]
    }

    # Does all of the changes or none. Returns their revisions, in order.
    #
    # changes - a list of: put key value, create key value, update key value revision,
    #           delete key ?revision?, purge key ?revision?
    method atomic {changes args} {
        return [::nats::core::do kv_atomic $handle $changes {*}$args]
    }

    # Returns the new revisions, in the dict's order.
    #
    # args - ?-in_flight n? ?-progress cmdPrefix?
    method put_many {dict args} {
        return [::nats::core::do kv_put_many $handle $dict {*}$args]
    }

    method status {args} {
        return [::nats::core::do kv_status $handle {*}$args]
    }

    # Returns a dict by the options of create_kv_bucket, without their dashes.
    method config {args} {
        return [::nats::core::do kv_config $handle {*}$args]
    }

    # Takes a callback back.
    #
    # operation - what the method with -callback has returned
    method cancel {operation} {
        ::nats::core::kv_cancel $handle $operation
        return
    }

    # Returns the current entries of many keys, by their revisions; missing and deleted ones are left out.
    #
    # args - a list of keys, or -keys patterns; ?-up_to_revision n? ?-up_to_time iso? ?-headers bool? ?-progress cmdPrefix?
    method get_many {args} {
        return [::nats::core::do kv_get_many $handle {*}$args]
    }

    # Deletes all keys, or those that match. Returns how many.
    #
    # args - ?-keys patterns? ?-purge bool? ?-progress cmdPrefix?
    method delete_keys {args} {
        return [::nats::core::do kv_delete_keys $handle {*}$args]
    }

    # Removes what deleted keys have left. Returns how many messages went.
    #
    # args - ?-older_than ms? ?-progress cmdPrefix?
    method purge_deletes {args} {
        return [::nats::core::do kv_purge_deletes $handle {*}$args]
    }

    # Returns a list of entries.
    #
    # args - ?-keys patterns? ?-meta_only? ?-ignore_deletes? ?-resume_from_revision n? ?-headers bool?
    method history {key args} {
        return [::nats::core::do kv_history $handle $key {*}$args]
    }

    # args - ?-keys patterns? ?-callback cmdPrefix?
    method keys {args} {
        return [::nats::core::do kv_keys $handle {*}$args]
    }

    # Returns a kv_watcher object.
    #
    # args - -callback cmdPrefix, -values_array varName, or both; ?-include_history?
    #        ?-meta_only? ?-ignore_deletes? ?-updates_only? ?-idle_heartbeat?
    method watch {key args} {
        set watcher [::nats::core::do kv_watch $handle $key {*}$args]
        set object [::nats::core::adopt ::nats::kv_watcher $watcher]
        try {
            set array [::nats::core::watch_array $watcher]
            if {$array ne ""} {
                uplevel 1 [list ::nats::core::watch_into $watcher [info object namespace $object] $array]
            }
        } on error {message options} {
            $object destroy
            return -options $options $message
        }
        ::nats::core::open $watcher
        return $object
    }
}

# Whether there is a command of that name at global level, where a codec's is called, or one that auto_load finds.
proc ::nats::core::is_command {name} {
    if {[uplevel #0 [list ::namespace which -command $name]] ne ""} {
        return 1
    }
    return [expr {[info commands ::auto_load] ne "" && [uplevel #0 [list ::auto_load $name]]}]
}

# Has a watcher write into an array, whose name is resolved where this is called.
#
# namespace - of the watcher's object, whose variable values is linked to the array
proc ::nats::core::watch_into {watcher namespace array} {
    if {[string match *(*) $array]} {
        throw {NATS ErrInvalidArg} "Invalid array $array: it is an element of an array"
    }
    # Tcl links an object's variable to a global or a namespace variable, and to no other.
    if {[catch {uplevel 1 [list ::namespace eval $namespace [list ::upvar 1 $array values]]} reason]} {
        if {[string match *::* $array]} {
            throw {NATS ErrInvalidArg} "Invalid array $array: $reason"
        }
        throw {NATS ErrInvalidArg} "Invalid array $array: it is local to a procedure, and would end with it;\
            write ::$array or `global $array`"
    }
    if {[info exists ${namespace}::values] && ![array exists ${namespace}::values]} {
        throw {NATS ErrInvalidArg} "Invalid array $array: it is a variable that is no array"
    }
    # Traces of the script's are called with the name by which the array is written: its own, where it can be
    # told. A trace of ours finds out which variable is the linked one.
    set mark [list ::list nats $watcher]
    trace add variable ${namespace}::values array $mark
    set candidates [list $array]
    if {![string match ::* $array]} {
        set here [string trimright [uplevel 1 {namespace current}] :]
        set candidates [list ${here}::$array ::$array]
    }
    set name ${namespace}::values
    foreach candidate $candidates {
        if {![catch {trace info variable $candidate} traces] && [list array $mark] in $traces} {
            set name $candidate
            break
        }
    }
    trace remove variable ${namespace}::values array $mark
    watch_name $watcher $name
}

# What follows a bucket: destroy it to stop.
oo::class create ::nats::kv_watcher {
    superclass ::nats::core::handled

    # consumer - the ordered_consumer object behind it
    # values   - linked to the array of -values_array
    variable handle consumer values

    constructor {resource} {
        my Stand $resource
        set consumer [::nats::core::adopt ::nats::ordered_consumer [::nats::core::watch_consumer $handle]]
    }

    method consumer {} {
        return $consumer
    }

    # Waits until the current data was delivered.
    #
    # args - ?-timeout ms?
    method wait {args} {
        return [::nats::core::do watch_wait $handle {*}$args]
    }

    # What was wrong last: empty, or a dict: code, errorMessage.
    method last_error {} {
        return [$consumer last_error]
    }

    # The bucket's name.
    method bucket {} {
        return [dict get [::nats::core::watch_state $handle] bucket]
    }

    # The patterns that it follows, a list.
    method keys {} {
        return [dict get [::nats::core::watch_state $handle] keys]
    }

    # Whether the current data was delivered.
    method current {} {
        return [dict get [::nats::core::watch_state $handle] current]
    }

    # The revision of the last entry that was delivered, 0 before the first one.
    method revision {} {
        return [dict get [::nats::core::watch_state $handle] revision]
    }

    # Takes from the array what is not in the bucket that it follows now.
    #
    # array - its name
    # keys  - those that are
    method Keep {array keys} {
        set there {}
        foreach key $keys {
            dict set there $key {}
        }
        foreach key [array names values] {
            if {![dict exists $there $key]} {
                unset -nocomplain ${array}($key)
            }
        }
    }

    # Called in place of Keep where there is no array. nats::tied has a method of its own here.
    method Replaced {} {}
}
