// SPDX-License-Identifier: Apache-2.0

//go:build unix

package server

import (
	"os"
	"syscall"
)

// errHeld is tryLock's error where somebody else holds the lock, in this process or another.
const errHeld = syscall.EWOULDBLOCK

// tryLock takes the lock of a file, or fails at once.
func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// discard removes a lock file, while its lock is still held: who opened it meanwhile
// finds it gone once the lock is theirs.
func discard(f *os.File) {
	_ = os.Remove(f.Name())
	f.Close()
}
