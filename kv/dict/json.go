// SPDX-License-Identifier: Apache-2.0

package dict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// maxDepth bounds the nesting of a JSON text: what comes from a network must not
// exhaust the stack.
const maxDepth = 1000

// Parse reads one JSON value: Dict, []any, string, Number, bool or nil. Keys keep
// their order; of a key that comes twice the last value counts, at its first place.
// Anything behind the value but blanks is an error.
func Parse(data []byte) (any, error) {
	if depth(data) > maxDepth {
		return nil, errors.New("invalid JSON: nested too deeply")
	}
	if !gjson.ValidBytes(data) {
		return nil, fmt.Errorf("invalid JSON: %w", whyInvalid(data))
	}
	return value(gjson.ParseBytes(data)), nil
}

// Valid tells whether data is one JSON value that Parse reads.
func Valid(data []byte) bool { return depth(data) <= maxDepth && gjson.ValidBytes(data) }

// depth is how deep brackets are nested, at least.
func depth(data []byte) (deepest int) {
	now, inText := 0, false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			inText = !inText
		case '\\':
			i++
		case '[', '{':
			if !inText {
				now++
				deepest = max(deepest, now)
			}
		case ']', '}':
			if !inText {
				now--
			}
		}
	}
	return deepest
}

// whyInvalid is the reason in the words of encoding/json, which tells more.
func whyInvalid(data []byte) error {
	var any json.RawMessage
	if err := json.Unmarshal(data, &any); err != nil {
		return err
	}
	return errors.New("not a JSON text")
}

func value(r gjson.Result) any {
	switch r.Type {
	case gjson.String:
		return characters(r.Str)
	case gjson.Number:
		return Number(r.Raw)
	case gjson.True, gjson.False:
		return r.Type == gjson.True
	case gjson.JSON:
		if r.IsArray() {
			return list(r)
		}
		return object(r)
	}
	return nil
}

// characters replaces what is no UTF-8, as encoding/json does.
func characters(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func list(r gjson.Result) []any {
	out := []any{}
	r.ForEach(func(_, v gjson.Result) bool {
		out = append(out, value(v))
		return true
	})
	return out
}

func object(r gjson.Result) Dict {
	out := Dict{}
	var places map[string]int // made where a linear look-up would be slow
	r.ForEach(func(k, v gjson.Result) bool {
		key := characters(k.Str)
		if places == nil {
			out.Set(key, value(v))
			if len(out) == 32 {
				places = make(map[string]int, 64)
				for i, f := range out {
					places[f.Key] = i
				}
			}
			return true
		}
		if i, ok := places[key]; ok {
			out[i].Value = value(v)
			return true
		}
		places[key] = len(out)
		out = append(out, Field{key, value(v)})
		return true
	})
	return out
}

// JSON writes the dict with its keys in order. []byte values are written as text.
func (d Dict) JSON() []byte { return appendJSON(nil, d) }

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case Number:
		return append(b, v...)
	case string:
		return appendText(b, v)
	case []byte:
		return appendText(b, string(v))
	case []string:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, e)
		}
		return append(b, ']')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case Dict:
		b = append(b, '{')
		for i, f := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, f.Key)
			b = append(b, ':')
			b = appendJSON(b, f.Value)
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("dict: a value of type %T", v))
}

// plain tells whether a text is its own encoding, as subjects and most values are.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendText writes a JSON string. Unlike json.Marshal it leaves <, > and & as they
// are: they are common in subjects.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has an encoding
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
