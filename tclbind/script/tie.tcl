# SPDX-License-Identifier: Apache-2.0
# A bucket as a data source of tcllib's tie (its manual page: "tie"): an array that is the bucket. Reading it costs
# nothing, writing puts, unsetting deletes, and what others change arrives by itself.
#
#     package require nats::tie
#     tie::tie settings nats $kv ?-timeout ms?
#
# tcllib is asked for when nats::tie is, and by nothing else. A watched array that only follows a bucket
# (watch -values_array) is not made here: tclbind/kv_watcher.go sets and unsets its elements.

oo::class create ::nats::tied {
    # kv        - the bucket
    # watcher   - follows it
    # values    - linked to the tied array
    # cache     - key -> value, as the bucket has it
    # revisions - key -> revision of what the cache has, deleted keys included
    # failures  - key -> error and options of a write that tie's trace has made, for Refuse to throw
    # writing   - key -> how many writes of the script's are on their way
    # arriving  - the change that is written into the array came from the bucket
    variable kv watcher values cache revisions failures writing arriving

    # bucket - a key_value object
    # array  - the tied array's qualified name
    constructor {bucket array timeout} {
        set kv $bucket
        array set cache {}
        array set revisions {}
        array set failures {}
        set writing {}
        set arriving false
        upvar #0 $array [my varname values]
        set watcher [$kv watch > -callback [::nats::mymethod Arrived]]
        $watcher wait -timeout $timeout
        # tie adds its own trace later, and Tcl calls the younger trace first: when this one runs, setv has
        # been called.
        trace add variable values write [list [namespace which my] Refuse]
        after 0 [::nats::mymethod Settle]
    }

    destructor {
        if {[info exists values]} {
            trace remove variable values write [list [namespace which my] Refuse]
        }
        if {[info exists watcher] && [info object isa object $watcher]} {
            $watcher destroy
        }
    }

    # What tie calls -------------------------------------------------------

    method get {} {
        return [array get cache]
    }

    method names {} {
        return [array names cache]
    }

    method size {} {
        return [array size cache]
    }

    method getv {key} {
        return $cache($key)
    }

    method set {dict} {
        dict for {key value} $dict {
            my Put $key $value
        }
    }

    method unset {{pattern *}} {
        foreach key [array names cache $pattern] {
            my Delete $key
        }
    }

    # An error that is thrown through tie's trace leaves the key locked there, so that later writes of it go nowhere:
    # it waits for Refuse instead.
    method setv {key value} {
        if {$arriving} return
        try {
            my Put $key $value
        } on error {message options} {
            if {[namespace which my] eq "" || ![my Traced]} {
                return -options $options $message
            }
            set failures($key) [list $message $options]
        }
    }

    # Tcl drops the errors of unset traces (its manual page: "trace"), so a refused one goes where those of callbacks
    # do, and the element comes back.
    method unsetv {key} {
        if {$arriving || ![info exists cache($key)]} return
        try {
            my Delete $key
        } on error {message options} {
            if {[namespace which my] eq "" || ![my Traced]} {
                return -options $options $message
            }
            my Restore $key
            after 0 [list {*}[interp bgerror {}] $message $options]
        }
    }

    # Whether the method was called by the trace of tie.
    method Traced {} {
        return [expr {[info level] > 2 && [lindex [info level -2] 0] eq "::tie::Trace"}]
    }

    # The other side -------------------------------------------------------

    # Events are served meanwhile: what another has written before or after may arrive, and the array may be untied.
    method Put {key value} {
        dict incr writing $key
        try {
            set revision [$kv put $key $value]
        } finally {
            if {[namespace which my] ne ""} {
                dict incr writing $key -1
            }
        }
        if {[namespace which my] eq ""} return
        if {[my Know $key $revision]} {
            set cache($key) $value
        }
        my Restore $key
    }

    method Delete {key} {
        $kv delete $key
        # The marker's revision comes with the watcher.
        unset -nocomplain cache($key)
    }

    # Returns whether nothing newer is known of the key.
    method Know {key revision} {
        if {[info exists revisions($key)] && $revisions($key) > $revision} {
            return false
        }
        set revisions($key) $revision
        return true
    }

    # The write trace of the array.
    method Refuse {name key op} {
        if {![info exists failures($key)]} return
        lassign $failures($key) message options
        unset failures($key)
        my Restore $key
        return -options $options $message
    }

    method Writing {key} {
        return [expr {[dict exists $writing $key] && [dict get $writing $key] > 0}]
    }

    # Gives an element the value that the bucket has.
    method Restore {key} {
        if {[info exists cache($key)]} {
            my Show $key $cache($key)
        } else {
            unset -nocomplain values($key)
        }
    }

    # Whether the tie is made: before, the array's content is the script's.
    method Tied {} {
        foreach trace [trace info variable values] {
            if {[lindex $trace 1 0] eq "::tie::Trace"} {
                return true
            }
        }
        return false
    }

    # Makes up for what came while the tie was being made.
    method Settle {} {
        if {![my Tied]} {
            after 10 [::nats::mymethod Settle]
            return
        }
        foreach key [array names values] {
            if {![info exists cache($key)] && ![my Writing $key]} {
                my Hide $key
            }
        }
        foreach key [array names cache] {
            if {![my Writing $key] && (![info exists values($key)] || $values($key) ne $cache($key))} {
                my Show $key $cache($key)
            }
        }
    }

    # Writes into the array what the bucket has already.
    method Show {key value} {
        if {![my Tied]} return
        set before $arriving
        set arriving true
        try {
            set values($key) $value
        } finally {
            set arriving $before
        }
    }

    # The watcher's callback.
    method Arrived {entry} {
        if {$entry eq ""} return
        set key [dict get $entry key]
        if {![my Know $key [dict get $entry revision]]} return
        if {[dict get $entry operation] eq "PUT"} {
            set cache($key) [dict get $entry value]
            my Show $key $cache($key)
            return
        }
        unset -nocomplain cache($key)
        my Hide $key
    }

    # Takes out of the array what the bucket has no more.
    method Hide {key} {
        if {![my Tied]} return
        set before $arriving
        set arriving true
        try {
            unset -nocomplain values($key)
        } finally {
            set arriving $before
        }
    }
}

# What tie::tie calls for the type nats.
#
# args - the key_value object ?-timeout ms?
proc ::nats::core::tie {name kv args} {
    set timeout 10000
    foreach {option value} $args {
        if {[string trimleft $option -] ne "timeout"} {
            throw {NATS ErrInvalidArg} "Unknown option [string trimleft $option -]"
        }
        set timeout $value
    }
    # The array is named in the call of tie::tie, and belongs to that command's caller.
    set array [lindex [info level -1] 1]
    set qualified [uplevel 2 [list namespace which -variable $array]]
    if {$qualified eq ""} {
        throw {NATS ErrInvalidArg} "Invalid array $array: it is local; write ::$array, or `global $array`"
    }
    return [::nats::tied new $kv $qualified $timeout]
}

# Made known to tie by `package require nats::tie`.
proc ::nats::core::provide_tie {version} {
    package require tie
    ::tie::register ::nats::core::tie as nats
    package provide nats::tie $version
}

# Without tcllib nats::tie says what it lacks, when it is asked for. nats itself is provided after its scripts.
package ifneeded nats::tie 1.0 {::nats::core::provide_tie 1.0}
