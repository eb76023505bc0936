# SPDX-License-Identifier: Apache-2.0
source [file join [file dirname [info script]] common.tcl]
set js [$conn jet_stream -timeout 5000]
# What comes in time: that nothing does is an empty list, or ErrTimeout where the server's word for it is late.
proc fetched {timeout} {
    try {return [llength [$::js fetch S c -timeout $timeout]]} trap {NATS ErrTimeout} {} {return 0}
}

foreach script {
    {$js api_prefix} {$js timeout} {$conn jet_stream -timeout x} {$conn jet_stream -domain a -api_prefix b}
    {$js add_stream S -subjects {s.> t} -storage memory -max_age 1.5} {$js add_stream S -subjects {s.> t} -storage memory -max_age 60000.5 -duplicate_window 1000} {$js add_stream S -subjects other} {$js add_stream "a b"} {$js add_stream x -storage tape} {$js add_stream x -nosuch 1}
    {dict get [$js stream_info S] config} {$js stream_info nosuch} {$js stream_info a.b} {$js update_stream S -subjects {s.> t} -max_msgs 1000 -storage memory} {$js stream_names} {$js stream_names -subject s.x}
    {$js publish s.1 one} {$js publish s.2 two -msg_id a} {$js publish s.2 two -msg_id a} {$js publish s.1 x -expect_last_seq 9} {$js publish s.1 x -stream T} {$js publish nobody x -timeout 2000} {$js publish s.1 x -nosuch y}
    {$js publish_msg [nats::msg create s.3 -data three]} {$js stream_msg_get S -seq 1} {$js stream_msg_get S -last_by_subj s.2} {$js stream_msg_get S -seq 99} {$js stream_msg_get nosuch -seq 1} {$js stream_direct_get S -seq 1}
    {$js stream_msg_delete S -seq 1} {$js stream_subjects S} {$js purge_stream S -filter s.1} {$js purge_stream nosuch}
    {$js add_pull_consumer S c -filter_subject s.>} {$js add_pull_consumer S c -filter_subject t} {$js add_consumer S -durable_name d -ack_policy explicit} {$js add_consumer S -nosuch x} {$js add_push_consumer S p deliver}
    {dict get [$js consumer_info S c] config} {$js consumer_info S nosuch} {$js consumer_names S} {$js fetch S nosuch -timeout 500}
    {set messages [$js fetch S c -batch_size 2 -timeout 3000]} {llength $messages} {nats::metadata [lindex $messages 0]} {$js ack [lindex $messages 0]} {$js ack_sync [lindex $messages 1]} {$js ack nothing}
    {fetched 300} {$js fetch S c -batch_size 0} {$js fetch S c -timeout x} {$js cancel_pull_request 99}
    {$js delete_consumer S c} {$js delete_consumer S c} {$js add_stream_from_json {{"name":"J","subjects":["j"],"storage":"memory"}}} {$js add_stream_from_json x} {$js account_info -x}
    {nats::make_stream_source -name S -opt_start_seq 3} {nats::make_stream_source} {nats::make_subject_transform -src a -dest b} {nats::make_republish -src a -dest b -headers_only 1}
} {
    try! $script
}
try! {$js publish t 1 -callback {heard ack}}
try! {$js publish nobody 1 -callback {heard ack} -timeout 1500}
waitFor {[llength $heard(ack)] == 2}
puts $heard(ack)
set consumer [$js ordered_consumer S -callback {heard ordered}]
waitFor {[llength $heard(ordered)] >= 3}
foreach message $heard(ordered) {
    puts "ordered: [nats::msg subject [lindex $message 0]] [nats::msg data [lindex $message 0]]"
}
foreach script {{$consumer destroy} {$js delete_stream S} {$js delete_stream S} {$js nosuch} {$js publish} {$js destroy}} {
    try! $script
}
finish
