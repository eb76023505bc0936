// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"runtime"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/tcl/lib"
)

// wakeEvent is an event in Tcl's queue that stands for a Drain.
type wakeEvent struct {
	header lib.Tcl_Event
	owner  uintptr
}

// newWakeEvent's memory is Tcl's from the moment on at which it is queued.
func newWakeEvent(tls *libc.TLS, owner uintptr) uintptr {
	p := lib.XTcl_Alloc(tls, uint32(unsafe.Sizeof(wakeEvent{})))
	*at[wakeEvent](p) = wakeEvent{header: lib.Tcl_Event{Fproc: wakeP}, owner: owner}
	return p
}

func wakeProc(_ *libc.TLS, event uintptr, flags int32) int32 {
	// Not for those who serve timers or idle callbacks alone.
	if flags&lib.TCL_FILE_EVENTS == 0 {
		return 0
	}
	if h, ok := hosts.get(at[wakeEvent](event).owner).(*host); ok {
		h.drain()
	}
	return 1
}

func timerProc(_ *libc.TLS, owner uintptr) {
	if h, ok := hosts.get(owner).(*host); ok {
		h.timer = 0
		h.drain()
	}
}

func (h *host) drain() {
	defer h.recovered()
	// Nobody else holds the interpreter in an event, and what runs may delete it.
	lib.XTcl_Preserve(h.tls, h.interp)
	defer lib.XTcl_Release(h.tls, h.interp)
	h.pkg.Drain()
}

func (h *host) recovered() {
	if r := recover(); r != nil {
		h.logPanic(r)
	}
}

// checkLife follows each call that may have run a script. Where that has deleted the interpreter,
// the package ends here: Tcl takes the interpreter apart when nobody holds it any more, and until
// then nothing further may be done with it.
func (h *host) checkLife() {
	if h.pkg != nil && lib.XTcl_InterpDeleted(h.tls, h.interp) != 0 {
		h.end(false)
	}
}

func (h *host) Wake() {
	h.waking.Lock()
	defer h.waking.Unlock()
	h.queue(newWakeEvent(h.waker, h.number))
}

// queue hands an event over to the interpreter's thread, and wakes that. It is called with waking held.
func (h *host) queue(event uintptr) {
	if h.thread == noThreads {
		theBell.ring(event)
		return
	}
	lib.XTcl_ThreadQueueEvent(h.waker, h.thread, event, lib.TCL_QUEUE_TAIL)
	lib.XTcl_ThreadAlert(h.waker, h.thread)
}

func (h *host) Sleep(most time.Duration) {
	if h.sleep == nil {
		h.sleep = time.NewTimer(most)
	} else {
		h.sleep.Reset(most)
	}
	select {
	case <-h.roused:
		h.sleep.Stop()
	case <-h.sleep.C:
	}
}

// mayYield is what Yielding was given.
var mayYield func() bool

// Yielding has a script that waits for a reply yield its processor for a moment before it sleeps, where that is possible (on
// Linux, with several processors) and may returns true: the reply comes sooner. The goroutine keeps one of Go's processors
// meanwhile, unless the system lets others run for long, and other goroutines may need it. So it is for a program with one
// thread of Tcl, which does nothing else but read what comes, and it is called before the first interpreter is made.
func Yielding(may func() bool) { mayYield = may }

var goProcessors = runtime.GOMAXPROCS(0)

// mostYielding is how long a wait yields at most: of a hundred replies one is not read before that is over, and comes as much
// later (the benchmark's case notify).
var mostYielding = 100 * time.Microsecond

func (h *host) Yield(most time.Duration) (left time.Duration, can bool) {
	if goProcessors < 2 || mayYield == nil || !mayYield() {
		return 0, false
	}
	began := time.Now()
	most = min(most, mostYielding)
	for left = most; left > 0; left = most - time.Since(began) {
		if len(h.roused) > 0 {
			return left, true
		}
		if !yieldThread() {
			return 0, false
		}
	}
	return 0, true
}

func (h *host) Rouse() {
	select {
	case h.roused <- struct{}{}:
	default:
	}
}

func (h *host) Again() {
	lib.XTcl_QueueEvent(h.tls, newWakeEvent(h.tls, h.number), lib.TCL_QUEUE_TAIL)
}

func (h *host) Later() { h.timer = lib.XTcl_CreateTimerHandler(h.tls, 0, timerP, h.number) }

// ownEvent finds the events of a host for Tcl_DeleteEvents.
func ownEvent(_ *libc.TLS, event, owner uintptr) int32 {
	if at[lib.Tcl_Event](event).Fproc == wakeP && at[wakeEvent](event).owner == owner {
		return 1
	}
	return 0
}

func interpDeleted(_ *libc.TLS, owner, _ uintptr) {
	if h, ok := hosts.get(owner).(*host); ok {
		defer h.recovered()
		h.end(true)
	}
}

// threadEnds is the end of the thread, and in the main thread that of the process.
func threadEnds(_ *libc.TLS, owner uintptr) {
	if h, ok := hosts.get(owner).(*host); ok {
		defer h.recovered()
		h.end(false)
	}
}

// end ends the package. The interpreters of a thread share its event queue: what is meant
// for this one goes with it.
func (h *host) end(deleting bool) {
	if h.ended {
		return
	}
	h.ended = true
	h.pkg.Close()
	lib.XTcl_DeleteEvents(h.tls, ownEventP, h.number)
	if h.timer != 0 {
		lib.XTcl_DeleteTimerHandler(h.tls, h.timer)
		h.timer = 0
	}
	lib.XTcl_DeleteThreadExitHandler(h.tls, threadEndsP, h.number)
	if !deleting {
		lib.XTcl_DontCallWhenDeleted(h.tls, h.interp, interpDeletedP, h.number)
	}
	hosts.remove(h.number)
	h.waking.Lock()
	defer h.waking.Unlock()
	h.waker.Close()
}
