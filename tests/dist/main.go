// SPDX-License-Identifier: Apache-2.0

// Dist packs a directory as a tar.gz and as a zip that depend on the files' names and contents
// alone: no time, no owner, no order in which a file system has them.
//
//	dist directory archive ?archive?
//
// An archive's name ends with .tar.gz or .zip. The directory's own name is the first part of
// the names in it.
package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// epoch is the time of every file: the earliest that a zip can tell.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: dist directory archive ?archive?"))
	}
	for _, name := range os.Args[2:] {
		if err := pack(os.Args[1], name); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "dist:", err)
	os.Exit(1)
}

func pack(dir, name string) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	write := tarred
	switch {
	case strings.HasSuffix(name, ".zip"):
		write = zipped
	case !strings.HasSuffix(name, ".tar.gz"):
		return fmt.Errorf("%s is neither .tar.gz nor .zip", name)
	}
	if err := write(dir, out); err != nil {
		return err
	}
	return out.Close()
}

// each calls f for the regular files below dir, in the order of their names. A file that anybody
// may execute stays so.
func each(dir string, f func(name string, mode fs.FileMode, size int64, data io.Reader) error) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		data, err := os.Open(file)
		if err != nil {
			return err
		}
		defer data.Close()
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		return f(path.Join(filepath.Base(dir), filepath.ToSlash(below)), mode, info.Size(), data)
	})
}

func tarred(dir string, out io.Writer) error {
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	err = each(dir, func(name string, mode fs.FileMode, size int64, data io.Reader) error {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: size, ModTime: epoch, Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err := io.Copy(t, data)
		return err
	})
	if err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func zipped(dir string, out io.Writer) error {
	z := zip.NewWriter(out)
	err := each(dir, func(name string, mode fs.FileMode, _ int64, data io.Reader) error {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, data)
		return err
	})
	if err != nil {
		return err
	}
	return z.Close()
}
