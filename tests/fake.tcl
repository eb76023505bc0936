# SPDX-License-Identifier: Apache-2.0
# A server of the tests' own, in this interpreter, for what real ones do not say.

# Starts one. Returns its port.
#
# info   - fields of its INFO beside the usual ones, as JSON: {auth_required true}
# answer - a command prefix, called with the channel and each line that a client sends; where
#          it returns true the line is answered, elsewhere a PING gets its PONG
# greets - an expression: whether it sends an INFO to who connects
proc startFake {{info {}} {answer {}} {greets 1}} {
    set listener [socket -server [list fakeAccept $info $answer $greets] -myaddr 127.0.0.1 0]
    set port [lindex [fconfigure $listener -sockname] 2]
    set ::fakes($port) [list $listener]
    set ::fakeLines($port) {}
    return $port
}

# The line of an INFO.
proc fakeInfo {port {info {}}} {
    set fields [dict merge [dict create server_id {"FAKE"} version {"2.99.1-beta.2"} proto 1 host {"127.0.0.1"} port $port \
        headers true max_payload 1048576] $info]
    return "INFO {[join [lmap {key value} $fields {string cat "\"$key\":$value"}] ,]}\r\n"
}

proc fakeAccept {info answer greets channel args} {
    set port [lindex [fconfigure $channel -sockname] 2]
    fconfigure $channel -translation binary -blocking 0 -buffering none
    lappend ::fakes($port) $channel
    set ::fakeUnread($channel) ""
    fileevent $channel readable [list fakeRead $port $answer $channel]
    if $greets {
        puts -nonewline $channel [fakeInfo $port $info]
    }
}

proc fakeRead {port answer channel} {
    if {[catch {append ::fakeUnread($channel) [read $channel]}] || [eof $channel]} {
        fakeClose $port $channel
        return
    }
    while {[set end [string first \r\n $::fakeUnread($channel)]] >= 0} {
        set line [string range $::fakeUnread($channel) 0 $end-1]
        set next [expr {$end + 2 + ([string match *PUB* [lindex [split $line] 0]] ? [lindex [split $line] end] + 2 : 0)}]
        if {[string length $::fakeUnread($channel)] < $next} {
            return
        }
        set ::fakeUnread($channel) [string range $::fakeUnread($channel) $next end]
        lappend ::fakeLines($port) $line
        if {($answer eq "" || ![{*}$answer $channel $line]) && $line eq "PING" && [info exists ::fakeUnread($channel)]} {
            puts -nonewline $channel PONG\r\n
        }
        if {![info exists ::fakeUnread($channel)]} {
            return ;# the answer has closed it
        }
    }
}

# What a fake's clients have sent, as far as it matches.
proc fakeHeard {port {pattern *}} {
    return [lsearch -all -inline $::fakeLines($port) $pattern]
}

# Sends to all clients of a fake.
proc fakeSend {port text} {
    foreach channel [lrange $::fakes($port) 1 end] {
        puts -nonewline $channel $text
    }
}

# Sends a message with a header to the clients' subscription of this ID.
proc fakeMessage {port subject sid header data} {
    fakeSend $port "HMSG $subject $sid [string length $header] [string length $header$data]\r\n$header$data\r\n"
}

# Closes one connection, or all; with "stop" it listens no more, too.
proc fakeClose {port {which all}} {
    foreach channel [lrange $::fakes($port) [expr {$which ne "stop"}] end] {
        if {$which in [list all stop $channel]} {
            catch {close $channel}
            unset -nocomplain ::fakeUnread($channel)
            set ::fakes($port) [lsearch -all -inline -not -exact $::fakes($port) $channel]
        }
    }
}
