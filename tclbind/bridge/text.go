// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Tcl's strings are UTF-8 with two exceptions: NUL is C0 80, and Tcl 8.6, whose
// characters have 16 bits, writes one outside the BMP as two surrogates of three bytes each.

// AppendText appends a Go string as Tcl's. A byte that belongs to no character becomes
// U+FFFD: what comes from a network must not break the interpreter. utfMax is TCL_UTF_MAX
// of the interpreter.
func AppendText(b []byte, s string, utfMax int) []byte {
	if SameInTcl(s) {
		return append(b, s...)
	}
	for _, r := range s {
		switch {
		case r == 0:
			b = append(b, 0xC0, 0x80)
		case r > 0xFFFF && utfMax < 4:
			r -= 0x10000
			b = appendSurrogate(b, 0xD800+r>>10)
			b = appendSurrogate(b, 0xDC00+r&0x3FF)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

func appendSurrogate(b []byte, r rune) []byte {
	return append(b, 0xE0|byte(r>>12), 0x80|byte(r>>6)&0x3F, 0x80|byte(r)&0x3F)
}

// SameInTcl tells whether a string is the same for Go and Tcl.
func SameInTcl(s string) bool {
	ascii := true
	for i := range len(s) {
		if c := s[i]; c == 0 || c >= 0x80 {
			ascii = false
			if c == 0 || c >= 0xF0 {
				return false
			}
		}
	}
	return ascii || utf8.ValidString(s)
}

// FromText reads Tcl's string. A surrogate that stands alone becomes U+FFFD.
func FromText(s string) string {
	exception := false
	for i := range len(s) {
		if c := s[i]; c == 0xC0 || c == 0xED {
			exception = true
			break
		}
	}
	if !exception {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], "\xC0\x80") {
			b.WriteByte(0)
			i += 2
			continue
		}
		if high, ok := surrogate(s[i:]); ok {
			low, ok := rune(0), false
			if high < 0xDC00 {
				low, ok = surrogate(s[i+3:])
			}
			if ok && low >= 0xDC00 {
				b.WriteRune(0x10000 + (high-0xD800)<<10 + (low - 0xDC00))
				i += 6
			} else {
				b.WriteRune(utf8.RuneError)
				i += 3
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// surrogate reads the three bytes of one.
func surrogate(s string) (rune, bool) {
	if len(s) < 3 || s[0] != 0xED || s[1] < 0xA0 || s[1] > 0xBF || s[2]&0xC0 != 0x80 {
		return 0, false
	}
	return 0xD000 | rune(s[1]&0x3F)<<6 | rune(s[2]&0x3F), true
}

// WideText tells whether a Tcl string, in Tcl's own UTF-8, has a character above U+00FF: those begin with a
// byte of C4 and more.
func WideText(s []byte) bool {
	for len(s) >= 8 {
		// Eight bytes of ASCII at a time.
		if binary.NativeEndian.Uint64(s)&0x8080808080808080 != 0 && slices.ContainsFunc(s[:8], aboveLatin) {
			return true
		}
		s = s[8:]
	}
	return slices.ContainsFunc(s, aboveLatin)
}

func aboveLatin(b byte) bool { return b >= 0xC4 }

// ASCII tells whether all characters of a Tcl string, in Tcl's own UTF-8, are from U+0001 to U+007F: then the string is its
// own bytes.
func ASCII(text string) bool {
	for len(text) >= 8 {
		if binary.NativeEndian.Uint64(unsafe.Slice(unsafe.StringData(text), 8))&0x8080808080808080 != 0 {
			return false
		}
		text = text[8:]
	}
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// ListText is a Tcl list as text.
func ListText(elements []string) string {
	var b strings.Builder
	for i, e := range elements {
		if i > 0 {
			b.WriteByte(' ')
		}
		if e == "" {
			b.WriteString("{}")
		}
		for _, c := range e {
			switch c {
			case '\n':
				b.WriteString(`\n`)
				continue
			case ' ', '\t', '\r', '\v', '\f', '"', '\\', '{', '}', '[', ']', '$', ';', '#':
				b.WriteByte('\\')
			}
			b.WriteRune(c)
		}
	}
	return b.String()
}
