// SPDX-License-Identifier: Apache-2.0

package js

import (
	"sync/atomic"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// Direct tells whether a stream answers direct gets, as far as is known. Its config says so when it is bound, and may be
// changed later; then Read finds out. Any goroutine may use it.
type Direct struct{ on atomic.Bool }

// DirectOf reads a stream's config (allow_direct).
func DirectOf(config dict.Dict) *Direct {
	d := &Direct{}
	on, _ := config.Path("allow_direct").(bool)
	d.on.Store(on)
	return d
}

// On tells whether the stream answers direct gets.
func (d *Direct) On() bool { return d.on.Load() }

// Learn takes over what a stream's state says. With nil, where nothing is known of it, all stays as it is.
func (d *Direct) Learn(state *StreamState) {
	if state != nil {
		d.on.Store(state.Direct)
	}
}

// Read reads one message of a stream from any replica where it answers direct gets, else from its leader. direct is nil
// where the leader alone is to be asked. Where nobody answers it finds out why: a stream whose direct gets were switched
// off meanwhile is read from its leader, and one that is gone is ErrStreamNotFound. Other errors: those of DirectGet and
// MsgGet.
func (j *JetStream) Read(stream string, which Which, direct *Direct, done func(*Message, error)) error {
	read := j.MsgGet
	directly := direct != nil && direct.On()
	if directly {
		read = j.DirectGet
	}
	begun := wire.Now()
	return read(stream, which, func(m *Message, err error) {
		j.Missing(stream, err, begun, func(missing bool, state *StreamState) {
			if missing {
				done(nil, fault.New(fault.StreamNotFound, "Stream "+stream+" not found"))
				return
			}
			if directly {
				direct.Learn(state)
			}
			if directly && !direct.On() && fault.CodeOf(err) == fault.NoResponders {
				if again := j.Read(stream, which, direct, done); again == nil {
					return
				}
			}
			done(m, err)
		})
	})
}
