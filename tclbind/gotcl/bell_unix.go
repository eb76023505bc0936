// SPDX-License-Identifier: Apache-2.0

//go:build unix

package gotcl

import (
	"fmt"
	"sync"
	"syscall"

	"modernc.org/libc"
	lib "modernc.org/tcl/lib"
)

// bell wakes a Tcl that was built without threads, as modernc.org/tcl v1.15.2 is for Linux on arm64 and for macOS:
// there Tcl_ThreadQueueEvent queues without a lock, Tcl_ThreadAlert wakes nobody, and vwait throws "would wait forever"
// where Tcl knows of no timer and no file. Tcl waits for a pipe, too, and what is to be queued goes beside it. There is
// one for the process, as such a Tcl has one queue.
type bell struct {
	mu          sync.Mutex
	hung        bool
	read, write int
	events      []uintptr // not yet in Tcl's queue; while there are any, there is one byte in the pipe
}

var theBell bell

var bellP uintptr

func init() { bellP = procedure(bellRang) }

// hang has Tcl wait for the bell. It is called by the goroutine of an interpreter.
func (b *bell) hang(tls *libc.TLS) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hung {
		return nil
	}
	var ends [2]int
	syscall.ForkLock.RLock()
	err := syscall.Pipe(ends[:])
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return fmt.Errorf("no pipe by which Tcl could be woken: %w", err)
	}
	b.hung, b.read, b.write = true, ends[0], ends[1]
	lib.XTcl_CreateFileHandler(tls, int32(b.read), lib.TCL_READABLE, bellP, 0)
	return nil
}

// ring hands over an event, whose memory is Tcl's from then on. Any goroutine may call it.
func (b *bell) ring(event uintptr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, event)
	if len(b.events) == 1 {
		again(func() error { _, err := syscall.Write(b.write, []byte{0}); return err })
	}
}

// bellRang queues what was handed over. Tcl calls it, in the goroutine that serves events.
func bellRang(tls *libc.TLS, _ uintptr, _ int32) {
	defer logEventPanic()
	for _, event := range theBell.take() {
		lib.XTcl_QueueEvent(tls, event, lib.TCL_QUEUE_TAIL)
	}
}

// take silences the bell, and returns what was handed over.
func (b *bell) take() []uintptr {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events = nil
	if len(events) > 0 {
		again(func() error { _, err := syscall.Read(b.read, make([]byte, 1)); return err })
	}
	return events
}

// again calls what a signal may interrupt until none has.
func again(call func() error) {
	for call() == syscall.EINTR {
	}
}
