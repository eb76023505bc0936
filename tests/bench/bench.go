// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The programs that are timed, and the server, in the project's directory.
const (
	serverProgram = "build/nats-server"
	tclProgram    = "tests/bench/cases.tcl"
	natshProgram  = "build/natsh"
)

// A bench is one run of the driver: the server, and a process for each host.
type bench struct {
	ctx      context.Context
	settings settings
	fixture  *fixture
	hosts    []*host // the first is the native one
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	// Where pkgIndex.tcl is.
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	os.Setenv("TCLLIBPATH", tclList(root))
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	server, err := filepath.Abs(serverProgram)
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, settings: s}
	if b.fixture, err = newFixture(ctx, server); err != nil {
		return nil, err
	}
	b.hosts = []*host{
		{name: "native", command: []string{self, "native", b.fixture.url}},
		{name: "C Tcl", command: []string{s.tclsh, tclProgram, b.fixture.url}},
	}
	if natsh, err := filepath.Abs(natshProgram); err == nil {
		if _, err := os.Stat(natsh); err == nil {
			b.hosts = append(b.hosts, &host{name: natshName, command: []string{natsh, tclProgram, b.fixture.url}, static: true})
		}
	}
	if s.other != "" {
		other, err := otherHost(s, b.fixture.url)
		if err != nil {
			b.close()
			return nil, err
		}
		b.hosts = append(b.hosts, other)
	}
	return b, nil
}

// otherHost is tclsh with the package of another directory. It may lack what a case needs, or be
// too slow for it: such a case has no figure there.
func otherHost(s settings, url string) (*host, error) {
	dir, err := filepath.Abs(s.other)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "pkgIndex.tcl")); err != nil {
		return nil, fmt.Errorf("-other %s: that is no directory of a Tcl package, for it has no pkgIndex.tcl", s.other)
	}
	return &host{name: filepath.Base(dir), command: []string{s.tclsh, tclProgram, url}, path: dir, optional: true}, nil
}

// tclList is a list of one element, as TCLLIBPATH wants it.
func tclList(element string) string { return "{" + element + "}" }

func (b *bench) close() {
	for _, h := range b.hosts {
		h.stop()
	}
	b.fixture.close()
}

func (b *bench) hostNames() []string {
	names := make([]string, len(b.hosts))
	for i, h := range b.hosts {
		names[i] = h.name
	}
	return names
}

// measure runs a case in each host in turn, round by round. The rows are the case's figures.
func (b *bench) measure(c *benchCase) ([]*row, error) {
	rows := make([]*row, len(c.figures))
	for i, f := range c.figures {
		rows[i] = &row{benchCase: c, figure: f, samples: make([][]float64, len(b.hosts))}
	}
	if c.lacks != nil {
		if why := c.lacks(b); why != "" {
			fmt.Fprintf(os.Stderr, "left out: %s: %s\n", c.name, why)
			return rows, nil
		}
	}
	without := make([]bool, len(b.hosts)) // optional hosts that could not run the case
	first, rounds := b.rounds(c)
	for round := first; round < rounds; round++ {
		for i, h := range b.hosts {
			if c.tclOnly && i == nativeHost || c.needs != "" && h.static || without[i] {
				continue
			}
			figures, err := b.once(c, h)
			if err != nil {
				h.stop()
				err = fmt.Errorf("%s in %s: %w", c.name, h.name, err)
				if !h.optional {
					return nil, err
				}
				fmt.Fprintln(os.Stderr, "left out:", err)
				without[i] = true
				for j := range rows {
					rows[j].samples[i] = nil
				}
				continue
			}
			for j := range rows {
				if round >= 0 {
					rows[j].samples[i] = append(rows[j].samples[i], figures[j])
				}
			}
		}
	}
	return rows, nil
}

// rounds are the first and the end of a case's rounds; one below 0 warms up, and does not
// count.
func (b *bench) rounds(c *benchCase) (first, end int) {
	switch {
	case b.settings.smoke:
		return 0, 1
	case c.rounds > 0:
		return 0, min(c.rounds, b.settings.rounds)
	}
	return -1, b.settings.rounds
}

func (b *bench) once(c *benchCase, h *host) ([]float64, error) {
	if c.prepare != nil {
		if err := c.prepare(b.fixture, c); err != nil {
			return nil, err
		}
	}
	figures, err := c.run(b, c, h)
	if err == nil && len(figures) != len(c.figures) {
		err = fmt.Errorf("figures are missing: %v", figures)
	}
	return figures, err
}

// count is how many operations a run has.
func (b *bench) count(c *benchCase) int {
	if b.settings.smoke && c.n >= 200 {
		return max(c.n/100, 20)
	}
	return c.n
}

// askWorker has the host's long-lived process run the case.
func askWorker(b *bench, c *benchCase, h *host) ([]float64, error) {
	if h.worker == nil {
		var err error
		if h.worker, err = startWorker(b.ctx, h); err != nil {
			return nil, err
		}
	}
	n := b.count(c)
	if !b.settings.cpu {
		return h.worker.ask(c.group, n, c.size)
	}
	before, err := h.worker.cpu()
	if err != nil {
		return nil, err
	}
	figures, err := h.worker.ask(c.group, n, c.size)
	if err != nil || len(figures) > 1 {
		return figures, err
	}
	after, err := h.worker.cpu()
	return []float64{(after - before) / float64(c.operations(n))}, err
}

// operations is how many of what the first figure's unit counts are in a run of n: "µs/key" is for
// each key of each.
func (c *benchCase) operations(n int) int {
	if strings.Contains(c.figures[0].unit, "/") {
		return n * max(c.size, 1)
	}
	return n
}
