// SPDX-License-Identifier: Apache-2.0

package gotcl

import "syscall"

// yieldThread lets other threads run. Go knows of the call, and takes the processor back from one that lasts.
func yieldThread() bool {
	_, _, failed := syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
	return failed == 0
}
