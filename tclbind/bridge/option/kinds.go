// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"

	"natstcl/tclbind/bridge"
)

// Kind is what the values of an option are. Those below are for any command; others have kinds of
// their own.
type Kind struct {
	Word  string // by which messages name it
	Takes string // for the documentation: what a value may be
	Wants string // for errorInfo: what a value has to be, where Word does not say it
	Code  string // of the error of a bad value, "" for bridge.ErrInvalidArg
	// Parse reads a value, or refuses it (Row.Refuse).
	Parse func(*Row, bridge.Value) (any, error)
}

var (
	// Text is any text.
	Text = &Kind{Word: "str", Takes: "text", Parse: text}
	// Nonempty is a text that is not empty.
	Nonempty = &Kind{Word: "valid_str", Takes: "text, not empty", Parse: nonempty}
	// Bool is a Tcl boolean.
	Bool = &Kind{Word: "bool", Takes: "bool", Parse: boolean}
	// Int is an integer of any size, as a json.Number.
	Int = &Kind{Word: "int", Takes: "int", Parse: integer}
	// Natural is an Int that is not below 0.
	Natural = &Kind{Word: "pos_int", Takes: "int, 0 and more", Parse: natural}
	// Millis is a Natural number of ms.
	Millis = &Kind{Word: "timeout", Takes: "ms", Code: bridge.ErrBadTimeout, Parse: natural}
	// Duration is a number of ms, perhaps with a fraction, as a *big.Rat.
	Duration = &Kind{Word: "timeout", Takes: "ms, a fraction is fine", Parse: duration}
	// Lifetime is a Duration that is not negative, and no longer than a server can count: about 292
	// years.
	Lifetime = &Kind{Word: "timeout", Takes: "ms, a fraction is fine", Parse: lifetime}
	// List is a list of texts that is not empty.
	List = &Kind{Word: "list", Takes: "list", Parse: list}
	// Durations is a List of Duration.
	Durations = &Kind{Word: "list", Takes: "list of ms", Parse: durations}
	// Enum is one of the words that the row allows.
	Enum = &Kind{Word: "enum", Parse: enum}
	// Prefix is a command prefix, as a bridge.Value that is the caller's to retain; where the row
	// lets it be empty, then "".
	Prefix = &Kind{Word: "list", Takes: "command prefix", Parse: prefix}
)

func text(_ *Row, v bridge.Value) (any, error) { return v.Text(), nil }

func nonempty(r *Row, v bridge.Value) (any, error) {
	if s := v.Text(); s != "" {
		return s, nil
	}
	return nil, r.Refuse(v)
}

func boolean(r *Row, v bridge.Value) (any, error) {
	if b, ok := bridge.Boolean(v.Text()); ok {
		return b, nil
	}
	return nil, r.Refuse(v)
}

func integer(r *Row, v bridge.Value) (any, error) {
	if n, ok := bridge.BigInteger(v.Text()); ok {
		return json.Number(n.String()), nil
	}
	return nil, r.Refuse(v)
}

func natural(r *Row, v bridge.Value) (any, error) {
	if n, ok := bridge.BigInteger(v.Text()); ok && n.Sign() >= 0 {
		return json.Number(n.String()), nil
	}
	return nil, r.Refuse(v)
}

func duration(r *Row, v bridge.Value) (any, error) {
	if ms, ok := bridge.Decimal(v.Text()); ok {
		return ms, nil
	}
	return nil, r.Refuse(v)
}

func lifetime(r *Row, v bridge.Value) (any, error) {
	if ms, ok := bridge.Decimal(v.Text()); ok && ms.Sign() >= 0 && Nanos(ms) < math.MaxInt64 {
		return ms, nil
	}
	return nil, r.Refuse(v)
}

func list(r *Row, v bridge.Value) (any, error) {
	if texts, err := bridge.Texts(v); err == nil && (len(texts) > 0 || r.Empty) {
		return texts, nil
	}
	return nil, r.Refuse(v)
}

func durations(r *Row, v bridge.Value) (any, error) {
	texts, err := bridge.Texts(v)
	if err != nil || len(texts) == 0 {
		return nil, r.Refuse(v)
	}
	out := make([]*big.Rat, len(texts))
	for i, text := range texts {
		ms, ok := bridge.Decimal(text)
		if !ok {
			return nil, r.Refuse(v)
		}
		out[i] = ms
	}
	return out, nil
}

func enum(r *Row, v bridge.Value) (any, error) {
	word := v.Text()
	if slices.Contains(r.Allowed, word) {
		return word, nil
	}
	return nil, invalid("Invalid value for the enum " + r.Name + " : " + word + "; allowed values: " + strings.Join(r.Allowed, " "))
}

func prefix(r *Row, v bridge.Value) (any, error) {
	empty := v.ViewText() == ""
	if r.Empty && empty {
		return "", nil
	}
	if words, err := v.List(); err == nil && len(words) > 0 {
		return v, nil
	}
	if empty {
		return nil, r.RefuseAs(Nonempty.Word, v)
	}
	return nil, r.Refuse(v)
}
