# SPDX-License-Identifier: Apache-2.0
# A nats-server inside this process (no part of the pure-Tcl client).
oo::class create ::nats::server {
    superclass ::nats::core::handled
    variable handle

    # The server is ready when this returns.
    #
    # args - ?-host? ?-port? ?-jetstream bool? ?-store_dir dir? ?-user? ?-password?
    #        ?-token? ?-config file? ?-log_chan channel? ?-log_level level?
    constructor {args} {
        set server [::nats::core::do server [self] {*}$args]
        try {
            my Stand $server
        } on error {message options} {
            ::nats::core::release $server
            return -options $options $message
        }
    }

    method url {} {
        return [dict get [my info] url]
    }

    method host {} {
        return [dict get [my info] host]
    }

    method port {} {
        return [dict get [my info] port]
    }

    # A dict: what the server is, where it listens, and what it does.
    method info {} {
        return [::nats::core::server_info $handle]
    }

    # Ends the server; returns when it is gone. The object stays.
    method shutdown {} {
        ::nats::core::do server_shutdown $handle
        return
    }
}
