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

// Garbage has the same room in heaps of all sizes up to that at which Go's own pace begins: what a burst of messages
// leaves behind is not more memory than that.
func TestThePaceLeavesGarbageItsRoom(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 4 << 20: 400, 5 << 20: 300, 8 << 20: 200, 12 << 20: 100, 16 << 20: 100, 1 << 40: 100} {
		if got := pace(live); got != want {
			t.Errorf("%d bytes are alive: GOGC is %d, not %d", live, got, want)
		}
	}
	const leastHeap = 4 << 20 // of Go's, which it multiplies with GOGC
	for live := uint64(leastHeap); live < 64<<20; live += 1 << 18 {
		garbage := live * uint64(pace(live)) / 100
		if garbage > max(allowance, live) {
			t.Errorf("%d bytes are alive, and %d of garbage may be", live, garbage)
		}
	}
}
