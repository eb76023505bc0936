// SPDX-License-Identifier: Apache-2.0

package numbered

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// It is what a map would be, whatever goes when, and the memory of what has gone is given back.
func TestATableIsAMap(t *testing.T) {
	var table Table[*int]
	model := map[uint64]*int{}
	last := uint64(0)
	for step := range 2000 {
		switch roll := rand.IntN(100); {
		case roll < 50 && len(model) < 150 || len(model) == 0:
			last += 1 + uint64(rand.IntN(20)/19*rand.IntN(5*size))
			thing := new(int)
			table.Put(last, thing)
			model[last] = thing
		case roll < 90:
			n := oldestOf(model)
			table.Delete(n)
			delete(model, n)
		default:
			n := uint64(rand.Int64N(int64(last) + 2*size))
			table.Delete(n)
			delete(model, n)
		}
		for _, n := range []uint64{last, oldestOf(model), uint64(rand.Int64N(int64(last) + size))} {
			if got := table.Get(n); got != model[n] {
				t.Fatalf("step %d: the thing of %d is %p, not %p", step, n, got, model[n])
			}
		}
	}
	if got := maps.Collect(table.All()); !maps.Equal(got, model) {
		t.Errorf("all are %d, not %d", len(got), len(model))
	}
	before := uint64(0)
	for n := range table.All() {
		if n <= before {
			t.Errorf("%d comes behind %d", n, before)
		}
		before = n
		table.Delete(n)
	}
	if len(table.pages) > 1 || before == 0 {
		t.Errorf("%d pages have nothing, the last number was %d", len(table.pages), before)
	}
}

func oldestOf(model map[uint64]*int) uint64 {
	if len(model) == 0 {
		return 0
	}
	return slices.Min(slices.Collect(maps.Keys(model)))
}
