// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"math"
	"strconv"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// delayQuestion asks the script for the wait before the next attempt at a server
// (-custom_reconnect_delay).
type delayQuestion struct {
	bridge.Object
	c      *connection
	server dict.Dict
	answer func(time.Duration)
}

// The question has a handle for as long as the script thinks.
func (q *delayQuestion) Release(*bridge.Package) {}

func (q *delayQuestion) Run(p *bridge.Package) {
	command, ok := q.c.settings.values["custom_reconnect_delay"].(bridge.Value)
	if !p.Alive(q.c) || !ok {
		q.answer(q.c.options.ReconnectTimeWait)
		return
	}
	p.Add(q, q.c)
	q.c.calling++
	defer q.c.called(p)
	ask := p.Host.NewValue([]string{namespace + "ask_delay"})
	defer ask.Release()
	if !p.Host.Callback(ask, strconv.FormatInt(q.ID(), 10), command, q.server) && p.Alive(q) {
		p.Drop(q)
		q.answer(q.c.options.ReconnectTimeWait)
	}
}

// cmdDelayAnswer brings the script's answer, in ms. The script may have destroyed the
// connection instead.
func cmdDelayAnswer(p *bridge.Package, args []bridge.Value) (any, error) {
	q, err := bridge.Get[*delayQuestion](p, args[0])
	if err != nil {
		return nil, nil
	}
	ms, ok := bridge.BigInteger(args[1].Text())
	if !ok || ms.Sign() < 0 {
		return nil, fault.New(fault.BadTimeout, "Invalid value for the timeout option custom_reconnect_delay : "+args[1].Text())
	}
	p.Drop(q)
	q.answer(min(option.FromMillis(ms), math.MaxInt64))
	return nil, nil
}
