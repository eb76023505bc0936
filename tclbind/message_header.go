package tclbind

import (
	"slices"
	"sort"
	"strings"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
)

// headerDict sorts the keys, for nats.go has lost their order: Status and Description
// first. Lines without a value are skipped.
func headerDict(h nats.Header) dict.Dict {
	out := make(dict.Dict, 0, len(h))
	for key, lines := range h {
		if values := headerValues(lines); len(values) > 0 {
			out = append(out, dict.Field{Key: strings.TrimSpace(key), Value: values})
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

// headerValues trims what stands in the lines of one key. Nearly always there is nothing to do.
func headerValues(lines []string) []string {
	blank := func(value string) bool { return value == "" || value != strings.TrimSpace(value) }
	if !slices.ContainsFunc(lines, blank) {
		return lines
	}
	values := make([]string, 0, len(lines))
	for _, value := range lines {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
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
