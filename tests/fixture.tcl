# SPDX-License-Identifier: Apache-2.0
# What the suites have in common: a server inside the process, connections to it, and
# waiting for what is to come.

package require tcltest 2.5
namespace import -force ::tcltest::*
set root [file dirname [file dirname [file normalize [info script]]]]
lappend auto_path $root
package require nats

configure -verbose [expr {[info exists env(VERBOSE)] ? $env(VERBOSE) : "body error"}]

# A temporary directory of its own, so that suites can run side by side.
set temporary [expr {[info exists env(TMPDIR)] ? $env(TMPDIR) : [file isdirectory /tmp] ? "/tmp" : [pwd]}]
set temporary [file join $temporary nats-tests-[pid]]
file mkdir $temporary
configure -tmpdir $temporary
proc ::tcltest::cleanupTestsHook {} {
    cd $::root
    file delete -force $::temporary
}
# Kilobytes of freed memory that AddressSanitizer holds back, where it is there (tests/sanitize).
set heldBack [expr {[info exists ::env(ASAN_OPTIONS)] ? 256 << 10 : 0}]

testConstraint thread [expr {![catch {package require Thread}]}]
# Another server process, built by make.
set natsServer [expr {[info exists env(NATS_SERVER)] ? $env(NATS_SERVER) : "$root/build/nats-server"}]
testConstraint serverProcess [expr {[file executable $natsServer] && $tcl_platform(platform) eq "unix"}]
# An older one.
set oldServer $root/build/nats-server-2.10
testConstraint oldServer [expr {[testConstraint serverProcess] && [file executable $oldServer]}]
# What makes keys and JWTs, by make too.
set keysTool [expr {[info exists env(NATS_KEYS)] ? $env(NATS_KEYS) : "$root/build/keys"}]
testConstraint keys [file executable $keysTool]
testConstraint openssl [expr {![catch {exec openssl version}]}]
testConstraint cTcl [expr {[list {} Nats] ni [info loaded]}]

# U+1F600: one character in Tcl 9, and two halves of one in 8.6.
set face [expr {[package vsatisfies [package provide Tcl] 9] ? "\U1F600" : "\ud83d\ude00"}]

# How long, in ms, anything may take that a test waits for. It only matters where
# something is wrong.
set patience 30000

# Waits, with events served, until the expression holds in the caller.
proc waitFor {expression {ms 0}} {
    set end [expr {[clock milliseconds] + ($ms ? $ms : $::patience)}]
    while {![uplevel 1 [list expr $expression]]} {
        if {[clock milliseconds] > $end} {
            error "not in time: $expression"
        }
        after 5 {set ::waitTick 1}
        vwait ::waitTick
    }
}

# Serves events for some time, for a test of what must not come.
proc serve {ms} {
    after $ms {set ::waitTick 1}
    vwait ::waitTick
    update
}

# Runs a script, and returns errorCode and message of its error.
proc failure {script} {
    if {![catch {uplevel 1 $script} message options] || [dict get $options -code] != 1} {
        return "no error: $message"
    }
    return [list [dict get $options -errorcode] $message]
}

# The server of this suite, a connection, its jet_stream; made when they are first asked for.
proc startServer {} {
    set ::server [nats::server new]
    set ::conn [connectTo $::server]
    # A busy machine, or its disk, may take its time.
    set ::js [$::conn jet_stream -timeout $::patience]
}

proc stopServer {} {
    $::conn destroy
    $::server destroy
}

# A server without JetStream, and somebody who answers in its place: on the subjects of the
# API and others with $::reply, a payload, whatever is asked. $::asked collects what was.
proc startResponder {args} {
    set ::server [nats::server new -jetstream false]
    set ::conn [connectTo $::server]
    set ::js [$::conn jet_stream]
    set ::asked {}
    foreach subject [list {$JS.API.>} {*}$args] {
        $::conn subscribe $subject -callback {apply {{subject message reply} {
            lappend ::asked $subject $message
            if {$reply ne ""} {
                $::conn publish $reply $::reply
            }
        }}}
    }
}

# A connection that logs errors alone. server is a nats::server, or a URL.
proc connectTo {server args} {
    set conn [nats::connection new test -log_level error]
    # A busy machine may take its time.
    $conn configure -servers [expr {[info object isa object $server] ? [$server url] : $server}] -connect_timeout $::patience {*}$args
    $conn connect
    return $conn
}

# A connection that is not connected, and writes its log to the list ::logged: level and text.
proc newConnection {args} {
    set ::logged {}
    set conn [nats::connection new test -logger ::hearing]
    if {[llength $args]} {
        $conn configure {*}$args
    }
    return $conn
}

namespace eval ::hearing {
    foreach level {error warn info debug} {
        proc $level {text} "lappend ::logged \[list $level \$text\]"
    }
}

# The texts of the log, of one level.
proc logged {level} {
    return [lmap line $::logged {
        if {[lindex $line 0] ne $level} continue
        lindex $line 1
    }]
}

# Writes the changes of a connection's status and last_error to the list ::changes: statuses as
# they are, errors as their code, or - where last_error is emptied.
proc follow {conn} {
    set ::changes {}
    foreach variable {status last_error} {
        trace add variable [info object namespace $conn]::$variable write {apply {{name args} {
            upvar 1 $name value
            lappend ::changes [switch [llength $value] {0 {string cat -} 4 {lindex $value 1 1} default {set value}}]
        }}}
    }
}

# The value of one of an object's public variables.
proc public {object variable} {
    return [set [info object namespace $object]::$variable]
}

# A new bucket of a name of its own.
set bucketNumber 0
proc newBucket {args} {
    return [$::js create_kv_bucket b[incr ::bucketNumber] {*}$args]
}

proc bucketName {} {
    return b$::bucketNumber
}

# What callbacks get, in order.
proc record {args} {
    lappend ::recorded $args
}

# The names of the arguments of a method, from the class that defines it.
proc argumentsOf {class method} {
    for {set at $class} {$method ni [info class methods $at -private]} {set at [lindex [info class superclasses $at] 0]} {}
    if {![catch {info class definition $at $method} definition]} {
        return [lindex $definition 0]
    }
    # One that Go runs has no definition, and tells its arguments where it is called without any.
    set object [$at new]
    catch {$object $method} message
    $object destroy
    regexp {^wrong # args: should be "\S+ \S+ (.*)"$} $message - arguments
    return [string map {"?arg ...?" args} $arguments]
}

# Collects background errors, errorCode and message of each, until it is called with "off".
proc backgroundErrors {{how on}} {
    if {$how eq "off"} {
        return [interp bgerror {} ::tcl::Bgerror]
    }
    set ::background {}
    interp bgerror {} [list apply {{message options} {
        set code [expr {[dict exists $options -errorcode] ? [dict get $options -errorcode] : "NONE"}]
        lappend ::background [list $code $message]
    }}]
}

# A file in the tests' temporary directory.
proc temporaryFile {name text} {
    set file [makeFile {} $name]
    set channel [open $file w]
    puts -nonewline $channel $text
    close $channel
    return $file
}

# A certificate that is its own authority, for the names that a client may look for. Returns the
# names of its file and of its key's, which a server's tls block takes.
proc selfSigned {name {for IP:127.0.0.1}} {
    set files [list [makeFile {} $name-cert.pem] [makeFile {} $name-key.pem]]
    lassign $files certificate key
    exec openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=$name \
        -addext subjectAltName=$for -keyout $key -out $certificate 2>@1
    return $files
}

# A TCP port that nothing listens on now, another one each time. It is none of those that systems
# give to outgoing connections, and suites that run side by side begin at different places.
set lastPort [expr {10000 + [pid] * 53 % 20000}]
proc freePort {} {
    # Where there are no sockets at all none would ever be free.
    for {set tried 0} {$tried < 1000} {incr tried} {
        set ::lastPort [expr {$::lastPort < 32000 ? $::lastPort + 1 : 10000}]
        if {![catch {socket -server {} -myaddr 127.0.0.1 $::lastPort} channel]} {
            close $channel
            return $::lastPort
        }
    }
    error "no port is free: $channel"
}

# A nats-server as a process of its own. Returns its pid.
proc startProcess {port args} {
    set pid [exec $::natsServer -a 127.0.0.1 -p $port {*}$args >/dev/null 2>/dev/null &]
    waitFor {![catch {close [socket 127.0.0.1 $port]}]}
    return $pid
}

# Sends a signal to processes by the kill that every shell has in it: the program of that name is
# no part of a bare system.
proc signal {name args} {
    exec sh -c {name=$1; shift; kill -"$name" "$@"} sh $name {*}$args
}

# Ends a process, or with STOP and CONT freezes and thaws it.
proc stopProcess {pid {signal KILL}} {
    signal $signal $pid
    switch $signal {
        KILL {waitFor {[catch {signal 0 $pid}]}}
        STOP {waitFor {[stopped $pid]}}
    }
}

# Whether all threads of a process stand still, where the system tells.
proc stopped {pid} {
    foreach file [glob -nocomplain /proc/$pid/task/*/stat] {
        if {[catch {open $file} channel]} continue
        set text [read $channel]
        close $channel
        if {![regexp {\) T} $text]} {
            return 0
        }
    }
    return 1
}

# The servers of one cluster, each a process of its own with JetStream and a store of its own,
# ready for streams of as many replicas. They are named n1, n2, …; ::cluster has port, pid and
# arguments of each.
proc startCluster {{size 3} args} {
    set ::cluster {}
    set routes {}
    for {set i 1} {$i <= $size} {incr i} {
        lappend routes nats://127.0.0.1:[freePort]
    }
    foreach route $routes {
        set name n[expr {[dict size $::cluster] + 1}]
        dict set ::cluster $name [dict create port [freePort] pid "" arguments [list -js -sd [makeDirectory cluster$name] \
            --server_name $name --cluster_name cluster --cluster $route --routes [join $routes ,] {*}$args]]
    }
    foreach name [dict keys $::cluster] {
        startNode $name
    }
    set conn [connectTo [clusterURLs]]
    set js [$conn jet_stream -timeout 3000]
    # On a machine that is busy they take their time to elect.
    waitFor {![catch {$js add_stream ready -num_replicas $size}]} 120000
    $js delete_stream ready
    $conn destroy
}

proc startNode {name} {
    dict with ::cluster $name {
        set pid [startProcess $port {*}$arguments]
    }
}

proc stopNode {name {signal KILL}} {
    stopProcess [dict get $::cluster $name pid] $signal
    if {$signal eq "KILL"} {
        dict set ::cluster $name pid ""
    }
}

proc stopCluster {} {
    dict for {name node} $::cluster {
        if {[dict get $node pid] ne ""} {
            stopNode $name
        }
    }
}

# The URLs of those nodes, or of all.
proc clusterURLs {args} {
    return [lmap name [expr {[llength $args] ? $args : [dict keys $::cluster]}] {
        string cat nats://127.0.0.1: [dict get $::cluster $name port]
    }]
}

# A TCP proxy to a port, whose connections can be cut. Returns the port that it listens on.
proc startProxy {port} {
    set listener [socket -server [list proxyAccept $port] -myaddr 127.0.0.1 0]
    set own [lindex [fconfigure $listener -sockname] 2]
    set ::proxies($own) [list $listener]
    set ::silenced($own) 0
    return $own
}

proc proxyAccept {port client args} {
    set own [lindex [fconfigure $client -sockname] 2]
    if {[catch {socket 127.0.0.1 $port} server]} {
        close $client
        return
    }
    lappend ::proxies($own) $client $server
    foreach {from to} [list $client $server $server $client] {
        fconfigure $from -translation binary -blocking 0 -buffering none
        fileevent $from readable [list proxyForward $own [expr {$from eq $server}] $from $to]
    }
}

proc proxyForward {own fromServer from to} {
    if {[catch {
        set data [read $from]
        if {[info exists ::treatments($own)]} {
            set data [{*}$::treatments($own) [expr {$fromServer ? "down" : "up"}] $data]
        }
        if {$fromServer && $::silenced($own)} {
            # lost
        } elseif {![swallowed] && [string match $::swallows $data]} {
            swallow ""
        } elseif {[info exists ::delays($own)]} {
            after $::delays($own) [list catch [list puts -nonewline $to $data]]
        } else {
            puts -nonewline $to $data
        }
    }] || [eof $from]} {
        catch {close $from}
        catch {close $to}
    }
}

# Has the proxies lose the next piece of traffic that matches.
proc swallow {pattern} {
    set ::swallows $pattern
}

proc swallowed {} {
    return [expr {$::swallows eq ""}]
}
swallow ""

# Has a proxy lose all that its server sends, or lets it through again.
proc silence {port {yes 1}} {
    set ::silenced($port) $yes
}

# Has a proxy send on what a command prefix makes of the traffic: it is called with "up" or
# "down" and the data. Without one all goes through again.
proc treat {port {command ""}} {
    if {$command eq ""} {
        unset -nocomplain ::treatments($port)
    } else {
        set ::treatments($port) $command
    }
}

# Has a proxy send on everything some ms later.
proc delay {port ms} {
    set ::delays($port) $ms
}

# Cuts the connections of a proxy; with "stop" it listens no more, too.
proc cutProxy {port {how cut}} {
    foreach channel [lrange $::proxies($port) [expr {$how ne "stop"}] end] {
        catch {close $channel}
    }
    set ::proxies($port) [lrange $::proxies($port) 0 0]
}

# Runs other suites, each in a process of its own and all at once, on a server that is there (elsewhere.tcl), but
# for the tests of those names. Returns what those have written in which a test failed, or none passed: nothing
# where all is well.
proc suitesElsewhere {suites url environment args} {
    array set ::env [list NATS_ELSEWHERE $url NATS_ELSEWHERE_SKIP $args {*}$environment]
    set ::written {}
    set ::suitesOpen 0
    foreach suite $suites {
        set channel [open |[list [info nameofexecutable] [file join $::root tests $suite.test] 2>@1] r]
        fconfigure $channel -blocking 0 -encoding utf-8
        fileevent $channel readable [list suiteWrote $channel $suite]
        incr ::suitesOpen
    }
    array unset ::env NATS_ELSEWHERE*
    while {$::suitesOpen} {
        vwait ::suitesOpen
    }
    set failed {}
    dict for {suite text} $::written {
        if {![regexp {Passed\t[1-9]\d*\tSkipped\t\d+\tFailed\t0\n} $text]} {
            lappend failed $suite $text
        }
    }
    return $failed
}

proc suiteWrote {channel suite} {
    dict append ::written $suite [read $channel]
    if {[eof $channel]} {
        catch {close $channel}
        incr ::suitesOpen -1
    }
}

if {[info exists env(NATS_ELSEWHERE)]} {
    source [file join $root tests elsewhere.tcl]
}
