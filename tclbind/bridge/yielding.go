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
	// After lateRow replies in a row that took longer, firstPause waits go without, and after each further row twice as many,
	// up to lastPause: others may use the processor. One late reply tells nothing. Processors and threads that have gone to
	// sleep meanwhile make the first one late again, and all would be slow for ever.
	lateRow    = 4
	firstPause = 8
	lastPause  = 256
)

// Where there is one processor, whoever answers needs it.
var manyProcessors = runtime.NumCPU() > 1

// yielding decides whether a wait yields first. It belongs to the interpreter's thread.
type yielding struct {
	late  int // replies in a row that came after the yielding
	pause int // how many waits did not yield after the last lateRow of those
	vain  int // waits to come that do not yield
}

func (y *yielding) may() bool {
	if y.vain > 0 {
		y.vain--
		return false
	}
	return manyProcessors
}

// ended is told of each wait that has yielded, whether the reply came meanwhile.
func (y *yielding) ended(inTime bool) {
	if inTime {
		*y = yielding{}
		return
	}
	if y.late++; y.late == lateRow {
		pause := min(max(2*y.pause, firstPause), lastPause)
		*y = yielding{pause: pause, vain: pause}
	}
}
