# SPDX-License-Identifier: Apache-2.0
# The library is named by the Tcl that it was built for: libnats with the version, and for Tcl 9
# libtcl9nats; on Windows nats and tcl9nats, with the version's digits. Libraries for both may
# lie here side by side. `make` builds it, and writes the version into the last line of this file.
apply {{dir version} {
    package ifneeded nats $version [list apply {{dir version} {
        if {[interp issafe]} {
            error "A safe interpreter does not get the package nats."
        }
        # It is here, and was forgotten (package forget): load does nothing a second time.
        if {[info exists ::nats::core::version]} {
            return [package provide nats $::nats::core::version]
        }
        # A program that has the package built in, as natsh.
        if {[list {} Nats] in [info loaded]} {
            return [uplevel #0 {load {} Nats}]
        }
        set prefix [expr {[package vsatisfies [package provide Tcl] 9] ? "tcl9nats" : "nats"}]
        if {$::tcl_platform(platform) eq "windows"} {
            set name $prefix[string map {. ""} $version].dll
        } else {
            set name lib$prefix$version[info sharedlibextension]
        }
        foreach file [list [file join $dir $name] [file join $dir build $name]] {
            if {[file exists $file]} {
                return [uplevel #0 [list load $file Nats]]
            }
        }
        error "the package nats is not built yet for Tcl [package provide Tcl]: there is no $name; run `make` in $dir"
    }} $dir $version]
}} $dir 3.3.0
