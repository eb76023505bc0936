# SPDX-License-Identifier: Apache-2.0
# What the programs scale_*.tcl have in common: servers, options, and tables of what was measured. Each server
# is the built-in one in a shell of its own, so that it has processors and memory to itself as far as the
# machine has them.
#
# This file is also that shell's script: tclsh scale_servers.tcl -serve config

package require nats

if {[lindex $argv 0] eq "-serve"} {
    set server [nats::server new -config [lindex $argv 1]]
    puts [$server url]
    flush stdout
    # It lives as long as the program that has started it, and keeps the pipe open.
    read stdin
    $server destroy
    exit
}

set servers {} ;# the pipe of each that runs

# Starts a server with this configuration, and listens on a port that is free. Returns its URL.
proc serve {config} {
    global servers
    set channel [file tempfile file scale.conf]
    puts $channel "listen: '127.0.0.1:-1'\n$config"
    close $channel
    set pipe [open |[list [info nameofexecutable] [file join [file dirname [info script]] scale_servers.tcl] -serve $file 2>@stderr] r+]
    set url [gets $pipe]
    file delete $file
    if {$url eq ""} {
        error "no server with this configuration:\n$config"
    }
    lappend servers $pipe
    return $url
}

# Starts three servers that are one cluster, with more of a configuration for each, and waits until they make
# buckets. Returns a dict of their URLs by their names.
proc serveCluster {{more ""}} {
    set routes [list [freePort] [freePort] [freePort]]
    foreach name {n1 n2 n3} route $routes {
        dict set nodes $name [serve "server_name: $name\njetstream: enabled\ncluster { name: scale, listen: '127.0.0.1:$route',\
            routes: \[ [join [lmap r $routes {string cat ' nats://127.0.0.1: $r '}] ,] \] }\n$more"]
    }
    set conn [connect [dict values $nodes]]
    set js [$conn jet_stream -timeout 2000]
    # They have to find each other, and to elect.
    await {![catch {$js create_kv_bucket READY -num_replicas 3 -storage memory}]}
    $conn destroy
    return $nodes
}

# A connection to the server that leads a bucket, where its URL is in the dict; else the one that is given.
proc toLeader {conn nodes bucket} {
    set info [[$conn jet_stream] stream_info KV_$bucket]
    if {![dict exists $info cluster leader] || ![dict exists $nodes [dict get $info cluster leader]]} {
        return $conn
    }
    return [connect [dict get $nodes [dict get $info cluster leader]]]
}

# Ends all servers: their standard input does.
proc stopServers {} {
    global servers
    foreach pipe $servers {
        close $pipe
    }
    set servers {}
}

# A port that is free now, for what has to be known before it listens. It is none of those that systems give to whoever
# asks for any: somebody else would have it by then.
proc freePort {} {
    for {set tried 0} {$tried < 1000} {incr tried} {
        set port [expr {10000 + int(22000 * rand())}]
        if {![catch {socket -server {} -myaddr 127.0.0.1 $port} channel]} {
            close $channel
            return $port
        }
    }
    error "no port is free: $channel"
}

proc connect {url} {
    set conn [nats::connection new scale -log_level error]
    $conn configure -servers $url -connect_timeout 10000
    $conn connect
    return $conn
}

# Fills the array option with what the command line says, over what holds if it says nothing.
proc options {defaults} {
    array set ::option $defaults
    foreach {name value} $::argv {
        if {![info exists ::option($name)]} {
            puts stderr "$name is no option. There are: [join [dict keys $defaults] {, }]"
            exit 1
        }
        set ::option($name) $value
    }
}

# Waits, with events served, until the expression holds in the caller.
proc await {expression} {
    set end [expr {[clock milliseconds] + 120000}]
    while {![uplevel 1 [list expr $expression]]} {
        if {[clock milliseconds] > $end} {
            error "not within two minutes: $expression"
        }
        after 1 {set ::tick 1}
        vwait ::tick
    }
}

# How many µs the script takes.
proc took {script} {
    set start [clock microseconds]
    uplevel 1 $script
    return [expr {max([clock microseconds] - $start, 1)}]
}

# The median of how many µs the script takes, count times, with the number of the run in a variable: other work of
# the machine, which falls on some runs, does not change it.
proc median {variable count script} {
    upvar 1 $variable i
    for {set i 0} {$i < $count} {incr i} {
        set start [clock microseconds]
        uplevel 1 $script
        lappend times [expr {[clock microseconds] - $start}]
    }
    return [lindex [lsort -integer $times] [expr {$count / 2}]]
}

proc bytes {n} {
    return [expr {$n < 1024 ? "$n B" : "[expr {$n / 1024}] KiB"}]
}

# How many a second, and for values of a size how many MB.
proc rate {count time {size 0}} {
    set text [format %.0f/s [expr {$count * 1e6 / $time}]]
    if {$size} {
        append text [format {, %.1f MB/s} [expr {double($count) * $size / $time}]]
    }
    return $text
}

# Prints a line of a table: the first column to the left, others to the right.
proc row {first args} {
    puts [format %-26s $first][join [lmap cell $args {format %22s $cell}] ""]
    flush stdout
}

# Does count calls, 64 of them at a time, and waits for the last: the command gets the number of each.
proc inCoroutines {count command} {
    set ::open 64
    for {set id 0} {$id < 64} {incr id} {
        coroutine worker$id apply {{id count command} {
            for {set i $id} {$i < $count} {incr i 64} {
                {*}$command $i
            }
            incr ::open -1
        }} $id $count $command
    }
    while {$::open} {
        vwait ::open
    }
}
