// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"cmp"
	"strings"
	"sync"
	"time"

	"natstcl/kv/fault"
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
//
// Where a stream has replicas, the server that has the consumer may be behind the leader: it announces
// too little, and sends what is out of date. The leader is asked for its last message of those
// keys then, which has to come. At each heartbeat before that it is asked again, for that message may be gone.
type initial struct {
	mu      sync.Locker // the owner's: it is held in every method
	bucket  *Bucket
	filters []string // of the subjects, none of which overlaps another; none: all of the stream
	newest  bool     // the consumer brings the last entry of each key alone
	none    bool     // the consumer brings what is new alone: there is no initial data
	from    uint64   // the revision at which the consumer begins; 0: at the beginning
	// complete is called once, with mu held. silent tells that it took a heartbeat to see it: the
	// server had announced more than it had to send.
	complete func(silent bool)
	over     bool

	// What has come.
	created bool     // the consumer is there
	some    bool     // it is there, or something has come of it
	seen    arrivals // counted as far as the stream went when it was asked; nothing where counts is false
	all     []string // the subjects, one that has come twice twice; nil: nobody wants them
	last    uint64   // the sequence number of the last message that came
	idle    bool     // the last message, or the start of the consumer, announced no more
	silent  bool     // a heartbeat has shown that nothing more is to come

	// What the stream was asked.
	question int    // the number of the last question
	asking   bool   // its answer is to come
	failed   bool   // there is no answer: what is announced has to do
	rounds   int    // how many questions there were since the consumer was started
	askedAt  uint64 // the value of last when the question was sent
	vain     int    // how many questions in a row were asked without a message in between
	settled  bool   // nothing was announced when it was asked, and nothing has come since
	state    js.StreamState
	leading  bool    // the leader is asked for its last message of the keys
	mute     bool    // the leader may not be asked for it
	newestOf *uint64 // the sequence number of the leader's last message of the keys, 0: it has none; nil: it was not asked
}

// mostRounds bounds the questions, for writers that make and change keys faster than they come:
// beyond it, to have read what was asked about has to do. Two thousand changes in a second make
// one or two rounds.
const mostRounds = 64

// mostGuessed bounds the memory that there is for keys beforehand, where the stream has not told yet how many it has.
const mostGuessed = 1 << 16

// mostVain bounds the questions between two messages: then one of those is waited for, or a heartbeat.
const mostVain = 3

// newInitial is the initial data of a consumer of the matching keys, from a revision on where that is not 0.
func (b *Bucket) newInitial(mu sync.Locker, keys []string, policy string, from uint64, complete func(silent bool)) initial {
	i := initial{
		mu: mu, bucket: b, complete: complete,
		newest: policy == "last_per_subject", none: policy == "new", from: from,
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
	i.leading, i.newestOf = false, nil
	return i.put(i.question)
}

// put sends a question. While there is no leader to answer it, it is sent again and again.
func (i *initial) put(question int) error {
	return i.bucket.state(i.filters, func(state js.StreamState, err error) {
		i.mu.Lock()
		defer i.mu.Unlock()
		switch {
		case i.question != question:
		case js.Leaderless(err):
			i.later(question, func() {
				if i.put(question) != nil {
					i.answered(state, err)
				}
			})
		default:
			i.answered(state, err)
		}
	})
}

// electing is the wait for a leader, between two questions.
const electing = 250 * time.Millisecond

// later calls f after a while, with mu held, unless there is another question by then.
func (i *initial) later(question int, f func()) {
	time.AfterFunc(electing, func() {
		i.bucket.js.Conn().Guarded(func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			if !i.over && i.question == question {
				f()
			}
		})
	})
}

// state asks for the state of the stream, with the subjects that match one of the filters. Where there are several,
// each is asked for by itself, and the state is the earliest of them with the subjects of all.
func (b *Bucket) state(filters []string, done func(js.StreamState, error)) error {
	if len(filters) <= 1 {
		return b.js.StreamState(b.stream, strings.Join(filters, ""), done)
	}
	var all js.StreamState
	some := false
	take := func(state js.StreamState) {
		subjects := all.Subjects + state.Subjects
		if !some || state.LastSeq < all.LastSeq {
			all = state
		}
		all.Subjects, some = subjects, true
	}
	return askEach(b, filters, b.js.StreamState, take, func(err error) { done(all, err) })
}

// lastOf finds the sequence number of the leader's last message on the subjects that match one of the filters, of all
// where there are none; 0 where there is no message.
func (b *Bucket) lastOf(filters []string, done func(uint64, error)) error {
	if len(filters) == 0 {
		filters = []string{">"}
	}
	var last uint64
	ask := func(stream, filter string, done func(uint64, error)) error {
		return b.js.MsgGet(stream, js.Which{LastBySubject: filter}, func(m *js.Message, err error) {
			switch {
			case fault.CodeOf(err) == fault.MsgNotFound:
				done(0, nil)
			case err != nil:
				done(0, err)
			default:
				done(m.Seq, nil)
			}
		})
	}
	return askEach(b, filters, ask, func(seq uint64) { last = max(last, seq) }, func(err error) { done(last, err) })
}

// askEach asks the stream something for each filter, has take called with each answer, one at a time, and done behind
// the last one, by a goroutine of the connection. An error is that nothing could be sent.
func askEach[T any](b *Bucket, filters []string, ask func(stream, filter string, done func(T, error)) error, take func(T), done func(error)) error {
	var mu sync.Mutex
	var failure error
	open := len(filters)
	told := func(answer T, err error) {
		mu.Lock()
		if err == nil {
			take(answer)
		}
		failure = cmp.Or(failure, err)
		open--
		last := open == 0
		mu.Unlock()
		if last {
			done(failure)
		}
	}
	for i, filter := range filters {
		err := ask(b.stream, filter, told)
		switch {
		case err != nil && i == 0:
			return err
		case err != nil:
			var none T
			go b.js.Conn().Guarded(func() { told(none, err) }) // whoever asks may hold a lock that done takes
		}
	}
	return nil
}

func (i *initial) answered(state js.StreamState, err error) {
	i.asking, i.failed = false, err != nil
	if err == nil {
		i.state = state
	}
	if i.over {
		return
	}
	i.settled = i.idle && i.last == i.askedAt
	if i.counts() {
		i.seen.expect(i.state.Subjects)
	}
	// The different ones are counted, for a server may answer after it has made the consumer: then one that is written
	// anew comes twice from the part of the stream that was asked about.
	i.seen.count(i.state.LastSeq)
	i.check()
}

// start is told of each start of the consumer, and how many messages are announced.
func (i *initial) start(pending uint64) {
	if i.over {
		return
	}
	if i.created {
		// It was started anew: whatever made that necessary may have cost the answer.
		i.rounds = 0
		i.askAgain()
	}
	i.created, i.some, i.idle = true, true, pending == 0
	if i.counts() && i.state.Subjects == 0 {
		i.seen.expect(min(pending, mostGuessed))
	}
	i.check()
}

// came is told of each message, after whoever wants it has it.
func (i *initial) came(subject string, seq, pending uint64) {
	if i.over {
		return
	}
	i.some, i.last, i.idle = true, seq, pending == 0
	i.silent, i.settled = false, false
	if i.all != nil {
		i.all = append(i.all, strings.Clone(subject)) // the payload would stay with it
	}
	if i.counts() {
		i.seen.add(subject, seq)
	}
	i.check()
}

// counts tells whether so many subjects have to come as the stream has. From a revision on there is not one of each.
func (i *initial) counts() bool { return i.from == 0 && !i.none }

// foundAll tells whether all subjects have come that the stream had when it was asked.
func (i *initial) foundAll() bool { return i.seen.atLeast(i.state.Subjects) }

// heartbeat is told of each that shows that nothing is outstanding.
func (i *initial) heartbeat() {
	if i.over {
		return
	}
	i.some, i.idle, i.silent = true, true, true
	if i.asking || i.leading || i.newestOf != nil && !i.read() {
		// The question, or its answer, went with a connection that was lost; or what the leader had is gone.
		i.askAgain()
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
	all := i.from > 0 || i.foundAll()
	read := i.read()
	switch {
	case i.none, i.failed && i.idle, !i.failed && all && read:
		i.end()
	case i.failed, !read && !i.idle:
		// More is announced.
	case !read && i.behind():
		i.askLeader()
	case i.rounds >= mostRounds:
		i.end()
	case i.last != i.askedAt || i.vain < mostVain:
		i.askAgain()
	case i.silent:
		i.end()
	}
}

// read tells whether the part of the stream that was asked about has been read.
func (i *initial) read() bool {
	switch {
	case i.last >= i.state.LastSeq:
		return true
	case i.behind():
		return i.newestOf != nil && (i.last >= *i.newestOf || *i.newestOf < i.from)
	}
	return i.silent || i.settled || i.newest && i.rounds == 1 && i.foundAll()
}

// behind tells whether the consumer may be at a server that is behind, and there is somebody to ask how far.
func (i *initial) behind() bool { return i.state.Replicas > 1 && !i.mute }

// askLeader asks for the last message of the keys, once for each question. Where that is not allowed, what is announced
// has to do.
func (i *initial) askLeader() {
	if i.newestOf != nil || i.leading {
		return // it is to come
	}
	i.leading = true
	question := i.question
	answered := func(last uint64, err error) {
		if js.Leaderless(err) {
			i.later(question, i.askAgain)
			return
		}
		i.leading = false
		if err != nil {
			i.mute, i.settled = true, i.idle
		} else {
			i.newestOf = &last
		}
		i.check()
	}
	err := i.bucket.lastOf(i.filters, func(last uint64, err error) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.question == question {
			answered(last, err)
		}
	})
	if err != nil {
		answered(0, err)
	}
}

func (i *initial) end() {
	i.over = true
	i.complete(i.silent)
	i.seen, i.all = arrivals{}, nil
}
