// SPDX-License-Identifier: Apache-2.0

package object

import (
	"natstcl/kv/fault"
	"natstcl/kv/js"
)

// renaming gives an object another name. It has both for a moment, so that nobody finds it without one: its info is
// stored under the new name, then the one under the old name is removed, that revision and no other. Where somebody has
// changed the object in between, that revision is gone: then the new name is taken back, and it all begins again with
// what is there now.
type renaming struct {
	store    *Store
	from, to string
	next     func(old *Info) (*Info, error) // makes the info under the new name
	done     func(*Info, error)             // its first call counts
	given    bool                           // done was told a failure that may be over soon
}

func (r *renaming) begin(try int) error {
	s := r.store
	// A replica may be behind its leader: then the second try reads there.
	return s.info(r.from, try > 1 || !s.direct, func(old *Info, err error) {
		var now *Info
		if err == nil {
			now, err = r.next(old)
		}
		if err == nil {
			err = r.add(old, now, try)
		}
		if err != nil {
			r.done(nil, err)
		}
	})
}

// late tells a failure, behind which the renaming goes on.
func (r *renaming) late(err error) {
	r.given = true
	r.done(nil, err)
}

// add stores the info under the new name.
func (r *renaming) add(old, now *Info, try int) error {
	s := r.store
	return s.change(r.to, func(other *Info) (*Info, error) {
		if other != nil && !other.Deleted {
			return nil, errExists(s, r.to)
		}
		return now, nil
	}, r.late, func(_, now *Info, err error) {
		if err != nil {
			r.done(nil, err)
			return
		}
		s.removeInfo(old, r.late, func(f fate, err error) {
			switch f {
			case removed:
				s.stamped(now, nil, r.done)
			case unknown: // rather two names than none
				r.done(nil, err)
			default:
				r.takeBack(now, err, try)
			}
		})
	})
}

// takeBack removes the info under the new name, unless somebody has changed it, too. Then the renaming fails with what
// failure tells, or without one begins again.
func (r *renaming) takeBack(now *Info, failure error, try int) {
	r.store.removeInfo(now, r.late, func(_ fate, err error) {
		switch {
		case failure != nil:
			err = failure
		case err != nil || r.given:
		case try == mostTries:
			err = fault.New(fault.WrongLastSequence, "Object "+r.from+" in bucket "+r.store.name+" was changed by others at each attempt to rename it")
		default:
			err = r.begin(try + 1)
		}
		if err != nil {
			r.done(nil, err)
		}
	})
}

// fate is what became of an info that was to be removed.
type fate int

const (
	removed fate = iota
	gone         // somebody else was earlier
	kept         // the server refuses to remove it
	unknown
)

// removeInfo removes the message that an info stands in, and no later one of its subject. done gets an error where the
// message is kept or its fate unknown; late is told of a failure that may be over soon.
func (s *Store) removeInfo(i *Info, late func(error), done func(fate, error)) {
	tries := 0
	remove := func(done func(struct{}, error)) error {
		tries++
		return s.js.DeleteMsg(s.stream, i.revision, false, func(err error) { done(struct{}{}, err) })
	}
	failed := func(f fate, err error) { s.told(err, func(err error) { done(f, err) }) }
	atLast(s, remove, func(err error) { s.told(err, late) }, func(_ struct{}, err error) {
		switch {
		case err == nil:
			done(removed, nil)
			return
		case fault.CodeOf(err) != fault.JSResponse || leaderless(err):
			failed(unknown, err)
			return
		}
		// The server has several errors for a message that is gone, and others of the same codes.
		asked := s.js.MsgGet(s.stream, js.Which{Seq: i.revision}, func(_ *js.Message, answer error) {
			switch {
			case answer == nil:
				failed(kept, err)
			case fault.CodeOf(answer) != fault.MsgNotFound:
				failed(unknown, err)
			case tries > 1: // an answer was lost, which may have been that it is removed
				done(removed, nil)
			default:
				done(gone, nil)
			}
		})
		if asked != nil {
			failed(unknown, err)
		}
	})
}
