// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"time"
)

// Values are parsed options by name. Their Go types are those that the kinds tell, or those of the
// tables' defaults.
type Values map[string]any

// OrDefaults adds the defaults of what was not given.
func (o Values) OrDefaults(t Table) Values {
	for i := range t {
		if row := &t[i]; row.Default != nil && !o.Has(row.Name) {
			o[row.Name] = row.Default
		}
	}
	return o
}

// Has tells whether the option was given, or has a default.
func (o Values) Has(name string) bool { _, ok := o[name]; return ok }

// Text returns an option that is a text, "" for none.
func (o Values) Text(name string) string { s, _ := o[name].(string); return s }

// Bool returns a Bool, false for none.
func (o Values) Bool(name string) bool { b, _ := o[name].(bool); return b }

// List returns a List, nil for none.
func (o Values) List(name string) []string { l, _ := o[name].([]string); return l }

// Duration returns a Millis, 0 for none. A default may be a time.Duration.
func (o Values) Duration(name string) time.Duration {
	switch v := o[name].(type) {
	case time.Duration:
		return v
	case json.Number:
		n, _ := new(big.Int).SetString(string(v), 10)
		return FromMillis(n)
	}
	return 0
}

// Int returns an Int or a Natural, 0 for none; one beyond int64 becomes the nearest that is not.
func (o Values) Int(name string) int64 {
	text, _ := o[name].(json.Number)
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
func (o Values) Nanos(name string) int64 {
	ms, ok := o[name].(*big.Rat)
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
