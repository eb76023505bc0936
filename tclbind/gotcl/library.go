// SPDX-License-Identifier: Apache-2.0

// The Tcl library of natsh, and of Go programs with an interpreter: init.tcl, clock, encodings, tcltest and so on. It
// is in the program, and is unpacked once for each user and content into a directory that all processes share.

package gotcl

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/tcl"
	"natstcl/tclbind/bridge"
)

// TclVersion is that of modernc.org/tcl, and of the Tcl library in it.
const TclVersion = "8.6.12"

// Library returns a directory with the Tcl library (init.tcl, encodings, tcltest, …) and
// the index of an extension, for TCL_LIBRARY, which has to be set before the first
// interpreter is made.
func Library(x *bridge.Extension) (string, error) {
	files, err := libraryFiles(tcl.LibraryFileSystem(), "/", nil)
	if err != nil {
		return "", err
	}
	index := ifNeeded(x) + "\n"
	files = append(files, File{x.Name + x.Version + "/pkgIndex.tcl", func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(index)), nil
	}})
	// The name tells the versions of what is in it, and, by the index, builds of one version that differ: each
	// would put its own file back in place of the other's.
	sum := sha256.Sum256([]byte(index))
	return SharedDir("tcl"+TclVersion+"-"+x.Name+x.Version+"-"+hex.EncodeToString(sum[:4]), files)
}

// libraryFiles adds the files below a directory of the Tcl library. In that file system a
// name is a path from the root, and a directory's ends with a slash.
func libraryFiles(library http.FileSystem, dir string, files []File) ([]File, error) {
	d, err := library.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := d.Readdir(-1)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() {
			files, err = libraryFiles(library, name, files)
		} else {
			files = append(files, File{strings.TrimPrefix(name, "/"), func() (io.ReadCloser, error) { return library.Open(name) }})
		}
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// File is one of a SharedDir.
type File struct {
	Name string // relative to the directory, with slashes
	Open func() (io.ReadCloser, error)
}

// SharedDir returns a directory of files that never change, by a name that tells their
// content. It is written once for each user, below the user's cache directory, and stays
// for all programs: there is nothing to clean up, however they end. What is missing or was
// changed is put back each time. Where there is no such directory it is one in the system's
// temporary directory.
func SharedDir(name string, files []File) (string, error) {
	var failures []error
	for _, base := range sharedBases() {
		dir, err := sharedDir(base, name, files)
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

func sharedDir(base, name string, files []File) (string, error) {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", err
	}
	if err := private(base); err != nil {
		return "", err
	}
	dir := filepath.Join(base, name)
	if state, err := os.ReadFile(dir + stateSuffix); err == nil && len(state) > 0 && string(state) == stateOf(dir, files) {
		return dir, nil
	}
	sweep(base)
	b := make([]byte, compared)
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		same, err := f.is(path, b)
		if err == nil && !same {
			err = f.put(base, path)
		}
		if err != nil {
			return "", err
		}
	}
	state := stateOf(dir, files)
	return dir, File{Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(state)), nil }}.put(base, dir+stateSuffix)
}

// stateSuffix ends the name of a file beside the directory: it has the state that the
// directory was in when its content was compared.
const stateSuffix = ".state"

// stateOf tells the sizes and times of all files, "" where one is missing. While they are the same nobody has written
// to one, and to read them all at each start would take longer than the rest of it.
func stateOf(dir string, files []File) string {
	h := sha256.New()
	for _, f := range files {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Name)))
		if err != nil {
			return ""
		}
		fmt.Fprintln(h, f.Name, info.Mode(), info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// compared is the size, in bytes, of the buffer by which files are compared: longer than
// most of them.
const compared = 128 << 10

// is tells whether the file is there, with its content. The buffer is for what is read.
func (f File) is(path string, b []byte) (bool, error) {
	there, err := os.Open(path)
	if err != nil {
		return false, nil
	}
	defer there.Close()
	wanted, err := f.Open()
	if err != nil {
		return false, err
	}
	defer wanted.Close()
	left, right := b[:len(b)/2], b[len(b)/2:]
	for {
		n, err := io.ReadFull(wanted, left)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return false, err
		}
		m, _ := io.ReadFull(there, right)
		if !bytes.Equal(left[:n], right[:m]) {
			return false, nil
		}
		if n < len(left) {
			return true, nil
		}
	}
}

// put writes the file beside its place, which it takes by a rename: programs that start at
// the same time do not see half of it, nor is one that was killed the reason for such a half.
func (f File) put(base, path string) error {
	wanted, err := f.Open()
	if err != nil {
		return err
	}
	defer wanted.Close()
	fresh, err := os.CreateTemp(base, freshPrefix)
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	defer fresh.Close()
	if _, err := io.Copy(fresh, wanted); err != nil {
		return err
	}
	if err := fresh.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return os.Rename(fresh.Name(), path)
}

// freshPrefix begins the names of files that are being written.
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
