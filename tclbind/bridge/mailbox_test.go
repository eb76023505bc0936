// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"sync"
	"testing"
	"time"
)

// job is an item that runs a function.
type job func()

func (j job) Run(*Package) { j() }

func TestItemsRunInOrderWithOneWakeUp(t *testing.T) {
	l, p := newLoop()
	var got []int
	for i := range 100 {
		p.Post(job(func() { got = append(got, i) }))
	}
	if l.queue != 1 {
		t.Fatalf("%d wake-ups for 100 items", l.queue)
	}
	for {
		if _, ok := l.one(p); !ok {
			break
		}
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("item %d ran as number %d", n, i)
		}
	}
	if len(got) != 100 {
		t.Fatalf("%d of 100 items ran", len(got))
	}
}

// A callback that waits serves events itself: what is behind it in the mailbox must
// reach it.
func TestAnItemThatWaitsGetsTheItemsBehindIt(t *testing.T) {
	l, p := newLoop()
	answered := false
	p.Post(job(func() {
		for !answered {
			if _, ok := l.one(p); !ok {
				t.Error("nothing wakes the inner event loop")
				return
			}
		}
	}))
	p.Post(job(func() {}))
	p.Post(job(func() { answered = true }))
	l.one(p)
	if !answered {
		t.Fatal("the inner wait did not end")
	}
}

// Deliveries that never end leave the timers their turn.
func TestTimersAreServedUnderAFlood(t *testing.T) {
	l, p := newLoop()
	var flood func()
	runs := 0
	flood = func() {
		runs++
		time.Sleep(100 * time.Microsecond)
		p.Post(job(flood))
		p.Post(job(func() {}))
	}
	flood()
	timers := 0
	for timers < 3 {
		timer, ok := l.one(p)
		if !ok {
			t.Fatal("the flood dried up")
		}
		if timer {
			timers++
		}
		if runs > 1_000_000 {
			t.Fatal("no timer was served")
		}
	}
}

func TestNothingIsLostBetweenGoroutines(t *testing.T) {
	l, p := newLoop()
	const senders, each = 8, 5000
	seen := make([]int, senders)
	total := 0
	var group sync.WaitGroup
	for s := range senders {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range each {
				p.Post(job(func() {
					if seen[s] != i {
						t.Errorf("sender %d: %d came after %d", s, i, seen[s]-1)
					}
					seen[s]++
					total++
				}))
			}
		}()
	}
	deadline := time.Now().Add(time.Minute)
	for total < senders*each && time.Now().Before(deadline) {
		if _, ok := l.one(p); !ok {
			time.Sleep(time.Millisecond)
		}
	}
	group.Wait()
	if total != senders*each {
		t.Fatalf("%d of %d items ran", total, senders*each)
	}
}

func TestASourceHoldsBackUntilItIsOpened(t *testing.T) {
	l, p := newLoop()
	s := p.NewSource()
	var got []string
	s.Post(job(func() { got = append(got, "first") }))
	p.Post(job(func() { got = append(got, "the call returns") }))
	l.one(p)
	s.Open()
	s.Post(job(func() { got = append(got, "second") }))
	for {
		if _, ok := l.one(p); !ok {
			break
		}
	}
	want := []string{"the call returns", "first", "second"}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestNoWakeUpAfterTheEnd(t *testing.T) {
	l, p := newLoop()
	p.Close()
	if p.Post(job(func() { t.Error("an item ran in a closed package") })) {
		t.Error("a closed mailbox took an item")
	}
	if l.queue+l.timers != 0 {
		t.Error("a closed package woke its interpreter")
	}
	p.Drain()
}
