// SPDX-License-Identifier: Apache-2.0

//go:build noserver

package tclbind

import (
	"net"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
)

// serverVersion is empty: there is no server in it.
const serverVersion = ""

var errNoServer = fault.New(fault.Server, "This library of the package nats was built without the server (SERVER=no)")

// serverCommands of a library without the server, which is half of its size (make SERVER=no).
var serverCommands = []bridge.Command{
	{Name: "server", Usage: "object args", Run: func(*bridge.Package, []bridge.Value) (any, error) {
		return nil, errNoServer
	}},
}

func inProcess(*bridge.Package, string) (func() (net.Conn, error), error) {
	return nil, errNoServer
}
