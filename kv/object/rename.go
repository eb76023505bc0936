// SPDX-License-Identifier: Apache-2.0

package object

import (
	"github.com/nats-io/nuid"
	"natstcl/kv/fault"
	"natstcl/kv/js"
)

// renaming gives an object another name. It has both for a moment, so that nobody finds it without one: its info is
// stored under the new name, then the one under the old name is removed, that revision and no other. Where somebody has
// changed the object in between, that revision is gone: then the new name is taken back, and it all begins again with
// what is there now.
//
// Before that the old info is marked, and the new one is too: whoever takes the place of either, or deletes it, looks
// whether the chunks have the other name (removeChunks). So it is also where the renaming is broken off.
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
	return s.info(r.from, try > 1, func(old *Info, err error) {
		switch {
		case err != nil:
		case old != nil && (old.renaming != "" || old.Link != nil):
			err = r.add(old, try)
		default:
			err = r.mark(try)
		}
		if err != nil {
			r.done(nil, err)
		}
	})
}

// mark has the info under the old name say that its chunks may have another name.
func (r *renaming) mark(try int) error {
	return r.store.change(r.from, func(old *Info) (*Info, error) {
		if _, err := r.next(old); err != nil {
			return nil, err
		}
		marked := *old
		marked.renaming = nuid.Next()
		return &marked, nil
	}, r.late, func(_, marked *Info, err error) {
		if err == nil {
			err = r.add(marked, try)
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
func (r *renaming) add(old *Info, try int) error {
	s := r.store
	now, err := r.next(old)
	if err != nil {
		return err
	}
	if now.Link == nil {
		now.renaming = nuid.Next()
	}
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
				r.finish(now)
			case unknown: // rather two names than none
				r.done(nil, err)
			default:
				r.takeBack(now, err, try)
			}
		})
	})
}

// finish tells that the object has its new name. Who has deleted it there, or put another one, has left the chunks as long
// as they had the old name.
func (r *renaming) finish(now *Info) {
	tell := func() { r.store.stamped(now, nil, r.done) }
	if now.Link != nil {
		tell()
		return
	}
	err := r.store.info(r.to, true, func(is *Info, err error) {
		if err != nil || is != nil && !is.Deleted && is.NUID == now.NUID {
			tell()
			return
		}
		r.store.sweep(func(error) { tell() }, now)
	})
	if err != nil {
		tell()
	}
}

// takeBack removes the info under the new name, unless somebody has changed it, too, and the chunks, if they have no name
// any more. Then the renaming fails with what failure tells, or without one begins again.
func (r *renaming) takeBack(now *Info, failure error, try int) {
	r.store.removeInfo(now, r.late, func(_ fate, err error) {
		if now.Link != nil {
			r.again(err, failure, try)
			return
		}
		r.store.sweep(func(error) { r.again(err, failure, try) }, now)
	})
}

// again begins again, unless there is a failure, or err of taking the name back.
func (r *renaming) again(err, failure error, try int) {
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
