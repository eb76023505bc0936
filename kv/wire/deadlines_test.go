// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Whatever comes and goes, the first one is that which ends first, and nothing is left of those that have gone.
func TestTheFirstDeadlineIsTheNextToEnd(t *testing.T) {
	d, now := deadlines{}, Now()
	var open []*Pending
	for step := range 20000 {
		now = now.Add(time.Millisecond)
		if len(open) == 0 || rand.IntN(5) < 3 && len(open) < 200 {
			timeout := time.Duration(1+rand.IntN(3*fewTimeouts)) * 100 * time.Millisecond
			p := &Pending{deadline: now.Add(timeout)}
			d.enter(p, timeout)
			open = append(open, p)
		} else {
			i := rand.IntN(len(open))
			if rand.IntN(2) == 0 {
				i = slices.Index(open, d.first())
			}
			d.takeOut(open[i])
			d.takeOut(open[i]) // which has no effect
			open = slices.Delete(open, i, i+1)
		}
		var least Instant
		for _, p := range open {
			if least == 0 || p.deadline < least {
				least = p.deadline
			}
		}
		switch first := d.first(); {
		case len(open) == 0 && first != nil:
			t.Fatalf("step %d: nothing is open, and the first one is %v", step, first.deadline)
		case len(open) > 0 && (first == nil || first.deadline != least):
			t.Fatalf("step %d: the first one is %v, of %d that are open", step, first, len(open))
		}
	}
	for _, p := range open {
		d.takeOut(p)
	}
	if len(d.queues) > fewTimeouts || len(d.next) > fewTimeouts {
		t.Errorf("%d queues are empty, and kept, and %d in the heap", len(d.queues), len(d.next))
	}
}

// Each of many requests has a timeout of its own, as where a script gives each the time that is left. To find the next one
// takes no look at each queue: for these that would take half a minute.
func TestManyTimeoutsEndInOrder(t *testing.T) {
	const n = 20000
	d, now := deadlines{}, Now()
	for _, i := range rand.Perm(n) {
		timeout := time.Duration(i+1) * time.Millisecond
		d.enter(&Pending{deadline: now.Add(timeout)}, timeout)
	}
	start := time.Now()
	for i := range n {
		first := d.first()
		if want := now.Add(time.Duration(i+1) * time.Millisecond); first == nil || first.deadline != want {
			t.Fatalf("%d: the first one is %v", i, first)
		}
		d.takeOut(first)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
