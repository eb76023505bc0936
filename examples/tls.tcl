# SPDX-License-Identifier: Apache-2.0
# A connection with TLS and a login, and what is said where one of them is not right.
#
#     tclsh examples/tls.tcl -server tls://host:4222 ?-cafile file? ?-credentials file?
#     tclsh examples/tls.tcl
#
# Without a server it makes a certificate with openssl, and runs a server with it. A server that the world's
# authorities have certified needs no -cafile.

package require nats

if {[llength $argv]} {
    array set given {-cafile {} -credentials {}}
    array set given $argv
    set conn [nats::connection new]
    $conn configure -servers [list $given(-server)] -secure true -utf8_convert true -credentials $given(-credentials)
    if {$given(-cafile) ne ""} {
        $conn configure -tls_opts [list -cafile $given(-cafile)]
    }
    $conn connect
    puts "connected to NATS [dict get [$conn server_info] version] with TLS"
    $conn destroy
    exit
}

# A server of our own, for one user.
close [file tempfile base]
file delete $base
file mkdir $base
foreach name {certificate key config} {
    set $name [file join $base $name]
}
exec openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=example \
    -addext subjectAltName=IP:127.0.0.1 -keyout $key -out $certificate 2>@1
set channel [open $config w]
puts $channel "tls { cert_file: '$certificate', key_file: '$key' }"
puts $channel "authorization { user: anna, password: 'a secret' }"
close $channel
set server [nats::server new -config $config]

# Tries to connect, and says how it went.
proc try_to {what args} {
    set conn [nats::connection new -log_chan stderr -log_level error -logger silent]
    $conn configure -servers [list tls://127.0.0.1:[$::server port]] -utf8_convert true {*}$args
    try {
        $conn connect
        puts "$what: [$conn request echo "said in secret" -timeout 5000]"
    } trap NATS {message options} {
        puts "$what: [lindex [dict get $options -errorcode] 1]"
    } finally {
        $conn destroy
    }
}
# A log for what is expected to fail.
namespace eval silent {
    foreach level {error warn info debug} {
        proc $level args {}
    }
}

# Somebody who answers.
set login [list -user anna -password "a secret"]
set authority [list -tls_opts [list -cafile $certificate]]
set answering [nats::connection new]
$answering configure -servers [list tls://127.0.0.1:[$server port]] -utf8_convert true {*}$authority {*}$login
$answering connect
$answering subscribe echo -callback {apply {{subject message reply} {
    $::answering publish $reply $message
}}}
$answering ping

try_to "with both" {*}$authority {*}$login
try_to "an authority that nobody knows" {*}$login
try_to "a wrong password" {*}$authority -user anna -password guessed
try_to "no login" {*}$authority

$answering destroy
$server destroy
file delete -force $base
