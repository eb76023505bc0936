// SPDX-License-Identifier: Apache-2.0

package server

import (
	"os"

	"golang.org/x/sys/windows"
)

// errHeld is tryLock's error where somebody else holds the lock, in this process or another.
const errHeld = windows.ERROR_LOCK_VIOLATION

// tryLock takes the lock of a file, or fails at once.
func tryLock(f *os.File) error {
	const exclusiveNow = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), exclusiveNow, 0, 1, 0, &windows.Overlapped{})
}

// discard removes a lock file. Windows removes none that is open, so one that somebody
// else has opened meanwhile stays theirs.
func discard(f *os.File) {
	f.Close()
	_ = os.Remove(f.Name())
}
