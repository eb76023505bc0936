# SPDX-License-Identifier: Apache-2.0
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

# args - -src s -dest s ?-headers_only bool?
proc ::nats::make_republish {args} {
    return [::nats::core::make_republish {*}$args]
}

# What options there are, as data. Without arguments the names of the classes, with a class those of
# its methods that take options ("new" for the constructor), with both a dict: option -> dict of type,
# takes, required, default, values, fields, text. See docs/introspection.md.
#
# class - without its namespace, or with it; "nats" stands for the commands of that namespace
proc ::nats::options {args} {
    if {[llength $args] > 2} {
        throw {TCL WRONGARGS} {wrong # args: should be "nats::options ?class? ?method?"}
    }
    return [::nats::core::options {*}$args]
}

# What a consumer's message tells: a dict with stream, consumer, num_delivered, stream_seq,
# consumer_seq, timestamp (ms), num_pending.
proc ::nats::metadata {msg} {
    return [::nats::core::metadata $msg]
}

# The servers that the environment names, for -servers: those of NATS_URL, with commas between them, else the
# one that listens where servers do without being told.
proc ::nats::default_servers {} {
    set urls {}
    if {[info exists ::env(NATS_URL)]} {
        foreach url [split $::env(NATS_URL) ,] {
            if {[string trim $url] ne ""} {
                lappend urls [string trim $url]
            }
        }
    }
    return [expr {[llength $urls] ? $urls : "nats://127.0.0.1:4222"}]
}

# The local time, as 2022-11-22T13:31:35.451.
proc ::nats::timestamp {} {
    return [msec_to_isotime [clock milliseconds] :localtime]
}

# The other way round: ms since the epoch. A zone at its end counts, a number or a name that clock
# knows; none means UTC.
proc ::nats::isotime_to_msec {iso} {
    lassign [::nats::core::isotime $iso] msec zone
    if {$zone eq ""} {
        return $msec
    }
    # There are abbreviations, which clock scan takes in the text, and names of places. Where names of files have no
    # case (Windows, macOS) Tcl 9 takes the file GMT for the zone gmt, and then does not find gmt in it.
    set format {%Y-%m-%d %H:%M:%S}
    set there [clock format [expr {$msec / 1000}] -gmt 1 -format $format]
    if {[catch {clock scan "$there $zone" -format "$format %Z"} seconds]
        && [catch {clock scan $there -timezone $zone -format $format} seconds]
        && [catch {clock scan "$there [string toupper $zone]" -format "$format %Z"} seconds]} {
        throw {NATS ErrInvalidArg} "Invalid time $iso"
    }
    return [expr {$seconds * 1000 + $msec % 1000}]
}

# tz - a zone as clock format takes it
proc ::nats::msec_to_isotime {msec {tz :UTC}} {
    if {![string is entier -strict $msec] || abs($msec) > $::nats::core::latest} {
        throw {NATS ErrInvalidArg} "Invalid time $msec"
    }
    try {
        return [core::format_time $msec $tz]
    } on error {reason} {
        throw {NATS ErrInvalidArg} "Invalid time zone $tz: $reason"
    }
}

# The end of the year 9999, in ms: what comes later has no ISO text.
set ::nats::core::latest 253402300799999

proc ::nats::core::format_time {msec tz} {
    return [clock format [expr {$msec / 1000}] -timezone $tz -format %Y-%m-%dT%H:%M:%S].[format %03d [expr {$msec % 1000}]]
}

# Inside a method: a callback prefix to a method of the same object, that does nothing where
# the object is gone when it is called.
proc ::nats::mymethod {method args} {
    return [list ::nats::core::my_method [uplevel 1 {namespace which my}] $method {*}$args]
}

proc ::nats::core::my_method {my args} {
    if {[namespace which $my] ne ""} {
        tailcall $my {*}$args
    }
}

namespace eval ::nats {
    namespace export connection msg header timestamp isotime_to_msec msec_to_isotime metadata \
        make_stream_source make_subject_transform make_republish make_kv_origin
}
