# SPDX-License-Identifier: Apache-2.0
# A bucket that is followed while the driver changes it, without a window and in one. cases.tcl reads this
# file, and has what it uses. Each case is asked twice: n is 0 when it begins, and then how many changes are
# to come. The value of each is its number.

proc cases::followed {n size} {
    if {$n == 0} {
        follow $size
    } else {
        seen $n
    }
    return
}

# All keys are rows of a tree, of which the window has some 45: a row is written when its key changes, and Tk
# draws when it has nothing else to do.
proc cases::shown {n size} {
    if {$n == 0} {
        package require Tk
        follow $size
        ttk::treeview .keys -columns value -height 45
        pack .keys -fill both -expand true
        foreach key [lsort [::array names ::shown]] {
            .keys insert {} end -id $key -text $key -values [list $::shown($key)]
        }
        trace add variable ::shown write cases::show
        wm geometry . 600x950
        ::update
    } else {
        seen $n
        ::update
        expect "the last row" [.keys set [lastKey $n $size] value] $n
    }
    return
}

proc cases::show {array key operation} {
    .keys set $key value $::shown($key)
}

proc cases::follow {size} {
    set ::shownBucket [$::js bind_kv_bucket window]
    [$::shownBucket watch > -values_array ::shown] wait
    expect keys [::array size ::shown] $size
}

# The key of a change.
proc cases::lastKey {n size} {
    return [format key.%07d [expr {$n * 7919 % $size}]]
}

# Waits until the last change is in the array.
proc cases::seen {n} {
    set key [lastKey $n [::array size ::shown]]
    while {$::shown($key) ne $n} {
        vwait ::shown($key)
    }
}
