// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"
	"strconv"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var pullCommands = []bridge.Command{
	{Name: "pull_consumer", Usage: "jet_stream stream consumer args", Run: bridge.On(cmdPullConsumer)},
}

// The limits of what is asked for and not yet taken are those of nats.go.
var pullConsumerOptions = slices.Concat(consumingOptions, option.Table{
	{Name: "max_messages", Kind: option.Natural, Default: dict.Number("500"), About: "how many messages may be asked for and not yet taken by the script"},
	{Name: "max_bytes", Kind: option.Natural, About: "how many bytes of messages may be asked for and not yet taken by the script"},
	{Name: "expires", Kind: option.Millis, Default: 30 * time.Second, About: "how long one request to the server lasts, 1000 at least"},
	{Name: "threshold", Kind: option.Natural, About: "more messages are asked for when so many are left; by default half of -max_messages"},
	{Name: "idle_heartbeat", Kind: option.Millis, About: "how often the server shows that it lives while it has nothing to send; by default half of -expires, 30000 at most"},
}, groupOptions)

// leastExpires is that of nats.go: requests that end sooner would keep the server busy.
const leastExpires = time.Second

// cmdPullConsumer begins to pull; the wait's result is the consumer's handle.
func cmdPullConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := pullConsumerOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	c := newConsuming(p, j, args)
	config := js.PullConfig{
		MaxMessages: small(o.Int("max_messages")), MaxBytes: o.Int("max_bytes"),
		Expires:   o.Duration("expires"),
		StopAfter: small(o.Int("stop_after")), Deliver: c.delivered, Failed: c.failed, Ended: c.over,
	}
	if config.Group, err = groupConfig(o); err != nil {
		return nil, err
	}
	config.Threshold = config.MaxMessages / 2
	if o.Has("threshold") {
		config.Threshold = small(o.Int("threshold"))
	}
	config.IdleHeartbeat = min(config.Expires/2, 30*time.Second)
	if o.Has("idle_heartbeat") {
		config.IdleHeartbeat = o.Duration("idle_heartbeat")
	}
	switch {
	case config.MaxMessages < 1:
		return nil, invalid("Invalid value for the pos_int option max_messages : 0")
	case config.Expires < leastExpires:
		return nil, fault.New(fault.BadTimeout, "-expires is at least "+strconv.FormatInt(leastExpires.Milliseconds(), 10))
	case config.Threshold >= config.MaxMessages:
		return nil, invalid("-threshold is less than -max_messages")
	case config.IdleHeartbeat > config.Expires/2:
		return nil, fault.New(fault.BadTimeout, "-idle_heartbeat is at most half of -expires")
	}
	return begin(p, c, o, func(done func(*js.PullConsumer, error)) error {
		return j.js.PullConsumer(c.stream, c.consumer, config, done)
	})
}
