# Times some cases in the interpreter that runs it, against a server that is given, and
# prints a dict: case -> microseconds for each operation.
#
#     tclsh tests/bench/cases.tcl url
lappend auto_path [file dirname [file dirname [file dirname [file normalize [info script]]]]]
package require nats

set conn [nats::connection new bench -log_level error]
$conn configure -servers [lindex $argv 0]
$conn connect
set js [$conn jet_stream -timeout 60000]
catch {$js delete_kv_bucket bench}
set kv [$js create_kv_bucket bench -storage memory]
set value [string repeat x 128]

proc measure {case n script} {
    set time [lindex [time [list uplevel #0 $script] 1] 0]
    dict set ::result $case [format %.2f [expr {double($time) / $n}]]
}

proc worker {id n} {
    for {set i 0} {$i < $n} {incr i} {
        $::kv put w$id.$i $::value
    }
    incr ::left -1
}

proc ended {entry} {
    if {$entry eq ""} {
        set ::ended 1
    }
}

measure "put, one after another" 2000 {
    for {set i 0} {$i < 2000} {incr i} {
        $kv put k$i $value
    }
}
measure "get, one after another" 2000 {
    for {set i 0} {$i < 2000} {incr i} {
        $kv get_value k$i
    }
}
measure "put, 64 coroutines" 32000 {
    set left 64
    for {set i 0} {$i < 64} {incr i} {
        coroutine put$i worker $i 500
    }
    while {$left} {
        vwait left
    }
}
measure "keys, of 34,000" 34000 {
    llength [$kv keys]
}
measure "history, of 34,000 entries" 34000 {
    llength [$kv history >]
}
measure "watch, a callback an entry" 34000 {
    set watcher [$kv watch > -callback ended]
    vwait ended
}
$watcher destroy
measure "watch into an array" 34000 {
    set watcher [$kv watch > -values_array cache -callback {apply {e {if {$e eq ""} {set ::ended 1}}}}]
    vwait ended
}
$js delete_kv_bucket bench
puts $result
