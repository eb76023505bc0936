// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
)

// A benchCase is one thing that is timed. The hosts' sides of it are in cases.tcl and in
// native.go, under the name of its group.
type benchCase struct {
	name    string // keys-1000
	group   string // keys
	label   string // keys of 1,000
	n       int    // operations of one run
	rounds  int    // at most so many, and none before that does not count; 0 where that is no matter
	size    int    // keys in its bucket, or watchers; 0 where that says nothing
	figures []figure
	run     func(*bench, *benchCase, *host) ([]float64, error)
	prepare func(*fixture, *benchCase) error // before each run; may be nil
	tclOnly bool                             // there is nothing native to compare with
	// The package in C, or the library, that it needs, and which natsh cannot load; "" is none.
	needs string
	// It is no matter for a smoke test how many keys it has.
	quick bool
	// Why it cannot run on this machine, or ""; may be nil.
	lacks func(*bench) string
}

// A figure is one of the numbers that a run gives.
type figure struct {
	label  string // what is added to the case's label
	unit   string
	target target
	// The target is meant for the figure itself.
	absolute bool
}

// A target is the most that each host may take: a ratio to native, or where the figure is absolute the figure itself. 0 is none.
type target struct{ tcl, natsh float64 }

// is tells whether the name names this case, alone or with its group.
func (c *benchCase) is(name string) bool {
	return name == c.name || name == c.group
}

// All cases in the order in which they run.
var table = slices.Concat(
	[]*benchCase{
		simple("put", "put, one after another", 2000, target{1.05, 1.15}, nil),
		simple("get", "get, one after another", 2000, target{1.05, 1.15}, fillSmall),
		simple("create", "create, one after another", 2000, target{1.05, 1.15}, emptyBucket),
		simple("update", "update, one after another", 2000, target{1.05, 1.15}, nil),
		simple("request", "request/reply", 2000, target{1.05, 1.15}, nil),
		simple("coroutines", "put and get, 64 coroutines", 32000, target{1.1, 1.2}, nil),
		simple("put64k", "put, 64 KiB", 1000, target{tcl: 1.2}, nil),
		simple("get64k", "get, 64 KiB", 1000, target{tcl: 1.2}, fillLarge),
		simple("acks", "publish, 10,000 acknowledgements in flight", 100000, target{1.3, 1.8}, emptyAcks),
		simple("pubsub", "publish to own subscription", 200000, target{2, 3}, nil),
		simple("fetch", "fetch by 100", 20000, target{tcl: 1.5}, fillMessages),
		simple("ordered", "ordered consumer", messages, target{tcl: 1.2}, fillMessages),
		{name: "notify", group: "notify", label: "notification of a put", n: 2000, run: askWorker, figures: []figure{
			{label: "p50", unit: "µs", target: target{tcl: 1.3}}, {label: "p99", unit: "µs", target: target{tcl: 1.5}}}},
	},
	manyCases,
	[]*benchCase{
		watchers(10, 200), watchers(100, 50), watchers(1000, 20),
		{name: "memory-connection", group: "memory-connection", label: "memory, idle connection", n: 410, rounds: 3, run: slope,
			figures: []figure{{unit: "KiB"}}},
		{name: "memory-watcher", group: "memory-watcher", label: "memory, watcher", n: 410, rounds: 3, run: slope,
			figures: []figure{{unit: "KiB"}}},
	},
	// A server whose memory holds a million keys looks through them while it does something else, which no other case
	// that is compared with Go's is to pay for.
	sized(1000, 30), sized(10000, 5), sized(100000, 1), sized(bigSize, 1),
	filterCases,
	[]*benchCase{
		window,
		peak(1000), peak(10000), peak(100000), peak(bigSize),
		{name: "load", group: "require", label: "load, over a bare shell", n: 5, run: startLibraries, tclOnly: true,
			needs: "a library", figures: []figure{
				{label: "a library of Go that does nothing", unit: "ms", absolute: true},
				{label: "a library of Go with nats.go and the server", unit: "ms", absolute: true},
				{label: "a library of Go with nats.go and the server, and the classes read", unit: "ms", absolute: true}}},
		{name: "require", group: "require", label: "start", n: 5, run: start, tclOnly: true, figures: []figure{
			{label: "of a bare shell", unit: "ms"},
			{label: "Tcl's search for a package, over that", unit: "ms", absolute: true},
			{label: "package require nats, over that", unit: "ms", target: target{tcl: 3}, absolute: true}}},
	},
)

func simple(name, label string, n int, most target, prepare func(*fixture, *benchCase) error) *benchCase {
	return &benchCase{name: name, group: name, label: label, n: n, run: askWorker, prepare: prepare,
		figures: []figure{{unit: "µs", target: most}}}
}

// sized is what is done with a bucket of size keys, n times in a run.
func sized(size, n int) []*benchCase {
	keys, history := target{tcl: 1}, target{tcl: 1.3}
	if size >= 100_000 {
		keys, history = target{1.1, 1.3}, target{1.1, 1.3}
	}
	var cases []*benchCase
	for _, c := range []struct {
		group, label string
		most         target
	}{
		{"keys", "keys", keys},
		{"history", "history", history},
		{"watch", "watch with callback", target{1.2, 1.6}},
		{"array", "watch into an array", target{tcl: 1.2}},
	} {
		cases = append(cases, &benchCase{
			name: fmt.Sprintf("%s-%d", c.group, size), group: c.group, label: c.label + ", of " + thousands(size),
			n: n, rounds: fewer(size), size: size, run: askWorker, prepare: fillBucket, figures: []figure{{unit: "µs/key", target: c.most}},
		})
	}
	return cases
}

// fewer is how many rounds there are with that many keys: the greatest take long, and vary
// little.
func fewer(size int) int {
	if size == bigSize {
		return 3
	}
	return 0
}

// watchers is a change that reaches that many watchers of one connection, n times.
func watchers(count, n int) *benchCase {
	return &benchCase{
		name: fmt.Sprintf("watchers-%d", count), group: "watchers", label: "a change to " + thousands(count) + " watchers",
		n: n, size: count, run: askWorker, figures: []figure{{unit: "µs/watcher"}},
	}
}

// peak is the memory that it takes to list and to cache a bucket.
func peak(size int) *benchCase {
	return &benchCase{
		name: fmt.Sprintf("memory-peak-%d", size), group: "memory-peak", label: "memory, " + thousands(size) + " keys listed and cached",
		n: 1, rounds: 3, size: size, run: peakMemory, prepare: fillBucket,
		figures: []figure{{label: "peak", unit: "MiB"}, {label: "a key", unit: "B"}},
	}
}
