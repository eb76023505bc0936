# SPDX-License-Identifier: Apache-2.0
# Messages and their headers: two ensembles that work on dicts.
#
# A message is a dict: header, data, subject, reply, sub_id, and seq and time where it
# was read from a stream. Some subcommands have the names of Tcl's own commands, which
# are therefore called by their full names here.

namespace eval ::nats::msg {
    namespace export create set subject data reply no_responders idle_heartbeat flow_control seq timestamp
    namespace ensemble create

    # args - ?-data d? ?-reply r?
    proc create {subject args} {
        ::set msg [dict create header {} data {} subject $subject reply {} sub_id {}]
        if {[llength $args] % 2} {
            throw {NATS ErrInvalidArg} "Missing value for option [lindex $args end]"
        }
        foreach {option value} $args {
            ::set name [regsub {^-} $option {}]
            if {$name ni {data reply}} {
                ::nats::core::refuse "Unknown option $name" "create takes -data and -reply"
            }
            dict set msg $name $value
        }
        return $msg
    }

    # field - -subject, -data or -reply
    proc set {msgVar field value} {
        upvar 1 $msgVar msg
        if {$field ni {-subject -data -reply}} {
            throw {NATS ErrInvalidArg} "Invalid field $field"
        }
        dict set msg [string range $field 1 end] $value
        return
    }

    proc subject {msg} {
        return [Field $msg subject]
    }

    proc data {msg} {
        return [Field $msg data]
    }

    proc reply {msg} {
        return [Field $msg reply]
    }

    # A field that every message has.
    proc Field {msg name} {
        if {[catch {dict get $msg $name} value]} {
            throw {NATS ErrInvalidArg} "This is no message, which is a dict with $name: [::string range $msg 0 60];\
                -dictmsg true has callbacks and requests give messages"
        }
        return $value
    }

    # 1 for the server's word that nobody listens.
    proc no_responders {msg} {
        return [expr {[::nats::header lookup $msg Status 0] eq "503"}]
    }

    proc idle_heartbeat {msg} {
        return [Control $msg Idle]
    }

    proc flow_control {msg} {
        return [Control $msg Flow]
    }

    proc Control {msg begin} {
        return [expr {[dict get $msg data] eq "" && [::nats::header lookup $msg Status 0] eq "100"
            && [string match $begin* [::nats::header lookup $msg Description {}]]}]
    }

    proc seq {msg} {
        return [Stored $msg seq seq]
    }

    # In ms since the epoch.
    proc timestamp {msg} {
        return [Stored $msg time timestamp]
    }

    proc Stored {msg key field} {
        if {![dict exists $msg $key]} {
            throw {NATS ErrInvalidArg} "Invalid field '$field'"
        }
        return [dict get $msg $key]
    }
}

namespace eval ::nats::header {
    namespace export add set delete values get keys lookup
    namespace ensemble create

    # Appends a value to those that the key has.
    proc add {msgVar key value} {
        upvar 1 $msgVar msg
        ::set values [expr {[dict exists $msg header $key] ? [dict get $msg header $key] : {}}]
        dict set msg header $key [list {*}$values $value]
        return
    }

    # Gives keys one value each, in place of those they have.
    proc set {msgVar key value args} {
        upvar 1 $msgVar msg
        if {[llength $args] % 2} {
            throw {NATS ErrInvalidArg} "Missing a value for a key"
        }
        foreach {key value} [list $key $value {*}$args] {
            dict set msg header $key [list $value]
        }
        return
    }

    proc delete {msgVar key} {
        upvar 1 $msgVar msg
        dict unset msg header $key
        return
    }

    # All values of a key, in their order.
    proc values {msg key} {
        return [dict get [dict get $msg header] $key]
    }

    # The first one.
    proc get {msg key} {
        return [lindex [values $msg $key] 0]
    }

    # An empty pattern is none.
    proc keys {msg {pattern {}}} {
        return [dict keys [dict get $msg header] {*}[expr {$pattern eq {} ? {} : [list $pattern]}]]
    }

    # The first value, or a default where the key is missing.
    proc lookup {msg key default} {
        if {[dict exists $msg header $key]} {
            return [get $msg $key]
        }
        return $default
    }
}
