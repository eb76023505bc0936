// SPDX-License-Identifier: Apache-2.0

package tclbind

import "sync/atomic"

// backlog counts what has come for a script, and what the script has taken of it. Each side counts for itself, and looks at the
// other's numbers only where it has to: two processors that change one number hand it over each time, which took
// longer than the rest of what is done for a message.
type backlog struct {
	limitMessages, limitBytes atomic.Int64 // 0: none

	came, cameBytes   atomic.Int64 // counted by those who deliver
	known, knownBytes atomic.Int64 // what they know of what was taken
	_                 [64]byte     // the length of what processors hand over
	taken, takenBytes atomic.Int64 // counted by the interpreter's thread
}

// put counts a message that has come; false: it is beyond the limits, and not counted.
func (b *backlog) put(size int64) bool {
	if !b.fits(size) {
		b.known.Store(b.taken.Load())
		b.knownBytes.Store(b.takenBytes.Load())
		if !b.fits(size) {
			return false
		}
	}
	b.came.Add(1)
	b.cameBytes.Add(size)
	return true
}

func (b *backlog) fits(size int64) bool {
	messages, bytes := b.limitMessages.Load(), b.limitBytes.Load()
	return (messages == 0 || b.came.Load()-b.known.Load() < messages) && (bytes == 0 || b.cameBytes.Load()-b.knownBytes.Load()+size <= bytes)
}

// take counts a message that waits no longer.
func (b *backlog) take(size int64) {
	b.taken.Add(1)
	b.takenBytes.Add(size)
}

// messages is how many wait, and bytes what they take.
func (b *backlog) messages() int64 { return b.came.Load() - b.taken.Load() }

func (b *backlog) bytes() int64 { return b.cameBytes.Load() - b.takenBytes.Load() }

// isHalf tells whether no more than half of what may wait does.
func (b *backlog) isHalf() bool {
	messages, bytes := b.limitMessages.Load(), b.limitBytes.Load()
	return (messages == 0 || b.messages() <= messages/2) && (bytes == 0 || b.bytes() <= bytes/2)
}
