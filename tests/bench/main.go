// SPDX-License-Identifier: Apache-2.0

// Command bench times Tcl programs against a Go program on nats.go: the same cases, on one
// machine, against the same server, in turn. What counts is the ratio of the times of one
// round.
//
// It is started in the project's directory, with the package and build/nats-server built;
// natsh is a column where build/natsh exists. `make bench` does all of that.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// settings is what the command line says.
type settings struct {
	rounds int
	cases  []string // names of cases or of groups of them; none means all
	big    bool     // buckets of 1,000,000 keys too
	smoke  bool     // one round of next to nothing, to see that all of it works
	cpu    bool     // the processors' time that a host used, not the time that passed
	docs   string   // where table and charts go when all cases were run, or ""
	tclsh  string
	other  string // directory of another implementation of the package, timed in tclsh too, or ""
}

// The bucket of that many keys is only filled where it is asked for, and in a smoke test
// none that has more than a few.
const (
	bigSize   = 1000000
	smokeSize = 1000
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "native" {
		serveNative(os.Args[2])
		return
	}
	var s settings
	var cases string
	flag.IntVar(&s.rounds, "rounds", 7, "rounds of each case")
	flag.StringVar(&cases, "cases", "", "cases or groups of them to run, separated by blanks; else all")
	flag.BoolVar(&s.big, "big", false, "also with 1,000,000 keys")
	flag.BoolVar(&s.smoke, "smoke", false, "one round with small numbers: does it still work?")
	flag.BoolVar(&s.cpu, "cpu", false, "measure the processors' time of each host's process, on a machine that is busy otherwise")
	flag.StringVar(&s.docs, "docs", "", "directory for bench.md and its charts, written when all cases were run")
	flag.StringVar(&s.tclsh, "tclsh", "tclsh", "the shell of C Tcl")
	flag.StringVar(&s.other, "other", "", "directory of another implementation of the package nats: a column of its own, in tclsh")
	list := flag.Bool("list", false, "name the cases, and run none")
	flag.Parse()
	s.cases = strings.Fields(cases)
	if *list {
		for _, c := range table {
			fmt.Printf("%-20s %s\n", c.name, c.label)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	cases, err := s.choose(table)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	defer b.close()
	r := &report{rounds: s.rounds, cpu: s.cpu, date: time.Now(), machine: machine(), versions: b.versions(), hosts: b.hostNames()}
	var failed []string
	for _, c := range cases {
		rows, err := b.measure(c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, err.Error())
			fmt.Fprintln(os.Stderr, "FAILED", err)
			continue
		}
		for _, row := range rows {
			fmt.Fprintln(os.Stderr, r.progress(row))
		}
		r.rows = append(r.rows, rows...)
	}
	fmt.Println()
	r.writeText(os.Stdout)
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d cases failed:\n%s", len(failed), len(cases), strings.Join(failed, "\n"))
	}
	if s.docs == "" || s.smoke || s.cpu || len(s.cases) > 0 {
		return nil
	}
	return r.writeDocs(s.docs)
}

// choose is those of the cases that are asked for, in the order of the table.
func (s settings) choose(all []*benchCase) ([]*benchCase, error) {
	for _, name := range s.cases {
		if !slices.ContainsFunc(all, func(c *benchCase) bool { return c.is(name) }) {
			return nil, fmt.Errorf("no case is called %s: `make bench CASES=list` names them", name)
		}
	}
	var chosen []*benchCase
	for _, c := range all {
		if s.wants(c) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

func (s settings) wants(c *benchCase) bool {
	switch {
	case len(s.cases) > 0 && !slices.ContainsFunc(s.cases, c.is):
		return false
	case s.smoke:
		return c.size <= smokeSize || c.quick
	case c.size == bigSize:
		return s.big || slices.Contains(s.cases, c.name)
	}
	return true
}
