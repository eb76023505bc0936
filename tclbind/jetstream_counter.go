// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"math/big"

	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
)

var counterCommands = []bridge.Command{
	{Name: "counter", Usage: "jet_stream stream", Run: bridge.On(cmdCounter)},
	{Name: "counter_add", Usage: "counter subject ?n", Run: bridge.On(cmdCounterAdd)},
	{Name: "counter_value", Usage: "counter subject", Run: bridge.On(cmdCounterValue)},
	{Name: "counter_get", Usage: "counter subject", Run: bridge.On(cmdCounterGet)},
	{Name: "counter_get_many", Usage: "counter subjects", Run: bridge.On(cmdCounterGetMany)},
}

// counter is what a nats::counter object stands on.
type counter struct {
	bridge.Object
	core *js.Counter
}

func (*counter) Release(*bridge.Package) {}

func cmdCounter(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p,
		func(done func(*js.Counter, error)) error { return j.js.Counter(args[0].Text(), done) },
		func(core *js.Counter) (any, error) { return p.Add(&counter{core: core}, j), nil })
}

func cmdCounterAdd(p *bridge.Package, c *counter, args []bridge.Value) (any, error) {
	n := big.NewInt(1)
	if len(args) > 1 {
		var ok bool
		if n, ok = bridge.BigInteger(args[1].Text()); !ok {
			return nil, invalid("Invalid increment " + args[1].Text())
		}
	}
	return bridge.Begin(p,
		func(done func(string, error)) error { return c.core.Add(args[0].Text(), n, done) },
		func(value string) (any, error) { return dict.Number(value), nil })
}

func cmdCounterValue(p *bridge.Package, c *counter, args []bridge.Value) (any, error) {
	return bridge.Begin(p,
		func(done func(*js.Count, error)) error { return c.core.Get(args[0].Text(), done) },
		func(one *js.Count) (any, error) { return dict.Number(one.Value), nil })
}

func cmdCounterGet(p *bridge.Package, c *counter, args []bridge.Value) (any, error) {
	return bridge.Begin(p,
		func(done func(*js.Count, error)) error { return c.core.Get(args[0].Text(), done) },
		func(one *js.Count) (any, error) { return countDict(one), nil })
}

func cmdCounterGetMany(p *bridge.Package, c *counter, args []bridge.Value) (any, error) {
	subjects, err := bridge.Texts(args[0])
	if err != nil || len(subjects) == 0 {
		return nil, invalid("Invalid list of subjects " + args[0].Text())
	}
	return bridge.Begin(p,
		func(done func([]*js.Count, error)) error { return c.core.GetMany(subjects, done) },
		func(all []*js.Count) (any, error) {
			list := make([]any, len(all))
			for i, one := range all {
				list[i] = countDict(one)
			}
			return list, nil
		})
}

func countDict(c *js.Count) dict.Dict {
	return dict.Dict{
		{Key: "subject", Value: c.Subject},
		{Key: "value", Value: dict.Number(c.Value)},
		{Key: "incr", Value: c.Incr},
		{Key: "sources", Value: c.Sources},
	}
}
