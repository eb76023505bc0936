// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var ackCommands = []bridge.Command{
	{Name: "ack", Usage: "jet_stream msg", Run: acknowledgement("+ACK")},
	{Name: "nak", Usage: "jet_stream msg args", Run: bridge.On(cmdNak)},
	{Name: "term", Usage: "jet_stream msg args", Run: bridge.On(cmdTerm)},
	{Name: "in_progress", Usage: "jet_stream msg", Run: acknowledgement("+WPI")},
	{Name: "ack_sync", Usage: "jet_stream msg", Run: bridge.On(cmdAckSync)},
}

// acknowledgement is a command that publishes one of the words that a consumer understands.
func acknowledgement(word string) func(*bridge.Package, []bridge.Value) (any, error) {
	return bridge.On(func(_ *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
		return nil, j.answer(args[0], word)
	})
}

func (j *jetStream) answer(msg bridge.Value, word string) error {
	reply, err := ackSubject(msg)
	if err != nil {
		return err
	}
	return j.c.wire.Publish(&nats.Msg{Subject: reply, Data: []byte(word)})
}

// ackSubject is where the acknowledgement of a message goes. One that has no reply subject wants none.
func ackSubject(msg bridge.Value) (string, error) {
	reply, err := messageField(msg, "reply")
	if err == nil && reply == "" {
		err = &fault.Error{Code: fault.BadSubject, Text: "Invalid subject ", Help: "a message without a reply subject wants no acknowledgement"}
	}
	return reply, err
}

var nakOptions = option.Table{{Name: "delay", Kind: serverWait, About: "how long to wait before the message comes again"}}

func cmdNak(_ *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := nakOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	word := "-NAK"
	if o.Has("delay") {
		word += ` {"delay": ` + strconv.FormatInt(int64(o.Duration("delay")), 10) + `}`
	}
	return nil, j.answer(args[0], word)
}

var termOptions = option.Table{{Name: "reason", Kind: option.Nonempty, About: "a text for the advisory that the server publishes"}}

// cmdTerm says that a message is not to come again.
func cmdTerm(_ *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := termOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	word := "+TERM"
	if o.Has("reason") {
		word += " " + o.Text("reason")
	}
	return nil, j.answer(args[0], word)
}

// cmdAckSync waits until the server has taken the acknowledgement.
func cmdAckSync(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	reply, err := ackSubject(args[0])
	if err != nil {
		return nil, err
	}
	var pending *wire.Pending
	return bridge.Begin(p,
		func(done func(*nats.Msg, error)) (err error) {
			pending, err = j.js.AckSync(reply, done)
			return err
		},
		func(reply *nats.Msg) (any, error) {
			return j.c.reply(reply, pending, j.c.settings.values.Bool("dictmsg")), nil
		})
}
