package tclbind

import (
	"embed"
	"fmt"
	"path"
	"runtime"
)

// Version of the Tcl package: a successor of the pure-Tcl client's 3.2.
const Version = "3.3.0"

//go:embed script/*.tcl
var scripts embed.FS

// The classes' scripts, in the order in which they need each other.
var scriptOrder = []string{
	"core.tcl", "connection.tcl", "jetstream.tcl", "consumer.tcl", "keyvalue.tcl", "server.tcl", "message.tcl", "commands.tcl",
}

// namespace of the commands that the classes call. They are internal: the
// contract is what the classes offer.
const namespace = "::nats::core::"

// Package is the package nats in one interpreter. Its methods belong to the
// interpreter's thread; other goroutines reach it through its mailbox alone.
type Package struct {
	host    Host
	mailbox mailbox
	handles handles
	waits   waits
	// By the names that they have in namespace.
	commands map[string]func([]Value) (any, error)
	words    sharedWords
	// Those that may have gathered messages to send.
	connections []*connection
	closed      bool
	ended       chan struct{} // closed with the package, for goroutines that asked it something
}

// command is one internal command. usage names its arguments; a name with a
// leading ? is optional, and a last one of "args" takes the rest.
type command struct {
	name  string
	usage []string
	run   func(p *Package, args []Value) (any, error)
}

// Attach brings the package to life in the host's interpreter: it defines the
// internal commands and the classes, and provides the package nats.
func Attach(host Host) (*Package, error) {
	p := &Package{host: host, ended: make(chan struct{})}
	p.mailbox.host = host
	p.handles.byID = map[int64]resource{}
	p.waits.byID = map[waitID]*wait{}
	p.commands = map[string]func([]Value) (any, error){}
	p.makeWords()
	if err := host.Eval("namespace eval ::nats::core {}"); err != nil {
		return nil, err
	}
	for _, table := range [][]command{
		coreCommands, connectionCommands, messageCommands, jetStreamCommands, acknowledgeCommands, fetchCommands, consumerCommands, bucketCommands, serverCommands,
	} {
		for _, c := range table {
			p.commands[c.name] = p.guarded(c)
			host.Define(namespace+c.name, p.commands[c.name])
		}
	}
	for _, name := range scriptOrder {
		text, err := scripts.ReadFile(path.Join("script", name))
		if err != nil {
			return nil, err
		}
		if err := host.Eval(string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := host.Eval("package provide nats " + Version); err != nil {
		return nil, err
	}
	return p, nil
}

// guarded checks the number of arguments, and that the package still lives.
func (p *Package) guarded(c command) func([]Value) (any, error) {
	least, most := len(c.usage), len(c.usage)
	for i, name := range c.usage {
		if name[0] == '?' {
			least = min(least, i)
		}
		if name == "args" {
			least, most = min(least, i), -1
		}
	}
	return func(args []Value) (any, error) {
		if p.closed {
			return nil, errClosed
		}
		if len(args) < least || most >= 0 && len(args) > most {
			return nil, wrongArgs(c)
		}
		return c.run(p, args)
	}
}

// Close ends all that lives in this interpreter: connections (what was
// published is flushed, for a bounded time), servers, waits. No callback starts
// after it. It may be called more than once.
func (p *Package) Close() {
	if p.closed {
		return
	}
	p.closed = true
	close(p.ended)
	p.mailbox.close()
	p.releaseAll()
	p.waits.abandon()
	p.words.release()
}

// coreCommands are those that belong to no class.
var coreCommands = []command{
	{"now", []string{"command", "args"}, cmdNow},
	{"parked", []string{"coroutine", "command", "args"}, cmdParked},
	{"start", []string{"command", "args"}, cmdStart},
	{"wait", []string{"id"}, cmdWait},
	{"take", []string{"id"}, cmdTake},
	{"bind", []string{"handle", "namespace"}, on(cmdBind)},
	{"children", []string{"handle"}, on(cmdChildren)},
	{"release", []string{"handle"}, on(cmdRelease)},
	{"open", []string{"handle"}, on(cmdOpen)},
	{"stats", nil, cmdStats},
	{"panic", []string{"text"}, cmdPanic},
}

// cmdStats tells what is alive, so that leaks can be seen: goroutines in the
// process, and this interpreter's handles, waits and undelivered items.
func cmdStats(p *Package, _ []Value) (any, error) {
	return p.stats(runtime.NumGoroutine()), nil
}

// cmdPanic panics: a fault in the core must reach the script as an error, and
// this is how that is tried.
func cmdPanic(_ *Package, args []Value) (any, error) {
	panic(args[0].Text())
}
