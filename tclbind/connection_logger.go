// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"fmt"

	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var loggerOptions = option.Table{
	{Name: "logger", Kind: option.Nonempty, About: "an object of tcllib's logger, which gets the lines; -log_chan and -log_level have no effect then"},
	{Name: "log_chan", Kind: option.Nonempty, Default: "stdout", About: "the channel that lines are written to"},
	{Name: "log_level", Kind: option.Nonempty, Default: "warn", About: "error, warn, info or debug: lines that matter less are not written"},
}

// logger is where a connection's log goes: a channel with a level, or a tcllib
// logger object, which has its own.
type logger struct {
	object  string // of tcllib, "" for none
	channel string
	level   int    // lines above it are not written
	tail    string // of the object's name, for a connection without one
}

// logLevels in order of importance.
var logLevels = map[wire.Level]int{wire.LogError: 0, wire.LogWarn: 1, wire.LogInfo: 2, wire.LogDebug: 3}

// newLogger is the logger by the constructor's options. ErrInvalidArg: a level that there is not, or
// an object that takes no log lines. With an object the other two options are not looked at.
func newLogger(p *bridge.Package, o option.Values) (logger, error) {
	if object := o.Text("logger"); object != "" {
		check := p.Host.NewValue([]string{namespace + "check_logger", object})
		defer check.Release()
		if p.Host.Eval(check.Text()) != nil {
			return logger{}, invalid("Invalid -logger " + object)
		}
		return logger{object: object, level: logLevels[wire.LogDebug]}, nil
	}
	level, ok := logLevels[wire.Level(o.Text("log_level"))]
	if !ok {
		return logger{}, &fault.Error{Code: fault.InvalidArg, Text: "Invalid -log_level " + o.Text("log_level"), Help: "error, warn, info and debug are the levels"}
	}
	return logger{channel: o.Text("log_chan"), level: level}, nil
}

// takes tells whether a line of this level is wanted. Any goroutine may ask.
func (l *logger) takes(level wire.Level) bool { return logLevels[level] <= l.level }

// writeLine writes a line of the connection's log.
func (c *connection) writeLine(p *bridge.Package, l line) {
	log := &c.log
	if log.object != "" {
		command := p.Host.NewValue([]string{log.object + "::" + string(l.level)})
		p.Host.Callback(command, l.text)
		command.Release()
		return
	}
	name := c.settings.values.Text("name")
	if name == "" {
		name = log.tail
	}
	l.writeTo(p, log.channel, name)
}

// writeTo writes the line to a channel. One that was closed meanwhile is the script's affair: a log
// that cannot be written must not stop what it tells of.
func (l line) writeTo(p *bridge.Package, channel, name string) {
	_ = p.Host.Write(channel, fmt.Sprintf("[%s %s %s] %s", l.at.Format(timestampFormat), name, l.level, l.text))
}
