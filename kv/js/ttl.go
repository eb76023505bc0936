// SPDX-License-Identifier: Apache-2.0

package js

import (
	"math"
	"strconv"
	"time"

	"natstcl/kv/fault"
)

// LastMoment is the last one that a server can count: in ns since 1970 it is the greatest int64. A server adds a time
// to live to the present without looking: what would end later has ended long ago for it, so that it acknowledges the
// message and drops it at once.
var LastMoment = time.Unix(0, math.MaxInt64).UTC()

// CheckTTL refuses (ErrInvalidArg) a time to live that would end after LastMoment, less a day for clocks that differ.
// what names it in the error.
func CheckTTL(what string, ttl time.Duration) error {
	return checkTTL(what, ttl, time.Until(LastMoment)-24*time.Hour)
}

// CheckMarkerTTL refuses (ErrInvalidArg) more than 100 years as the life of the markers that the server puts where a
// limit took a value. It puts them there later than now, so that what is left until LastMoment does not say how long
// they may live.
func CheckMarkerTTL(what string, ttl time.Duration) error {
	return checkTTL(what, ttl, 100*365*24*time.Hour)
}

// TTLHeader is a time to live as Nats-TTL says it. A server drops what a time has beyond whole seconds (2.15 does), so that
// the value of a lock would go before its holder believes so: the time is rounded up. Less than a second is left
// to the server, which refuses it.
func TTLHeader(ttl time.Duration) string {
	if rest := ttl % time.Second; ttl > time.Second && rest != 0 {
		ttl += time.Second - rest
	}
	return ttl.String()
}

func checkTTL(what string, ttl, most time.Duration) error {
	if ttl <= most {
		return nil
	}
	given := strconv.FormatInt(ttl.Milliseconds(), 10) + " ms"
	if ttl == math.MaxInt64 {
		given = "more than 292 years"
	}
	return fault.New(fault.InvalidArg, what+" is longer than the server can count: it was "+given+", and may be "+
		strconv.FormatInt(most.Milliseconds(), 10)+" ms")
}
