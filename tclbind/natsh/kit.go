// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"natstcl/tclbind/gotcl"
)

// A kit is a program of one file: a copy of natsh with a zip archive behind it, which has a script and perhaps the
// files of a directory. When a kit starts, it unpacks the archive into a directory beside the Tcl library
// (gotcl.SharedDir), so that the script finds its files as files. The name of that directory is a checksum of the
// content. So each kit is unpacked once for each user, and the next start finds the files there.

// kitComment begins the archive's comment, behind which the name of the script to run stands.
const kitComment = "natsh kit: "

// kit has the arguments of `natsh -kit script ?dir? -o program`. dir is "" if it is not given.
type kit struct{ script, dir, program string }

// kitOf reads the arguments behind -kit.
func kitOf(args []string) (*kit, error) {
	k := &kit{}
	var names []string
	for i := 0; i < len(args); i++ {
		if args[i] == "-o" && i+1 < len(args) {
			i++
			k.program = args[i]
		} else {
			names = append(names, args[i])
		}
	}
	if k.program == "" || len(names) < 1 || len(names) > 2 {
		return nil, errors.New("usage: natsh -kit script ?dir? -o program")
	}
	k.script = names[0]
	if len(names) == 2 {
		k.dir = names[1]
	}
	return k, nil
}

// write makes the program. It writes a temporary file first, so that a failure leaves nothing behind.
func (k *kit) write(executable string) (err error) {
	if info, err := os.Stat(k.script); err != nil {
		return err
	} else if info.IsDir() {
		return fmt.Errorf("%s is a directory", k.script)
	}
	self, err := os.ReadFile(executable)
	if err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(k.program), ".kit-*")
	if err != nil {
		return err
	}
	defer func() {
		out.Close()
		if err != nil {
			os.Remove(out.Name())
		}
	}()
	if _, err := out.Write(self); err != nil {
		return err
	}
	z := zip.NewWriter(out)
	z.SetOffset(int64(len(self)))
	main := filepath.Base(k.script)
	if err := addFile(z, main, k.script); err != nil {
		return err
	}
	if k.dir != "" {
		if err := addDir(z, k.dir, main); err != nil {
			return err
		}
	}
	if err := z.SetComment(kitComment + main); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := out.Chmod(0o755); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), k.program)
}

func addFile(z *zip.Writer, name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := z.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// addDir adds the files below dir under their names relative to dir, so that they are beside the script.
func addDir(z *zip.Writer, dir, main string) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); name == main {
			return nil // the script, which was added before
		}
		return addFile(z, name, file)
	})
}

// unpackKit unpacks the kit that executable is, and returns its script as a file. It returns "" if executable is no kit.
func unpackKit(executable string) (string, error) {
	f, err := os.Open(executable)
	if err != nil {
		return "", nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", nil
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return "", nil // there is no archive behind it: it is natsh itself
	}
	main, ok := strings.CutPrefix(z.Comment, kitComment)
	if !ok {
		return "", nil
	}
	files := make([]gotcl.File, len(z.File))
	for i, entry := range z.File {
		if !filepath.IsLocal(filepath.FromSlash(entry.Name)) {
			return "", fmt.Errorf("%s is no name for a file in a kit", entry.Name)
		}
		files[i] = gotcl.File{Name: entry.Name, Open: entry.Open}
	}
	dir, err := gotcl.SharedDir("kit-"+digest(z), files)
	return filepath.Join(dir, main), err
}

// digest returns a text that differs for each content: a checksum of the names, sizes and checksums of all files.
func digest(z *zip.Reader) string {
	h := sha256.New()
	for _, entry := range z.File {
		fmt.Fprintf(h, "%q %d %08x\n", entry.Name, entry.UncompressedSize64, entry.CRC32)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}
