// SPDX-License-Identifier: Apache-2.0

package tclbind

import "natstcl/tclbind/bridge/option"

// serverOptions are also those of a library without the server, whose options can be asked for all the same.
var serverOptions = option.Table{
	{Name: "host", Kind: option.Nonempty, About: "where it listens; 127.0.0.1"},
	{Name: "port", Kind: option.Natural, About: "a free one where it is not given"},
	{Name: "listen", Kind: option.Bool, Default: true, About: "false: no TCP port at all, for connections with -in_process; then there is neither -host nor -port"},
	{Name: "jetstream", Kind: option.Bool, About: "true where it is not given; with -config what the file says, unless -store_dir is given"},
	{Name: "store_dir", Kind: option.Nonempty, About: "where JetStream keeps its data: one server's at a time, a second one throws ErrServer; else a temporary directory, which goes with the server"},
	{Name: "user", Kind: option.Text, About: "with -password what clients must show, in place of all users of the file"},
	{Name: "password", Kind: option.Text, About: "of -user"},
	{Name: "token", Kind: option.Text, About: "what clients must show, in place of all users of the file"},
	{Name: "config", Kind: option.Nonempty, About: "a file in the form of nats-server's; the other options override it"},
	{Name: "log_chan", Kind: option.Nonempty, About: "a channel for its log; there is none where it is not given"},
	{Name: "log_level", Kind: option.Enum, Allowed: []string{"error", "warn", "info", "debug"}, Default: "warn", About: "lines above it are not written"},
}
