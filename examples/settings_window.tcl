# SPDX-License-Identifier: Apache-2.0
# A window on a bucket: labels that show a watched array, and entries that write into a tied one.
#
#     wish examples/settings_window.tcl ?-server url?
#
# What anybody writes into the bucket appears in the window; what is typed goes into the bucket.

package require Tk
package require nats
package require nats::tie

array set options {-server ""}
array set options $argv
if {$options(-server) eq ""} {
    # Without a server's URL the example runs a server of its own.
    set server [nats::server new]
    set options(-server) [$server url]
}
set conn [nats::connection new window]
# Without -utf8_convert values are bytes, and text has to be encoded by hand.
$conn configure -servers [list $options(-server)] -utf8_convert true
$conn connect
set kv [[$conn jet_stream] create_or_update_kv_bucket SETTINGS -storage memory]
if {[catch {$kv keys}]} {
    $kv put_many {host mail.example.com port 587 user anna note "Grüße"}
}

# Follows the bucket, and is the script's to read.
set watcher [$kv watch > -values_array shown]
$watcher wait
# Is the bucket: what is written into it is put there.
array set edited {}
tie::tie edited nats $kv

wm title . "Bucket SETTINGS"
ttk::frame .f -padding 12
pack .f -fill both -expand true
grid [ttk::label .f.h0 -text Key] [ttk::label .f.h1 -text "In the bucket"] [ttk::label .f.h2 -text Change] -sticky w -padx 6 -pady 4
set row 0
foreach key [lsort [array names shown]] {
    incr row
    # ttk::label, for a plain label brings back the element of a key that was deleted.
    grid [ttk::label .f.k$row -text $key] [ttk::label .f.v$row -textvariable shown($key) -width 24] \
        [ttk::entry .f.e$row -textvariable edited($key) -width 24] -sticky w -padx 6 -pady 4
}
