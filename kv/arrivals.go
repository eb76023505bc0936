// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// arrivals counts the different subjects of the messages that come. Nearly always each comes once: then a bit for each
// is enough to see that, and a table in which each is looked up is made when one may have come twice.
type arrivals struct {
	limit uint64 // those count that came first at this sequence number or before
	sure  uint64 // so many have been found to do
	// What has come; from the time on at which there is the table, what was not looked up there yet.
	list   []arrival
	within uint64 // how many of the list are within the limit
	// One bit for each hash, and the hashes whose bit was set when they came: by the same one or by another one.
	marks    []uint64
	marked   int             // so many of the list have their bit
	doubtful map[uint64]bool // to whether the list has been found to have it
	searched bool            // the list was looked through for those once
	// The table, nil while it is not needed: the sequence number at which each subject came first, by the subject's hash. Of a
	// million keys their hashes are a table that the collector need not look through. Two subjects of one hash, which hardly
	// ever are, are one.
	first map[uint64]uint64
	found uint64 // how many of the table are within the limit
	again bool   // one that is in the table has come once more
}

// arrival is a message that has come: the hash of its subject, and its sequence number.
type arrival struct{ hash, seq uint64 }

// hashSeed is that of the process.
var hashSeed = maphash.MakeSeed()

const (
	// mostListed is how many messages are kept in the list, of 16 bytes each, before there is a table.
	mostListed = 1 << 20
	// mostRecent is how many arrivals get their bits, or are looked up in the table, at once. Those of many keys are in no
	// processor's cache, and what is fetched for one key need not be waited for before the next: together each costs half.
	mostRecent = 128
	// For each message there are so many bits at least, of which as many are set as there are messages.
	bitsEach = 8
)

// expect makes room for n messages, as far as they are kept in the list: what grows takes as much time again.
func (a *arrivals) expect(n uint64) {
	n = min(n, mostListed)
	if more := int(n) - len(a.list); a.first == nil && more > 0 {
		a.list = slices.Grow(a.list, more)
		a.room(n)
	}
}

// room makes bits for n messages, where there are too few: twice as many as they need at least.
func (a *arrivals) room(n uint64) {
	if n*bitsEach > uint64(len(a.marks))*64 {
		a.marks, a.marked, a.doubtful = make([]uint64, 1<<bits.Len64(n*2*bitsEach/64)), 0, nil
	}
}

// mark gives all of the list their bits.
func (a *arrivals) mark() {
	a.room(uint64(len(a.list)))
	for _, at := range a.list[a.marked:] {
		word, bit := &a.marks[at.hash>>6&uint64(len(a.marks)-1)], uint64(1)<<(at.hash&63)
		if *word&bit != 0 {
			if a.doubtful == nil {
				a.doubtful = map[uint64]bool{}
			}
			a.doubtful[at.hash] = false
		}
		*word |= bit
	}
	a.marked = len(a.list)
}

// add is told of each message.
func (a *arrivals) add(subject string, seq uint64) {
	a.list = append(a.list, arrival{maphash.String(hashSeed, subject), seq})
	if seq <= a.limit {
		a.within++
	}
	switch {
	case len(a.list)-a.marked < mostRecent:
	case a.first != nil || len(a.list) > mostListed:
		a.lookUp()
	default:
		a.mark()
	}
}

// count sets the limit.
func (a *arrivals) count(limit uint64) {
	a.limit, a.sure = limit, 0
	if a.first != nil {
		a.lookUp()
	}
	a.within, a.found = 0, 0
	for _, at := range a.list {
		if at.seq <= limit {
			a.within++
		}
	}
	for _, first := range a.first {
		if first <= limit {
			a.found++
		}
	}
}

// atLeast tells whether n different subjects came first within the limit.
func (a *arrivals) atLeast(n uint64) bool {
	if n <= a.sure {
		return true
	}
	if a.found+a.within < n {
		return false
	}
	if !a.different() {
		if a.lookUp(); a.found < n {
			return false
		}
	}
	a.sure = n
	return true
}

// repeated tells whether a subject has come more than once.
func (a *arrivals) repeated() bool {
	if !a.different() {
		a.lookUp()
	}
	return a.again
}

// different tells whether it is known without the table that no subject has come twice. The list is looked through for
// that once: what is in doubt later needs the table.
func (a *arrivals) different() bool {
	if a.first != nil {
		return false
	}
	a.mark()
	switch {
	case len(a.doubtful) == 0:
		return true
	case a.searched:
		return false
	}
	a.searched = true
	for _, at := range a.list {
		before, doubtful := a.doubtful[at.hash]
		if before {
			return false
		}
		if doubtful {
			a.doubtful[at.hash] = true
		}
	}
	a.doubtful = nil
	return true
}

// lookUp looks up in the table what is in the list.
func (a *arrivals) lookUp() {
	list := a.list
	if a.first == nil {
		a.first = make(map[uint64]uint64, len(list))
		a.list, a.marks, a.marked, a.doubtful = nil, nil, 0, nil
	}
	for _, at := range list {
		if _, known := a.first[at.hash]; known {
			a.again = true
			continue
		}
		a.first[at.hash] = at.seq
		if at.seq <= a.limit {
			a.found++
		}
	}
	a.list, a.within = a.list[:0], 0
}
