// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"
	"time"
)

// Instant is a moment by the clock of the process, which nobody sets; 0 is none. Each request and each message needs one: it is
// a number, and to read it takes half of what time.Now takes, which asks for the time of day, too.
type Instant int64 // ns since epoch

var epoch = time.Now().Add(-1)

// Now is never 0.
func Now() Instant { return Instant(time.Since(epoch)) }

// Add is no further than an Instant can be.
func (i Instant) Add(d time.Duration) Instant { return i + min(Instant(d), math.MaxInt64-i) }

// Elapsed is how long ago it was.
func (i Instant) Elapsed() time.Duration { return time.Duration(Now() - i) }

// Left is how long it is until then.
func (i Instant) Left() time.Duration { return time.Duration(i - Now()) }
