# SPDX-License-Identifier: Apache-2.0
source [file join [file dirname [info script]] common.tcl]
set js [$conn jet_stream -timeout 5000]
foreach script {
    {set kv [$js create_kv_bucket b -history 3 -storage memory -description d]} {$js create_kv_bucket b -history 5} {$js create_kv_bucket a.b} {$js create_kv_bucket c -history 65} {$js create_kv_bucket c -nosuch 1} {$js bind_kv_bucket nosuch}
    {$js kv_buckets} {$kv bucket} {$kv put k v} {$kv put k {}} {$kv put k "\0é"} {$kv put "a b" x} {$kv put k. x} {$kv put > x} {$kv get k} {$kv get nosuch} {$kv get k -revision 1} {$kv get k -revision 99} {$kv get_value k} {$kv get k -nosuch 1}
    {$kv create k x} {$kv create n 1} {$kv update n 2 4} {$kv update n 3 4} {$kv update n 3 x} {$kv delete n} {$kv get n} {$kv create n again} {$kv delete n 1} {$kv revert k 1} {$kv revert k 999} {$kv purge k} {$kv history k} {$kv history nosuch}
    {$kv put a.1 1} {$kv put a.2 2} {$kv put b.1 3} {lsort [$kv keys]} {lsort [$kv keys -keys a.*]} {$kv keys -keys nosuch.>} {$kv history >} {$kv history a.> -meta_only 1} {dict remove [$kv status] stream_config stream_state bytes}
    {$kv atomic {{put x 1}}} {$kv put_many {m1 1 m2 2}} {$kv get_many {m1 m2 m3}} {$kv get_many -keys m*} {$kv put_many {{a b} 1 m3 3}} {$kv delete_keys -keys m*} {$kv config} {$kv touch a.1} {$kv put k v -ttl 1000}
    {$kv watch >} {$kv watch > -callback {heard watch} -nosuch 1}
} {
    try! $script
}
set watcher [$kv watch > -callback {heard watch} -values_array cache]
try! {$watcher wait}
try! {$kv put a.1 changed}
try! {$kv delete a.2}
waitFor {[llength [array names cache]] && $cache(a.1) eq "changed" && ![info exists cache(a.2)]}
foreach entry $heard(watch) {
    # How many are to come depends on how far the server is.
    puts "watch: [regsub {delta \d+} $entry {delta N}]"
}
foreach key [lsort [array names cache]] {
    puts "cache: $key $cache($key)"
}
foreach script {{$watcher keys} {$watcher current} {$watcher bucket} {$watcher destroy} {$kv get a.1 -callback {heard get}} {$kv nosuch} {$kv put} {$kv cancel 99}
    {$js empty_kv_bucket b} {$kv keys} {$js delete_kv_bucket b} {$js delete_kv_bucket b} {$kv get k} {$kv put k v -timeout 2000} {$kv status} {$kv destroy}} {
    try! $script
}
waitFor {[info exists heard(get)]}
puts $heard(get)
finish
