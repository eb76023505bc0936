// SPDX-License-Identifier: Apache-2.0

package bridge

import "testing"

// Late replies end the yielding for a while, for a longer one each time, and one that is in time brings it back.
func TestWaitsYieldWhereRepliesComeInTime(t *testing.T) {
	if !manyProcessors {
		t.Skip("a thread does not yield on a machine with one processor")
	}
	var y yielding
	late := func(n int) {
		t.Helper()
		for i := range n {
			if !y.may() {
				t.Fatalf("wait %d does not yield", i)
			}
			y.ended(false)
		}
	}
	sleeps := func(n int) {
		t.Helper()
		for i := range n {
			if y.may() {
				t.Fatalf("wait %d of %d yields", i, n)
			}
		}
	}
	for _, n := range []int{firstPause, 2 * firstPause, 4 * firstPause, 8 * firstPause, 16 * firstPause, lastPause, lastPause} {
		late(lateRow)
		sleeps(n)
	}
	late(lateRow - 1)
	y.ended(true)
	late(lateRow)
	sleeps(firstPause)
	late(1)
}
