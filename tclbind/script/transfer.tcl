# SPDX-License-Identifier: Apache-2.0
# The bytes of objects on their way between Tcl's channels and the core. Nothing here
# blocks: a channel that has nothing, or takes nothing, is waited for with its events.

# Puts what a channel has, or waits for a put whose bytes were given.
#
# writer  - handle of the put, which ends here
# channel - "" where the bytes were given
# Returns the info.
proc ::nats::core::transfer_in {writer channel} {
    return [outlived [list ::nats::core::end_transfer $writer] {put_all $writer $channel}]
}

proc ::nats::core::put_all {writer channel} {
    if {$channel eq ""} {
        return [do object_put_end $writer]
    }
    try {
        with_binary $channel read {
            while {1} {
                set data [read $channel 131072]
                if {$data ne ""} {
                    do object_write $writer $data
                } elseif {[eof $channel]} {
                    break
                } else {
                    chan event $channel readable [list ::nats::core::channel_ready $channel readable $writer]
                    do object_put_hold $writer
                }
            }
        }
    } on error {message options} {
        end_transfer $writer
        return -options $options $message
    }
    return [do object_put_end $writer]
}

# Goes on with a transfer that waits for its channel. The event comes once: where the transfer has
# ended, nobody takes what the channel has, and it would come again and again.
proc ::nats::core::channel_ready {channel event transfer} {
    chan event $channel $event {}
    object_go $transfer
}

# Ends a transfer, unless it has gone with its store.
proc ::nats::core::end_transfer {handle} {
    catch {release $handle}
}

# Runs a script in its caller. A coroutine that is deleted runs no code any more, what stands under "finally" neither:
# then the cleanup is evaluated in place of that, at global level.
proc ::nats::core::outlived {cleanup script} {
    if {[info coroutine] eq ""} {
        return [uplevel 1 $script]
    }
    set watch [list ::nats::core::coroutine_deleted $cleanup]
    trace add command [info coroutine] delete $watch
    set code [catch {uplevel 1 $script} result options]
    # Its name may be another one by now.
    trace remove command [info coroutine] delete $watch
    return -options $options $result
}

proc ::nats::core::coroutine_deleted {cleanup args} {
    uplevel #0 $cleanup
}

# Writes what comes to a channel.
#
# reader - handle of the get
# Returns the info.
proc ::nats::core::transfer_out {reader channel} {
    with_binary $channel write {
        while {[set data [do object_next $reader]] ne ""} {
            puts -nonewline $channel $data
            chan flush $channel
            while {[chan pending output $channel] > 0} {
                chan event $channel writable [list ::nats::core::channel_ready $channel writable $reader]
                do object_get_hold $reader
            }
        }
    }
    return [object_info_of $reader]
}

# Gives what comes to a callback, at global level. Its error ends the get.
proc ::nats::core::transfer_by {reader callback} {
    while {[set data [do object_next $reader]] ne ""} {
        uplevel #0 [list {*}$callback $data]
    }
    uplevel #0 [list {*}$callback {}]
    return [object_info_of $reader]
}

# Opens a file, as Tcl's open does. Where the name cannot be one, that has no errorCode.
proc ::nats::core::open_file {file mode} {
    try {
        return [::open $file $mode]
    } on error {message options} {
        if {[dict get $options -errorcode] eq "NONE"} {
            throw {NATS ErrInvalidArg} "Invalid file name: $message"
        }
        return -options $options $message
    }
}

# What symbolic links to a plain file lead to; any other name as it is, and those that the system makes of what is open
# already (/dev/stdout).
proc ::nats::core::linked_file {file} {
    set end $file
    while {[file isfile $end] && [file type $end] eq "link" && [lindex [file split $end] 1] ni {dev proc}} {
        set end [file join [file dirname $end] [file readlink $end]]
    }
    return [expr {[file isfile $end] && [file type $end] eq "file" ? $end : $file}]
}

# Has a file written under another name, which becomes its own when it is whole. What is no
# plain file, a device say, is written directly. A symbolic link stays, and its file is replaced.
#
# get - a command prefix that takes the channel
# Returns what get does.
proc ::nats::core::transfer_file {file get} {
    set file [linked_file $file]
    set plain [expr {![file exists $file] || [file type $file] eq "file"}]
    set target $file
    set part ""
    if {$plain} {
        while {[file exists [set target $file.[format %08x [expr {int(rand() * 0x7fffffff)}]].part]]} {}
        set part $target
    }
    try {
        set channel [open_file $target wb]
    } on error {message options} {
        # Who called knows the file by its own name.
        return -options $options [string map [list $target $file] $message]
    }
    try {
        set info [outlived [list ::nats::core::unfinished $channel $part] {{*}$get $channel}]
        close $channel
        set channel ""
        if {$plain} {
            if {[file exists $file]} {
                catch {file attributes $target -permissions [file attributes $file -permissions]}
            }
            file rename -force -- $target $file
        }
        return $info
    } on error {message options} {
        unfinished $channel $part
        return -options $options $message
    }
}

# Ends a file that is not whole: file is the name to delete, "" where there is none.
proc ::nats::core::unfinished {channel file} {
    catch {close $channel}
    if {$file ne ""} {
        file delete -- $file
    }
}

# Runs a script in its caller with a channel that carries bytes and does not block; then the
# channel is as it was.
#
# side - read or write
proc ::nats::core::with_binary {channel side script} {
    set event [dict get {read readable write writable} $side]
    set before [chan configure $channel]
    try {
        set handler [chan event $channel $event]
    } trap NONE {message} {
        # It is open for the other direction alone.
        throw {NATS ErrInvalidArg} "$message: $channel"
    }
    chan event $channel $event {}
    chan configure $channel -blocking 0 -translation binary -buffersize 131072
    set restore [list ::nats::core::restore_channel $channel $before $event $handler]
    set code [catch {outlived $restore {uplevel 1 $script}} result options]
    {*}$restore
    return -options $options $result
}

# Gives a channel its settings and its handler back. The script may have closed it.
proc ::nats::core::restore_channel {channel settings event handler} {
    catch {
        foreach option {-blocking -translation -encoding -eofchar -buffersize} {
            if {[dict exists $settings $option]} {
                chan configure $channel $option [dict get $settings $option]
            }
        }
        chan event $channel $event $handler
    }
}
