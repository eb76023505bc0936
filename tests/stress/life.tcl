# SPDX-License-Identifier: Apache-2.0
# One life of random.tcl, in an interpreter of its own: it has url, seed, and the commands wrong, called and perish.

package require nats
expr {srand($seed)}
set depth 0    ;# calls within calls
set waiting 0  ;# coroutines that wait
set options {} ;# class -> method -> its options
foreach class [nats::options] {
    foreach method [nats::options $class] {
        dict set options $class $method [nats::options $class $method]
    }
}

# Tcl 8.6.13 crashes where a class is destroyed while a coroutine is parked in one of its methods, without this package,
# too: for 3000 rounds, oo::class create q {method m {} {yield; error x}}; set o [q new];
# coroutine c apply {o {catch {$o m}}} $o; q destroy; then make many strings, and call c. Tcl 9 does not.
set parkedCrash [expr {![package vsatisfies [package provide Tcl] 9]}]
# Tcl 8.6.13 never ends a vwait in an interpreter that is deleted meanwhile: set i [interp create]; after 50 [list interp delete $i];
# interp eval $i {vwait x}. So what is nested here is update.
# A reflected channel that is closed while it is written crashes Tcl 8.6.13: chan create write with a write that closes the channel, then puts
# and flush. So no callback here closes a channel.

proc pick {list} {
    return [lindex $list [expr {int(rand() * [llength $list])}]]
}

proc chance {percent} {
    return [expr {rand() * 100 < $percent}]
}

# Every class of the package, and what objects of it there are.
proc classes {} {
    return [lmap name [info commands ::nats::*] {
        if {![info object isa object $name] || ![info object isa class $name]} continue
        set name
    }]
}

proc objects {} {
    set all {}
    foreach class [classes] {
        lappend all {*}[info class instances $class]
    }
    return $all
}

# What may stand for a value: what is there, what is not, and what cannot be.
proc word {} {
    switch [expr {int(rand() * 12)}] {
        0 - 1 {return [pick {b KV_b OBJ_b S c o k k1 k.a s.x > * k.> a.*.b service echo 1.0.0 put create}]}
        2 {return [pick {0 1 2 -1 7 100 1.5 1e9 9223372036854775807 99999999999999999999999 0x10 010 true false yes {}}]}
        3 {return [pick [list "a b" "a\r\nPUB x 0\r\n" "\0" "x\0y" "\ud800" "\xff\xfe" "é€" "." ".." "a..b" ".a" "a." "\$JS.API.>" "_INBOX.>" "\x7b" "\x7d" "a \x7bb" "\\" "\"" "-"]]}
        4 {return [string repeat [pick [list x a. é "\x00" "\x7b"]] [pick {10 300 5000 70000}]]}
        5 {return [pick [concat [objects] [list nosuch ::nats::nosuch]]]}
        6 {return [callback]}
        7 {return [pick {{a 1 b 2} {a {x y}} {{put k v}} {{put k v} {delete k}} {k1 v1 k2 v2} {a b c} {{}} {name S} {name b keys >}}]}
        8 {return [pick {-timeout -callback -keys -values_array -header -bucket -subjects nosuch -nosuch}]}
        9 {return [pick [list {{"name":"S2","subjects":["s2.>"]}} {{}} {[} {null} {"x"} {{"config":{}}} [string repeat \[ 5000]]]}
        10 {return [pick {all none memory file limits explicit PUT MaxAge 2026-01-01T00:00:00Z 2026-13-01 @hourly @every}]}
        default {return [pick {v value other}]}
    }
}

# A command prefix, some of which do what callbacks should not.
proc callback {} {
    return [pick {list list list list {error oops} {apply {args {return -code break}}} ::destroying ::calling ::updating ::again {} nosuch
        {apply {args {return -code error -errorcode {A B} x}}} ::renaming ::dying}]
}

proc destroying {args} {
    catch {[pick [objects]] destroy}
}

proc calling {args} {
    randomCall
}

proc again {args} {
    after [expr {int(rand() * 20)}] ::calling
}

proc updating {args} {
    if {$::depth < 3} {
        incr ::depth
        update
        incr ::depth -1
    }
}

proc renaming {args} {
    catch {rename [pick [objects]] [pick [list "" ::renamed[expr {int(rand() * 5)}]]]}
}

# The end of the interpreter, now and then.
proc dying {args} {
    if {[chance 5]} {
        perish
    }
}

# Arguments of a method: some that are meant, then options of its own with values, or words.
proc arguments {class method} {
    set args {}
    set n [pick {0 0 1 1 2 2 3}]
    for {set i 0} {$i < $n} {incr i} {
        lappend args [word]
    }
    set table {}
    if {[dict exists $::options $class $method]} {
        set table [dict get $::options $class $method]
    }
    while {[dict size $table] && [chance 60]} {
        set option [pick [dict keys $table]]
        set values [dict get $table $option]
        set value [word]
        if {[dict exists $values values] && [chance 50]} {
            set value [pick [dict get $values values]]
        }
        lappend args $option $value
    }
    return $args
}

# Whether an errorCode is one that the package may have. Files say POSIX.
proc expected {code} {
    return [expr {[lindex $code 0] in {NATS TCL POSIX}}]
}

# Calls something, and looks at what comes of it.
proc attempt {command} {
    called $command
    if {[catch {uplevel #0 $command} message options]} {
        if {[dict get $options -code] == 1 && ![expected [dict get $options -errorcode]] && ![ours $options]} {
            wrong "[dict get $options -errorcode]: [string range $command 0 200]: [string range $message 0 150]"
        }
        if {[string match *panic* $message]} {
            wrong "$command: $message"
        }
        return ""
    }
    return $message
}

# Whether it is an error of one of the callbacks here, which a method hands on as it is.
proc ours {options} {
    return [expr {[dict get $options -errorcode] eq "A B" || [dict exists $options -errorinfo] && [regexp {oops|\(procedure "::(calling|destroying)"} [dict get $options -errorinfo]]}]
}

# One call: of a method of an object, a class, or a command.
proc randomCall {} {
    if {$::depth >= 3 || ![namespace exists ::nats]} return
    incr ::depth
    set command [choose]
    if {[chance 60] && $::waiting < 30} {
        incr ::waiting
        coroutine ::co[incr ::coroutines] apply {{command} {
            attempt $command
            incr ::waiting -1
        }} $command
    } else {
        after 300 [list ::rescue [lindex $command 0]]
        attempt $command
    }
    incr ::depth -1
}

# Outside coroutines what waits without end holds up all else: an event ends it, by the end of its object. A
# class is not to go, see above.
proc rescue {object} {
    if {$::depth > 0} {
        if {[info object isa object $object] && ![info object isa class $object]} {
            $object destroy
        }
        catch {$::conn disconnect}
    }
}

proc choose {} {
    set object [pick [objects]]
    if {$object ne "" && [chance 85]} {
        set class [namespace tail [info object class $object]]
        set method [pick [info object methods $object -all]]
        return [list $object $method {*}[arguments $class $method]]
    }
    set class [pick [classes]]
    if {[chance 30] && $class ne ""} {
        return [list $class new {*}[arguments [namespace tail $class] new]]
    }
    set command [pick [lmap name [info commands ::nats::*] {
        if {[info object isa object $name]} continue
        set name
    }]]
    return [list $command {*}[arguments nats [namespace tail $command]]]
}

# Everything that others can be made of.
proc furnish {} {
    if {![info object isa object $::conn]} {
        set ::conn [nats::connection new c -log_level error -log_chan $::log]
        $::conn configure -servers $::url -max_reconnect_attempts 2 -reconnect_time_wait 20 -request_timeout 300
    }
    attempt [list $::conn connect]
    attempt {set ::js [$::conn jet_stream -timeout 300]}
    attempt {set ::kv [$::js create_or_update_kv_bucket b -storage memory -history 5]}
    attempt {set ::store [$::js create_or_update_object_store b -storage memory]}
    attempt {$::js create_or_update_stream S -subjects s.> -storage memory}
    attempt {$::js add_pull_consumer S c}
    attempt {$::js pull_consumer S c -callback [callback]}
    attempt {$::js ordered_consumer S -callback [callback]}
    attempt {$::kv watch > -callback [callback] -values_array ::cache}
    attempt {$::kv put k1 v1}
    attempt {$::store put o -data content}
    attempt {$::store open o}
    attempt {$::conn service echo 1.0.0}
    attempt {$::conn subscribe s.> -callback [callback]}
    attempt {$::js batch}
    attempt {$::js counter S}
}

# The package's namespace goes. With Tcl's fault only where no coroutine waits.
proc end {} {
    if {!$::parkedCrash || $::waiting == 0} {
        namespace delete ::nats
    }
}

proc step {} {
    after [pick {0 0 0 1 5}] ::step
    if {![namespace exists ::nats]} return
    if {[chance 2] || [llength [objects]] < 4} {
        incr ::depth 3
        furnish
        incr ::depth -3
    }
    if {[chance 1]} {
        trace add variable [info object namespace $::conn]::status write [list ::traced [callback]]
    }
    randomCall
}

proc traced {callback args} {
    catch {uplevel #0 $callback}
}

interp bgerror {} {apply {{message options} {
    set code [dict get $options -errorcode]
    # {error oops}, called with two more words, takes the second one for the errorCode.
    if {![expected $code] && $code ni {"A B" NONE} && $message ne "oops"} {
        wrong "in the background: $code: $message"
    }
}}}
set conn nosuch
set coroutines 0
array set cache {}
set log [open log w]
incr depth 3
furnish
incr depth -3
foreach chain {1 2 3} {
    after 0 ::step
}
