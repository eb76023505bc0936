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
    # writing   - how many writes of the script's are on their way
    # arriving  - key -> how many changes are being written into the array that came from the bucket
    variable kv watcher values cache revisions failures writing arriving

    # bucket - a key_value object
    # array  - the tied array's qualified name
    constructor {bucket array timeout} {
        set kv $bucket
        array set cache {}
        array set revisions {}
        array set failures {}
        set writing 0
        set arriving {}
        upvar #0 $array [my varname values]
        set watcher [$kv watch > -callback [::nats::mymethod Arrived]]
        oo::objdefine $watcher forward Replaced [namespace which my] Renew
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
        if {[my Arrives $key]} return
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
        if {[my Arrives $key] || ![info exists cache($key)]} return
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
        incr writing
        try {
            set revision [$kv put $key $value]
        } finally {
            if {[namespace which my] ne ""} {
                incr writing -1
            }
        }
        if {[namespace which my] eq ""} return
        if {[my Know $key $revision]} {
            set cache($key) $value
        }
        my Restore $key
    }

    method Delete {key} {
        set before [expr {[info exists revisions($key)] ? $revisions($key) : ""}]
        $kv delete $key
        if {[namespace which my] eq ""} return
        # The marker's revision comes with the watcher. What another has put meanwhile has come by it, too.
        if {![info exists revisions($key)] || $revisions($key) eq $before} {
            unset -nocomplain cache($key)
        }
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

    # Whether what is written into an element now comes from the bucket.
    method Arrives {key} {
        return [expr {[dict exists $arriving $key] && [dict get $arriving $key] > 0}]
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
        # A trace of the script's may write another element while the first one is still to be seen.
        if {![my Tied] || $writing > 0} {
            after 10 [::nats::mymethod Settle]
            return
        }
        foreach key [array names values] {
            if {![info exists cache($key)]} {
                my Hide $key
            }
        }
        foreach key [array names cache] {
            my Show $key $cache($key)
        }
    }

    # Writes into the array what the bucket has already. What is there is not written again: Tcl calls no trace of an element
    # while one is being run that waits, so that the echo of the script's own write would hide the next change from it.
    method Show {key value} {
        if {[info exists values($key)] && $values($key) eq $value} return
        my Arriving $key {set values($key) $value}
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
        my Arriving $key {unset -nocomplain values($key)}
    }

    # Changes an element as the bucket has it. Traces of the script's may change others meanwhile, which are put as always, and
    # may wait for it, so that the array is untied when they return.
    method Arriving {key script} {
        if {![my Tied]} return
        dict incr arriving $key
        try {
            uplevel 1 $script
        } finally {
            if {[namespace which my] ne ""} {
                dict incr arriving $key -1
            }
        }
    }

    # The watcher's word that another bucket has the name, which counts its revisions anew: all of it is read, and what it
    # lacks is no more.
    method Renew {} {
        array unset revisions
        $kv get_many -keys > -callback [::nats::mymethod Renewed]
    }

    method Renewed {error entries} {
        if {$error ne ""} {
            after 1000 [::nats::mymethod Renew]
            return
        }
        set there {}
        foreach entry $entries {
            dict set there [dict get $entry key] {}
            my Arrived $entry
        }
        foreach key [array names cache] {
            if {![dict exists $there $key] && ![info exists revisions($key)]} {
                unset cache($key)
                my Hide $key
            }
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
    try {
        package require tie
    } trap {TCL PACKAGE UNFOUND} message {
        # The code stays: a script that can do without tcllib asks for it.
        throw {TCL PACKAGE UNFOUND} "$message; it is tcllib's, whose directory TCLLIBPATH or auto_path has to name"
    }
    ::tie::register ::nats::core::tie as nats
    package provide nats::tie $version
}

# Without tcllib nats::tie says what it lacks, when it is asked for. nats itself is provided after its scripts.
package ifneeded nats::tie 1.0 {::nats::core::provide_tie 1.0}
