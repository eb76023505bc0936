// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// What arrivals say is what a table of all subjects says, whatever comes, and in whatever order it is asked.
func TestArrivalsCountDifferentSubjects(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		subjects, again := 1+random.IntN(3000), random.IntN(3)
		// In 100 arrivals so many are of a subject that has come; and one in so many is asked about.
		asked := []int{1, 50, 1000}[random.IntN(3)]
		if seed%2 == 0 {
			again = 0
		}
		var a arrivals
		first := map[string]uint64{}
		var seq, limit uint64
		repeated := false
		if random.IntN(2) == 0 {
			a.expect(uint64(random.IntN(2 * subjects)))
		}
		for range subjects {
			seq += 1 + random.Uint64N(3)
			name := fmt.Sprint("subject.", len(first))
			if random.IntN(100) < again {
				name = fmt.Sprint("subject.", random.IntN(len(first)+1))
			}
			if _, known := first[name]; known {
				repeated = true
			} else {
				first[name] = seq
			}
			a.add(name, seq)
			if random.IntN(2000) == 0 || limit == 0 {
				limit = random.Uint64N(uint64(4 * subjects))
				a.count(limit)
			}
			if random.IntN(asked) == 0 {
				within := uint64(0)
				for _, at := range first {
					if at <= limit {
						within++
					}
				}
				if !a.atLeast(within) || a.atLeast(within+1) {
					t.Fatalf("seed %d: of %d subjects %d came first at %d or before, and it tells otherwise", seed, len(first), within, limit)
				}
			}
		}
		if a.repeated() != repeated {
			t.Fatalf("seed %d: a subject that came again: %v, and it tells otherwise", seed, repeated)
		}
	}
}

// Arrivals without an end take a bounded list: then there is the table.
func TestArrivalsAreBounded(t *testing.T) {
	var a arrivals
	for i := range mostListed + 1000 {
		a.add(fmt.Sprint(i%10), uint64(i+1))
	}
	if cap(a.list) > 2*mostRecent || len(a.list) > mostRecent || len(a.first) != 10 || a.marks != nil {
		t.Errorf("%d in the list, of room for %d, and %d in the table", len(a.list), cap(a.list), len(a.first))
	}
}

// What comes once each needs no table.
func TestArrivalsOfDifferentSubjectsNeedNoTable(t *testing.T) {
	var a arrivals
	a.expect(20_000)
	a.count(20_000)
	for i := range 20_000 {
		if a.add(fmt.Sprint("subject.", i), uint64(i+1)); a.atLeast(20_000) != (i == 19_999) {
			t.Fatalf("after %d", i+1)
		}
	}
	if a.first != nil || a.repeated() {
		t.Error("there is a table")
	}
	// What was told once stays so, and needs none for what comes again.
	for range 1000 {
		if a.add("subject.1", 20_001); !a.atLeast(20_000) || a.first != nil {
			t.Fatal("it is looked for again")
		}
	}
	if !a.repeated() {
		t.Error("it has not seen that one came again")
	}
}
