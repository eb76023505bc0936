// SPDX-License-Identifier: Apache-2.0

package object

import (
	"errors"
	"sync"
	"time"

	"natstcl/kv/fault"
)

// election bounds how long a server that restarts, or a stream that elects its leader, is waited for in the background:
// on a machine that is busy it takes its time.
const election = 30 * time.Second

// atLast tries an operation until it succeeds, fails for good, or election is over, then done is called. late is called
// when the first try has failed for want of a server or a leader: who waits is told, and the rest goes on without him.
func atLast[T any](s *Store, try func(done func(T, error)) error, late func(error), done func(T, error)) {
	began, first := time.Now(), true
	var once func()
	once = func() {
		err := try(func(v T, err error) {
			if fault.CodeOf(err) != fault.Timeout && !leaderless(err) || time.Since(began) > election {
				done(v, err)
				return
			}
			if first {
				first = false
				late(err)
			}
			time.AfterFunc(missPause, func() { s.js.Conn().Guarded(once) })
		})
		if err != nil {
			done(*new(T), err)
		}
	}
	once()
}

// leaderless tells whether an error may be over soon: a server is restarting, or a leader is about to be elected.
func leaderless(err error) bool {
	var e *fault.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case fault.NoResponders, fault.JetStreamNotEnabled:
		return true
	case fault.JSResponse:
		return len(e.Words) > 0 && e.Words[0] == "503"
	}
	return false
}

// purgeAtLast removes the messages of one subject, and has done called with the outcome of the first try. Where that
// failed for want of a server or a leader, it goes on trying.
func (s *Store) purgeAtLast(subject string, done func(error)) {
	tell := s.tellOnce(done)
	s.purgeTold(subject, tell, tell)
}

// purgeTold is purgeAtLast for one who wants to know of the failure of the first try (late), and of the end, too.
func (s *Store) purgeTold(subject string, late, done func(error)) {
	atLast(s, func(done func(struct{}, error)) error {
		s.purge(subject, func(err error) { done(struct{}{}, err) })
		return nil
	}, late, func(_ struct{}, err error) { done(err) })
}

// tellOnce is done, of which the first call counts, with the errors of a stream made those of the store.
func (s *Store) tellOnce(done func(error)) func(error) {
	var once sync.Once
	return func(err error) { once.Do(func() { s.told(err, done) }) }
}

// firstOnly is done, of which the first call counts.
func firstOnly[T any](done func(T, error)) func(T, error) {
	var once sync.Once
	return func(v T, err error) { once.Do(func() { done(v, err) }) }
}

// failing tells done of a failure.
func failing[T any](done func(T, error)) func(error) {
	return func(err error) { done(*new(T), err) }
}
