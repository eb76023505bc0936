// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"natstcl/kv/fault"
)

// store is the directory of one server, and a file that its process holds a lock on. The
// kernel lets go of the lock however the process ends, so a lock that can be taken marks a
// store that nobody uses; process numbers, which come again, play no part.
//
// A temporary store is a directory nats-store-X beside the file nats-store-X.lock. In one
// that the user named the file lies within, and stays.
type store struct {
	dir       string
	lock      *os.File
	temporary bool
}

const (
	storePrefix = "nats-store-"
	lockSuffix  = ".lock"
	// A lock file can be swept between its making and its locking, by one who starts at
	// the same moment: then another is made.
	storeAttempts = 100
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
		return &store{dir: dir, lock: lock, temporary: true}, nil
	}
	return nil, errors.New("no file in " + temp + " could be locked")
}

// claimedFile is locked by the server that uses a directory. It is never removed: whoever
// opens it at the same time has to find the same file.
const claimedFile = "nats-server.lock"

// claimStore takes a directory that the user named, which is made where it is not there,
// for one server: two that write to the same files lose messages they have acknowledged.
func claimStore(dir string) (*store, error) {
	if err := writable(dir); err != nil {
		return nil, failure("Cannot write to the store " + dir + ": " + err.Error())
	}
	lock, err := os.OpenFile(filepath.Join(dir, claimedFile), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, failure("Cannot write to the store " + dir + ": " + err.Error())
	}
	if err := tryLock(lock); err != nil {
		lock.Close()
		if errors.Is(err, errHeld) {
			return nil, failure("The store " + dir + " is in use by another server; shut that one down, or give this one another " + fault.Option("store_dir"))
		}
		return nil, failure("Cannot lock the store " + dir + ": " + err.Error())
	}
	return &store{dir: dir, lock: lock}, nil
}

// release gives the store up, and removes a temporary one. Its server is gone.
func (s *store) release() {
	switch {
	case s == nil:
	case s.temporary:
		_ = os.RemoveAll(s.dir)
		discard(s.lock)
	default:
		s.lock.Close()
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
