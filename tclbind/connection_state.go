package tclbind

import (
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
)

// observer posts what happens to a connection to the mailbox: the object's public
// variables are written in the interpreter's thread alone.
type observer struct {
	p *bridge.Package
	c *connection
}

func (o *observer) Status(s wire.Status) {
	o.p.Post(&stateChange{o.c, "status", string(s)})
}

func (o *observer) LastError(e *wire.Error) {
	var value any = ""
	if e != nil {
		value = errorDict(e)
	}
	o.p.Post(&stateChange{o.c, "last_error", value})
}

func (o *observer) ServerInfo(info dict.Dict) {
	o.p.Post(&stateChange{o.c, "serverInfo", info})
}

func (o *observer) Log(level wire.Level, text string) {
	if o.c.log.takes(level) {
		o.p.Post(&logLine{o.c, level, text, time.Now()})
	}
}

func (o *observer) ReconnectDelay(server dict.Dict, answer func(time.Duration)) {
	o.p.Post(&delayQuestion{c: o.c, server: server, answer: answer})
}

// errorDict is last_error's value (core-nats.md, last_error).
func errorDict(e *wire.Error) dict.Dict {
	return dict.Dict{{Key: "code", Value: errorCode(e)}, {Key: "errorMessage", Value: e.Text}}
}

// stateChange writes one of the object's public variables.
type stateChange struct {
	c        *connection
	variable string
	value    any
}

func (s *stateChange) Run(p *bridge.Package) {
	if !p.Alive(s.c) {
		return
	}
	name := s.c.Namespace() + "::" + s.variable
	if s.variable == "status" && s.value == string(wire.Closed) {
		s.c.forgetSubscriptions(p)
		s.c.closed()
	}
	if s.variable == "serverInfo" {
		s.c.writeInfo(p, name, presentInfo(s.value.(dict.Dict)))
		return
	}
	p.Report(p.Host.SetVar(name, s.value))
}

// applyState writes what a method has just changed before it returns. Deliveries
// that wait in the mailbox stay where they are.
func (c *connection) applyState(p *bridge.Package) {
	for _, it := range p.Extract(func(it bridge.Item) bool {
		s, ok := it.(*stateChange)
		return ok && s.c == c
	}) {
		it.Run(p)
		if p.Closed() {
			return
		}
	}
}
