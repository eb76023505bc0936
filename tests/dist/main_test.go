// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tree makes a directory of the same files, written in the order given.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	for _, name := range names {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if name == "program" {
			mode = 0o700
		}
		if err := os.WriteFile(file, []byte("of "+name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The same files give the same archive, whenever and in whatever order they were written.
func TestArchivesAreReproducible(t *testing.T) {
	one := tree(t, "a/b", "a.txt", "program")
	two := tree(t, "program", "a.txt", "a/b")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(two, "a.txt"), old, old); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{".tar.gz", ".zip"} {
		var archives [2][]byte
		for i, dir := range []string{one, two} {
			name := filepath.Join(t.TempDir(), "x"+suffix)
			if err := pack(dir, name); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			archives[i] = data
		}
		if !bytes.Equal(archives[0], archives[1]) {
			t.Errorf("%s: they differ", suffix)
		}
	}
}

func TestWhatAZipHolds(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.zip")
	if err := pack(tree(t, "program", "a/b"), name); err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 2 || z.File[0].Name != "p/a/b" || z.File[1].Name != "p/program" || z.File[1].Mode() != 0o755 || z.File[0].Mode() != 0o644 {
		t.Errorf("got %v", z.File)
	}
	if err := pack("p", filepath.Join(t.TempDir(), "x.rar")); err == nil {
		t.Error("an archive of another kind was written")
	}
}
