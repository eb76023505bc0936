// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"reflect"
	"unsafe"

	"modernc.org/libc"
)

// mostSignals is far more than there are signals for waits that are over, before the next wait takes one.
const mostSignals = 1 << 16

// takeSignals has a thread take signals for waits that are over. In modernc.org/libc (v1.22.5 and newer ones)
// pthread_cond_timedwait with a deadline that has passed leaves its thread among those that wait. The next signal is then
// kept in a channel with room for one, and the one behind it blocks whoever sends it, with Tcl's notifier locked: on a busy
// machine a script with timers hung for ever. With more room the thread wakes for nothing at its next wait, which
// is allowed. The channel is a field that has no other way in.
func takeSignals(tls *libc.TLS) {
	wait := reflect.ValueOf(tls).Elem().FieldByName("wait")
	if !wait.IsValid() || wait.Type() != reflect.TypeFor[chan struct{}]() {
		return // another libc, in which the test of this looks whether it blocks
	}
	if signals := (*chan struct{})(unsafe.Pointer(wait.UnsafeAddr())); cap(*signals) < mostSignals {
		*signals = make(chan struct{}, mostSignals)
	}
}
