// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
)

// headerDict sorts the keys, for nats.go has lost their order: Status and Description
// first. A line without a value is one with an empty value.
func headerDict(h nats.Header) dict.Dict {
	out := make(dict.Dict, 0, len(h))
	for key, lines := range h {
		if key = headerText(key); key != "" {
			out = append(out, dict.Field{Key: key, Value: headerValues(lines)})
		}
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

// headerValues is what stands in the lines of one key. Nearly always there is nothing to do.
func headerValues(lines []string) []string {
	if !slices.ContainsFunc(lines, func(value string) bool { return value != headerText(value) }) {
		return lines
	}
	values := make([]string, len(lines))
	for i, value := range lines {
		values[i] = headerText(value)
	}
	return values
}

// headerText is a header's key or value without blanks around it. Nobody says how it is encoded:
// bytes that are no UTF-8 are ISO 8859-1.
func headerText(s string) string {
	s = strings.TrimSpace(s)
	if utf8.ValidString(s) {
		return s
	}
	return bridge.DecodeUTF8([]byte(s))
}

// header reads a header dict: each key with a list of values. Keys and values are
// trimmed, and an empty key is left out. CR and LF would be a way to write protocol
// lines of one's own.
func header(v bridge.Value) (nats.Header, error) {
	list, err := v.List()
	if err != nil || len(list)%2 == 1 {
		return nil, invalid("Invalid header " + v.Text())
	}
	var out nats.Header
	for i := 0; i < len(list); i += 2 {
		key := strings.TrimSpace(list[i].Text())
		if key == "" {
			continue
		}
		values, err := bridge.Texts(list[i+1])
		if err != nil || strings.ContainsAny(key, "\r\n:") {
			return nil, invalid("Invalid header key " + key)
		}
		if out == nil {
			out = nats.Header{}
		}
		delete(out, key) // as in a dict, the last one counts
		for _, value := range values {
			value = strings.TrimSpace(value)
			if !headerSafe(value) {
				return nil, invalid("Invalid value of the header key " + key)
			}
			out[key] = append(out[key], value)
		}
	}
	return out, nil
}

// headerSafe tells whether a header's value stays on its line.
func headerSafe(value string) bool { return !strings.ContainsAny(value, "\r\n") }
