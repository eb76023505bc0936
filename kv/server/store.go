package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// store is a temporary directory nats-store-X beside a file nats-store-X.lock that its
// process holds a lock on. The kernel lets go of the lock however the process ends, so
// a lock that can be taken marks a store that was left behind; process numbers, which
// come again, play no part.
type store struct {
	dir  string
	lock *os.File
}

const (
	storePrefix = "nats-store-"
	lockSuffix  = ".lock"
	// A lock file can be swept between its making and its locking, by one who starts at
	// the same moment: then another is made.
	storeAttempts = 10
)

// newStore makes a store, after sweeping those that killed processes left.
func newStore(temp string) (*store, error) {
	if temp == "" {
		temp = os.TempDir()
	}
	sweep(temp)
	for range storeAttempts {
		lock, err := os.CreateTemp(temp, storePrefix+"*"+lockSuffix)
		if err != nil {
			return nil, err
		}
		if tryLock(lock) != nil {
			discard(lock)
			continue
		}
		if _, err := os.Stat(lock.Name()); err != nil {
			lock.Close()
			continue
		}
		// From here on nobody else takes it for left behind.
		dir := strings.TrimSuffix(lock.Name(), lockSuffix)
		if err := os.Mkdir(dir, 0o700); err != nil {
			discard(lock)
			return nil, err
		}
		return &store{dir, lock}, nil
	}
	return nil, errors.New("no file in " + temp + " could be locked")
}

func (s *store) remove() {
	if s != nil {
		_ = os.RemoveAll(s.dir)
		discard(s.lock)
	}
}

// sweep removes stores that nobody holds. Those of other users stay: they cannot be
// opened.
func sweep(temp string) {
	locks, _ := filepath.Glob(filepath.Join(temp, storePrefix+"*"+lockSuffix))
	for _, name := range locks {
		lock, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if tryLock(lock) != nil {
			lock.Close()
			continue
		}
		_ = os.RemoveAll(strings.TrimSuffix(name, lockSuffix))
		discard(lock)
	}
}

// writable tries to write to a directory, which is made where it is not there.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".write-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}
