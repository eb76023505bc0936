# SPDX-License-Identifier: Apache-2.0
# Backup and restore of a bucket: its configuration and its values in one file, which is a Tcl dict.
#
#     tclsh examples/bucket_backup.tcl ?-server url?
#
# Values are bytes, so the connection has no -utf8_convert, and the file is binary-safe by Tcl's own quoting.
# What is saved are keys and values: headers, the history, and the time to live of single keys are not.

package require nats

# A server's URL may be given; without one the example runs a server of its own.
if {[lindex $argv 0] eq "-server"} {
    set url [lindex $argv 1]
} else {
    set server [nats::server new]
    set url [$server url]
}
set conn [nats::connection new backup]
$conn configure -servers [list $url]
$conn connect
set js [$conn jet_stream]

# Writes the bucket into a file. Returns how many keys it has.
proc backup {js bucket file} {
    set kv [$js bind_kv_bucket $bucket]
    set values {}
    foreach entry [$kv get_many -keys >] {
        dict set values [dict get $entry key] [dict get $entry value]
    }
    set channel [open $file w]
    fconfigure $channel -encoding utf-8 -translation lf
    puts -nonewline $channel [dict create config [$kv config] values $values]
    close $channel
    $kv destroy
    return [dict size $values]
}

# Makes a bucket of a file. Returns how many keys it has. The lives of single keys are not in the file.
proc restore {js bucket file} {
    set channel [open $file]
    fconfigure $channel -encoding utf-8 -translation lf
    set saved [read $channel]
    close $channel
    set kv [$js create_kv_bucket $bucket {*}[dict get $saved config]]
    set revisions [$kv put_many [dict get $saved values]]
    $kv destroy
    return [llength $revisions]
}

set kv [$js create_kv_bucket SOURCE -storage memory -history 3 -description "to be kept"]
$kv put_many [dict create host mail.example.com port 587 icon \x00\x01\xff\r\n\{]
$kv put gone x
$kv delete gone

set channel [file tempfile file]
close $channel
puts "saved: [backup $js SOURCE $file] keys"
$js delete_kv_bucket SOURCE
puts "restored: [restore $js COPY $file] keys"
file delete $file

set kv [$js bind_kv_bucket COPY]
puts "keys: [lsort [$kv keys]]"
puts "port: [$kv get_value port], bytes of icon: [string length [$kv get_value icon]]"
puts "history [dict get [$kv config] history], [dict get [$kv config] description]"
$conn destroy
if {[info exists server]} {
    $server destroy
}
