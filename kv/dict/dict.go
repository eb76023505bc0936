// SPDX-License-Identifier: Apache-2.0

// Package dict has the one structured value that the core speaks besides
// strings, bytes, integers and booleans: a dict that keeps the order of its
// keys, and its reading from JSON.
//
// The values of a Dict, and the elements of a []any, are: string (text),
// []byte (a payload), bool, int, int64, uint64, Number, nil (null), []string,
// []any and Dict. They are those that package bridge turns into Tcl values.
package dict

import "encoding/json"

// Number is a JSON number as it was written: it is never rounded, and keeps
// its exponent and its trailing zeros.
type Number = json.Number

// Field is one key of a Dict with its value.
type Field struct {
	Key   string
	Value any
}

// Dict is an ordered list of fields. It is small, so look-ups are linear; a key
// is expected once.
type Dict []Field

// Len is the number of fields.
func (d Dict) Len() int { return len(d) }

// At returns the field of a number from 0 on.
func (d Dict) At(i int) (key string, value any) { return d[i].Key, d[i].Value }

// Get returns the value of key, and whether it is there.
func (d Dict) Get(key string) (any, bool) {
	for i := range d {
		if d[i].Key == key {
			return d[i].Value, true
		}
	}
	return nil, false
}

// Path follows keys through nested dicts. It returns nil where one is missing.
func (d Dict) Path(keys ...string) any {
	var v any = d
	for _, k := range keys {
		in, ok := v.(Dict)
		if !ok {
			return nil
		}
		v, _ = in.Get(k)
	}
	return v
}

// Text returns the text of a string or Number field, or "".
func (d Dict) Text(keys ...string) string {
	switch v := d.Path(keys...).(type) {
	case string:
		return v
	case Number:
		return string(v)
	}
	return ""
}

// Set replaces the value of key in place, or appends the field.
func (d *Dict) Set(key string, value any) {
	for i := range *d {
		if (*d)[i].Key == key {
			(*d)[i].Value = value
			return
		}
	}
	*d = append(*d, Field{key, value})
}

// Without returns the dict less the fields of these keys.
func (d Dict) Without(keys ...string) Dict {
	out := make(Dict, 0, len(d))
next:
	for _, f := range d {
		for _, k := range keys {
			if f.Key == k {
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}
