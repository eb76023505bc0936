# SPDX-License-Identifier: Apache-2.0
source [file join [file dirname [info script]] common.tcl]
set js [$conn jet_stream -timeout 5000]
foreach script {
    {set os [$js create_object_store o -storage memory -description d]} {$js create_object_store a.b} {$js bind_object_store nosuch} {$js object_stores}
    {$os put thing -data [string repeat abc 1000] -description text -metadata {a b} -header {H {1 2}} -chunk_size 500} {$os put empty -data {}} {$os put {} -data x} {$os put x} {$os put x -data y -nosuch 1}
    {$os info thing} {$os info nosuch} {string length [$os get thing]} {$os get empty} {$os get nosuch} {$os list} {$os link l thing} {string length [$os get l]} {$os link l2 l} {$os link_bucket lb o} {$os get lb}
    {$os update_meta thing -description other} {$os delete l} {$os get l} {$os list} {dict remove [$os status] size stream_state} {$os nosuch} {$os put} {$os seal} {$os put more -data x}
} {
    try! $script
}
set channel [$os open thing]
try! {set object [$os object thing]}
try! {$object read 5}
try! {$object eof}
try! {dict get [$object info] size}
try! {$object close}
try! {$js delete_object_store o}
try! {$js delete_object_store o}
proc add {request} {
    $::service respond $request [::tcl::mathop::+ {*}[nats::msg data $request]]
}
proc div {request} {
    lassign [nats::msg data $request] a b
    if {$b == 0} {
        $::service error $request 400 "division by zero" data
    } else {
        $::service respond $request [expr {$a / $b}]
    }
}
set service [$conn service calc 1.2.3 -description adds -metadata {a b}]
foreach script {
    {$conn service "a b" 1.0.0} {$conn service x y} {$service endpoint add -callback add} {$service endpoint add} {set group [$service group g]} {$group endpoint div -callback div -queue other}
    {$conn service_request add "1 2"} {$conn service_request g.div "1 0"} {$conn service_request g.div "4 2"} {$conn service_request nobody x} {llength [$conn service_ping]}
    {dict remove [$service info] id} {dict keys [$service stats]} {$service reset} {$service nosuch} {$service stop} {$service destroy}
} {
    try! $script
}
finish
