// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// The cases of many.tcl. What has a target may take as long as nats.go's fastest way.
var manyCases = []*benchCase{
	{name: "put-many", group: "put-many", label: "put_many of 10,000, beside publishing each", n: 10, size: 10000, quick: true, run: askWorker,
		figures: []figure{{unit: "µs/key", target: target{tcl: 1}}}},
	getMany(100, 50), getMany(1000, 5),
	{name: "atomic", group: "atomic", label: "atomic of 100, beside publishing each", n: 50, size: 100, run: askWorker,
		figures: []figure{{unit: "µs/key", target: target{tcl: 1}}}},
	simple("touch", "touch, beside get and publish", 1000, target{tcl: 1.25}, nil),
	{name: "object", group: "object", label: "object of 64 MiB, a chunk of 128 KiB", n: 512, run: askWorker, rounds: 3,
		figures: []figure{{label: "put", unit: "µs", target: target{tcl: 1.25}}, {label: "get", unit: "µs", target: target{tcl: 1.25}}}},
	simple("service", "request to a service of the same process", 2000, target{tcl: 1.5}, nil),
	simple("fast", "fast_publisher, beside publishing each", 30000, target{}, emptyFast),
	simple("fast-wide", "fast_publisher -outstanding 10, beside publishing each", 30000, target{tcl: 1}, emptyFast),
	simple("counter", "add to a counter", 2000, target{tcl: 1.25}, nil),
	{name: "subscriptions-1000", group: "subscriptions", label: "publish to 1,000 own subscriptions in turn", n: 50000, size: 1000,
		run: askWorker, figures: []figure{{unit: "µs", target: target{tcl: 3}}}},
	threads(1), threads(2), threads(4), threads(8),
}

var filterCases = []*benchCase{
	filtered("filter-keys", "keys of a group of 100", 1000), filtered("filter-watch", "watch a group of 100", 1000),
	filtered("filter-keys", "keys of a group of 100", 100000), filtered("filter-watch", "watch a group of 100", 100000),
	filtered("filter-keys", "keys of a group of 100", bigSize), filtered("filter-watch", "watch a group of 100", bigSize),
}

// getMany is get_many of size keys, n times.
func getMany(size, n int) *benchCase {
	return &benchCase{
		name: fmt.Sprintf("get-many-%d", size), group: "get-many", label: "get_many of " + thousands(size) + ", beside getting each",
		n: n, size: size, run: askWorker, prepare: fillGot, figures: []figure{{unit: "µs/key", target: target{tcl: 1}}},
	}
}

// filtered is what is done with one group of a bucket of size keys.
func filtered(group, label string, size int) *benchCase {
	return &benchCase{
		name: fmt.Sprintf("%s-%d", group, size), group: group, label: label + " out of " + thousands(size),
		n: 100, rounds: fewer(size), size: size, run: askWorker, prepare: fillGroups, figures: []figure{{unit: "µs", target: target{tcl: 1.3}}},
	}
}

// threads are count threads that put values, each on a connection of its own. Only one of them has to be
// as fast as Go: a thread of Tcl is one of the system, and goroutines are cheaper (docs/speed.md, "Where
// Go stays faster").
func threads(count int) *benchCase {
	c := &benchCase{
		name: fmt.Sprintf("threads-%d", count), group: "threads", label: fmt.Sprintf("put, in threads: %d", count),
		n: 4000, size: count, needs: "Thread", run: askWorker, figures: []figure{{unit: "µs"}},
	}
	if count == 1 {
		c.figures[0].target.tcl = 1.25
	}
	return c
}
