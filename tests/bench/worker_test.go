// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// shellWorker is a worker that answers as a shell script does.
func shellWorker(t *testing.T, script string) *worker {
	w, err := startWorker(context.Background(), &host{command: []string{"sh", "-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	return w
}

func TestAWorkerIsAskedCaseByCase(t *testing.T) {
	w := shellWorker(t, `while read name n size; do echo "ok $n $size"; done`)
	for _, n := range []int{1, 20} {
		got, err := w.ask("put", n, 3)
		if err != nil || !slices.Equal(got, []float64{float64(n), 3}) {
			t.Errorf("%v %v", got, err)
		}
	}
}

func TestAWorkerThatEndsFailsTheCase(t *testing.T) {
	w := shellWorker(t, "read line; exit 1")
	if _, err := w.ask("put", 1, 0); err == nil || err.Error() != "the process ended" {
		t.Errorf("error: %v", err)
	}
}

func TestACaseThatIsUnknownNativelyFails(t *testing.T) {
	if _, err := (&native{}).serve("nothing", 1, 0); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("error: %v", err)
	}
}

func TestAWorkerTellsMemoryAndTime(t *testing.T) {
	w := shellWorker(t, "read line; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo ok; read line")
	if _, err := w.ask("put", 1, 0); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"VmRSS", "VmHWM"} {
		if kib, err := w.memory(field); err != nil || kib < 100 {
			t.Errorf("%s: %v %v", field, kib, err)
		}
	}
	if µs, err := w.cpu(); err != nil || µs <= 0 {
		t.Errorf("time: %v %v", µs, err)
	}
}

// A case that this machine cannot run has no figures, and is no failure.
func TestACaseIsLeftOutWhereSomethingIsLacking(t *testing.T) {
	b := &bench{hosts: []*host{{name: "native"}, {name: "C Tcl"}}}
	c := &benchCase{name: "window", figures: []figure{{unit: "µs"}}, lacks: func(*bench) string { return "there is no display" }}
	rows, err := b.measure(c)
	if err != nil || len(rows) != 1 || len(rows[0].samples) != 2 || rows[0].samples[0] != nil || rows[0].samples[1] != nil {
		t.Errorf("%v %v", rows, err)
	}
	if cells := (&report{hosts: b.hostNames()}).cells(rows[0]); !slices.Contains(cells, "–") {
		t.Errorf("cells: %v", cells)
	}
}
