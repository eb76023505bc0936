// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

package ctcl

// spareStack is the room, in bytes, that a command begins with on its goroutine's stack: for
// what it calls itself, and below that for a signal handler of the host (guest.c).
const spareStack = 96 << 10

// stackRoom sees to it that the stack has spareStack bytes left, at the cost of a comparison
// where it has: that is what Go does at the start of a function with a frame of that size,
// whichever branch is taken. The stack shrinks in a collection, so each entry from C asks
// anew, with false.
//
//go:noinline
func stackRoom(fill bool) byte {
	if !fill {
		return 0
	}
	var frame [spareStack]byte
	for i := range frame {
		frame[i] = frame[len(frame)-1-i] + 1
	}
	return frame[0]
}
