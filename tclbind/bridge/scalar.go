// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Scalar says for both hosts what a Go value that has no parts is in Tcl: an integer, or a
// text.
func Scalar(v any) (n int64, text string, isInt bool) {
	switch v := v.(type) {
	case string:
		return 0, v, false
	case int:
		return int64(v), "", true
	case int64:
		return v, "", true
	case uint64:
		if v <= math.MaxInt64 {
			return int64(v), "", true
		}
		return 0, strconv.FormatUint(v, 10), false
	case json.Number:
		// As written. Where Tcl writes it so too, it may be an integer at once.
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(v) {
			return n, "", true
		}
		return 0, string(v), false
	case bool:
		return 0, strconv.FormatBool(v), false
	case nil:
		return 0, "null", false
	case Value:
		return 0, v.Text(), false
	}
	panic(fmt.Sprintf("bridge: a value of type %T", v))
}

// Narrow keeps the low eight bits of each character, as Tcl 8.6 makes bytes of text.
func Narrow(text string) []byte {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		out = append(out, byte(r))
	}
	return out
}
