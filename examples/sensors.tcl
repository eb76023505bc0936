# SPDX-License-Identifier: Apache-2.0
# A dashboard of 1,000 keys: the values of sensors in an array that follows their bucket. Only what has
# changed since the last look is looked at.
#
#     tclsh examples/sensors.tcl ?-server url?

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new dashboard]
$conn configure -servers [list $url] -utf8_convert true
$conn connect
set js [$conn jet_stream]
set kv [$js create_or_update_kv_bucket SENSORS -storage memory]

# Those who measure: 1,000 sensors in ten halls, each with a temperature of 20 degrees.
set readings {}
for {set i 0} {$i < 1000} {incr i} {
    dict set readings hall[expr {$i / 100}].sensor$i 20.0
}
$kv put_many $readings

# The dashboard. A trace notes which elements have changed: it runs in the event loop, so that it does
# little. What is shown is made when the events that have come are served.
set changed {}
trace add variable temperature {write unset} {apply {{name key operation} {
    dict set ::changed $key $operation
    if {[dict size $::changed] == 1} {
        after idle show
    }
}}}
proc show {} {
    global changed temperature shown
    set hot [lsort -dictionary [lmap {key operation} $changed {
        if {$operation eq "unset" || $temperature($key) < 50} continue
        set key
    }]]
    incr shown [dict size $changed]
    set changed {}
    foreach key $hot {
        puts "hot: $key, $temperature($key) degrees"
    }
}
set shown 0
set watcher [$kv watch > -values_array temperature]
$watcher wait
while {$shown < 1000} {
    vwait shown
}
puts "[array size temperature] sensors in [llength [lsort -unique [lmap key [array names temperature] {lindex [split $key .] 0}]]] halls"

# Three get hot, and one is taken away.
foreach key {hall0.sensor7 hall4.sensor444 hall9.sensor900} degrees {61.5 50.0 77.0} {
    $kv put $key $degrees
}
$kv delete hall1.sensor100
while {[info exists temperature(hall1.sensor100)]} {
    vwait temperature
}
while {$shown < 1004} {
    vwait shown
}
puts "[array size temperature] sensors"

$watcher destroy
$js delete_kv_bucket SENSORS
$conn destroy
if {[info exists server]} {
    $server destroy
}
