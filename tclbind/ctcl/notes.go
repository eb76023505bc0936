// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

package ctcl

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"natstcl/tclbind/bridge"
)

// notes are calls that C has taken down (notes.c), and who gets them.
type notes struct {
	c    *C.Notes // C's memory, from the beginning until no method knows it
	kind *bridge.Names

	mu   sync.Mutex // held while they are handed over
	to   func(calls iter.Seq2[[]byte, []byte])
	gone bool
}

// flag is a field of C's that both sides change.
func flag(field *C.int) *int32 { return (*int32)(unsafe.Pointer(field)) }

// Note is that of bridge.Noter.
func (h *host) Note(object bridge.Value, kind *bridge.Names, room int, to func(calls iter.Seq2[[]byte, []byte])) {
	n := &h.notes
	n.take() // what the command itself has called may have begun to take down, a logger for example
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.to = to; n.kind != kind {
		n.kind = kind
		for i, c := range kind {
			n.c.kind[i] = C.uchar(c)
		}
	}
	C.natsNote(n.c, object.(value).obj, C.uint32_t(room))
}

// TakeNotes is that of bridge.Noter.
func (h *host) TakeNotes() { h.notes.take() }

// before is called before each command, which may change what a call would do.
func (n *notes) before() {
	if atomic.LoadInt32(flag(&n.c.open)) != 0 || atomic.LoadInt32(flag(&n.c.taking)) != 0 {
		n.take()
	}
}

func (n *notes) take() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone || atomic.LoadInt32(flag(&n.c.open)) == 0 {
		return
	}
	atomic.StoreInt32(flag(&n.c.taking), 1)
	defer atomic.StoreInt32(flag(&n.c.taking), 0)
	for !atomic.CompareAndSwapInt32(flag(&n.c.lock), 0, 1) {
		runtime.Gosched() // C holds it as long as it copies one call
	}
	atomic.StoreInt32(flag(&n.c.open), 0)
	atomic.StoreInt32(flag(&n.c.lock), 0)
	calls := unsafe.Slice((*byte)(n.c.calls), int(n.c.used))
	n.c.used = 0
	if len(calls) > 0 {
		n.to(eachCall(calls))
	}
}

// eachCall has the two arguments of each call.
func eachCall(calls []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(first, second []byte) bool) {
		for rest := calls; len(rest) > 0; {
			n, m := binary.NativeEndian.Uint32(rest), binary.NativeEndian.Uint32(rest[4:])
			rest = rest[8:]
			if !yield(rest[:n:n], rest[n:n+m:n+m]) {
				return
			}
			rest = rest[n+m:]
		}
	}
}

// free gives the memory back when no method knows it any more; in the interpreter's thread.
func (n *notes) free() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone = true
	C.natsFreeNotes(n.c)
}
