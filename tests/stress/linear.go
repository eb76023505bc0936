// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// A register is what a key of a bucket is at a moment.
type register struct {
	revision uint64 // of its last message, 0 before the first one
	value    string
	there    bool // it has a value: it was not deleted
}

// An operation is a call as the model sees it: its outcome, and where a write stands in the stream. A write
// whose caller got no answer counts as one with an answer where it is in the stream, and as none where
// it is not.
type operation struct {
	what     string
	value    string
	expected uint64
	code     string
	revision uint64 // of a write: its place in the stream; of a get: what it was told
	previous uint64 // of a write: the place of the key's message before it
	// Of a deletion, which is not told its place: where each deletion of the key stands, by the place
	// of the message before it.
	markers map[uint64]uint64
}

// String is the operation as a report names it.
func (o operation) String() string {
	return fmt.Sprintf("{%s %s expected %d: %s at %d behind %d}", o.what, o.value, o.expected, o.code, o.revision, o.previous)
}

const refused = "NATS ErrWrongLastSequence"
const notFound = "NATS ErrKeyNotFound"

// keyModel says how one key behaves: each write comes behind the one before it in the stream, and each
// condition and each read goes by the last one.
var keyModel = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) { return step(state.(register), input.(operation)) },
	Equal: func(a, b any) bool {
		return a == b
	},
}

func step(key register, o operation) (bool, register) {
	switch {
	case o.what == "get" && o.code == notFound:
		return !key.there, key
	case o.what == "get":
		return key.there && key.revision == o.revision && key.value == o.value, key
	case o.what == "create" && o.code == refused:
		return key.there, key
	case o.what == "update" && o.code == refused:
		return key.revision != o.expected, key
	case o.what == "delete":
		marker, next := o.markers[key.revision]
		return next, register{revision: marker}
	}
	legal := key.revision == o.previous
	switch o.what {
	case "create":
		legal = legal && !key.there
	case "update":
		legal = legal && key.revision == o.expected
	}
	return legal, register{o.revision, o.value, true}
}

// keyHistory makes the model's operations of one key's calls.
func keyHistory(events []*event, s *stream, key string) []porcupine.Operation {
	var list []porcupine.Operation
	markers := map[uint64]uint64{}
	for _, place := range s.markers[key] {
		markers[s.previous[place]] = place
	}
	open := len(markers) // deletions that nobody was told of
	begin := int64(math.MaxInt64)
	for client, e := range events {
		begin = min(begin, e.begin)
		o, known := made(e, s, key)
		if !known || s.replicas && o.code == refused && proposed(e, events) {
			continue
		}
		if e.what == "delete" {
			o.markers = markers
			open--
		}
		end := e.end + 1
		if e.code != o.code {
			end = math.MaxInt64 // it was done, and its caller was not told
		}
		list = append(list, porcupine.Operation{ClientId: client, Input: o, Call: e.begin, Return: end})
	}
	for range open {
		list = append(list, porcupine.Operation{Input: operation{what: "delete", code: "ok", markers: markers}, Call: begin, Return: math.MaxInt64})
	}
	return list
}

// proposed tells whether another write of the same key was under way meanwhile. The leader of a cluster refuses by what it has
// proposed, before the others have taken it and before anybody can read it, and it may be lost with the leader: such a
// refusal makes no claim.
func proposed(e *event, events []*event) bool {
	return slices.ContainsFunc(events, func(other *event) bool {
		return other != e && other.what != "get" && other.code != refused && other.begin <= e.end && e.begin <= other.end
	})
}

// made is the operation that a call was, where it is known to have been one: it had an answer, or the stream has
// what it wrote.
func made(e *event, s *stream, key string) (operation, bool) {
	o := operation{what: e.what, value: e.value, expected: e.expected, code: e.code}
	switch {
	case o.code == refused:
		return o, e.what == "create" || e.what == "update"
	case e.what == "get" && e.ok():
		revision, value, _ := strings.Cut(e.result, " ")
		o.value, o.revision = value, number(revision)
		return o, true
	case e.what == "get":
		return o, o.code == notFound
	case e.what == "delete":
		return o, e.ok()
	}
	place, stored := s.places[key][e.value]
	o.code, o.revision, o.previous = "ok", place, s.previous[place]
	return o, stored
}

// linear tells whether there is an order of a key's calls, within the times in which they ran, that explains what each
// was told; and if there is none, the calls that come next in the order that explains most of them.
func linear(history []porcupine.Operation) (porcupine.CheckResult, []operation) {
	result, info := porcupine.CheckOperationsVerbose(keyModel, history, time.Minute)
	if result != porcupine.Illegal {
		return result, nil
	}
	explained := map[int]bool{}
	for _, order := range info.PartialLinearizations()[0] {
		if len(order) > len(explained) {
			explained = map[int]bool{}
			for _, i := range order {
				explained[i] = true
			}
		}
	}
	var rest []porcupine.Operation
	for i, o := range history {
		if !explained[i] {
			rest = append(rest, o)
		}
	}
	slices.SortFunc(rest, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	var next []operation
	for _, o := range rest[:min(5, len(rest))] {
		next = append(next, o.Input.(operation))
	}
	return result, next
}
