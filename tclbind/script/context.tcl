# SPDX-License-Identifier: Apache-2.0
# NATS contexts, as the nats command writes them: files that say by a name how to connect. A
# connection takes one by its option -context. See contexts in docs/.

namespace eval ::nats::context {
    namespace export names selected load
    namespace ensemble create
}

# The names of all contexts, sorted.
proc ::nats::context::names {} {
    set dir [::nats::core::context_dir]
    if {$dir eq ""} {
        return {}
    }
    return [lsort [lmap file [glob -nocomplain -directory $dir/context -types f -tails *.json] {file rootname $file}]]
}

# The name of the one that the nats command uses where none is given; "" for none.
proc ::nats::context::selected {} {
    set file [::nats::core::context_dir]/context.txt
    if {![file isfile $file]} {
        return ""
    }
    set channel [open $file]
    try {
        return [string trim [read $channel]]
    } finally {
        close $channel
    }
}

# What a context says, a dict; by default the selected one.
proc ::nats::context::load {{name ""}} {
    if {$name eq ""} {
        set name [selected]
        if {$name eq ""} {
            throw {NATS ErrContextNotFound} "No context is selected: give its name, or run nats context select"
        }
    }
    return [::nats::core::context_load $name]
}
