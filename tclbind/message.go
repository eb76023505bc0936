package tclbind

import (
	"sort"
	"strings"

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

// header reads a header dict: each key with a list of values. Keys and values are
// trimmed, and an empty key is left out. CR and LF would be a way to write protocol
// lines of one's own.
func header(v Value) (nats.Header, error) {
	list, err := v.List()
	if err != nil {
		return nil, err
	}
	if len(list)%2 == 1 {
		return nil, invalid("Missing a value for a key")
	}
	var out nats.Header
	for i := 0; i < len(list); i += 2 {
		key := strings.TrimSpace(list[i].Text())
		if key == "" {
			continue
		}
		values, err := texts(list[i+1])
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(key, "\r\n:") {
			return nil, invalid("Invalid header key " + key)
		}
		if out == nil {
			out = nats.Header{}
		}
		delete(out, key) // as in a dict, the last one counts
		for _, value := range values {
			value = strings.TrimSpace(value)
			if strings.ContainsAny(value, "\r\n") {
				return nil, invalid("Invalid value for the header " + key)
			}
			out[key] = append(out[key], value)
		}
	}
	return out, nil
}

// messageOf reads a message dict, as nats::msg create makes it.
func (c *connection) messageOf(v Value) (*nats.Msg, error) {
	list, err := v.List()
	if err != nil {
		return nil, err
	}
	if len(list)%2 == 1 {
		return nil, invalid("missing value to go with key")
	}
	m := &nats.Msg{}
	for i := 0; i < len(list); i += 2 {
		value := list[i+1]
		switch list[i].Text() {
		case "subject":
			m.Subject = value.Text()
		case "reply":
			m.Reply = value.Text()
		case "data":
			m.Data = c.outgoing(value)
		case "header":
			if m.Header, err = header(value); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}
