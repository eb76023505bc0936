// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// PaceGC has Go's memory collected less often while there is little of it: for a process whose
// Go is ours alone. With Go's own pace a stream of messages through a heap of a few MB spends a tenth
// of its time there. GOGC, where it is set, stays in force.
var PaceGC = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		afterGC(adjustPace())
	}
})

const (
	smallHeap   = 16 << 20 // bytes alive
	rarePercent = 400      // of a small heap: at most 64 MB are waiting to be collected
	goPercent   = 100
)

// adjustPace returns a function that sets the pace by what is alive.
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

// afterGC calls f now, and after each collection. It makes an object that nobody holds: the collection that finds
// it runs its finalizer, which calls f and makes the next such object.
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
