// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"slices"
	"testing"
)

// step is a turn that tells of its parts, and in the middle of each takes others.
type step struct {
	name          string
	told          *[]string
	inside, after func()
}

func (s *step) Prepare(*Package) { s.part("prepare", s.inside) }
func (s *step) Finish(*Package)  { s.part("finish", s.after) }

func (s *step) part(name string, do func()) {
	*s.told = append(*s.told, s.name+" "+name)
	if do != nil {
		do()
	}
}

// What is taken while a turn is prepared waits until that one is finished, or at least begins to be; what is taken while it
// is finished runs inside of that.
func TestTurnsComeOneAfterAnother(t *testing.T) {
	var told []string
	var turns Turns
	_, p := newLoop()
	take := func(name string, inside, after func()) { turns.Take(p, &step{name, &told, inside, after}) }
	take("a", func() {
		take("b", nil, func() { take("c", func() { take("d", nil, nil) }, nil) })
		take("e", nil, nil)
	}, nil)
	want := []string{
		"a prepare", "a finish", "b prepare", "b finish", // e is taken before c
		"e prepare", "e finish", "c prepare", "c finish", "d prepare", "d finish",
	}
	if !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
}

// What has waited for a turn to be prepared does not wait for its callback, if that serves events.
func TestACallbackThatServesEventsGetsTheTurnsThatHaveWaited(t *testing.T) {
	var told []string
	var turns Turns
	l, p := newLoop()
	serve := func() {
		for _, ok := l.one(p); ok; _, ok = l.one(p) {
		}
	}
	take := func(name string, inside, after func()) { turns.Take(p, &step{name, &told, inside, after}) }
	take("a", func() {
		take("b", serve, nil)
		take("c", nil, nil)
	}, func() {
		serve()
		told = append(told, "a served")
	})
	want := []string{"a prepare", "a finish", "b prepare", "b finish", "c prepare", "c finish", "a served"}
	if !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
}

// A watch takes a turn for each entry.
func TestATurnThatDoesNotWaitAllocatesNothing(t *testing.T) {
	var turns Turns
	turn := Turn(&quietTurn{})
	if n := testing.AllocsPerRun(100, func() { turns.Take(nil, turn) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type quietTurn struct{}

func (*quietTurn) Prepare(*Package) {}
func (*quietTurn) Finish(*Package)  {}

// A turn that panics holds up none of those that come later.
func TestATurnThatPanicsIsOver(t *testing.T) {
	var told []string
	var turns Turns
	func() {
		defer func() { told = append(told, fmt.Sprint(recover())) }()
		turns.Take(nil, &step{"a", &told, func() { panic("a test") }, nil})
	}()
	turns.Take(nil, &step{"b", &told, nil, nil})
	if want := []string{"a prepare", "a test", "b prepare", "b finish"}; !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
}
