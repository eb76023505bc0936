// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// coroutineOption is one of whatever delivers to a callback.
var coroutineOption = option.Row{Name: "coroutine", Kind: option.Bool, Default: false,
	About: "each call of -callback runs in a coroutine of its own: methods in it wait by yielding, and further calls begin meanwhile"}

var callbackCommands = []bridge.Command{
	{Name: "call_begins", Usage: "connection", Run: bridge.On(cmdCallBegins)},
	{Name: "call_ends", Usage: "connection", Run: bridge.On(cmdCallEnds)},
}

// callbackOf is the option -callback as it is called: by itself, or with -coroutine in a coroutine
// (::nats::core::in_coroutine). The caller releases it; it is nil where none is given.
func (c *connection) callbackOf(p *bridge.Package, o option.Values) bridge.Value {
	callback, given := o.Get("callback").(bridge.Value)
	if !given {
		return nil
	}
	if !o.Bool("coroutine") {
		return callback.Retain()
	}
	words, err := callback.List()
	if err != nil {
		return callback.Retain() // it was a list when the option was read
	}
	prefix := []any{namespace + "in_coroutine", c.ID()}
	for _, word := range words {
		prefix = append(prefix, word)
	}
	return p.Host.NewValue(prefix)
}

// cmdCallBegins counts a callback in a coroutine, which drain waits for.
func cmdCallBegins(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	c.coroutines++
	return nil, nil
}

func cmdCallEnds(p *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	c.coroutines--
	c.settle(p)
	return nil, nil
}
