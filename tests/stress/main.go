// SPDX-License-Identifier: Apache-2.0

// Stress has clients in C Tcl, natsh and Go work side by side while servers and connections fail, and then
// checks what they were told against what the servers have (docs/reliability.md, "Server faults").
//
//	go run ./tests/stress -duration 2h
//
// It prints a line for each round, and what was wrong; it exits with 1 where anything was.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

// settings are those of the command line.
type settings struct {
	duration time.Duration
	round    time.Duration
	timeout  time.Duration
	margin   time.Duration
	seed     uint64
	server   string
	hosts    map[string][]string // name -> command
	sizes    []int               // of the clusters, in turn
	keep     bool
	calm     bool
}

// The system counts a child as an orphan when the thread that has started it is gone (ownChild).
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		if err := native(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var s settings
	var tclsh, natsh, nodes string
	flag.DurationVar(&s.duration, "duration", time.Minute, "no round begins later than that")
	flag.DurationVar(&s.round, "round", 20*time.Second, "how long the clients work in a round")
	flag.DurationVar(&s.timeout, "timeout", 3*time.Second, "of the clients' requests")
	flag.DurationVar(&s.margin, "margin", 10*time.Second, "how much later a call may end, on a busy machine")
	flag.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of all that is random")
	flag.StringVar(&s.server, "server", "build/nats-server", "the server's program")
	flag.StringVar(&tclsh, "tclsh", "tclsh", "the shell with the package; empty: none")
	flag.StringVar(&natsh, "natsh", "build/natsh", "natsh; empty: none")
	flag.StringVar(&nodes, "nodes", "1,3", "sizes of the clusters, in turn")
	flag.BoolVar(&s.keep, "keep", false, "keep the directory of a round that failed")
	flag.BoolVar(&s.calm, "calm", false, "make no faults, to see what the clients do without")
	flag.Parse()
	own, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s.hosts = map[string][]string{"go": {own, "worker"}}
	for name, shell := range map[string]string{"tclsh": tclsh, "natsh": natsh} {
		if shell != "" {
			s.hosts[name] = []string{shell, "tests/stress/worker.tcl"}
		}
	}
	for _, size := range strings.Split(nodes, ",") {
		s.sizes = append(s.sizes, int(number(size)))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if !s.run(ctx) {
		os.Exit(1)
	}
}

// run has rounds until the time is over, and returns whether all was well.
func (s *settings) run(ctx context.Context) bool {
	fmt.Printf("seed %d\n", s.seed)
	random := rand.New(rand.NewPCG(s.seed, 0))
	total := map[string]int{}
	wrong := 0
	begin := time.Now()
	for i := 0; (i < len(s.sizes) || time.Since(begin) < s.duration) && ctx.Err() == nil; i++ {
		r := &round{settings: s, number: i + 1, size: s.sizes[i%len(s.sizes)], random: random,
			check: check{timeout: s.timeout, margin: s.margin, counts: map[string]int{}}}
		r.run(ctx)
		if ctx.Err() != nil {
			fmt.Printf("round %d was broken off, and is not counted\n", r.number)
			break
		}
		for what, n := range r.check.counts {
			total[what] += n
		}
		fmt.Printf("round %d, %d nodes: %d faults, %d acknowledged writes, %d calls checked to be linear, %d wrong\n", r.number, r.size,
			r.check.counts["faults"], r.check.counts["acknowledged writes"], r.check.counts["calls checked to be linear"], len(r.check.faults))
		for _, text := range r.check.faults[:min(20, len(r.check.faults))] {
			fmt.Println("    wrong:", text)
		}
		wrong += len(r.check.faults)
	}
	var names []string
	for name := range total {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Printf("%10d %s\n", total[name], name)
	}
	fmt.Printf("%d wrong, in %v\n", wrong, time.Since(begin).Round(time.Second))
	return wrong == 0
}

// program returns a command that is ended with its context.
func program(ctx context.Context, command []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command[0], append(slices.Clone(command[1:]), args...)...)
	cmd.SysProcAttr = ownChild()
	cmd.Stderr = os.Stderr
	return cmd
}
