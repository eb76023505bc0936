# Waiting, and what else the classes have in common. The commands of
# ::nats::core that are not defined here are Go's (tclbind/*.go).

namespace eval ::nats {
    variable status_closed closed
    variable status_connecting connecting
    variable status_connected connected
    variable status_reconnecting reconnecting
}

# Waits for an operation of the core and returns its result, or throws its error.
# In a coroutine it yields, elsewhere it serves events as vwait does.
#
# id - what the command that began the operation returned
proc ::nats::core::await {id} {
    set coroutine [info coroutine]
    if {$coroutine eq ""} {
        return [wait $id]
    }
    # Others may resume the coroutine too: it goes on waiting then.
    while {![park $id $coroutine]} {
        try {
            yield
        } trap {TCL COROUTINE CANT_YIELD} {} {
            # Below a C frame. The request is out already.
            return [wait $id]
        }
    }
    return [take $id]
}

# The result of what may have a callback: waits for the reply, or returns the request's ID.
#
# request - {wait ID} or {request ID}
proc ::nats::core::asked {request} {
    lassign $request kind id
    if {$kind eq "request"} {
        return $id
    }
    return [await $id]
}

# Makes the TclOO object for a handle.
#
# class  - a class whose constructor takes the handle
# Returns the object. If it cannot be made, the handle is released.
proc ::nats::core::adopt {class handle} {
    try {
        return [$class new $handle]
    } on error {message options} {
        release $handle
        return -options $options $message
    }
}

# What all our classes share: the handle, and its end.
oo::class create ::nats::core::handled {
    # The number of the Go resource that the object stands on.
    variable handle

    # Ends the resource, after the objects that came from it, youngest first.
    destructor {
        # Not where the constructor failed, or the interpreter is going away.
        if {![info exists handle] || [info commands ::nats::core::release] eq ""} return
        foreach namespace [::nats::core::children $handle] {
            # One of them may have destroyed another.
            if {[namespace exists $namespace]} {
                ${namespace}::my destroy
            }
        }
        ::nats::core::release $handle
    }

    # Takes over the resource.
    method Stand on {
        ::nats::core::bind $on [self namespace]
        set handle $on
    }
}

# Asks a script for the wait before the next attempt at a server.
#
# question - to be answered by delay_answer
# command  - the value of -custom_reconnect_delay
# server   - a dict as in all_servers
proc ::nats::core::ask_delay {question command server} {
    delay_answer $question [uplevel #0 [list {*}$command $server]]
}
