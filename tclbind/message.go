package tclbind

import (
	"sort"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
)

// messageDict is a message as nats::msg has it (core-nats.md, nats::msg).
func (c *connection) messageDict(m *nats.Msg, subID int) dict.Dict {
	return dict.Dict{
		{Key: "header", Value: headerDict(m.Header)},
		{Key: "data", Value: c.incoming(m.Data)},
		{Key: "subject", Value: m.Subject},
		{Key: "reply", Value: m.Reply},
		{Key: "sub_id", Value: subID},
	}
}

// headerDict sorts the keys, for nats.go has lost their order: Status and Description
// first.
func headerDict(h nats.Header) dict.Dict {
	out := make(dict.Dict, 0, len(h))
	for key, values := range h {
		out = append(out, dict.Field{Key: key, Value: values})
	}
	rank := func(key string) int {
		switch key {
		case "Status":
			return 0
		case "Description":
			return 1
		}
		return 2
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].Key, out[j].Key
		if rank(a) != rank(b) {
			return rank(a) < rank(b)
		}
		return a < b
	})
	return out
}
