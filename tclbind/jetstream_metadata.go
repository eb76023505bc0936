// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
)

// cmdMetadata tells what a consumer's message says of itself (nats::metadata).
func cmdMetadata(_ *bridge.Package, args []bridge.Value) (any, error) {
	reply, err := messageField(args[0], "reply")
	if err != nil {
		return nil, err
	}
	m, ok := js.ParseMetadata(reply)
	if !ok {
		subject, _ := messageField(args[0], "subject")
		return nil, fault.New(fault.NotJSMessage, "Message with subject "+subject+" is not a JetStream message")
	}
	out := dict.Dict{
		{Key: "stream", Value: m.Stream},
		{Key: "consumer", Value: m.Consumer},
		{Key: "num_delivered", Value: m.Delivered},
		{Key: "stream_seq", Value: m.StreamSeq},
		{Key: "consumer_seq", Value: m.ConsumerSeq},
		{Key: "timestamp", Value: m.Time.UnixMilli()},
		{Key: "num_pending", Value: m.Pending},
	}
	if m.Domain != "" {
		out.Set("domain", m.Domain)
	}
	return out, nil
}
