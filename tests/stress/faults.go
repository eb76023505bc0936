// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// A trouble goes wrong for some time, and has mended itself when it returns. The time is that of what
// lasts.
type trouble struct {
	name string
	do   func(*chaos, *node, time.Duration)
}

// Elections of the servers take four seconds and more (docs/reliability.md, "Server faults"): what
// freezes a node for less than that leaves its streams their leader.
var troubles = []trouble{
	{"kill", func(c *chaos, n *node, d time.Duration) { c.restart(n, syscall.SIGKILL, d) }},
	{"restart", func(c *chaos, n *node, d time.Duration) { c.restart(n, syscall.SIGTERM, d) }},
	{"freeze", func(c *chaos, n *node, d time.Duration) {
		_ = n.process.Process.Signal(syscall.SIGSTOP)
		c.pause(d)
		_ = n.process.Process.Signal(syscall.SIGCONT)
	}},
	{"step down", func(c *chaos, _ *node, _ time.Duration) { c.stepDown() }},
	{"cut", func(_ *chaos, n *node, _ time.Duration) { n.proxy.cut() }},
	{"delay", func(c *chaos, n *node, d time.Duration) { c.proxied(n, mood{delay: d / 20}, d) }},
	{"halve", func(c *chaos, n *node, d time.Duration) { c.proxied(n, mood{halve: true}, d/4) }},
	{"silence", func(c *chaos, n *node, d time.Duration) { c.proxied(n, mood{silent: true}, d) }},
	{"hold", func(c *chaos, n *node, d time.Duration) { c.proxied(n, mood{held: true}, d) }},
}

// chaos makes faults, one behind the other, until its context ends.
type chaos struct {
	ctx     context.Context
	cluster *cluster
	streams []string
	random  *rand.Rand
	counts  map[string]int
	err     error // a node that did not start again
}

func (c *chaos) run() {
	for c.ctx.Err() == nil && c.err == nil {
		c.pause(time.Duration(100+c.random.IntN(900)) * time.Millisecond)
		if c.ctx.Err() != nil {
			return
		}
		f := troubles[c.random.IntN(len(troubles))]
		n := c.cluster.nodes[c.random.IntN(len(c.cluster.nodes))]
		f.do(c, n, time.Duration(200+c.random.IntN(2300))*time.Millisecond)
		c.counts[f.name]++
	}
}

// pause lets time go by; the end of the run ends it.
func (c *chaos) pause(d time.Duration) {
	select {
	case <-c.ctx.Done():
	case <-time.After(d):
	}
}

func (c *chaos) restart(n *node, signal syscall.Signal, down time.Duration) {
	n.end(signal)
	c.pause(down)
	if err := n.start(); err != nil {
		c.err = fmt.Errorf("%s did not start again: %w", n.name, err)
	}
}

func (c *chaos) proxied(n *node, m mood, d time.Duration) {
	n.proxy.set(m)
	c.pause(d)
	n.proxy.set(mood{})
}

// stepDown has a leader give way, that of a stream or of the cluster.
func (c *chaos) stepDown() {
	subject := "$JS.API.META.LEADER.STEPDOWN"
	if i := c.random.IntN(len(c.streams) + 1); i < len(c.streams) {
		subject = "$JS.API.STREAM.LEADER.STEPDOWN." + c.streams[i]
	}
	nc, err := nats.Connect(c.cluster.nodes[c.random.IntN(len(c.cluster.nodes))].url(), nats.Timeout(time.Second))
	if err != nil {
		return // it is down: no fault to make
	}
	defer nc.Close()
	_, _ = nc.Request(subject, nil, time.Second)
}
