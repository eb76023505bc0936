// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// How long one run of a case may take before it counts as stuck.
const patience = 3 * time.Minute

// A host is a way to run the cases: the program of nats.go, or a Tcl shell.
type host struct {
	name    string
	command []string
	path    string // where Tcl looks for the package there; "" for this project's directory
	// A case that this host cannot run is left out there, and does not fail.
	optional bool
	// It loads no packages in C.
	static bool
	worker *worker // started when it is first needed; nil
}

// process is a program of this host, with its package's directory in the environment.
func (h *host) process(ctx context.Context, command ...string) *exec.Cmd {
	process := exec.CommandContext(ctx, command[0], command[1:]...)
	process.Stderr = os.Stderr
	if h.path != "" {
		process.Env = append(os.Environ(), "TCLLIBPATH="+tclList(h.path))
	}
	return process
}

// stop ends the host's process.
func (h *host) stop() {
	if h.worker != nil {
		h.worker.stop()
		h.worker = nil
	}
}

// A worker is a process that runs cases. It reads lines "case n size", and answers each
// with "ok figure ..." or "error text"; it ends with its standard input.
type worker struct {
	process *exec.Cmd
	in      io.WriteCloser
	answers chan string // closed when the process has ended
}

func startWorker(ctx context.Context, h *host) (*worker, error) {
	w := &worker{process: h.process(ctx, h.command...), answers: make(chan string)}
	var err error
	if w.in, err = w.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.process.Start(); err != nil {
		return nil, err
	}
	go w.read(out)
	return w, nil
}

func (w *worker) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		w.answers <- lines.Text()
	}
	w.process.Wait()
	close(w.answers)
}

// ask has the worker run a case, and returns its figures.
func (w *worker) ask(name string, n, size int) ([]float64, error) {
	if _, err := fmt.Fprintln(w.in, name, n, size); err != nil {
		return nil, err
	}
	select {
	case answer, ok := <-w.answers:
		if !ok {
			return nil, errors.New("the process ended")
		}
		return figures(answer)
	case <-time.After(patience):
		return nil, fmt.Errorf("no answer in %v", patience)
	}
}

func figures(answer string) ([]float64, error) {
	words := strings.Fields(answer)
	if len(words) == 0 || words[0] != "ok" {
		return nil, errors.New(answer)
	}
	list := make([]float64, 0, len(words))
	for _, word := range words[1:] {
		number, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, err
		}
		list = append(list, number)
	}
	return list, nil
}

// stop ends the process, whatever it is doing, and what it has answered is dropped.
func (w *worker) stop() {
	w.process.Process.Kill()
	for range w.answers {
	}
}
