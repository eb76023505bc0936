// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"os"
	"time"
)

// fileQuestion has the interpreter answer something about a file, by Tcl's rules for names,
// for a goroutine of the core that connects.
type fileQuestion[T any] struct {
	name   string
	ask    func(Host, string) (T, error)
	answer chan<- fileAnswer[T] // has room for the one answer
}

type fileAnswer[T any] struct {
	value T
	err   error
}

func (q *fileQuestion[T]) Run(p *Package) {
	value, err := q.ask(p.Host, q.name)
	q.answer <- fileAnswer[T]{value, err}
}

// ReadFile is Host.ReadFile for any goroutine but the interpreter's, of regular files alone. most is how many bytes it reads at
// most.
func (p *Package) ReadFile(name string, most int) ([]byte, error) {
	return askFile(p, name, func(h Host, name string) ([]byte, error) {
		if path, err := h.FileName(name); err == nil {
			// A pipe would have the interpreter wait for somebody who writes. What is none of the system's,
			// as a file in a virtual file system, Tcl alone knows; of a directory it tells.
			if state, err := os.Stat(path); err == nil && !state.Mode().IsRegular() && !state.IsDir() {
				return nil, errors.New("it is not a regular file")
			}
		}
		return h.ReadFile(name, most)
	})
}

// FileName is Host.FileName for any goroutine but the interpreter's.
func (p *Package) FileName(name string) (string, error) { return askFile(p, name, Host.FileName) }

// askFile asks. A script that does not look at its events leaves it without an answer.
func askFile[T any](p *Package, name string, ask func(Host, string) (T, error)) (T, error) {
	answer := make(chan fileAnswer[T], 1)
	p.Post(&fileQuestion[T]{name, ask, answer})
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	var none T
	select {
	case a := <-answer:
		return a.value, a.err
	case <-p.Ended():
		return none, p.Gone()
	case <-timeout.C:
		return none, fail(ErrTimeout, "the script did not look at its events for "+patience.String())
	}
}

// patience is how long a connection attempt waits for the script to read a file.
const patience = 30 * time.Second
