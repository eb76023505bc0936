// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A report is what was measured, in one run.
type report struct {
	date     time.Time
	machine  string
	versions string
	rounds   int
	cpu      bool     // times are those of the processors that the host's process used
	hosts    []string // the first is the native one
	rows     []*row
}

// A row is one figure of a case.
type row struct {
	*benchCase
	figure
	samples [][]float64 // of each host, of each round; none where the host has not run it
}

// The places of two hosts; natsh, where it is built, is behind them.
const (
	nativeHost = 0
	tclHost    = 1
)

const natshName = "natsh"

// title is the case and its figure.
func (r *row) title() string {
	if r.figure.label == "" {
		return r.benchCase.label
	}
	return r.benchCase.label + ", " + r.figure.label
}

// ratios is what each round of a host took in proportion to the native one.
func (r *row) ratios(host int) []float64 {
	native := r.samples[nativeHost]
	if host == nativeHost || len(native) == 0 || len(native) != len(r.samples[host]) {
		return nil
	}
	ratios := make([]float64, len(native))
	for i, sample := range r.samples[host] {
		ratios[i] = sample / native[i]
	}
	return ratios
}

// judged is what the target is about: the ratio, or the figure.
func (r *row) judged(host int) []float64 {
	if r.absolute {
		return r.samples[host]
	}
	return r.ratios(host)
}

// most is the target of a host, 0 for none.
func (r *report) most(w *row, host int) float64 {
	switch {
	case host == tclHost:
		return w.target.tcl
	case r.hosts[host] == natshName:
		return w.target.natsh
	}
	return 0
}

// missed tells whether the median of a host is above its target.
func (r *report) missed(w *row, host int) bool {
	most, judged := r.most(w, host), w.judged(host)
	return most > 0 && len(judged) > 0 && rounded(median(judged)) > most
}

// missedBy are the hosts that have missed it.
func (r *report) missedBy(w *row) (hosts []int) {
	for host := range r.hosts {
		if r.missed(w, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// rounded is the number as it is printed: what is printed as the target meets it.
func rounded(x float64) float64 {
	printed, _ := strconv.ParseFloat(fmt.Sprintf("%.2f", x), 64)
	return printed
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// spread is the median with the least and the most: "1.05 (0.98–1.20)".
func spread(list []float64, number func(float64) string) string {
	if len(list) == 0 {
		return "–"
	}
	if len(list) == 1 {
		return number(list[0])
	}
	return fmt.Sprintf("%s (%s–%s)", number(median(list)), number(slices.Min(list)), number(slices.Max(list)))
}

// plain is a figure with as many digits as say something.
func plain(x float64) string {
	switch {
	case x < 10 && x > -10:
		return fmt.Sprintf("%.2f", x)
	case x < 100 && x > -100:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

func ratio(x float64) string { return fmt.Sprintf("%.2f", x) }

// thousands is 1,000,000.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func targetText(r *row) string {
	switch {
	case r.target.tcl == 0:
		return ""
	case r.absolute:
		return fmt.Sprintf("%g %s", r.target.tcl, r.unit)
	case r.target.natsh > 0:
		return fmt.Sprintf("%g / %g", r.target.tcl, r.target.natsh)
	}
	return fmt.Sprintf("%g", r.target.tcl)
}

func (r *report) heads() []string {
	heads := []string{"case", "unit", "target"}
	heads = append(heads, r.hosts...)
	for _, host := range r.hosts[nativeHost+1:] {
		heads = append(heads, host+" / native")
	}
	return heads
}

func (r *report) cells(w *row) []string {
	cells := []string{w.title(), w.unit, targetText(w)}
	for host := range r.hosts {
		cells = append(cells, spread(w.samples[host], plain))
	}
	for host := nativeHost + 1; host < len(r.hosts); host++ {
		cells = append(cells, spread(w.ratios(host), ratio))
	}
	return cells
}

// progress is a row as a line, told as soon as it is known.
func (r *report) progress(w *row) string {
	return strings.Join(r.cells(w), "  ")
}

// A growth is how much more one thing of many takes than one of fewer, by host.
type growth struct {
	label  string
	target float64
	times  []float64 // 0 where a host has not run it
}

// growths compares each group's largest size with the one from which it may not grow.
func (r *report) growths() []growth {
	var list []growth
	for _, g := range []struct {
		group, label string
		from         int
		figure       string
	}{
		{"keys", "keys, time a key", 10000, ""},
		{"history", "history, time a key", 10000, ""},
		{"watch", "watch with callback, time a key", 10000, ""},
		{"array", "watch into an array, time a key", 10000, ""},
		{"watchers", "a change to many watchers, time a watcher", 100, ""},
		{"memory-peak", "memory a key, listed and cached", 100000, "a key"},
	} {
		from, to := r.sizes(g.group, g.from, g.figure)
		if from == nil || to == nil {
			continue
		}
		one := growth{label: fmt.Sprintf("%s, from %s to %s", g.label, thousands(from.size), thousands(to.size)), target: 1.3}
		for host := range r.hosts {
			more := 0.0
			if len(from.samples[host]) > 0 && len(to.samples[host]) > 0 {
				more = median(to.samples[host]) / median(from.samples[host])
			}
			one.times = append(one.times, more)
		}
		list = append(list, one)
	}
	return list
}

// sizes finds a group's row of that size, and its largest above it.
func (r *report) sizes(group string, size int, figure string) (from, to *row) {
	for _, w := range r.rows {
		if w.group != group || w.figure.label != figure {
			continue
		}
		if w.size == size {
			from = w
		}
		if w.size > size && (to == nil || w.size > to.size) {
			to = w
		}
	}
	return from, to
}

func (r *report) conditions() string {
	what := "medians of"
	if r.cpu {
		what = "processors' time of the client process, " + what
	}
	return fmt.Sprintf("%s. %s. %s, %s %d rounds (3 of memory and of 1,000,000 keys) with their least and most; values of 128 bytes unless said.",
		r.machine, r.versions, r.date.Format(time.DateOnly), what, r.rounds)
}

// writeText writes the table for a terminal.
func (r *report) writeText(out io.Writer) {
	fmt.Fprintln(out, r.conditions())
	fmt.Fprintln(out)
	columns := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.Join(r.heads(), "\t")+"\t")
	for _, w := range r.rows {
		var over []string
		for _, host := range r.missedBy(w) {
			over = append(over, r.hosts[host])
		}
		verdict := ""
		if len(over) > 0 {
			verdict = "over the target: " + strings.Join(over, ", ")
		}
		fmt.Fprintln(columns, strings.Join(append(r.cells(w), verdict), "\t"))
	}
	columns.Flush()
	growths := r.growths()
	if len(growths) == 0 {
		return
	}
	fmt.Fprintln(out)
	fmt.Fprintln(columns, strings.Join(append([]string{"growth", "target"}, r.hosts...), "\t"))
	for _, g := range growths {
		fmt.Fprintln(columns, strings.Join(g.cells(), "\t"))
	}
	columns.Flush()
}

func (g growth) cells() []string {
	cells := []string{g.label, fmt.Sprintf("%g", g.target)}
	for _, times := range g.times {
		if times == 0 {
			cells = append(cells, "–")
		} else {
			cells = append(cells, ratio(times))
		}
	}
	return cells
}

// writeDocs writes docs/bench.md and its charts, or the same elsewhere: bench.svg has all cases, and
// bench-short.svg those of README.
func (r *report) writeDocs(dir string) error {
	var table strings.Builder
	r.writeMarkdown(&table)
	if err := os.WriteFile(filepath.Join(dir, "bench.md"), []byte(table.String()), 0o644); err != nil {
		return err
	}
	for name, cases := range map[string][]string{"bench.svg": nil, "bench-short.svg": chartedShort} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(r.chart(cases)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) writeMarkdown(out io.Writer) {
	fmt.Fprint(out, "# Measured\n\nThis file is written by `make bench`, when it runs all cases.\n\n")
	fmt.Fprintln(out, r.conditions())
	fmt.Fprint(out, `
The column native is the same program in Go. The server is a process of its own on the same machine. Each case runs in
each host in turn, and a ratio is that of the times of one round: 1.00 is as fast as the same program in Go. A target is
the most that C Tcl may have, and behind a stroke natsh; a ratio in bold is above it. In the chart a bar to the left of
the line is a case that is faster than Go.

![Time of each case in proportion to the same program in Go](bench.svg)

`)
	heads := r.heads()
	markdownLine(out, heads)
	markdownLine(out, slices.Repeat([]string{"---"}, len(heads)))
	for _, w := range r.rows {
		cells := r.cells(w)
		for _, host := range r.missedBy(w) {
			bold := len(r.hosts) + 3 + host - 1
			if w.absolute {
				bold = 3 + host
			}
			cells[bold] = "**" + cells[bold] + "**"
		}
		markdownLine(out, cells)
	}
	growths := r.growths()
	if len(growths) == 0 {
		return
	}
	fmt.Fprint(out, "\nHow much more one takes where there are many: 1.00 is no more.\n\n")
	heads = append([]string{"", "target"}, r.hosts...)
	markdownLine(out, heads)
	markdownLine(out, slices.Repeat([]string{"---"}, len(heads)))
	for _, g := range growths {
		markdownLine(out, g.cells())
	}
}

func markdownLine(out io.Writer, cells []string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}
