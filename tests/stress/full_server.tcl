# SPDX-License-Identifier: Apache-2.0
# The server of full.tcl: it ends with its standard input.
lappend auto_path [file dirname [file dirname [file dirname [file normalize [info script]]]]]
package require nats
set server [nats::server new]
puts [$server url]
flush stdout
gets stdin
$server destroy
