// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// Numbers and booleans as the Tcl that runs writes them. They are parsed here, and not by
// the interpreter, so that all hosts agree and a big integer is no special case.

// Tcl9 tells that it is Tcl 9, where 017 and 0d17 are 17, and digits may be grouped, as in 1_000
// (TIP 114 and 551). In Tcl 8.6 a leading 0 means octal. A host sets it before any interpreter
// is there: a process has one Tcl.
var Tcl9 bool

var errNoInteger = errors.New("expected integer")

// BigInteger reads an integer of any size: blanks around it, a sign, 0x, 0o, 0b.
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

// ungrouped removes the underscores between two digits, which numbers have in Tcl 9 (1_000). It leaves any other
// underscore where it is, so that the parser refuses the text.
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

// Integer reads a number that fits an int64.
func Integer(v Value) (int64, error) {
	text := v.Text()
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && (text[0] != '0' || len(text) == 1) {
		return n, nil
	}
	if n, ok := BigInteger(text); ok && n.IsInt64() {
		return n.Int64(), nil
	}
	return 0, errNoInteger
}

// Decimal tells whether text is a number, with a fraction or without, and
// returns it as JSON writes numbers.
func Decimal(text string) (*big.Rat, bool) {
	if n, ok := BigInteger(text); ok {
		return new(big.Rat).SetInt(n), true
	}
	s := ungrouped(strings.Trim(text, " \t\n\v\f\r"), false)
	if s == "" || strings.ContainsAny(s, "/_xXpP") {
		return nil, false
	}
	// An exponent that is merely long would be expanded digit by digit.
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e < -64 || e > 64 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

// Boolean reads every Tcl boolean: a word or its unique beginning, in any case, or
// a number.
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

// Texts reads a list of texts.
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
