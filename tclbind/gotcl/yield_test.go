// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"runtime"
	"testing"
	"time"
)

func TestAThreadYieldsUntilItIsRoused(t *testing.T) {
	defer Yielding(nil)
	defer func(most time.Duration) { mostYielding = most }(mostYielding)
	h := &host{roused: make(chan struct{}, 1)}
	if _, can := h.Yield(time.Minute); can {
		t.Fatal("it yields without being told to")
	}
	Yielding(func() bool { return false })
	if _, can := h.Yield(time.Minute); can {
		t.Fatal("it yields where it may not")
	}
	Yielding(func() bool { return true })
	if runtime.GOOS != "linux" || goProcessors < 2 {
		if _, can := h.Yield(time.Minute); can {
			t.Fatal("it yields where it cannot")
		}
		return
	}
	began := time.Now()
	mostYielding = time.Hour
	time.AfterFunc(5*time.Millisecond, h.Rouse)
	if left, can := h.Yield(time.Hour); !can || left == 0 || time.Since(began) < 5*time.Millisecond {
		t.Fatalf("roused with %v left, %v", left, can)
	}
	began = time.Now()
	if h.Sleep(time.Minute); time.Since(began) > 30*time.Second {
		t.Fatal("what has roused the yielding is lost for the sleep")
	}
	for _, mostYielding = range []time.Duration{time.Hour, time.Microsecond} {
		if left, can := h.Yield(time.Millisecond); left != 0 || !can {
			t.Fatalf("roused by nobody, with %v left, %v", left, can)
		}
	}
}
