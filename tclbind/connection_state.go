// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"

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

// dueCall is a callback that is due: the command of an option, called with what its own change has brought.
type dueCall struct {
	option string
	args   []any
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
	text := string(c.status)
	c.due = append(c.due, dueCall{"status_callback", []any{text, c.lastError}})
	c.changeVariable(p, variable, text)
	c.tell(p)
}

// tell calls the callbacks that are due, the oldest first. A trace may serve events, or call a method that changes the
// status at once, as disconnect does: the change inside of it is written at once, too, and before its own callback it
// calls the one of the change that the trace was called for. So they begin in order, and no trace holds them up.
func (c *connection) tell(p *bridge.Package) {
	for len(c.due) > 0 {
		next := c.due[0]
		c.due = c.due[1:]
		c.callBack(p, next.option, next.args...)
	}
	c.due = nil
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

// changeInfo writes the array serverInfo. -lame_duck_callback is due where the server has just said that it is about to go.
func (c *connection) changeInfo(p *bridge.Package, variable string, value any) {
	if !p.Alive(c) {
		return
	}
	before := c.info
	c.info = presentInfo(value.(dict.Dict))
	c.infos++
	if inLameDuckMode(c.info) && !inLameDuckMode(before) {
		c.due = append(c.due, dueCall{"lame_duck_callback", []any{c.info}})
	}
	c.writeInfo(p, c.Namespace()+"::"+variable)
	c.tell(p)
}

func inLameDuckMode(info dict.Dict) bool {
	ldm, _ := info.Path("ldm").(bool)
	return ldm
}

// writeInfo writes the newest INFO into the array. What it does not have goes: another server may have sent it. A trace
// may destroy the connection, or serve events that bring a newer INFO: then that one is in the array, and this one stops.
func (c *connection) writeInfo(p *bridge.Package, array string) {
	info, number := c.info, c.infos
	over := func() bool { return c.infos != number || p.Closed() || !p.Alive(c) }
	for _, key := range slices.Clone(c.elements) {
		if _, stays := info.Get(key); stays {
			continue
		}
		c.elements = slices.DeleteFunc(c.elements, func(other string) bool { return other == key })
		p.Report(p.Host.UnsetElement(array, key))
		if over() {
			return
		}
	}
	for _, f := range info {
		if !slices.Contains(c.elements, f.Key) {
			c.elements = append(c.elements, f.Key)
		}
		p.Report(p.Host.SetElement(array, f.Key, f.Value))
		if over() {
			return
		}
	}
}
