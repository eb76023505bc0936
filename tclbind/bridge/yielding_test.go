// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"testing"
	"time"
)

func needProcessors(t *testing.T) {
	if !manyProcessors {
		t.Skip("a thread does not yield on a machine with one processor")
	}
}

// Late replies end the yielding for a while, for a longer one each time, and one that is in time brings it back.
func TestWaitsYieldWhereRepliesComeInTime(t *testing.T) {
	needProcessors(t)
	var y yielding
	waits := func(n int, left time.Duration) {
		t.Helper()
		for i := range n {
			if y.begin().left == 0 {
				t.Fatalf("wait %d of %d does not yield", i, n)
			}
			y.end(budget{left: left, yielded: true})
		}
	}
	late := func(n int) { t.Helper(); waits(n, 0) }
	sleeps := func(n int) {
		t.Helper()
		for i := range n {
			a := y.begin()
			if a.left > 0 {
				t.Fatalf("wait %d of %d yields", i, n)
			}
			y.end(a)
		}
	}
	for _, n := range []int{firstPause, 2 * firstPause, 4 * firstPause, 8 * firstPause, 16 * firstPause, lastPause, lastPause} {
		late(lateRow)
		sleeps(n)
	}
	late(lateRow - 1)
	waits(1, time.Microsecond)
	late(lateRow)
	sleeps(firstPause)
	late(1)
}

// sleeper is a host to which something comes while it yields or sleeps, each time in the middle of the time.
type sleeper struct {
	loop
	p       *Package
	cannot  bool // yield
	comes   func()
	roused  bool
	yielded time.Duration // in all
	first   time.Duration // how long it was to sleep the first time
}

func (s *sleeper) Rouse() { s.roused = true }

func (s *sleeper) WaitEvent() error {
	_, err := s.PollEvent()
	return err
}

func (s *sleeper) PollEvent() (bool, error) {
	_, served := s.one(s.p)
	return served, nil
}

func (s *sleeper) Yield(most time.Duration) (time.Duration, bool) {
	if s.cannot {
		return 0, false
	}
	if most < time.Microsecond {
		s.yielded += most
		return 0, true
	}
	s.yielded += most / 2
	s.comes()
	return most - most/2, true
}

func (s *sleeper) Sleep(most time.Duration) {
	if s.first == 0 {
		s.first = most
	}
	if !s.roused {
		s.comes()
	}
	s.roused = false
}

// However much else comes while a script waits, it yields no longer than for one wait, and sleeps after that.
func TestAWaitYieldsForAMomentWhateverComes(t *testing.T) {
	needProcessors(t)
	for _, cannot := range []bool{false, true} {
		s := &sleeper{cannot: cannot}
		p := newPackage(s, &Extension{Name: "test", Namespace: "::test::"})
		s.p, p.waits.allowed = p, true
		var end func(int, error)
		id, err := Begin(p, func(done func(int, error)) error { end = done; return nil }, func(n int) (any, error) { return n, nil })
		if err != nil {
			t.Fatal(err)
		}
		came := 0
		s.comes = func() {
			if came++; came < 1000 {
				p.Post(job(func() { p.waits.served = time.Now() })) // other events have had their turn
			} else {
				end(5, nil)
			}
		}
		p.waits.served = time.Now()
		if v, err := p.await(p.waits.byID[id.(waitID)]); v != 5 || err != nil {
			t.Fatalf("got %v, %v", v, err)
		}
		yields, sleeps, late := yieldTime, nap-yieldTime/2, 1
		if cannot {
			yields, sleeps, late = 0, nap, 0
		}
		if s.yielded != yields || s.first != sleeps || p.waits.yielding.late != late {
			t.Errorf("it has yielded for %v, and was to sleep for %v; %d waits were late", s.yielded, s.first, p.waits.yielding.late)
		}
	}
}
