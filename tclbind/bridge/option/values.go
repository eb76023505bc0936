// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/json"
	"iter"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"
)

// Values are parsed options by name. Their Go types are those that the kinds tell, or those of the
// tables' defaults. nil has none, and cannot be written.
type Values = *Set

// Set is a list: most calls have few options, and each call makes one.
type Set struct {
	fields []field
	few    [4]field // where fields begins
}

func newSet() *Set {
	o := new(Set)
	o.fields = o.few[:0]
	return o
}

type field struct {
	name  string
	value any
	row   *Row // nil of one that is of no table
}

// Find returns an option, and whether it was given, or has a default.
func (o *Set) Find(name string) (any, bool) {
	if o != nil {
		for i := range o.fields {
			if f := &o.fields[i]; f.name == name {
				return f.value, true
			}
		}
	}
	return nil, false
}

// Get returns an option, nil for none.
func (o *Set) Get(name string) any {
	v, _ := o.Find(name)
	return v
}

// Put adds an option, or replaces it.
func (o *Set) Put(name string, value any) { o.set(name, value, nil) }

func (o *Set) set(name string, value any, row *Row) {
	for i := range o.fields {
		if f := &o.fields[i]; f.name == name {
			f.value = value
			return
		}
	}
	o.fields = append(o.fields, field{name, value, row})
}

// Remove has no effect where there is no such option.
func (o *Set) Remove(name string) {
	o.fields = slices.DeleteFunc(o.fields, func(f field) bool { return f.name == name })
}

// All are the options in the order in which they were given first.
func (o *Set) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if o == nil {
			return
		}
		for _, f := range o.fields {
			if !yield(f.name, f.value) {
				return
			}
		}
	}
}

// Sent are those of which the table says by which name they are sent.
func (o *Set) Sent() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		if o == nil {
			return
		}
		for i := range o.fields {
			if row := o.fields[i].row; row != nil && row.Sent != "" && !yield(row) {
				return
			}
		}
	}
}

// Len is how many there are.
func (o *Set) Len() int {
	if o == nil {
		return 0
	}
	return len(o.fields)
}

// OrDefaults adds the defaults of what was not given.
func (o *Set) OrDefaults(t Table) Values {
	for i := range t {
		if row := &t[i]; row.Default != nil && !o.Has(row.Name) {
			o.fields = append(o.fields, field{row.Name, row.Default, row})
		}
	}
	return o
}

// Has tells whether the option was given, or has a default.
func (o *Set) Has(name string) bool { _, ok := o.Find(name); return ok }

// Text returns an option that is a text, "" for none.
func (o *Set) Text(name string) string { s, _ := o.Get(name).(string); return s }

// Bool returns a Bool, false for none.
func (o *Set) Bool(name string) bool { b, _ := o.Get(name).(bool); return b }

// List returns a List, nil for none.
func (o *Set) List(name string) []string { l, _ := o.Get(name).([]string); return l }

// Duration returns a Millis, 0 for none. A default may be a time.Duration.
func (o *Set) Duration(name string) time.Duration {
	return MillisOf(o.Get(name))
}

// MillisOf is what Duration makes of a value.
func MillisOf(v any) time.Duration {
	switch v := v.(type) {
	case time.Duration:
		return v
	case json.Number:
		n, _ := new(big.Int).SetString(string(v), 10)
		return FromMillis(n)
	}
	return 0
}

// Int returns an Int or a Natural, 0 for none; one beyond int64 becomes the nearest that is not.
func (o *Set) Int(name string) int64 {
	text, _ := o.Get(name).(json.Number)
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n
	}
	n, ok := new(big.Int).SetString(string(text), 10)
	if !ok {
		return 0
	}
	return clip(n)
}

// Nanos returns a Duration in ns, rounded, and clipped to int64; 0 for none.
func (o *Set) Nanos(name string) int64 {
	ms, ok := o.Get(name).(*big.Rat)
	if !ok {
		return 0
	}
	return Nanos(ms)
}

// Nanos are so many ms in ns, rounded, and clipped to int64.
func Nanos(ms *big.Rat) int64 {
	ns := new(big.Rat).Mul(ms, big.NewRat(int64(time.Millisecond), 1))
	ns.Add(ns, big.NewRat(1, 2))
	return clip(new(big.Int).Div(ns.Num(), ns.Denom())) // floor of x + 1/2
}

// FromMillis is exact up to what a Duration can hold, about 292 years.
func FromMillis(ms *big.Int) time.Duration {
	if !ms.IsInt64() || ms.Int64() > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms.Int64()) * time.Millisecond
}

func clip(n *big.Int) int64 {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
