// SPDX-License-Identifier: Apache-2.0

//go:build noserver

package tclbind

import (
	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
)

// serverVersion is empty: there is no server in it.
const serverVersion = ""

// serverCommands of a library without the server, which is half of its size (make SERVER=no).
var serverCommands = []bridge.Command{
	{Name: "server", Usage: "object args", Run: func(*bridge.Package, []bridge.Value) (any, error) {
		return nil, fault.New(fault.Server, "This library of the package nats was built without the server (SERVER=no)")
	}},
}
