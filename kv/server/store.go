package server

import (
	"os"
	"path/filepath"
	"strings"
)

// A temporary store is a directory nats-store-X beside a file nats-store-X.lock that its
// process holds a lock on. The kernel lets go of the lock however the process ends, so
// a lock that can be taken marks a store that was left behind; process numbers, which
// come again, play no part.
const storePrefix = "nats-store-"

// newStore makes a store, after sweeping those that killed processes left.
func newStore(temp string) (dir string, lock *os.File, err error) {
	if temp == "" {
		temp = os.TempDir()
	}
	sweep(temp)
	if dir, err = os.MkdirTemp(temp, storePrefix); err != nil {
		return "", nil, err
	}
	if lock, err = os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		err = tryLock(lock)
	}
	if err != nil {
		_ = os.Remove(dir)
		return "", nil, err
	}
	return dir, lock, nil
}

// sweep removes stores that nobody holds. Those of other users stay: they cannot be
// opened.
func sweep(temp string) {
	locks, _ := filepath.Glob(filepath.Join(temp, storePrefix+"*.lock"))
	for _, name := range locks {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if tryLock(f) == nil {
			_ = os.RemoveAll(strings.TrimSuffix(name, ".lock"))
			_ = os.Remove(name)
		}
		f.Close()
	}
}
