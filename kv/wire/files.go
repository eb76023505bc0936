// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"io"
	"os"
	"strconv"
)

// mostOfFile is how long a file may be that an option names: bundles of all authorities have a
// fraction of that, and a device has no end.
const mostOfFile = 16 << 20

// readFile reads a file that an option names.
func (o *Options) readFile(name string) ([]byte, error) {
	read := o.ReadFile
	if read == nil {
		read = readSome
	}
	data, err := read(name, mostOfFile+1)
	if err == nil && len(data) > mostOfFile {
		return nil, errors.New("it is longer than " + strconv.Itoa(mostOfFile) + " bytes")
	}
	return data, err
}

// readSome reads the beginning of a file.
func readSome(name string, most int) ([]byte, error) {
	if state, err := os.Stat(name); err == nil && !state.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(most)))
}
