// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
)

// observer posts what happens to a connection: the object's public variables are written in the
// interpreter's thread alone.
type observer struct {
	p *bridge.Package
	c *connection
}

func (o *observer) Status(s wire.Status) { o.c.news.tell("status", s, o.c.changeStatus) }

func (o *observer) LastError(e *fault.Error) {
	var value any = ""
	if e != nil {
		value = errorDict(e)
	}
	o.c.news.tell("last_error", value, o.c.changeVariable)
}

func (o *observer) ServerInfo(info dict.Dict) {
	o.c.news.tell("serverInfo", info, o.c.changeInfo)
}

func (o *observer) Log(level wire.Level, text string) {
	if o.c.log.takes(level) {
		o.c.news.log(level, text, o.c.writeLine)
	}
}

func (o *observer) ReconnectDelay(server dict.Dict, answer func(time.Duration)) {
	o.p.Post(&delayQuestion{c: o.c, server: server, answer: answer})
}

// errorDict is the value of last_error (docs/connection.md "Asynchronous errors").
func errorDict(e *fault.Error) dict.Dict {
	return dict.Dict{{Key: "code", Value: errorCode(e)}, {Key: "errorMessage", Value: e.Text}}
}

// changeStatus writes the status, and lets the script see it before anything else happens. From here
// on calls go by it.
func (c *connection) changeStatus(p *bridge.Package, variable string, value any) {
	if !p.Alive(c) {
		return
	}
	c.status = value.(wire.Status)
	c.wire.Acknowledge(c.status)
	if c.status == wire.Closed {
		c.forgetSubscriptions(p)
		c.closed()
	}
	p.EndEvent()
	c.changeVariable(p, variable, string(c.status))
}

func (c *connection) changeVariable(p *bridge.Package, variable string, value any) {
	if p.Alive(c) {
		p.Report(p.Host.SetVar(c.Namespace()+"::"+variable, value))
	}
}

// changeInfo writes the array serverInfo. What a new INFO does not have goes: another server
// may have sent it.
func (c *connection) changeInfo(p *bridge.Package, variable string, value any) {
	if !p.Alive(c) {
		return
	}
	array := c.Namespace() + "::" + variable
	before := c.info
	c.info = presentInfo(value.(dict.Dict))
	for _, f := range before {
		if _, stays := c.info.Get(f.Key); !stays {
			p.Report(p.Host.UnsetElement(array, f.Key))
			if p.Closed() || !p.Alive(c) {
				return // a trace destroyed it
			}
		}
	}
	for _, f := range c.info {
		p.Report(p.Host.SetElement(array, f.Key, f.Value))
		if p.Closed() || !p.Alive(c) {
			return
		}
	}
}
