// SPDX-License-Identifier: Apache-2.0

// Package tclbind is the Tcl package nats: the commands that its TclOO classes (script/) call.
// They stand on the Go core (kv and below) on one side, and on package bridge on the other.
package tclbind

import (
	"embed"
	"runtime"
	"slices"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
)

// Version of the Tcl package: a successor of the pure-Tcl client's 3.2. It is written down here
// alone: the Makefile reads it, and brings pkgIndex.tcl up to date.
const Version = "3.3.0"

// namespace of the commands that the classes call.
const namespace = "::nats::core::"

//go:embed script/*.tcl
var scripts embed.FS

// Nats is the Tcl package nats, for the hosts (packages ctcl and gotcl) to bring into an
// interpreter.
var Nats = &bridge.Extension{
	Name:      "nats",
	Version:   Version,
	Namespace: namespace,
	Commands: slices.Concat(packageCommands, callbackCommands, connectionCommands, jetStreamCommands, publishCommands, ackCommands,
		pendingCommands, batchCommands, fastCommands, counterCommands, fetchCommands, consumingCommands, pullCommands, pushCommands, consumerCommands, orderedCommands, bucketCommands,
		objectCommands, serviceCommands, contextCommands, serverCommands),
	// In the order in which they need each other.
	Scripts: []string{
		"script/core.tcl", "script/connection.tcl", "script/jetstream.tcl", "script/batch.tcl", "script/consumer.tcl",
		"script/keyvalue.tcl", "script/tie.tcl", "script/object.tcl", "script/transfer.tcl", "script/service.tcl", "script/context.tcl", "script/server.tcl", "script/message.tcl", "script/commands.tcl", "script/pkgconfig.tcl",
	},
	Files:     scripts,
	Urgent:    wire.IsLate,
	ErrorCode: errorCode,
	Failing:   showCause,
}

// packageCommands are those that belong to no class.
var packageCommands = []bridge.Command{
	{Name: "stats", Run: cmdStats},
	{Name: "metadata", Usage: "msg", Run: cmdMetadata},
	{Name: "options", Usage: "?class ?method", Run: cmdOptions},
	{Name: "isotime", Usage: "iso", Run: cmdISOTime},
	{Name: "versions", Run: cmdVersions},
}

// cmdVersions returns a dict of the versions of what the package is made of, for nats::pkgconfig. That of the
// server is empty where it was left out.
func cmdVersions(*bridge.Package, []bridge.Value) (any, error) {
	return dict.Dict{
		{Key: "version", Value: Version},
		{Key: "nats.go", Value: nats.Version},
		{Key: "nats-server", Value: serverVersion},
	}, nil
}

// cmdStats tells what is alive, so that leaks can be seen: goroutines in the
// process, and this interpreter's handles, waits and undelivered items.
func cmdStats(p *bridge.Package, _ []bridge.Value) (any, error) {
	s := p.Stats()
	return dict.Dict{
		{Key: "goroutines", Value: runtime.NumGoroutine()},
		{Key: "handles", Value: s.Handles},
		{Key: "connections", Value: bridge.Count[*connection](p)},
		{Key: "pending", Value: s.Waits},
		{Key: "undelivered", Value: s.Undelivered},
	}, nil
}
