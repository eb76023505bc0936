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
	smallHeap   = 16 << 20 // a heap with so many bytes alive, or fewer, is small
	rarePercent = 400      // the GOGC of a small heap: at most 64 MB of garbage wait for a collection
	goPercent   = 100      // Go's own GOGC
)

// adjustPace returns a function that sets GOGC to what fits the size of the heap.
func adjustPace() func() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	now := goPercent
	return func() {
		metrics.Read(live)
		percent := rarePercent
		if live[0].Value.Uint64() > smallHeap {
			percent = goPercent
		}
		if percent != now {
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
