// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		list []float64
		want float64
	}{
		{[]float64{3}, 3},
		{[]float64{5, 1, 3}, 3},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(c.list)
		if got := median(c.list); got != c.want {
			t.Errorf("median of %v: %v", c.list, got)
		}
		if !slices.Equal(before, c.list) {
			t.Errorf("median changed the order of %v to %v", before, c.list)
		}
	}
}

func TestNumbersAreWrittenShort(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{plain(1.234), "1.23"}, {plain(12.34), "12.3"}, {plain(1234.5), "1234"}, {plain(-0.5), "-0.50"},
		{thousands(7), "7"}, {thousands(1000), "1,000"}, {thousands(1234567), "1,234,567"},
		{spread(nil, plain), "–"}, {spread([]float64{2}, plain), "2.00"}, {spread([]float64{3, 1, 2}, plain), "2.00 (1.00–3.00)"},
	} {
		if c.got != c.want {
			t.Errorf("%s instead of %s", c.got, c.want)
		}
	}
}

// sample is a report of three cases, natsh without one of them.
func sample() *report {
	keys := sized(10000, 5)[0]
	more := sized(100000, 1)[0]
	require := table[len(table)-1]
	return &report{
		date: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), machine: "a machine", versions: "versions", rounds: 3,
		hosts: []string{"native", "C Tcl", "natsh"},
		rows: []*row{
			{benchCase: keys, figure: keys.figures[0], samples: [][]float64{{2, 4, 1}, {2, 2, 2}, nil}},
			{benchCase: more, figure: more.figures[0], samples: [][]float64{{2, 2, 2}, {5, 5, 5}, {1, 1, 1}}},
			{benchCase: require, figure: require.figures[2], samples: [][]float64{nil, {12, 11, 13}, {1, 1, 1}}},
		},
	}
}

func TestRatiosAreThoseOfOneRound(t *testing.T) {
	r := sample()
	if got := r.rows[0].ratios(tclHost); !slices.Equal(got, []float64{1, 0.5, 2}) {
		t.Errorf("ratios: %v", got)
	}
	if got := r.rows[0].ratios(2); got != nil {
		t.Errorf("ratios of a host that has not run: %v", got)
	}
	if got := r.rows[2].ratios(tclHost); got != nil {
		t.Errorf("ratios to nothing native: %v", got)
	}
}

func TestATargetIsMissedByTheMedian(t *testing.T) {
	r := sample()
	for i, want := range []bool{false, true, true} {
		if got := r.missed(r.rows[i], tclHost); got != want {
			t.Errorf("%s missed: %v", r.rows[i].title(), got)
		}
	}
	// What is printed as the target meets it.
	r.rows[0].samples[tclHost] = []float64{2.008, 4.016, 1.004}
	if r.missed(r.rows[0], tclHost) {
		t.Error("1.00 misses 1")
	}
	// natsh has targets of its own, and another implementation in its place has none.
	history := &row{figure: figure{target: target{1.1, 1.3}}, samples: [][]float64{{1}, {1.2}, {1.2}}}
	if !r.missed(history, tclHost) || r.missed(history, 2) {
		t.Error("1.20 misses 1.1, and meets 1.3")
	}
	history.samples[2] = []float64{1.4}
	if !r.missed(history, 2) {
		t.Error("1.40 meets 1.3")
	}
	r.hosts[2] = "another one"
	if r.missed(history, 2) {
		t.Error("another implementation has missed a target of natsh")
	}
}

func TestMarkdown(t *testing.T) {
	r := sample()
	var text strings.Builder
	r.writeMarkdown(&text)
	for _, want := range []string{
		"a machine. versions. 2026-01-02, medians of 3 rounds ",
		"| case | unit | target | native | C Tcl | natsh | C Tcl / native | natsh / native |\n",
		"| keys, of 10,000 | µs/key | 1 | 2.00 (1.00–4.00) | 2.00 (2.00–2.00) | – | 1.00 (0.50–2.00) | – |\n",
		"| keys, of 100,000 | µs/key | 1.1 / 1.3 | 2.00 (2.00–2.00) | 5.00 (5.00–5.00) | 1.00 (1.00–1.00) | **2.50 (2.50–2.50)** | 0.50 (0.50–0.50) |\n",
		"| 3 ms | – | **12.0 (11.0–13.0)** |",
		"| keys, time a key, from 10,000 to 100,000 | 1.3 | 1.00 | 2.50 | – |\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s\nis not in\n%s", want, text.String())
		}
	}
}

// Processors' time is divided as the time that passes is, by what the unit counts.
func TestOperationsAreWhatTheUnitCounts(t *testing.T) {
	for name, want := range map[string]int{"put": 40, "threads-8": 40, "subscriptions-1000": 40, "keys-1000": 40000, "atomic": 4000} {
		i := slices.IndexFunc(table, func(c *benchCase) bool { return c.name == name })
		if got := table[i].operations(40); got != want {
			t.Errorf("%s: %d operations instead of %d", name, got, want)
		}
	}
}

func TestChartIsXML(t *testing.T) {
	r := sample()
	r.hosts[2] = "<&>"
	decoder := xml.NewDecoder(strings.NewReader(r.chart(nil)))
	rects := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			rects++
		}
	}
	// The ground, two of the legend, and a bar for each host that has run a case natively.
	if rects != 1+2+3 {
		t.Errorf("%d rectangles", rects)
	}
}

// The short chart names cases that there are.
func TestShortChart(t *testing.T) {
	for _, name := range chartedShort {
		if !slices.ContainsFunc(table, func(c *benchCase) bool { return c.name == name }) {
			t.Errorf("there is no case %s", name)
		}
	}
	if svg := sample().chart([]string{"keys-10000"}); !strings.Contains(svg, "keys, of 10,000") || strings.Contains(svg, "100,000") {
		t.Error(svg)
	}
}

// A package that lacks what the cases need has no figures, and the run does not fail for it.
func TestAnotherPackageMayLackCases(t *testing.T) {
	b := &bench{settings: settings{rounds: 2}, hosts: []*host{{name: "native"}, {name: "C Tcl"}, {name: "other", optional: true}}}
	c := simple("put", "put", 1, target{}, nil)
	c.run = func(_ *bench, _ *benchCase, h *host) ([]float64, error) {
		if h.optional {
			return nil, errors.New("unknown method")
		}
		return []float64{1}, nil
	}
	rows, err := b.measure(c)
	if err != nil || len(rows[0].samples[tclHost]) != 2 || rows[0].samples[2] != nil {
		t.Fatalf("%v %v", rows, err)
	}
	b.hosts[tclHost].optional, b.hosts[2].optional = true, false
	if _, err := b.measure(c); err != nil {
		t.Fatal(err)
	}
	b.hosts[tclHost].optional = false
	c.run = func(*bench, *benchCase, *host) ([]float64, error) { return nil, errors.New("broken") }
	if _, err := b.measure(c); err == nil {
		t.Fatal("a host of ours that fails is not told")
	}
}

func TestDocsAreWritten(t *testing.T) {
	dir := t.TempDir()
	if err := sample().writeDocs(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bench.md", "bench.svg", "bench-short.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCasesAreChosenByNameAndGroup(t *testing.T) {
	for _, c := range []struct {
		settings settings
		want     string
	}{
		{settings{cases: []string{"get", "put"}}, "put get"},
		{settings{cases: []string{"keys"}}, "keys-1000 keys-10000 keys-100000"},
		{settings{cases: []string{"keys"}, big: true}, "keys-1000 keys-10000 keys-100000 keys-1000000"},
		{settings{cases: []string{"keys-1000000"}}, "keys-1000000"},
		{settings{cases: []string{"keys"}, smoke: true}, "keys-1000"},
	} {
		chosen, err := c.settings.choose(table)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, one := range chosen {
			names = append(names, one.name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: %s", c.settings, got)
		}
	}
	_, err := settings{cases: []string{"nothing"}}.choose(table)
	if err == nil || err.Error() != "no case is called nothing: `make bench CASES=list` names them" {
		t.Errorf("error: %v", err)
	}
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	if got, err := figures("ok 1.5 2"); err != nil || !slices.Equal(got, []float64{1.5, 2}) {
		t.Errorf("%v %v", got, err)
	}
	for answer, want := range map[string]string{"error keys: 1 instead of 2": "error keys: 1 instead of 2", "": "", "ok x": `strconv.ParseFloat: parsing "x": invalid syntax`} {
		if _, err := figures(answer); err == nil || err.Error() != want {
			t.Errorf("%q: %v", answer, err)
		}
	}
}
