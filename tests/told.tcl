# SPDX-License-Identifier: Apache-2.0
# Operations on many keys that something happens to, and whether what they tell is true.

set operations {put_many get_many delete_keys purge_deletes}
set faultBuckets 0
set dict {}
for {set i 0} {$i < 1200} {incr i} {
    dict set dict k$i v$i
}

# A bucket for an operation on all keys of ::dict.
proc bucketFor {js operation args} {
    set kv [$js create_kv_bucket faults[incr ::faultBuckets] -storage memory {*}$args]
    if {$operation ne "put_many"} {
        $kv put_many $::dict
    }
    if {$operation eq "purge_deletes"} {
        $kv delete_keys
    }
    return $kv
}

proc callOf {operation} {
    switch $operation {
        put_many {return [list put_many $::dict]}
        get_many {return {get_many -keys >}}
        delete_keys {return delete_keys}
        purge_deletes {return {purge_deletes -older_than -1}}
    }
}

# Whether a list of revisions, or the error of put_many, tells of a bucket what is true: what has a revision is
# there with it, and what was not begun is not.
proc truthful {kv code result options} {
    set failed {}
    if {$code} {
        lassign [dict get $options -errorcode] nats code failed result
    }
    set entries {}
    try {
        set entries [$kv history >]
    } trap {NATS ErrKeyNotFound} {} {}
    set there {}
    foreach entry $entries {
        dict set there [dict get $entry key] [dict get $entry revision]
    }
    foreach key [dict keys $::dict] revision $result {
        set is [expr {[dict exists $there $key] ? [dict get $there $key] : "none"}]
        if {$revision ne ""} {
            if {$revision ne $is} {return "$key has $is, told was $revision"}
        } elseif {[dict get $failed $key code] eq "NATS ErrCanceled" && $is ne "none"} {
            return "$key was not begun, and is there"
        }
    }
    return 1
}

# Begins all operations by the second jet_stream, on new buckets of the first one, runs a script once when all are
# in the middle or have ended, and waits for their ends. ::told gets error and result of each.
proc beginAll {js other script args} {
    array unset ::told
    array unset ::begun
    array unset ::bucketOf
    set ::inTheMiddle $script
    foreach operation $::operations {
        set ::bucketOf($operation) [[bucketFor $js $operation {*}$args] bucket]
    }
    foreach operation $::operations {
        [$other bind_kv_bucket $::bucketOf($operation)] {*}[callOf $operation] -progress [list begun $operation] -callback [list ended $operation]
    }
    waitFor {[array size ::told] == [llength $::operations]}
}

proc begun {operation args} {
    set ::begun($operation) 1
    if {[array size ::begun] == [llength $::operations]} {
        set script $::inTheMiddle
        set ::inTheMiddle ""
        uplevel #0 $script
    }
}

proc ended {operation error result} {
    set ::told($operation) [list $error $result]
    begun $operation
}

# The operations of beginAll that have told what is not true, with what they told. Those that did not do all do it
# another time.
proc untrue {js} {
    set wrong {}
    foreach operation $::operations {
        lassign $::told($operation) error result
        set kv [$js bind_kv_bucket $::bucketOf($operation)]
        set all [expr {$error ne "" || ($operation eq "get_many" ? [llength $result] : $result) == [dict size $::dict]}]
        switch $operation {
            put_many {
                set true [truthful $kv [expr {$error ne ""}] $result [list -errorcode [expr {$error eq "" ? "" : [dict get $error code]}]]]
            }
            get_many {
                set true $all
            }
            delete_keys {
                $kv delete_keys
                set true [expr {$all && [catch {$kv keys}]}]
            }
            purge_deletes {
                $kv purge_deletes -older_than -1
                set true [expr {$all && [dict get [$kv status] values] == 0}]
            }
        }
        if {$true ne "1"} {
            lappend wrong $operation $true $error [string range $result 0 200] [dict get [$kv status] values]
        }
    }
    return $wrong
}

# What is wrong with a bucket's keys a and b, which changes of both have written: each change of a has that of b
# behind it, and what was told as done is there. told is a list of value, error and revisions of each change.
proc halves {kv told} {
    set entries [lmap entry [$kv history > -keys {a b}] {
        list [dict get $entry key] [dict get $entry value] [dict get $entry revision]
    }]
    set wrong {}
    foreach {a b} $entries {
        if {[lindex $a 0] ne "a" || $b ne [list b [lindex $a 1] [expr {[lindex $a 2] + 1}]]} {
            lappend wrong $a $b
        }
    }
    foreach {value error revisions} $told {
        if {$error ne "" || $value eq "touch"} continue
        foreach key {a b} revision $revisions {
            if {[list $key $value $revision] ni $entries} {
                lappend wrong "told: $key $value $revision"
            }
        }
    }
    return $wrong
}
