# SPDX-License-Identifier: Apache-2.0
# The connection to a NATS server, or to one of a pool. See docs/connection.md.
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

    # Shows the end in status and last_error, as disconnect does. It is no end where the constructor
    # has failed, or the interpreter is going away.
    destructor {
        if {[info exists handle] && [info commands ::nats::core::disconnect] ne ""} {
            ::nats::core::disconnect $handle
        }
        next
    }

    method configure {args} {
        if {[llength $args] == 1} {
            return [my cget [lindex $args 0]]
        }
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

    # args - ?-async? ?-retry bool?
    method connect {args} {
        set begin do
        set options {}
        while {[llength $args]} {
            set args [lassign $args name]
            if {$name eq "-async" && $begin eq "do"} {
                set begin start
            } elseif {[string trimleft $name -] ne "retry"} {
                ::nats::core::refuse "Unknown option $name" "connect takes -async, and -retry with a bool"
            } else {
                lappend options $name {*}[lrange $args 0 0]
                set args [lrange $args 1 end]
            }
        }
        ::nats::core::$begin connect $handle {*}$options
        return
    }

    # Ends the connection and begins another one, to the next server in turn. Returns at once.
    method reconnect {} {
        ::nats::core::reconnect $handle
        return
    }

    method disconnect {} {
        ::nats::core::disconnect $handle
        return
    }

    # Closes the connection when the subscriptions have got what had come for them, requests
    # their replies, and the server what was published. With a subID only that subscription
    # ends. Returns then.
    #
    # args - ?subID? ?-timeout ms?
    method drain {args} {
        ::nats::core::do drain $handle [info coroutine] {*}$args
        return
    }

    # Whether drain was called, and has not ended the connection yet.
    method draining {} {
        return [::nats::core::draining $handle]
    }

    # Returns true when the server has seen all that went before.
    #
    # args - ?-timeout ms?
    method ping {args} {
        return [::nats::core::do ping $handle {*}$args]
    }

    # Returns how long a ping takes, in ms with a fraction.
    #
    # args - ?-timeout ms?
    method rtt {args} {
        return [::nats::core::do rtt $handle {*}$args]
    }

    # A dict of what was carried since the object was made: in_msgs, out_msgs, in_bytes,
    # out_bytes, reconnects; and buffered, the bytes that wait to be sent now.
    method stats {} {
        return [::nats::core::statistics $handle]
    }

    # What the variables of these names hold.
    method status {} {
        return $status
    }

    method last_error {} {
        return $last_error
    }

    # Messages -----------------------------------------------------------------

    # The method publish is Go's own (bridge.Command, Method), for a script may call it a million times in a second:
    #
    #     method publish {subject message args}
    #
    # args - ?-reply replyTo? ?-header dict?; the old form: ?replyTo?

    # msg - made by nats::msg create
    method publish_msg {msg} {
        ::nats::core::publish_msg $handle $msg
        return
    }

    # Returns the subscription's ID.
    #
    # args - ?-callback cmdPrefix? ?-coroutine bool? ?-sync bool? ?-confirm bool? ?-queue q? ?-max_msgs n?
    #        ?-dictmsg bool? ?-post bool? ?-pending_msgs n? ?-pending_bytes n?
    method subscribe {subject args} {
        return [::nats::core::do subscribe $handle $subject {*}$args]
    }

    # Returns the next message of a subscription with -sync, a dict.
    #
    # args - ?-timeout ms?
    method next_msg {subID args} {
        return [::nats::core::do next_msg $handle $subID {*}$args]
    }

    # A dict: subject, queue, max_msgs, delivered, pending_msgs, pending_bytes, dropped, limits.
    method subscription_info {subID} {
        return [::nats::core::subscription_info $handle $subID]
    }

    # The IDs of all subscriptions.
    method subscriptions {} {
        return [::nats::core::subscriptions $handle]
    }

    # Changes what may wait for the script.
    #
    # args - ?-msgs n? ?-bytes n?
    method set_pending {subID args} {
        ::nats::core::set_pending $handle $subID {*}$args
        return
    }

    # Publishes to the reply subject of a message, a dict.
    #
    # args - ?-header dict?
    method respond {msg data args} {
        ::nats::core::respond $handle $msg $data {*}$args
        return
    }

    # args - ?-max_msgs n?
    method unsubscribe {subID args} {
        ::nats::core::unsubscribe $handle $subID {*}$args
        return
    }

    # Returns the reply, with -max_msgs, -stall or -sentinel a list of them, with -callback an ID at once.
    #
    # args - ?-timeout ms? ?-callback cmdPrefix? ?-coroutine bool? ?-dictmsg bool? ?-max_msgs n? ?-stall ms?
    #        ?-sentinel empty|cmdPrefix? ?-header dict?
    method request {subject message args} {
        return [::nats::core::do request $handle $subject $message {*}$args]
    }

    # args - ?-timeout ms? ?-callback cmdPrefix? ?-coroutine bool? ?-dictmsg bool?
    method request_msg {msg args} {
        return [::nats::core::do request_msg $handle $msg {*}$args]
    }

    method cancel_request {reqID} {
        ::nats::core::cancel_request $handle $reqID
        return
    }

    # A new subject for replies.
    method inbox {} {
        return [::nats::core::inbox $handle]
    }

    # Servers ------------------------------------------------------------------

    # A list of host and port.
    method current_server {} {
        return [::nats::core::current_server $handle]
    }

    # A list of dicts: the next to be tried first, the current one last.
    method all_servers {} {
        return [::nats::core::all_servers $handle]
    }

    # Replaces the pool of servers, also while connected: it counts from the next attempt on.
    method set_servers {urls} {
        ::nats::core::set_servers $handle $urls
        return
    }

    # How the connection is encrypted: a dict of version, cipher, peer_subject, not_after and
    # verified, empty where it is not.
    method tls_state {} {
        return [::nats::core::tls_state $handle]
    }

    # The server's INFO, as a dict.
    method server_info {} {
        return [::nats::core::connection_info $handle]
    }

    # args - ?-timeout ms? ?-domain str? ?-api_prefix str? ?-trace bool?
    method jet_stream {args} {
        return [::nats::core::adopt ::nats::jet_stream [::nats::core::jet_stream $handle {*}$args]]
    }
}
