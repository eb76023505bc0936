// SPDX-License-Identifier: Apache-2.0

package js

import (
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// Missing finds out whether err, with which an operation on a stream has ended, means that there is no such stream: one
// that has no leader for a moment is as silent. began is when the operation began, which has the JetStream's timeout
// in all. done gets the stream's state where the stream was asked for it and has answered, else nil.
func (j *JetStream) Missing(stream string, err error, began wire.Instant, done func(missing bool, state *StreamState)) {
	switch fault.CodeOf(err) {
	case fault.StreamNotFound:
		done(true, nil)
		return
	case fault.NoResponders:
	case fault.Timeout:
		if !j.Foreign() {
			done(false, nil) // the server says at once where nobody listens
			return
		}
		// Behind a domain or an API prefix silence is all: the question gets a time of its own.
		began = wire.Now()
	default:
		done(false, nil)
		return
	}
	if timeout := j.Timeout(); timeout > 0 {
		left := timeout - began.Elapsed()
		if left <= 0 {
			done(false, nil)
			return
		}
		j = j.WithTimeout(left)
	}
	// Any replica knows, also where there is no leader.
	asked := j.call(at("STREAM.INFO", stream), nil, func(info dict.Dict, answer error) {
		if answer != nil {
			done(fault.CodeOf(answer) == fault.StreamNotFound, nil)
			return
		}
		state := stateOf(info)
		done(false, &state)
	}, stateWants...)
	if asked != nil {
		done(false, nil)
	}
}
