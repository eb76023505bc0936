# The connection to a NATS server, or to one of a pool. See core-nats in docs/.
oo::class create ::nats::connection {
    superclass ::nats::core::handled

    # status     - one of the four words in nats::status_...
    # last_error - empty, or a dict: code, errorMessage
    # serverInfo - array with the fields of the server's INFO
    # Scripts read these and put traces on them; Go writes them.
    variable handle status last_error serverInfo

    # args - ?conn_name? ?-logger obj? ?-log_chan channel? ?-log_level level?
    constructor {args} {
        set status $::nats::status_closed
        set last_error ""
        array set serverInfo {}
        my Stand [::nats::core::connection [self namespace] [self] {*}$args]
    }

    method configure {args} {
        return [::nats::core::configure $handle {*}$args]
    }

    method cget {option} {
        if {$option in {-status status}} {
            return $status
        }
        return [::nats::core::cget $handle $option]
    }

    method reset {args} {
        ::nats::core::reset $handle {*}$args
        return
    }

    # args - ?-async?
    method connect {args} {
        if {$args ni {{} -async}} {
            throw {NATS ErrInvalidArg} "Unknown option [lindex $args 0]"
        }
        set id [::nats::core::connect $handle]
        if {$args eq "-async"} {
            ::nats::core::forget $id
            return
        }
        ::nats::core::await $id
        return
    }

    method disconnect {} {
        ::nats::core::disconnect $handle
        return
    }

    # Returns true when the server has seen all that went before.
    #
    # args - ?-timeout ms?
    method ping {args} {
        return [::nats::core::await [::nats::core::ping $handle {*}$args]]
    }

    # args - ?-timeout ms? ?-domain str? ?-api_prefix str? ?-trace bool?
    method jet_stream {args} {
        return [::nats::core::adopt ::nats::jet_stream [::nats::core::jet_stream $handle {*}$args]]
    }
}
