// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"cmp"
	"strings"
	"sync"

	"natstcl/kv/js"
)

// initial tells when the initial data of a watch, or what keys and history read, is complete:
// when every key that was there at the beginning, and was not deleted since, has come.
//
// To count what a consumer has pending is not enough while others write. A key that is written
// anew before its turn has left its place, and comes later; and the number that each message
// tells of those to come (delta) lags behind the stream by some messages, in both directions. So the
// stream is asked how far it goes and how many keys it has, and so many different keys have to
// come from that part of it. Where the part has been read and keys are missing, they were
// written anew: the stream is asked again. Only a key that is written anew once more in the
// time of one such question is missing still, so that a few rounds are enough.
type initial struct {
	mu      sync.Locker // the owner's: it is held in every method
	bucket  *Bucket
	filters []string // of the subjects, none of which overlaps another; none: all of the stream
	newest  bool     // the consumer brings the last entry of each key alone
	none    bool     // the consumer brings what is new alone: there is no initial data
	part    bool     // the consumer begins at a revision: what there is before it does not count
	// complete is called once, with mu held. silent tells that it took a heartbeat to see it: the
	// server had announced more than it had to send.
	complete func(silent bool)
	over     bool

	// What has come.
	created bool     // the consumer is there
	anew    bool     // it was started anew
	some    bool     // it is there, or something has come of it
	seen    arrivals // of which subjects
	last    uint64   // the last sequence number
	idle    bool     // the last message, or the start, announced no more
	silent  bool     // and so did a heartbeat

	// What the stream was asked.
	question int    // the number of the last question
	asking   bool   // its answer is to come
	failed   bool   // there is no answer: what is announced has to do
	rounds   int    // how many questions there were since the consumer was started
	askedAt  uint64 // last, when it was asked
	vain     int    // how often it was asked in turn although nothing had come
	settled  bool   // nothing was announced when it was asked, and nothing has come since
	state    js.StreamState
	found    uint64 // how many of its subjects have come
}

// mostRounds bounds the questions, for writers that make and change keys faster than they come:
// beyond it, to have read what was asked about has to do. Two thousand changes in a second make
// one or two rounds.
const mostRounds = 64

// mostVain bounds the questions between two messages: then one of those is waited for, or a heartbeat.
const mostVain = 3

// newInitial is the initial data of a consumer of the matching keys.
func (b *Bucket) newInitial(mu sync.Locker, keys []string, policy string, complete func(silent bool)) initial {
	i := initial{
		mu: mu, bucket: b, complete: complete,
		newest: policy == "last_per_subject", none: policy == "new", part: policy == "by_start_sequence",
	}
	if len(keys) != 1 || keys[0] != ">" || !b.whole {
		for _, key := range keys {
			i.filters = append(i.filters, b.read+key)
		}
	}
	return i
}

// ask asks the stream how far it goes and how many subjects it has. It fails only where nothing
// can be sent.
func (i *initial) ask() error {
	if i.rounds > 0 && i.last == i.askedAt {
		i.vain++
	} else {
		i.vain = 0
	}
	i.question++
	i.rounds++
	i.asking, i.askedAt, i.settled = true, i.last, false
	question := i.question
	return i.bucket.state(i.filters, func(state js.StreamState, err error) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.question == question {
			i.answered(state, err)
		}
	})
}

// state asks for the state of the stream, with the subjects that match one of the filters. Where there are several,
// each is asked for by itself, and the state is the earliest of them with the subjects of all.
func (b *Bucket) state(filters []string, done func(js.StreamState, error)) error {
	if len(filters) <= 1 {
		return b.js.StreamState(b.stream, strings.Join(filters, ""), done)
	}
	var mu sync.Mutex
	var all js.StreamState
	var failure error
	open := len(filters)
	told := func(state js.StreamState, err error) {
		mu.Lock()
		subjects := all.Subjects + state.Subjects
		if open == len(filters) || state.LastSeq < all.LastSeq {
			all = state
		}
		all.Subjects = subjects
		failure = cmp.Or(failure, err)
		open--
		last, all, failure := open == 0, all, failure
		mu.Unlock()
		if last {
			done(all, failure)
		}
	}
	for i, filter := range filters {
		if err := b.js.StreamState(b.stream, filter, told); err != nil {
			if i == 0 {
				return err
			}
			told(js.StreamState{}, err)
		}
	}
	return nil
}

func (i *initial) answered(state js.StreamState, err error) {
	i.asking, i.failed = false, err != nil
	if err == nil {
		i.state = state
	}
	i.settled = i.idle && i.last == i.askedAt
	if !i.once() {
		i.seen.sort()
	}
	i.found = i.seen.until(i.state.LastSeq)
	i.check()
}

// once tells that no subject can come twice from the part of the stream that was asked about: that was before the
// consumer was made, and there was one message of each, or the consumer brings no other of that part. (The consumer
// of a stream with replicas may be made at one that has not got as far yet.)
func (i *initial) once() bool {
	return i.rounds == 1 && !i.anew && i.state.Replicas == 1 && (i.newest || i.state.PerSubject == 1)
}

// again tells whether a subject may have come more than once.
func (i *initial) again() bool {
	if i.seen.first == nil {
		return i.anew || i.last > i.state.LastSeq
	}
	return i.seen.again
}

// start is told of each start of the consumer, and how many messages are announced.
func (i *initial) start(pending uint64) {
	if i.over {
		return
	}
	if i.created {
		// It was started anew: whatever made that necessary may have cost the answer.
		i.rounds, i.anew = 0, true
		i.askAgain()
	}
	i.created, i.some, i.idle = true, true, pending == 0
	i.check()
}

// came is told of each message, after whoever wants it has it.
func (i *initial) came(subject string, seq, pending uint64) {
	if i.over {
		return
	}
	i.some, i.last, i.idle = true, seq, pending == 0
	i.silent, i.settled = false, false
	if i.seen.add(subject, seq) && seq <= i.state.LastSeq {
		i.found++
	}
	i.check()
}

// heartbeat is told of each that shows that nothing is outstanding.
func (i *initial) heartbeat() {
	if i.over {
		return
	}
	i.some, i.idle, i.silent = true, true, true
	if i.asking {
		i.askAgain() // the question, or its answer, went with a connection that was lost
		return
	}
	i.check()
}

// askAgain asks, or does without where it cannot.
func (i *initial) askAgain() {
	if i.ask() == nil {
		return
	}
	i.asking, i.failed = false, true
	i.check()
}

// check looks whether it is complete.
func (i *initial) check() {
	if i.over || !i.some || i.asking && !i.none {
		return
	}
	// The part of the stream that was asked about has been read.
	read := i.silent || i.settled || i.last >= i.state.LastSeq
	all := i.part || i.found >= i.state.Subjects
	switch {
	case i.none, i.failed && i.idle, !i.failed && all && (read || i.newest && i.rounds == 1):
		i.end()
	case i.failed, !read && !i.idle:
		// More is announced.
	case i.rounds >= mostRounds:
		i.end()
	case i.last != i.askedAt || i.vain < mostVain:
		i.askAgain()
	case i.silent:
		i.end()
	}
}

func (i *initial) end() {
	i.over = true
	i.complete(i.silent)
	i.seen = arrivals{}
}
