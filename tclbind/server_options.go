// SPDX-License-Identifier: Apache-2.0

package tclbind

import "natstcl/tclbind/bridge/option"

// serverOptions are also those of a library without the server, whose options can be asked for all the same.
var serverOptions = option.Table{
	{Name: "host", Kind: option.Nonempty, About: "the address to listen on; by default 127.0.0.1"},
	{Name: "port", Kind: portNumber, About: "the TCP port; by default, and with 0, a free one"},
	{Name: "listen", Kind: option.Bool, Default: true, About: "false: no TCP port at all, for connections with -in_process; then there is neither -host nor -port"},
	{Name: "jetstream", Kind: option.Bool, About: "by default true; with -config what the file says, unless -store_dir is given"},
	{Name: "store_dir", Kind: option.Nonempty, About: "the directory of JetStream's data, which one server uses at a time: a second one throws ErrServer. By default a temporary directory, which is deleted with the server"},
	{Name: "user", Kind: option.Text, About: "the name that clients must show with -password, in place of all users of the file"},
	{Name: "password", Kind: option.Text, About: "the password of -user"},
	{Name: "token", Kind: option.Text, About: "the token that clients must show, in place of all users of the file"},
	{Name: "config", Kind: option.Nonempty, About: "a file in the form of nats-server's; the other options override it"},
	{Name: "log_chan", Kind: option.Nonempty, About: "the channel that the server's log is written to; by default there is no log"},
	{Name: "log_level", Kind: option.Enum, Allowed: []string{"error", "warn", "info", "debug"}, Default: "warn", About: "error, warn, info or debug: lines that matter less are not written"},
}
