package gotcl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"modernc.org/tcl"
	"natstcl/tclbind/bridge"
)

// tclVersion is that of the Tcl library that modernc.org/tcl has.
const tclVersion = "tcl8.6.12"

// Library returns a directory with the Tcl library (init.tcl, encodings, tcltest, …) and
// the index of an extension, for TCL_LIBRARY, which has to be set before the first
// interpreter is made.
func Library(x *bridge.Extension) (string, error) {
	// The name tells the versions of what is in it.
	return SharedDir(tclVersion+"-"+x.Name+x.Version, func(dir string) error {
		if err := tcl.Library(dir); err != nil {
			return err
		}
		index := filepath.Join(dir, x.Name+x.Version)
		if err := os.Mkdir(index, 0o755); err != nil {
			return err
		}
		text := ifNeeded(x) + "\n"
		return os.WriteFile(filepath.Join(index, "pkgIndex.tcl"), []byte(text), 0o644)
	})
}

// SharedDir returns a directory of files that never change, by a name that tells their
// content. It is written once for each user, below the user's cache directory, and stays
// for all programs: there is nothing to clean up, however they end. Where there is no such
// directory it is one in the system's temporary directory.
func SharedDir(name string, write func(dir string) error) (string, error) {
	var failures []error
	for _, base := range sharedBases() {
		dir, err := sharedDir(base, name, write)
		if err == nil {
			return dir, nil
		}
		failures = append(failures, err)
	}
	return "", fmt.Errorf("%s cannot be written anywhere: %w", name, errors.Join(failures...))
}

func sharedBases() []string {
	var bases []string
	if cache, err := os.UserCacheDir(); err == nil {
		bases = append(bases, filepath.Join(cache, "natsh"))
	}
	return append(bases, filepath.Join(os.TempDir(), fmt.Sprintf("natsh-%d", os.Getuid())))
}

// sharedDir writes the directory beside its place, which it takes by a rename: two
// programs that start at the same time do not see half of it, nor is one that was killed a
// reason to write it again.
func sharedDir(base, name string, write func(dir string) error) (string, error) {
	dir := filepath.Join(base, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, private(base)
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", err
	}
	if err := private(base); err != nil {
		return "", err
	}
	sweep(base)
	fresh, err := os.MkdirTemp(base, freshPrefix)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := write(fresh); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
}

// freshPrefix begins the names of directories that are being written.
const freshPrefix = "new-"

// sweep removes what programs left that were killed while they wrote.
func sweep(base string) {
	left, _ := filepath.Glob(filepath.Join(base, freshPrefix+"*"))
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}

// private refuses a directory that others may write to: what is in it is run.
func private(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir(), runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0, !ownedByUser(info):
		return fmt.Errorf("%s is not this user's alone", dir)
	}
	return nil
}
