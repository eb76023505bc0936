// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// window is a bucket that changes while a window of Tk's shows it: so many keys, n changes, so many of them
// a second. What counts is the processors' time of the process, and of the display.
var window = &benchCase{
	name: "window", group: "window", label: fmt.Sprintf("10,000 keys, %s changes a second", thousands(changesPerSecond)),
	n: 5 * changesPerSecond, size: 10000, rounds: 3, tclOnly: true, needs: "Tk", lacks: noWindow, run: shown, prepare: fillWindow, quick: true,
	figures: []figure{
		{label: "watched into an array", unit: "% of a core"},
		{label: "and shown in a window", unit: "% of a core"},
		{label: "and Xvfb, which draws that", unit: "% of a core"},
	},
}

const (
	changesPerSecond = 1000
	windowBucket     = "window" // cases of window.tcl use the same name
	step             = 7919     // from a key to the next that changes, a prime; theirs, too
)

// noWindow is why Tk has no window here.
func noWindow(b *bench) string {
	if _, err := exec.LookPath("Xvfb"); err != nil {
		return "there is no Xvfb, a display whose processors' time can be told from that of others (Debian: xvfb)"
	}
	display, err := openDisplay(b)
	if err != nil {
		return "Xvfb does not start: " + err.Error()
	}
	defer display.close()
	process := exec.CommandContext(b.ctx, b.settings.tclsh)
	process.Stdin = strings.NewReader("package require Tk\nexit\n")
	process.Env = append(os.Environ(), display.variable)
	if said, err := process.CombinedOutput(); err != nil || len(said) > 0 {
		return strings.TrimSpace(fmt.Sprintf("%s has no Tk (Debian: tk): %s", b.settings.tclsh, said))
	}
	return ""
}

// A display is an X server of our own.
type display struct {
	*worker
	variable string // DISPLAY=:number
}

// openDisplay starts Xvfb, which chooses a number that is free and tells it when it is ready.
func openDisplay(b *bench) (*display, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	process := exec.CommandContext(b.ctx, "Xvfb", "-displayfd", "3", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
	process.ExtraFiles = []*os.File{write}
	err = process.Start()
	write.Close()
	if err != nil {
		return nil, err
	}
	d := &display{worker: &worker{process: process}}
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		d.close()
		return nil, err
	}
	d.variable = "DISPLAY=:" + strings.TrimSpace(number)
	return d, nil
}

func (d *display) close() {
	d.process.Process.Kill()
	d.process.Wait()
}

// shown measures a process that follows the bucket without a window, and one that shows it.
func shown(b *bench, c *benchCase, h *host) ([]float64, error) {
	display, err := openDisplay(b)
	if err != nil {
		return nil, err
	}
	defer display.close()
	watched, _, err := whileChanging(b, c, h, display, "followed")
	if err != nil {
		return nil, err
	}
	drawn, drawing, err := whileChanging(b, c, h, display, "shown")
	return []float64{watched, drawn, drawing}, err
}

// whileChanging has a process of its own run the case of that name, which begins to follow the bucket and is
// asked again to see n changes. It returns how much of a core the process and the display take until the last
// one has been seen, in percent of the time in which there are so many changes: also where a machine that is
// busy takes longer.
func whileChanging(b *bench, c *benchCase, h *host, d *display, name string) (client, drawing float64, err error) {
	n := b.count(c)
	// The last change is known by its value, which its key must not have before.
	if _, err := b.fixture.js.Publish(b.ctx, windowSubject(n*step%c.size), []byte("none")); err != nil {
		return 0, 0, err
	}
	inDisplay := &host{command: append([]string{"env", d.variable}, h.command...), path: h.path}
	w, err := startWorker(b.ctx, inDisplay)
	if err != nil {
		return 0, 0, err
	}
	defer w.stop()
	if _, err := w.ask(name, 0, c.size); err != nil {
		return 0, 0, err
	}
	before, err := used(w, d.worker)
	if err != nil {
		return 0, 0, err
	}
	published := make(chan error, 1)
	go func() { published <- b.fixture.change(c, n) }()
	if _, err := w.ask(name, n, c.size); err != nil {
		return 0, 0, err
	}
	after, err := used(w, d.worker)
	if err != nil {
		return 0, 0, err
	}
	core := float64(n) / changesPerSecond * 1e6 // µs, one core's
	return 100 * (after[0] - before[0]) / core, 100 * (after[1] - before[1]) / core, <-published
}

// used is the processors' time that each has taken, in µs.
func used(workers ...*worker) ([]float64, error) {
	var times []float64
	for _, w := range workers {
		time, err := w.cpu()
		if err != nil {
			return nil, err
		}
		times = append(times, time)
	}
	return times, nil
}

// fillWindow makes the bucket, once.
func fillWindow(f *fixture, c *benchCase) error {
	if f.done[windowBucket] {
		return nil
	}
	_, err := f.js.CreateKeyValue(f.ctx, jetstream.KeyValueConfig{Bucket: windowBucket, Storage: jetstream.MemoryStorage})
	if err != nil {
		return err
	}
	return f.once(windowBucket, c.size, value, windowSubject)
}

func windowSubject(key int) string { return fmt.Sprintf("$KV.%s.key.%07d", windowBucket, key) }

// change changes n keys of the case's bucket, evenly in time: its value is the number of the change, from 1 on.
func (f *fixture) change(c *benchCase, n int) error {
	began := time.Now()
	for i := 1; i <= n; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / changesPerSecond)))
		if err := f.nc.Publish(windowSubject(i*step%c.size), []byte(strconv.Itoa(i))); err != nil {
			return err
		}
		if err := f.nc.Flush(); err != nil {
			return err
		}
	}
	return nil
}
