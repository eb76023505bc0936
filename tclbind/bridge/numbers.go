// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// This file parses numbers and booleans by the rules of the Tcl that runs. The interpreter could do that too, but then the
// hosts might differ, and integers of more than 64 bits would need code of their own.

// Tcl9 is true if the process runs Tcl 9. There 017 and 0d17 are 17, and digits may be grouped, as in 1_000
// (TIP 114 and 551), while in Tcl 8.6 a leading 0 means octal. A host sets it before it makes the first interpreter. A
// process has only one version of Tcl.
var Tcl9 bool

var errNoInteger = errors.New("expected integer")

// BigInteger parses an integer of any size. It may have white space around it, a sign, and a prefix 0x, 0o or 0b.
func BigInteger(text string) (*big.Int, bool) {
	s := strings.Trim(text, " \t\n\v\f\r")
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	base := 10
	if len(s) > 1 && s[0] == '0' {
		switch s[1] {
		case 'x', 'X':
			base, s = 16, s[2:]
		case 'b', 'B':
			base, s = 2, s[2:]
		case 'o', 'O':
			base, s = 8, s[2:]
		default:
			switch {
			case !Tcl9:
				base, s = 8, s[1:]
			case s[1] == 'd' || s[1] == 'D':
				s = s[2:]
			}
		}
	}
	s = ungrouped(s, base == 16)
	if s == "" || s[0] == '-' || s[0] == '+' || strings.ContainsRune(s, '_') {
		return nil, false
	}
	n, ok := new(big.Int).SetString(s, base)
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
}

// ungrouped removes the underscores that Tcl 9 allows between two digits (1_000). If there is any other underscore, it
// returns the text as it is, and the parser refuses it.
func ungrouped(s string, hex bool) string {
	if !Tcl9 || !strings.Contains(s, "_") {
		return s
	}
	isDigit := func(c byte) bool {
		return c >= '0' && c <= '9' || hex && (c|0x20 >= 'a' && c|0x20 <= 'f')
	}
	groups := strings.FieldsFunc(s, func(c rune) bool { return c == '_' })
	if s[0] == '_' || s[len(s)-1] == '_' {
		return s
	}
	for i, g := range groups {
		if i > 0 && !isDigit(g[0]) || i < len(groups)-1 && !isDigit(g[len(g)-1]) {
			return s
		}
	}
	return strings.Join(groups, "")
}

// Integer returns a value as an int64; an error if it is no integer, or does not fit.
func Integer(v Value) (int64, error) {
	text := v.ViewText()
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && (text[0] != '0' || len(text) == 1) {
		return n, nil
	}
	if n, ok := BigInteger(text); ok && n.IsInt64() {
		return n.Int64(), nil
	}
	return 0, errNoInteger
}

// Decimal parses a number, with a fraction and an exponent or without. ok is false if text is none, or has an exponent
// beyond 64.
func Decimal(text string) (*big.Rat, bool) {
	if n, ok := BigInteger(text); ok {
		return new(big.Rat).SetInt(n), true
	}
	s := ungrouped(strings.Trim(text, " \t\n\v\f\r"), false)
	if s == "" || strings.ContainsAny(s, "/_xXpP") {
		return nil, false
	}
	// A large exponent would need as many digits of memory.
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e < -64 || e > 64 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

// Boolean parses a Tcl boolean: true, yes, on, false, no, off or a beginning of one that is unique, in upper or lower
// case; or a number, of which 0 is false.
func Boolean(text string) (value, ok bool) {
	s := strings.ToLower(text)
	if s != "" {
		for _, word := range []struct {
			name  string
			least int // the shortest unique beginning
			value bool
		}{
			{"true", 1, true}, {"yes", 1, true}, {"on", 2, true},
			{"false", 1, false}, {"no", 1, false}, {"off", 2, false},
		} {
			if len(s) >= word.least && strings.HasPrefix(word.name, s) {
				return word.value, true
			}
		}
	}
	if n, ok := Decimal(text); ok {
		return n.Sign() != 0, true
	}
	return false, false
}

// Texts returns the elements of a list as texts.
func Texts(v Value) ([]string, error) {
	list, err := v.List()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.Text()
	}
	return out, nil
}
