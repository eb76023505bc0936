// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/micro"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var serviceAskOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, Default: 5 * time.Second, About: "how long to wait for all answers together"},
	{Name: "stall", Kind: option.Millis, Default: 300 * time.Millisecond, About: "how long to wait for another answer after the last one; for the first one at least a second; 0: as long as -timeout"},
}

// cmdServiceAsk asks services, of a name and an ID where these are given, and returns their answers.
func cmdServiceAsk(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	q := micro.Question{Verb: micro.Verb(args[0].Text())}
	rest := args[1:]
	for _, place := range []*string{&q.Name, &q.ID} {
		if len(rest) > 0 && !strings.HasPrefix(rest[0].Text(), "-") {
			*place, rest = rest[0].Text(), rest[1:]
		}
	}
	o, err := serviceAskOptions.Parse(rest)
	if err != nil {
		return nil, err
	}
	q.Timeout, q.Stall = o.Duration("timeout"), o.Duration("stall")
	return bridge.Begin(p, func(done func([]dict.Dict, error)) error {
		return micro.Ask(c.wire, q, done)
	}, func(answers []dict.Dict) (any, error) {
		list := make([]any, len(answers))
		for i, answer := range answers {
			withoutNull(answer)
			list[i] = answer
		}
		return list, nil
	})
}

var serviceRequestOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, About: "how long to wait for the reply; by default what the connection's -request_timeout says; 0: no limit"},
	{Name: "dictmsg", Kind: option.Bool, About: "the reply is a dict; by default what the connection's -dictmsg says"},
	{Name: "header", Kind: headers, About: "headers: keys with lists of values"},
}

// cmdServiceCall sends a request to a service. An answer that tells an error is thrown.
func cmdServiceCall(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := serviceRequestOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	m := &nats.Msg{Subject: args[0].Text(), Data: c.outgoing(args[1])}
	m.Header, _ = o.Get("header").(nats.Header)
	timeout := c.settings.values.Duration("request_timeout")
	if o.Has("timeout") {
		timeout = o.Duration("timeout")
	}
	asDict := c.settings.values.Bool("dictmsg")
	if o.Has("dictmsg") {
		asDict = o.Bool("dictmsg")
	}
	var pending *wire.Pending
	return bridge.Begin(p, func(done func(*nats.Msg, error)) (err error) {
		pending, err = micro.Call(c.wire, m, timeout, done)
		return err
	}, func(reply *nats.Msg) (any, error) { return c.reply(reply, pending, asDict), nil })
}

func cmdServiceSubject(_ *bridge.Package, args []bridge.Value) (any, error) {
	var place [2]string
	for i, v := range args[1:] {
		place[i] = v.Text()
	}
	return micro.Subject(micro.Verb(args[0].Text()), place[0], place[1])
}
