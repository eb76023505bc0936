// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
)

var pushCommands = []bridge.Command{
	{Name: "push_consumer", Usage: "jet_stream stream consumer args", Run: bridge.On(cmdPushConsumer)},
}

// pushConsumerOptions are those of any nats::consumer.
var pushConsumerOptions = consumingOptions

// cmdPushConsumer begins to read a push consumer; the wait's result is the consumer's handle.
func cmdPushConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := pushConsumerOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	c := newConsuming(p, j, args)
	config := js.PushConfig{StopAfter: small(o.Int("stop_after")), Deliver: c.delivered, Failed: c.failed, Ended: c.over}
	return begin(p, c, o, func(done func(*js.PushConsumer, error)) error {
		return j.js.PushConsumer(c.stream, c.consumer, config, done)
	})
}
