// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
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
	o.c.news.tell("last_error", value, o.c.changeLastError)
}

func (o *observer) ServerInfo(info dict.Dict) {
	o.c.news.tell("serverInfo", info, o.c.changeInfo)
}

func (o *observer) Log(level wire.Level, text string) {
	if o.c.log.takes(level) {
		o.c.news.log(level, text, o.c.writeLine)
	}
}

// showCause writes the variables that have to tell first what an error of a call tells (docs/connection.md "Status"):
// last_error of a server that does not take what is published, and serverInfo with the limit of one that has sent it just
// now.
func showCause(p *bridge.Package, err error) {
	var variable string
	switch fault.CodeOf(err) {
	case fault.BufferExceeded:
		variable = "last_error"
	case fault.MaxPayload, fault.HeadersNotSupported:
		variable = "serverInfo"
	default:
		return
	}
	bridge.Each(p, func(c *connection) {
		c.news.until(p, func(x *piece) bool { return x.variable == variable })
	})
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
	p.TakeNotes() // of a script that knew the status before
	c.status = value.(wire.Status)
	c.wire.Acknowledge(c.status)
	if c.status == wire.Closed {
		c.forgetSubscriptions(p)
		c.closed()
	}
	p.EndEvent()
	c.changeVariable(p, variable, string(c.status))
	c.callBack(p, "status_callback", string(c.status), c.lastError)
}

func (c *connection) changeLastError(p *bridge.Package, variable string, value any) {
	c.lastError = value
	c.changeVariable(p, variable, value)
}

func (c *connection) changeVariable(p *bridge.Package, variable string, value any) {
	if p.Alive(c) {
		p.Report(p.Host.SetVar(c.Namespace()+"::"+variable, value))
	}
}

// callBack calls the command that is the value of an option, if there is one.
func (c *connection) callBack(p *bridge.Package, option string, args ...any) {
	command, ok := c.settings.values.Get(option).(bridge.Value)
	if !ok || p.Closed() || !p.Alive(c) {
		return
	}
	kept := command.Retain() // the callback may set the option
	defer kept.Release()
	c.calling++
	defer c.called(p)
	p.Host.Callback(kept, args...)
}

// changeInfo writes the array serverInfo. What a new INFO does not have goes: another server
// may have sent it.
func (c *connection) changeInfo(p *bridge.Package, variable string, value any) {
	if !p.Alive(c) {
		return
	}
	array := c.Namespace() + "::" + variable
	before := c.info
	defer c.toldOfLameDuck(p, before)
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

// toldOfLameDuck calls -lame_duck_callback where a server has just said that it is about to go.
func (c *connection) toldOfLameDuck(p *bridge.Package, before dict.Dict) {
	goes := func(info dict.Dict) bool { ldm, _ := info.Path("ldm").(bool); return ldm }
	if goes(c.info) && !goes(before) {
		c.callBack(p, "lame_duck_callback", c.info)
	}
}
