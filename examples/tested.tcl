# SPDX-License-Identifier: Apache-2.0
# Tests of one's own program, by tcltest, against a real server that lives in the test's process: no network, no
# service to install, and nothing stays behind.
#
#     tclsh examples/tested.tcl ?-server url?

package require nats

# The arguments are read before tcltest sees them.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
    set argv {}
} else {
    set server [nats::server new]
    set url [$server url]
}
package require tcltest 2.5
namespace import ::tcltest::test ::tcltest::testConstraint ::tcltest::cleanupTests

# What is tested: a store of settings, which tells of changes. It would stand in a file of its own.
oo::class create Settings {
    variable kv watcher

    constructor {kv_bucket} {
        set kv $kv_bucket
        set watcher ""
    }
    destructor {
        if {$watcher ne ""} {
            $watcher destroy
        }
    }
    method set {name value} {
        $kv put $name $value
        return
    }
    method get {name default} {
        try {
            return [$kv get_value $name]
        } trap {NATS ErrKeyNotFound} {} {
            return $default
        }
    }
    # Calls the command with name and value of each change.
    method follow {command} {
        set watcher [$kv watch > -updates_only true -callback [list apply {{command entry} {
            if {$entry ne ""} {
                {*}$command [dict get $entry key] [dict get $entry value]
            }
        }} $command]]
        $watcher wait
    }
}

# One server for all tests, a bucket for each: so that none depends on another.
set conn [nats::connection new tests -log_level error]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set js [$conn jet_stream]

proc setup {} {
    set ::kv [$::js create_kv_bucket TESTED -storage memory]
    set ::settings [Settings new $::kv]
}
proc cleanup {} {
    $::settings destroy
    $::kv destroy
    $::js delete_kv_bucket TESTED
}

# Waits for what is to come, and no longer than somebody would watch a test that hangs. A test that sleeps instead
# is slow, and fails on a busy machine.
proc waitFor {condition} {
    set timer [after 10000 {set ::late 1}]
    unset -nocomplain ::late
    while {![uplevel 1 [list expr $condition]]} {
        if {[info exists ::late]} {
            error "not in time: $condition"
        }
        after 5 {set ::tick 1}
        vwait ::tick
    }
    after cancel $timer
}

test settings-1 {what is not set is the default} -setup setup -body {
    $settings get color blue
} -cleanup cleanup -result blue

test settings-2 {what is set comes back} -setup setup -body {
    $settings set color gr\u00fcn
    $settings get color blue
} -cleanup cleanup -result gr\u00fcn

test settings-3 {changes by another connection are told} -setup setup -body {
    set told {}
    $settings follow [list apply {{name value} {lappend ::told $name $value}}]
    set other [nats::connection new other -log_level error]
    $other configure -servers [list $url] -utf8_convert true
    $other connect
    [[$other jet_stream] bind_kv_bucket TESTED] put color red
    waitFor {[llength $::told]}
    set told
} -cleanup {
    $other destroy
    cleanup
} -result {color red}

$conn destroy
if {[info exists server]} {
    $server destroy
}
cleanupTests
