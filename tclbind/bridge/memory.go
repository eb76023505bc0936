// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
)

// PaceGC makes Go's garbage collections rarer while the heap is small. It is called in a process in which all Go code
// is ours. With Go's own setting, and a heap of a few MB, a stream of messages spends a tenth of its time in
// collections. If the environment has GOGC, nothing is changed.
var PaceGC = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		afterGC(adjustPace())
	}
})

// piece is how many bytes are copied in one go.
const piece = 1 << 20

// Append appends src to dst. Many bytes are copied in pieces: the garbage collector stops each goroutine for
// a moment, and a copy can be stopped only at its end. Until then the collector sends signals to its thread without
// a pause, which made a copy of 64 MiB take a second.
func Append(dst, src []byte) []byte {
	dst = slices.Grow(dst, len(src))
	inPieces(src, func(b []byte) { dst = append(dst, b...) })
	return dst
}

// Copy copies src, as Append does, to dst, which is as long.
func Copy(dst, src []byte) {
	inPieces(src, func(b []byte) { dst = dst[copy(dst, b):] })
}

func inPieces(b []byte, do func([]byte)) {
	for len(b) > piece {
		do(b[:piece])
		b = b[piece:]
		runtime.Gosched()
	}
	do(b)
}

const (
	// allowance is how many bytes of garbage may wait for a collection while fewer bytes than that are alive. More would
	// make collections rarer still, but new memory is not for nothing: the system clears each page when it is first
	// touched, and what was used last is still in the processor's cache.
	allowance   = 16 << 20
	rarePercent = 400 // the most for GOGC: Go multiplies it with 4 MB where less is alive, which is the allowance
	goPercent   = 100 // Go's own GOGC
	paceStep    = 50  // GOGC is a multiple of it: to set it stops all threads for a moment
)

// pace returns the GOGC for a heap with so many bytes alive.
func pace(live uint64) int {
	percent := 100 * allowance / max(live, 1)
	return int(min(max(percent/paceStep*paceStep, goPercent), rarePercent))
}

// adjustPace returns a function that sets GOGC to what fits the size of the heap.
func adjustPace() func() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	now := goPercent
	return func() {
		metrics.Read(live)
		if percent := pace(live[0].Value.Uint64()); percent != now {
			now = percent
			debug.SetGCPercent(percent)
		}
	}
}

// afterGC calls f now and after each collection. For that it makes an object that nobody refers to. The next collection
// finds it and runs its finalizer, which calls f and makes another such object.
func afterGC(f func()) {
	f()
	type mark struct{ _ [16]byte }
	var again func(*mark)
	again = func(*mark) {
		defer func() {
			if r := recover(); r != nil {
				fmt.Fprintf(os.Stderr, "panic after a collection of memory: %v\n%s", r, debug.Stack())
			}
		}()
		f()
		runtime.SetFinalizer(new(mark), again)
	}
	runtime.SetFinalizer(new(mark), again)
}
