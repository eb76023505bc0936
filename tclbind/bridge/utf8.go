// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"strings"
	"unicode/utf8"
)

// DecodeUTF8 decodes as Tcl 8.6 does: a byte that belongs to no character is a
// character of its own (Tcl 9's encoding convertfrom would throw).
func DecodeUTF8(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	var b strings.Builder
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			r = rune(data[0])
		}
		b.WriteRune(r)
		data = data[size:]
	}
	return b.String()
}
