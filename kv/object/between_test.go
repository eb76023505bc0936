// SPDX-License-Identifier: Apache-2.0

package object_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/object"
	"natstcl/kv/wire"
)

// between is a store whose requests to JetStream's API, and whose infos, go through somebody who can do something before
// they are dealt with, or lose them.
type between struct {
	*fixture
	mine *object.Store // of the client whose requests are these
	conn *wire.Conn    // its connection

	mu     sync.Mutex
	before map[string][]func() (goOn, answer bool) // what happens at the next requests of this kind
	passed map[string]int                          // how many answers there were, by kind
	behind bool                                    // see lag
}

// storing is the kind of a request that stores an info.
const storing = "INFO"

// listed is the kind of a request that begins a listing.
const listed = "CONSUMER.CREATE"

func startBetween(t *testing.T, timeout time.Duration) *between {
	t.Helper()
	b := &between{fixture: start(t, object.Config{}), before: map[string][]func() (bool, bool){}, passed: map[string]int{}}
	stream, err := b.api.Stream(context.Background(), "OBJ_files")
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	config.Subjects = []string{"$O.files.C.>", "STORED.>"}
	config.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "STORED.>", Destination: "$O.files.M.>"}
	if _, err := b.api.UpdateStream(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	nc := jstest.Native(t, b.url)
	b.pass(t, nc, "API.>", func(subject string) (kind, to string) {
		kind, _, _ = strings.Cut(strings.TrimPrefix(subject, "API."), ".OBJ_files")
		return kind, "$JS." + subject
	})
	b.pass(t, nc, "$O.files.M.>", func(subject string) (kind, to string) {
		return storing, "STORED." + strings.TrimPrefix(subject, "$O.files.M.")
	})
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	j := jstest.Connect(t, b.url, timeout).At("API")
	b.conn = j.Conn()
	b.mine = natstest.Wait(t, func(done func(*object.Store, error)) error { return object.Bind(j, "files", done) })
	return b
}

// lag has consumers be made of a stream that has no infos yet, as on a replica that is behind.
func (b *between) lag(t *testing.T) {
	t.Helper()
	config := jetstream.StreamConfig{
		Name: "BEHIND", Subjects: []string{"BEHIND.>"},
		SubjectTransform: &jetstream.SubjectTransformConfig{Source: "BEHIND.>", Destination: "$O.files.M.>"},
	}
	if _, err := b.api.CreateStream(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behind = true
}

// pass hands on requests, and their replies.
func (b *between) pass(t *testing.T, nc *nats.Conn, subject string, way func(subject string) (kind, to string)) {
	_, err := nc.Subscribe(subject, func(m *nats.Msg) {
		go func() {
			kind, to := way(m.Subject)
			goOn, answer := true, true
			b.mu.Lock()
			var do func() (bool, bool)
			if next := b.before[kind]; len(next) > 0 {
				do, b.before[kind] = next[0], next[1:]
			}
			data := m.Data
			if b.behind && kind == listed {
				to, data = strings.ReplaceAll(to, "OBJ_files", "BEHIND"), bytes.ReplaceAll(data, []byte("OBJ_files"), []byte("BEHIND"))
			}
			b.mu.Unlock()
			if do != nil {
				goOn, answer = do()
			}
			if !goOn {
				return
			}
			reply, err := nc.RequestMsg(&nats.Msg{Subject: to, Header: m.Header, Data: data}, natstest.Patience)
			if err == nil && answer {
				_ = m.RespondMsg(&nats.Msg{Header: reply.Header, Data: reply.Data})
				b.mu.Lock()
				b.passed[kind]++
				b.mu.Unlock()
			}
		}()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// at has something done before the next request of a kind.
func (b *between) at(kind string, do func() (goOn, answer bool)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before[kind] = append(b.before[kind], do)
}

// others is done by another client before the next request of a kind.
func (b *between) others(kind string, do func()) {
	b.at(kind, func() (goOn, answer bool) { do(); return true, true })
}

// lose has the next answer lost, or with unsent the request.
func (b *between) lose(kind string, unsent bool) {
	b.at(kind, func() (goOn, answer bool) { return !unsent, false })
}
