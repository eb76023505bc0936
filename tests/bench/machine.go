// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/nats-io/nats.go"
)

// machine is where it was measured.
func machine() string {
	cpu := ""
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			cpu = ", " + strings.TrimSpace(model)
			break
		}
	}
	return fmt.Sprintf("%s/%s, %d cores%s%s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu, load())
}

// load is a word about what else ran, where that was much.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	var running float64
	if err != nil {
		return ""
	}
	if _, err := fmt.Sscan(string(text), &running); err != nil || running < 1 {
		return ""
	}
	return fmt.Sprintf(", busy with other things (load %.1f before it began)", running)
}

// versions is what was measured.
func (b *bench) versions() string {
	list := []string{"nats.go " + nats.Version, runtime.Version()}
	if text, err := exec.Command(serverProgram, "--version").Output(); err == nil {
		list = append(list, strings.Replace(strings.TrimSpace(string(text)), ": v", " ", 1))
	}
	for _, h := range b.hosts[nativeHost+1:] {
		shell := exec.Command(h.command[0])
		shell.Stdin = strings.NewReader("puts [info patchlevel]")
		if text, err := shell.Output(); err == nil {
			list = append(list, fmt.Sprintf("%s %s", h.name, strings.TrimSpace(string(text))))
		}
	}
	return strings.Join(list, ", ")
}
