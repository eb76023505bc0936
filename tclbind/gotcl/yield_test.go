// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"runtime"
	"testing"
	"time"

	"natstcl/tclbind/bridge"
)

// yielder is a host that can yield, and no more; of a process in which a server answers, or not.
func yielder(answers bool) *host {
	return &host{roused: make(chan struct{}, 1), x: &bridge.Extension{Answers: func() bool { return answers }}}
}

func TestAThreadYieldsUntilItIsRoused(t *testing.T) {
	if runtime.GOOS != "linux" || goProcessors < 2 {
		t.Skip("a thread that waits sleeps at once")
	}
	h := yielder(false)
	time.AfterFunc(5*time.Millisecond, h.Rouse)
	if !h.Yield(time.Minute) {
		t.Fatal("not roused")
	}
	if began := time.Now(); true {
		h.Sleep(time.Minute)
		if time.Since(began) > 30*time.Second {
			t.Fatal("what has roused the yielding is lost for the sleep")
		}
	}
	if h.Yield(time.Millisecond) {
		t.Fatal("roused by nobody")
	}
}

// Whoever yields keeps one of Go's processors.
func TestAThreadThatOthersNeedDoesNotYield(t *testing.T) {
	if yielder(true).Yield(time.Minute) {
		t.Fatal("roused by nobody")
	}
	first, ended := yielder(false), make(chan struct{})
	go func() {
		first.Yield(time.Minute)
		close(ended)
	}()
	if runtime.GOOS == "linux" && goProcessors > 1 {
		for !yields.Load() {
			time.Sleep(time.Millisecond)
		}
		if yielder(false).Yield(time.Minute) {
			t.Fatal("roused by nobody")
		}
	}
	first.Rouse()
	<-ended
}
