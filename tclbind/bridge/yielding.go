// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"runtime"
	"time"
)

const (
	// yieldTime is how long a wait yields its processor before it gives it up. A server on the same machine or network has
	// answered by then, and waking a thread, on a processor that has gone idle, takes a quarter of the whole call.
	yieldTime = 400 * time.Microsecond
	// After lateRow waits in a row that took longer, firstPause of them go without, and after each further row twice as many,
	// up to lastPause: others may use the processor. One late reply tells nothing. Processors and threads that have gone to
	// sleep meanwhile make the first one late again, and all would be slow for ever.
	lateRow    = 4
	firstPause = 8
	lastPause  = 256
)

// Where there is one processor, whoever answers needs it.
var manyProcessors = runtime.NumCPU() > 1

// yielding decides how long a wait yields. It belongs to the interpreter's thread.
type yielding struct {
	late   int // waits in a row whose end came after the yielding
	pause  int // how many waits did not yield after the last lateRow of those
	paused int // how many of them are to come
}

// budget is how long one wait may yield.
type budget struct {
	left    time.Duration
	yielded bool
}

// begin is the budget of a wait that begins.
func (y *yielding) begin() budget {
	switch {
	case !manyProcessors:
		return budget{}
	case y.paused > 0:
		y.paused--
		return budget{}
	}
	return budget{left: yieldTime}
}

// end is told when a wait's end has come. Where something is left of its budget, it came while the wait yielded, and the
// next ones yield, too.
func (y *yielding) end(b budget) {
	switch {
	case !b.yielded:
		return
	case b.left > 0:
		*y = yielding{}
		return
	}
	if y.late++; y.late == lateRow {
		pause := min(max(2*y.pause, firstPause), lastPause)
		*y = yielding{pause: pause, paused: pause}
	}
}
