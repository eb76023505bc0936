package tclbind

import (
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
)

// cmdMetadata tells what a consumer's message says of itself (nats::metadata).
func cmdMetadata(_ *bridge.Package, args []bridge.Value) (any, error) {
	d, err := textDict(args[0])
	if err != nil {
		return nil, invalid("Invalid message " + args[0].Text())
	}
	m, ok := js.ParseMetadata(d.Text("reply"))
	if !ok {
		return nil, wire.Fail("ErrNotJSMessage", "Message with subject "+d.Text("subject")+" is not a JetStream message")
	}
	return dict.Dict{
		{Key: "stream", Value: m.Stream},
		{Key: "consumer", Value: m.Consumer},
		{Key: "num_delivered", Value: m.Delivered},
		{Key: "stream_seq", Value: m.StreamSeq},
		{Key: "consumer_seq", Value: m.ConsumerSeq},
		{Key: "timestamp", Value: m.Time.UnixMilli()},
		{Key: "num_pending", Value: m.Pending},
	}, nil
}
