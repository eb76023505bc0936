// SPDX-License-Identifier: Apache-2.0

package object

import (
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
)

// mostTries is how often an info is written anew because somebody else wrote in between.
const mostTries = 20

// change stores an info in the place of another. next says which; it gets what is there, nil for nothing, and
// is asked again where somebody else has written in between. done gets both. So of two that put
// the same name each knows whose chunks to remove.
//
// Where the acknowledgement of the info is lost, done waits until it is known whether the info is stored. late is
// told the failure where that takes long, and it alone where nobody finds out.
func (s *Store) change(name string, next func(old *Info) (*Info, error), late func(error), done func(old, now *Info, err error)) error {
	return s.tryChange(name, next, late, done, 1)
}

func (s *Store) tryChange(name string, next func(old *Info) (*Info, error), late func(error), done func(old, now *Info, err error), try int) error {
	// A replica may be behind its leader: then the second try reads there.
	return s.info(name, try > 1, func(old *Info, err error) {
		var now *Info
		if err == nil {
			now, err = next(old)
		}
		if err != nil {
			done(old, nil, err)
			return
		}
		tie := s.tie()
		s.store(old, now, func(err error) {
			switch code := fault.CodeOf(err); {
			case code == fault.WrongLastSequence && try < mostTries:
				if err = s.tryChange(name, next, late, done, try+1); err == nil {
					return
				}
			case code == fault.Timeout:
				d := &doubt{store: s, old: old, now: now, failure: err, tie: tie, late: late, done: done}
				d.look()
				return
			}
			done(old, now, err)
		})
	})
}

// store publishes an info on condition that the other one is still the last.
func (s *Store) store(old, now *Info, done func(error)) {
	m := &nats.Msg{
		Subject: s.infoSubject(now.Name),
		Data:    now.json(),
		Header: nats.Header{
			"Nats-Rollup":                         {"sub"},
			"Nats-Expected-Last-Subject-Sequence": {strconv.FormatUint(old.place(), 10)},
		},
	}
	err := s.js.PublishForSeq(m, func(seq uint64, err error) {
		if err != nil {
			s.told(err, done)
			return
		}
		now.revision, now.Modified = seq, time.Now()
		done(nil)
	})
	if err != nil {
		done(err)
	}
}

// stamped hands on an info that was stored, with the time that the server gave to it. Without an answer the time is ours.
func (s *Store) stamped(i *Info, err error, done func(*Info, error)) {
	if err != nil {
		done(nil, err)
		return
	}
	stamped := *i
	err = s.js.Read(s.stream, js.Which{Seq: i.revision}, s.direct, func(m *js.Message, err error) {
		if err == nil {
			stamped.Modified = m.Time
		}
		done(&stamped, nil)
	})
	if err != nil {
		done(&stamped, nil)
	}
}

// purge removes the messages of one subject.
func (s *Store) purge(subject string, done func(error)) {
	filter := dict.Dict{{Key: "filter", Value: subject}}
	if err := s.js.PurgeStream(s.stream, filter, func(_ uint64, _ bool, err error) { done(err) }); err != nil {
		done(err)
	}
}

// Delete removes an object: its chunks go, and its info says that it was deleted. To delete it
// again is fine. ErrObjectNotFound: there never was one.
func (s *Store) Delete(name string, done func(error)) error {
	var once sync.Once
	tell := func(err error) { once.Do(func() { done(err) }) }
	return s.change(name, func(old *Info) (*Info, error) {
		if old == nil {
			return nil, errNotFound(s, name)
		}
		now := *old
		now.Deleted = true
		now.Size, now.Chunks, now.Digest = 0, 0, ""
		return &now, nil
	}, tell, func(_, now *Info, err error) {
		if err != nil {
			tell(err)
			return
		}
		s.removeChunks(now, tell)
	})
}

// removeReplaced removes the chunks of what had a name before, if it had any.
func (s *Store) removeReplaced(old *Info, done func(error)) {
	if old == nil || old.Deleted || old.Link != nil {
		done(nil)
		return
	}
	s.removeChunks(old, done)
}

// removeChunks removes the chunks of an object that has lost its name, unless they have another one, too.
func (s *Store) removeChunks(i *Info, done func(error)) {
	if i.renaming != "" {
		s.sweep(done, i)
		return
	}
	s.purgeAtLast(s.chunkSubject(i.NUID), done)
}

// MetaChange is what UpdateMeta changes: what is not nil.
type MetaChange struct {
	Name, Description *string
	Header, Metadata  *dict.Dict
}

// UpdateMeta changes what is said of an object, and its name. The bytes stay where they are.
//
// Errors: ErrObjectNotFound, ErrObjectDeleted, ErrObjectExists (another one has the new name), ErrWrongLastSequence
// (others have changed it again and again).
func (s *Store) UpdateMeta(name string, c MetaChange, done func(*Info, error)) error {
	changed := func(old *Info) (*Info, error) {
		if old == nil {
			return nil, errNotFound(s, name)
		}
		if old.Deleted {
			return nil, fault.New(fault.ObjectDeleted, "Object "+name+" was deleted from bucket "+s.name)
		}
		now := *old
		c.apply(&now)
		return &now, nil
	}
	done = firstOnly(done)
	if c.Name == nil || *c.Name == name {
		return s.change(name, changed, failing(done), func(_, now *Info, err error) { s.stamped(now, err, done) })
	}
	if err := checkObject(*c.Name); err != nil {
		return err
	}
	r := &renaming{store: s, from: name, to: *c.Name, next: changed, done: done}
	return r.begin(1)
}

func (c *MetaChange) apply(i *Info) {
	if c.Name != nil {
		i.Name = *c.Name
	}
	if c.Description != nil {
		i.Description = *c.Description
	}
	if c.Header != nil {
		i.Header = *c.Header
	}
	if c.Metadata != nil {
		i.Metadata = *c.Metadata
	}
}

func errExists(s *Store, name string) error {
	return fault.New(fault.ObjectExists, "Object "+name+" exists already in bucket "+s.name)
}

// AddLink makes a name for another object, which may be in another store. It may replace another link.
//
// Errors: ErrObjectNotFound and ErrLinkToDeleted (there is no such object any more), ErrLinkToLink,
// ErrObjectExists (an object has that name), ErrBucketNotFound.
func (s *Store) AddLink(name, bucket, target string, done func(*Info, error)) error {
	for _, n := range []string{name, target} {
		if err := checkObject(n); err != nil {
			return err
		}
	}
	return s.other(bucket, func(store *Store, err error) {
		if err == nil {
			err = store.Info(target, true, func(i *Info, err error) {
				switch {
				case err != nil:
				case i.Deleted:
					err = fault.New(fault.LinkToDeleted, "Object "+target+" was deleted from bucket "+store.name)
				case i.Link != nil:
					err = fault.New(fault.LinkToLink, "Object "+target+" in bucket "+store.name+" is a link itself")
				default:
					err = s.addLink(name, Link{store.name, i.Name}, done)
				}
				if err != nil {
					done(nil, err)
				}
			})
		}
		if err != nil {
			done(nil, err)
		}
	})
}

// AddBucketLink makes a name for another store. It may replace another link.
//
// Errors: ErrObjectExists (an object has that name), ErrBucketNotFound.
func (s *Store) AddBucketLink(name, bucket string, done func(*Info, error)) error {
	if err := checkObject(name); err != nil {
		return err
	}
	return Bind(s.js, bucket, func(_ *Store, err error) {
		if err == nil {
			err = s.addLink(name, Link{Bucket: bucket}, done)
		}
		if err != nil {
			done(nil, err)
		}
	})
}

func (s *Store) addLink(name string, to Link, done func(*Info, error)) error {
	done = firstOnly(done)
	return s.change(name, func(old *Info) (*Info, error) {
		if old != nil && old.Link == nil && !old.Deleted {
			return nil, errExists(s, name)
		}
		return &Info{Meta: Meta{Name: name}, Bucket: s.name, NUID: nuid.Next(), Link: &to}, nil
	}, failing(done), func(_, now *Info, err error) { s.stamped(now, err, done) })
}

// other is the store of a bucket: this one, or one that is bound first.
func (s *Store) other(bucket string, use func(*Store, error)) error {
	if bucket == "" || bucket == s.name {
		use(s, nil)
		return nil
	}
	return Bind(s.js, bucket, use)
}
