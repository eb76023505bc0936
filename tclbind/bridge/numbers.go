package bridge

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// Numbers and booleans as Tcl 8.6 writes them. They are parsed here, and not by
// the interpreter, so that both hosts agree and a big integer is no special case.

var errNoInteger = errors.New("expected integer")

// BigInteger reads an integer of any size: blanks around it, a sign, 0x, 0o, 0b, and
// 8.6's leading 0 for octal.
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
		case 'd', 'D':
			s = s[2:]
		default:
			base, s = 8, s[1:]
		}
	}
	if s == "" || s[0] == '-' || s[0] == '+' || strings.ContainsRune(s, '_') {
		return nil, false
	}
	n, ok := new(big.Int).SetString(s, base)
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
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
	s := strings.Trim(text, " \t\n\v\f\r")
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
