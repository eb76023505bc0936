package dict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxDepth bounds the nesting of a JSON text: what comes from a network must not
// exhaust the stack.
const maxDepth = 1000

// Parse reads one JSON value: Dict, []any, string, Number, bool or nil. Keys keep
// their order; of a key that comes twice the last value counts, at its first place.
// Anything behind the value but blanks is an error.
func Parse(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parse(d, 0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("invalid JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("invalid JSON: more than one value")
	}
	return v, nil
}

func parse(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	switch t := t.(type) {
	case json.Number:
		return Number(t), nil
	case json.Delim:
		if t == '[' {
			return parseList(d, depth)
		}
		return parseDict(d, depth)
	}
	return t, nil // string, bool or nil
}

func parseList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := parse(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

func parseDict(d *json.Decoder, depth int) (any, error) {
	out := Dict{}
	var places map[string]int // made where a linear look-up would be slow
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string) // the decoder takes nothing else for a key
		v, err := parse(d, depth+1)
		if err != nil {
			return nil, err
		}
		switch {
		case places != nil:
			if i, ok := places[key]; ok {
				out[i].Value = v
				continue
			}
			places[key] = len(out)
			out = append(out, Field{key, v})
		default:
			out.Set(key, v)
			if len(out) == 32 {
				places = make(map[string]int, 64)
				for i, f := range out {
					places[f.Key] = i
				}
			}
		}
	}
	_, err := d.Token()
	return out, err
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

// appendText writes a JSON string. Unlike json.Marshal it leaves <, > and & as they
// are: they are common in subjects.
func appendText(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always has an encoding
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
