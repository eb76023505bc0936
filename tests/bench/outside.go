// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"natstcl/tclbind"
)

// What is measured from outside of a process: its memory, the processors' time that it uses,
// and how long it takes to start.

// Memory is measured between so many connections or watchers and the n of the case.
const slopeStart = 10

// slope is the memory, in KiB, that each further connection or watcher takes in a process
// of its own.
func slope(b *bench, c *benchCase, h *host) ([]float64, error) {
	w, err := startWorker(b.ctx, h)
	if err != nil {
		return nil, err
	}
	defer w.stop()
	n := b.count(c)
	var sizes [2]float64
	for i, count := range []int{slopeStart, n} {
		if _, err := w.ask(c.group, count, 0); err != nil {
			return nil, err
		}
		if sizes[i], err = w.memory("VmRSS"); err != nil {
			return nil, err
		}
	}
	return []float64{(sizes[1] - sizes[0]) / float64(n-slopeStart)}, nil
}

// peakMemory is what a process needs, in MiB, beyond a connection, and the same in bytes a
// key, to list the keys of a bucket and then to cache it, both kept.
func peakMemory(b *bench, c *benchCase, h *host) ([]float64, error) {
	w, err := startWorker(b.ctx, h)
	if err != nil {
		return nil, err
	}
	defer w.stop()
	if _, err := w.ask("connected", 0, 0); err != nil {
		return nil, err
	}
	before, err := w.memory("VmRSS")
	if err != nil {
		return nil, err
	}
	if _, err := w.ask(c.group, 1, c.size); err != nil {
		return nil, err
	}
	after, err := w.memory("VmHWM")
	if err != nil {
		return nil, err
	}
	return []float64{(after - before) / 1024, (after - before) * 1024 / float64(c.size)}, nil
}

// memory is what the kernel says of the process, in KiB.
func (w *worker) memory(field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == field+":" {
			return strconv.ParseFloat(words[1], 64)
		}
	}
	return 0, errors.New("the kernel does not tell " + field)
}

// cpu is what the process has used of the processors, in µs. The kernel tells it in
// hundredths of a second.
func (w *worker) cpu() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	// What follows the program's name, which may hold blanks: state is the first.
	words := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(words) < 13 {
		return 0, errors.New("the kernel does not tell the time used")
	}
	user, err := strconv.ParseFloat(words[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(words[12], 64)
	return (user + system) * 10000, err
}

// start is how long, in ms, a shell takes for an empty script; how much longer where that requires a
// package without anything in it, which is Tcl's search through auto_path; and how much longer for
// ours in that one's place. Each is the least of some starts in turn.
func start(b *bench, c *benchCase, h *host) ([]float64, error) {
	dir := filepath.Join(b.fixture.dir, "packages", "nothing")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	index := "package ifneeded nothing 1 {package provide nothing 1}\n"
	if err := os.WriteFile(filepath.Join(dir, "pkgIndex.tcl"), []byte(index), 0o600); err != nil {
		return nil, err
	}
	path := "lappend auto_path {" + filepath.Dir(dir) + "}\n"
	least, err := b.leastStarts(h, c.n, "", path+"package require nothing\n", path+"package require nats\n")
	if err != nil {
		return nil, err
	}
	own := least[2] - least[1]
	if own < 0 {
		own = least[2] - least[0] // natsh has the package, and looks for it nowhere
	}
	return []float64{milliseconds(least[0]), milliseconds(least[1] - least[0]), milliseconds(own)}, nil
}

// startLibraries is how many ms longer a shell takes where it loads a library of Go that does nothing; one that does
// nothing, and has nats.go and the server in it; and where it also reads the classes of the package. That is the least
// that the package can take.
func startLibraries(b *bench, c *benchCase, h *host) ([]float64, error) {
	empty, err := b.library("empty", "")
	if err != nil {
		return nil, err
	}
	full, err := b.library("full", fullLibrary)
	if err != nil {
		return nil, err
	}
	classes := "namespace eval " + tclbind.Nats.Namespace + " {}\n"
	for _, name := range tclbind.Nats.Scripts {
		text, err := fs.ReadFile(tclbind.Nats.Files, name)
		if err != nil {
			return nil, err
		}
		classes += string(text)
	}
	least, err := b.leastStarts(h, c.n, "", empty, full, full+classes)
	if err != nil {
		return nil, err
	}
	var longer []float64
	for _, took := range least[1:] {
		longer = append(longer, milliseconds(took-least[0]))
	}
	return longer, nil
}

// fullLibrary has the linker keep what the package is made of.
const fullLibrary = `
import (
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

//export Keep
func Keep() {
	if c, err := nats.Connect(""); err == nil {
		c.JetStream()
	}
	server.NewServer(nil)
}
`

// library builds a library of Go of which load calls a function that does nothing, and returns the command that loads it.
func (b *bench) library(name, source string) (string, error) {
	dir := filepath.Join(b.fixture.dir, name)
	library := filepath.Join(dir, name+".so")
	command := "load {" + library + "} Nothing\n"
	if _, err := os.Stat(library); err == nil {
		return command, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, name+".go")
	source = "package main\n\nimport \"C\"\n" + source + "\n//export Nothing_Init\nfunc Nothing_Init(uintptr) int32 { return 0 }\n\nfunc main() {}\n"
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return "", err
	}
	build := exec.CommandContext(b.ctx, "go", "build", "-buildmode=c-shared", "-ldflags", "-s -w", "-o", library, file)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return command, nil
}

// leastStarts are the least times of n starts with each script, in turn.
func (b *bench) leastStarts(h *host, n int, scripts ...string) ([]time.Duration, error) {
	least := make([]time.Duration, len(scripts))
	for range n {
		for i, script := range scripts {
			took, err := b.started(h, "start"+strconv.Itoa(i)+".tcl", script)
			if err != nil {
				return nil, err
			}
			if least[i] == 0 || took < least[i] {
				least[i] = took
			}
		}
	}
	return least, nil
}

func (b *bench) started(h *host, name, script string) (time.Duration, error) {
	file := filepath.Join(b.fixture.dir, name)
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return 0, err
	}
	process := h.process(b.ctx, h.command[0], file)
	began := time.Now()
	err := process.Run()
	return time.Since(began), err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
