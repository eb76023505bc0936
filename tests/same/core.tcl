# SPDX-License-Identifier: Apache-2.0
source [file join [file dirname [info script]] common.tcl]
foreach option [lsort [$conn configure]] {
    if {$option ni {-servers servers}} {
        try! [list string cat $option]
    }
}
foreach option {-name -pedantic -connect_timeout -request_timeout -check_subjects -dictmsg -nosuch} {
    try! [list $conn cget $option]
}
foreach arguments {{-connect_timeout 0} {-connect_timeout x} {-verbose maybe} {-nosuch 1} {-request_timeout 500} {-servers {}} {-servers ://}} {
    try! [list $conn configure {*}$arguments]
}
try! {$conn subscribe a.> -callback {heard a}}
try! {$conn subscribe b -callback {heard b} -dictmsg true -max_msgs 2}
try! {$conn subscribe q -queue g -callback {heard q}}
foreach subject {a.b a.é "a b" a..b "" a.* $x .a} {
    try! [list $conn publish $subject payload]
}
foreach payload [list text "é" "\0\1" "" [string repeat x 2000] {a {b c}}] {
    try! [list $conn publish a.payload $payload]
}
try! {$conn publish a.reply m -reply r.1}
try! {$conn publish a.old m r.2}
try! {$conn publish a.header m -header {A 1 B {2 3}}}
try! {$conn publish_msg [nats::msg create b -data 1 -reply r]}
try! {$conn publish b 2 -header {K v}}
try! {$conn publish b 3}
try! {$conn publish q 1}
try! {$conn ping -timeout 5000}
waitFor {[llength $heard(a)] >= 10 && [llength $heard(b)] == 2 && [info exists heard(q)]}
foreach what {a b q} {
    foreach message $heard($what) {
        puts "$what: $message"
    }
}
try! {$conn subscribe echo -callback {apply {{subject message reply} {$::conn publish $reply "<$message>"}}}}
try! {$conn request echo hello -timeout 5000}
try! {$conn request echo hello -timeout 5000 -dictmsg true}
try! {$conn request nobody hello -timeout 5000}
try! {$conn request echo x -timeout 200 -max_msgs 2}
try! {$conn request echo x -timeout -1}
try! {$conn request echo x -callback {heard request}}
waitFor {[info exists heard(request)]}
puts $heard(request)
set m [nats::msg create a.b -data hello]
foreach script {{nats::msg set m header K v} {nats::msg data $m} {nats::msg subject $m} {nats::header add m K w} {nats::header get $m K} {nats::header values $m K}
    {nats::header keys $m} {nats::header lookup $m X none} {nats::header delete m K} {nats::msg no_responders $m} {nats::msg nosuch $m} {nats::header nosuch $m}
    {nats::msg create} {nats::msg create "a b"} {nats::metadata $m} {nats::isotime_to_msec 2022-11-22T13:31:35.451} {nats::isotime_to_msec x} {nats::msec_to_isotime 0} {nats::msec_to_isotime x}
    {$conn unsubscribe 999} {$conn unsubscribe 1} {$conn unsubscribe x} {$conn cancel_request 5} {$conn nosuch} {$conn publish} {$conn subscribe} {$conn subscribe x} {$conn subscribe x -callback}
    {$conn subscribe x -callback list -max_msgs -1} {dict keys [$conn stats]} {llength [$conn current_server]} {$conn drain} {$conn publish a x} {$conn request a x} {$conn subscribe a -callback list}
    {set [info object namespace $conn]::status} {$conn disconnect} {$conn connect} {set [info object namespace $conn]::status}} {
    try! $script
}
finish
