// SPDX-License-Identifier: Apache-2.0

// Package numbered has a table of things by numbers that count up, as those of requests do.
package numbered

import (
	"iter"
	"maps"
	"slices"
)

// size is how many numbers a page has.
const size = 64

// Table is a map of things by numbers each of which is put once, a higher one later, and deleted some time: most in the
// order in which they came, so that the next one is where the last one was. One that stays holds no more than a page.
// The zero Table is empty; the zero T is nothing. It has no lock.
type Table[T comparable] struct {
	pages  map[uint64]*page[T]
	newest *page[T] // to which the last number was put
	recent *page[T] // in which a number was looked for last
}

type page[T comparable] struct {
	number uint64
	used   int
	things [size]T
}

// page returns that of a number, nil where there is none.
func (t *Table[T]) page(n uint64) *page[T] {
	number := n / size
	switch {
	case t.newest != nil && t.newest.number == number:
		return t.newest
	case t.recent != nil && t.recent.number == number:
		return t.recent
	}
	p := t.pages[number]
	if p != nil {
		t.recent = p
	}
	return p
}

// Put enters a thing, which is not the zero T.
func (t *Table[T]) Put(n uint64, thing T) {
	p := t.page(n)
	if p == nil {
		if t.pages == nil {
			t.pages = map[uint64]*page[T]{}
		}
		p = &page[T]{number: n / size}
		t.pages[p.number] = p
	}
	if before := t.newest; before != p {
		t.newest = p
		t.dropUnused(before)
	}
	var none T
	if p.things[n%size] == none {
		p.used++
	}
	p.things[n%size] = thing
}

// Get returns the thing of a number, the zero T where there is none.
func (t *Table[T]) Get(n uint64) (thing T) {
	if p := t.page(n); p != nil {
		thing = p.things[n%size]
	}
	return thing
}

// Delete has no effect where there is nothing.
func (t *Table[T]) Delete(n uint64) {
	var none T
	p := t.page(n)
	if p == nil || p.things[n%size] == none {
		return
	}
	p.things[n%size] = none
	p.used--
	t.dropUnused(p)
}

// dropUnused drops a page that has nothing, but for the one to which the next number goes.
func (t *Table[T]) dropUnused(p *page[T]) {
	if p == nil || p.used > 0 || p == t.newest {
		return
	}
	delete(t.pages, p.number)
	if t.recent == p {
		t.recent = nil
	}
}

// All are the things in the order of their numbers. What is deleted meanwhile does not come any more.
func (t *Table[T]) All() iter.Seq2[uint64, T] {
	return func(yield func(uint64, T) bool) {
		var none T
		for _, number := range slices.Sorted(maps.Keys(t.pages)) {
			p := t.pages[number]
			if p == nil {
				continue
			}
			for i := range p.things {
				if thing := p.things[i]; thing != none && !yield(number*size+uint64(i), thing) {
					return
				}
			}
		}
	}
}
