// SPDX-License-Identifier: Apache-2.0

package kv

// arrivals are the subjects of which something has come, each with the sequence number at which it came
// first. They are a list for as long as nobody has to know whether a subject is in it twice, and a map
// from then on, which takes many times as long for each.
type arrivals struct {
	list  []arrival
	first map[string]uint64 // nil while they are a list
	again bool              // a subject has come more than once; of the map alone
}

type arrival struct {
	subject string
	seq     uint64
}

// add notes a message. It tells whether the subject is new, as far as that is known.
func (a *arrivals) add(subject string, seq uint64) bool {
	if a.first == nil {
		a.list = append(a.list, arrival{subject, seq})
		return true
	}
	if _, known := a.first[subject]; known {
		a.again = true
		return false
	}
	a.first[subject] = seq
	return true
}

// sort makes a map of the list.
func (a *arrivals) sort() {
	if a.first != nil {
		return
	}
	list := a.list
	a.list, a.first = nil, make(map[string]uint64, len(list))
	for _, one := range list {
		a.add(one.subject, one.seq)
	}
}

// until is how many subjects have come up to a sequence number. Of a list that is right where none of
// them can have come twice up to there.
func (a *arrivals) until(seq uint64) uint64 {
	n := uint64(0)
	for _, one := range a.list {
		if one.seq <= seq {
			n++
		}
	}
	for _, first := range a.first {
		if first <= seq {
			n++
		}
	}
	return n
}
