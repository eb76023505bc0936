// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"bytes"
	"slices"
	"testing"
)

func TestManyBytesAreCopiedWhole(t *testing.T) {
	for _, n := range []int{0, 1, piece - 1, piece, piece + 1, 3*piece + 7} {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(i * 7 >> 3)
		}
		for _, before := range []string{"", "before"} {
			if got, want := Append([]byte(before), src), slices.Concat([]byte(before), src); !bytes.Equal(got, want) {
				t.Errorf("%d bytes behind %q are not what was given", n, before)
			}
		}
		dst := make([]byte, n)
		if Copy(dst, src); !bytes.Equal(dst, src) {
			t.Errorf("%d bytes are not what was given", n)
		}
	}
}
