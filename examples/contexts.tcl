# SPDX-License-Identifier: Apache-2.0
# The contexts of the nats command, and whether they lead to a server.
#
#     tclsh examples/contexts.tcl
#
# It takes no server: the contexts say which.

package require nats

set selected [nats::context selected]
foreach name [nats::context names] {
    set conn [nats::connection new -log_level error]
    try {
        $conn configure -context $name -utf8_convert true -connect_timeout 1000
        $conn connect
        set state "NATS [dict get [$conn server_info] version]"
    } trap NATS {message} {
        set state $message
    } finally {
        $conn destroy
    }
    puts "[expr {$name eq $selected ? "*" : " "}] $name: $state"
}
