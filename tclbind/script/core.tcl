# SPDX-License-Identifier: Apache-2.0
# Waiting, and what else the classes have in common. The commands of
# ::nats::core that are not defined here are Go's (tclbind/*.go).

namespace eval ::nats {
    variable status_closed closed
    variable status_connecting connecting
    variable status_connected connected
    variable status_reconnecting reconnecting
}

# Runs a command of the core. Where it began an operation, waits for that: in a coroutine by
# yielding, elsewhere by serving events as vwait does. Returns the result, or throws the
# error.
#
# command - its name in this namespace
proc ::nats::core::do {command args} {
    set coroutine [info coroutine]
    if {$coroutine eq ""} {
        return [now $command {*}$args]
    }
    lassign [parked $coroutine $command {*}$args] id result
    if {$id eq ""} {
        return $result
    }
    try {
        # Others may resume the coroutine too: it goes on waiting then.
        while {[yield] ne $id} {}
    } trap {TCL COROUTINE CANT_YIELD} {} {
        # Below a C frame. The request is out already.
        return [wait $id]
    }
    return [take $id]
}

# Throws the error of an argument that is not right in its caller; errorInfo has a line that says what would be.
proc ::nats::core::refuse {message help} {
    return -code error -errorcode {NATS ErrInvalidArg} -errorinfo "$message\n    ($help)" $message
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

    # A copy would stand on the same resource: the end of the one would be that of the other. Tcl
    # removes what it has made of the copy.
    method <cloned> {original} {
        throw {NATS ErrInvalidArg} "An object of [info object class $original] cannot be copied: $original"
    }

    # Takes over the resource.
    method Stand on {
        ::nats::core::bind $on [self namespace]
        set handle $on
    }
}

# Throws an error for options that a method gives to another one itself.
#
# names - without their dashes
# given - pairs of an option and a value
proc ::nats::core::refuse_options {names given} {
    foreach {option value} $given {
        set name [regsub {^-} $option {}]
        if {$name in $names} {
            throw {NATS ErrInvalidArg} "Unknown option $name"
        }
    }
}

# Coroutines in which callbacks run.
namespace eval ::nats::core::calls {
    variable last 0
}

# Runs a command in a coroutine of its own.
#
# kind - is in the coroutine's name
proc ::nats::core::begin_call {kind args} {
    coroutine ::nats::core::calls::$kind-[incr calls::last] {*}$args
}

# What is called in place of the -callback of an option -coroutine.
#
# connection - its handle: to drain it waits for the end of the call
# args       - the callback, and its arguments
proc ::nats::core::in_coroutine {connection args} {
    begin_call callback ::nats::core::run_callback $connection $args
}

proc ::nats::core::run_callback {connection command} {
    call_begins $connection
    try {
        uplevel #0 $command
    } finally {
        forgiving call_ends $connection
    }
}

# Runs a command for what may have been destroyed meanwhile.
proc ::nats::core::forgiving {command args} {
    catch {$command {*}$args}
}

# Asks a script for what the core wants to know.
#
# question - to be answered by answer
# command  - the value of an option
proc ::nats::core::ask {question command args} {
    answer $question 0 [uplevel #0 [list {*}$command {*}$args]]
}

# The same; an error of the command is an answer.
proc ::nats::core::ask_caught {question command args} {
    set failed [catch {uplevel #0 [list {*}$command {*}$args]} result]
    answer $question [expr {$failed == 1}] $result
}

# Asks a script for the password of a key.
#
# question - to be answered by password_answer
# command  - the value of -password in -tls_opts: as tls::import has it a command that is called
#            without arguments, or, since its version 1.8, with three
proc ::nats::core::ask_password {question command} {
    if {[catch {lindex $command 0} name] || [namespace eval :: [list namespace which -command $name]] eq ""} {
        password_answer $question 0 $command ;# it was meant as the password itself
        return
    }
    set failed [catch {uplevel #0 $command} text options]
    if {$failed && [lrange [dict get $options -errorcode] 0 1] eq {TCL WRONGARGS}} {
        set failed [catch {uplevel #0 [list {*}$command password 0 1024]} text]
    }
    password_answer $question $failed $text
}

# Throws an error where an object has not the commands of tcllib's loggers that are called.
proc ::nats::core::check_logger {logger} {
    foreach level {error warn info debug} {
        if {[namespace eval :: [list namespace which -command ${logger}::$level]] eq ""} {
            error "there is no command ${logger}::$level"
        }
    }
}
