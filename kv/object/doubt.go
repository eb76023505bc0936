// SPDX-License-Identifier: Apache-2.0

package object

import (
	"bytes"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// stragglers is how long messages may take to be stored that a connection had sent before it was lost: a server that was
// frozen reads what it has of that one beside the connection that came after.
const stragglers = 3 * time.Second

// tie tells the connections apart that have come one after another.
func (s *Store) tie() uint64 { return s.js.Conn().Statistics().Reconnects }

// doubt is an info that was published in the place of old, of which nobody knows whether it is stored.
type doubt struct {
	store    *Store
	old, now *Info
	failure  error
	tie      uint64 // of the connection that it was sent by
	late     func(error)
	done     func(old, now *Info, err error)
}

// look finds out whether the info is stored: then done gets no error, else the failure. late is told the failure where
// that takes long, and it alone where nobody finds out: then all stays as it is, rather chunks too many than an object
// without.
func (d *doubt) look() {
	s := d.store
	read := func(done func(*Info, error)) error {
		failed := func(err error) { done(nil, err) }
		return s.settle(s.infoSubject(d.now.Name), func(err error) {
			if err != nil {
				failed(err)
				return
			}
			s.applied(func(err error) {
				if err == nil {
					err = s.info(d.now.Name, true, done)
				}
				if err != nil {
					failed(err)
				}
			})
		})
	}
	atLast(s, read, func(error) { d.late(d.failure) }, func(is *Info, err error) {
		switch tie := s.tie(); {
		case err != nil:
			d.late(d.failure)
		case is.follows(d.old, d.now):
			d.now.revision, d.now.Modified = is.revision, is.Modified
			d.done(d.old, d.now, nil)
		case is.place() != d.old.place():
			d.late(d.failure)
			s.sweep(func(error) {}, d.old, d.now)
		case tie != d.tie: // it may still come
			d.late(d.failure)
			d.tie = tie
			time.AfterFunc(stragglers, func() { s.js.Conn().Guarded(d.look) })
		default:
			d.done(d.old, d.now, d.failure)
		}
	})
}

// follows tells whether an info is the one that was to take the place of old: perhaps as somebody has changed it since,
// where only one can have its NUID, or of those with one NUID only one comes from this renaming.
func (i *Info) follows(old, now *Info) bool {
	switch {
	case i == nil || i.revision == old.place() || i.NUID != now.NUID:
		return false
	case old == nil || old.NUID != now.NUID:
		return i.renaming == now.renaming
	}
	return bytes.Equal(i.json(), now.json())
}

// sweep removes the chunks of the objects that a name had before somebody else took it. The one who has taken it removes
// those that he saw, and he may have seen either. An object that was renamed meanwhile keeps its chunks. done gets the first
// error when all is done.
func (s *Store) sweep(done func(error), objects ...*Info) {
	tell := s.tellOnce(done)
	atLast(s, s.named, tell, func(named map[string]bool, err error) {
		if err != nil {
			tell(err)
			return
		}
		objects = slices.DeleteFunc(objects, func(i *Info) bool {
			has := i == nil || named[i.NUID]
			if !has {
				named[i.NUID] = true
			}
			return has
		})
		s.purgeEach(objects, tell)
	})
}

// named returns the NUIDs of the objects that have a name at the moment when it ends.
//
// A listing alone does not tell that: it goes through the stream from its beginning, maybe on a replica that is behind, and an
// object that is renamed meanwhile may have its old name no more when the listing comes to it, and its new one behind its
// end. What has a name at the end has got it either before the last info that was listed, which came in the order of
// the stream, or behind that, and there the leader is asked until it has no more.
func (s *Store) named(done func(map[string]bool, error)) error {
	return s.List(true, func(all []*Info, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		last, nuids := uint64(0), map[string]string{}
		for _, i := range all {
			last = max(last, i.revision)
			nuids[i.Name] = i.chunksOf()
		}
		s.namedSince(last, nuids, done)
	})
}

// namedSince goes on behind a revision with the NUIDs by their names.
func (s *Store) namedSince(last uint64, nuids map[string]string, done func(map[string]bool, error)) {
	next := js.Which{Seq: last + 1, NextBySubject: subjectPrefix + s.name + infoPart + ">"}
	err := s.js.MsgGet(s.stream, next, func(m *js.Message, err error) {
		switch {
		case fault.CodeOf(err) == fault.MsgNotFound:
			named := map[string]bool{}
			for _, nuid := range nuids {
				named[nuid] = true
			}
			done(named, nil)
		case err != nil:
			done(nil, err)
		default:
			if i, err := s.readInfo(m); err == nil {
				nuids[i.Name] = i.chunksOf()
			}
			s.namedSince(m.Seq, nuids, done)
		}
	})
	if err != nil {
		done(nil, err)
	}
}

// chunksOf is the NUID of the chunks that an info stands for, "" for none.
func (i *Info) chunksOf() string {
	if i.Deleted {
		return ""
	}
	return i.NUID
}

// purgeEach removes the chunks of objects, one after the other.
func (s *Store) purgeEach(objects []*Info, done func(error)) {
	if len(objects) == 0 {
		done(nil)
		return
	}
	s.purgeAtLast(s.chunkSubject(objects[0].NUID), func(err error) {
		if err != nil {
			done(err)
			return
		}
		s.purgeEach(objects[1:], done)
	})
}

// settle has done called when the stream has dealt with all that this connection has sent it before. A server answers
// requests of its API beside its streams: one that was frozen, or has too much to do, may purge or read a stream before
// it stores what came earlier. But a stream answers its messages in order, also this one, which it refuses because it
// is for another stream.
func (s *Store) settle(subject string, done func(error)) error {
	m := &nats.Msg{Subject: subject, Header: nats.Header{"Nats-Expected-Stream": {"-"}}}
	_, err := s.js.Publish(m, s.js.Timeout(), wire.Retry{}, func(_ js.Ack, err error) {
		if fault.CodeOf(err) == fault.JSResponse && !leaderless(err) {
			err = nil
		}
		done(err)
	})
	return err
}

// applied has done called when the stream has what its servers had agreed on before. A leader that was just elected may have
// what the one before it took in its log, and not in the stream: it reads as if that had never come. A purge goes through
// the same log, and is answered when all that is before it is in the stream; this one finds nothing. done gets an error where it
// is worth another try: who may not purge has to do without.
func (s *Store) applied(done func(error)) {
	s.purge(s.chunkSubject(nuid.Next()), func(err error) {
		if fault.CodeOf(err) != fault.Timeout && !leaderless(err) {
			err = nil
		}
		done(err)
	})
}
