// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"testing"
	"time"

	"modernc.org/libc"
)

// Without takeSignals the second signal blocks. A libc whose waits leave nothing behind may do without it.
func TestASignalForAWaitThatIsOverBlocksNobody(t *testing.T) {
	tls := libc.NewTLS()
	takeSignals(tls)
	memory := libc.Xcalloc(tls, 1, 256)
	condition, mutex, longAgo := memory, memory+128, memory+192
	done := make(chan struct{})
	go func() {
		other := libc.NewTLS()
		for range 100 {
			libc.Xpthread_cond_timedwait(tls, condition, mutex, longAgo)
			libc.Xpthread_cond_broadcast(other, condition)
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("a signal blocks")
	}
}
