# SPDX-License-Identifier: Apache-2.0
# What this package is made of, and where it came from: as tcl::pkgconfig of Tcl tells it. See
# docs/packaging.md "Which package it is".
namespace eval ::nats::pkgconfig {
    namespace export list get
    namespace ensemble create
}

# The keys.
proc ::nats::pkgconfig::list {} {
    return [dict keys [Facts]]
}

proc ::nats::pkgconfig::get {key} {
    set facts [Facts]
    if {![dict exists $facts $key]} {
        throw {NATS ErrInvalidArg} "Unknown key $key; the keys are [join [dict keys $facts] {, }]"
    }
    return [dict get $facts $key]
}

# A dict of all: version, nats.go, nats-server (empty where it was left out), host (C or Go, in which
# the interpreter is written), source (the library's file, or the program that has the package in it).
proc ::nats::pkgconfig::Facts {} {
    set file ""
    foreach loaded [info loaded {}] {
        if {[lindex $loaded 1] eq "Nats"} {
            set file [lindex $loaded 0]
        }
    }
    set facts [::nats::core::versions]
    dict set facts host [expr {$file eq "" ? "Go" : "C"}]
    dict set facts source [file normalize [expr {$file eq "" ? [info nameofexecutable] : $file}]]
    return $facts
}
