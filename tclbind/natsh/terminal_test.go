// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"natstcl/tclbind"
)

// terminal is a natsh at a pseudo-terminal.
type terminal struct {
	t    *testing.T
	tty  *os.File
	c    *exec.Cmd
	mu   sync.Mutex
	seen strings.Builder
}

func newTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	c := exec.Command(shellPath, args...)
	c.Env = append(os.Environ(), "TERM=xterm", "HOME="+t.TempDir())
	tty, err := pty.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, tty: tty, c: c}
	go func() { // ends with the terminal
		b := make([]byte, 4096)
		for {
			n, err := tty.Read(b)
			term.mu.Lock()
			// Tcl writes CR LF to a terminal, and that another CR.
			term.seen.WriteString(strings.ReplaceAll(string(b[:n]), "\r", ""))
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		tty.Close()
	})
	return term
}

// await waits until the text has been shown, and forgets what was shown up to there.
func (x *terminal) await(text string) {
	x.t.Helper()
	end := time.Now().Add(30 * time.Second)
	for {
		x.mu.Lock()
		seen := x.seen.String()
		if i := strings.Index(seen, text); i >= 0 {
			x.seen.Reset()
			x.seen.WriteString(seen[i+len(text):])
			x.mu.Unlock()
			return
		}
		x.mu.Unlock()
		if time.Now().After(end) {
			x.t.Fatalf("no %q in %q", text, seen)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (x *terminal) type_(text string) {
	if _, err := x.tty.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) exitCode() int {
	x.t.Helper()
	done := make(chan struct{})
	go func() {
		x.c.Wait()
		close(done)
	}()
	select {
	case <-done:
		return x.c.ProcessState.ExitCode()
	case <-time.After(30 * time.Second):
		x.t.Fatal("it does not end")
		return -1
	}
}

func TestPromptShowsResultsAndErrors(t *testing.T) {
	x := newTerminal(t)
	x.await("% ")
	x.type_("expr {6 * 7}\r")
	x.await("\n42\n")
	x.await("% ")
	x.type_("error {no such luck}\r")
	x.await("\nno such luck\n")
	x.await("% ")
	x.type_("list $tcl_interactive $argc\r")
	x.await("\n1 0\n")
	x.type_("exit 4\r")
	if code := x.exitCode(); code != 4 {
		t.Errorf("exit code %d", code)
	}
}

func TestAnIncompleteCommandGoesOnInTheNextLine(t *testing.T) {
	x := newTerminal(t)
	x.await("% ")
	x.type_("set x {a\r")
	x.type_("b}\r")
	x.await("\na\nb\n")
	x.await("% ")
	x.type_("\x04") // ^D
	if code := x.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestEventsAreServedAtThePrompt(t *testing.T) {
	x := newTerminal(t)
	x.await("% ")
	x.type_("after 50 {puts {the timer}}\r")
	x.await("after#0")
	x.await("the timer")
	x.type_("package require nats\r")
	x.await(tclbind.Version)
	x.type_("set s [nats::server new]; set c [nats::connection new]; $c configure -servers [$s url]; $c connect\r")
	x.await("% ")
	x.type_("set kv [[$c jet_stream] create_kv_bucket b]; [$kv watch > -callback {puts seen:}] consumer; after 200 {$kv put a 1}\r")
	x.await("seen:")
	x.await("seen:")
}

func TestLineEditingAndHistory(t *testing.T) {
	x := newTerminal(t)
	x.await("% ")
	x.type_("expr {1 + 1}\r")
	x.await("\n2\n")
	x.await("% ")
	x.type_("\x1b[A\r") // the line before
	x.await("\n2\n")
	x.await("% ")
	x.type_("expr {1 + 3}\x1b[D\x7f2\r") // left, rubout
	x.await("\n3\n")
}

func TestTheTabKeyCompletes(t *testing.T) {
	x := newTerminal(t)
	x.await("% ")
	x.type_("package require nats\r")
	x.await(tclbind.Version)
	x.await("% ")
	for _, c := range []struct{ typed, shown string }{
		{"stri\t", "string "},
		{"string is\talp\t", "string is alp"}, // nothing is known of what follows: it stays
		{"nats::conn\t", "nats::connection "},
		{"set x [nats::conn\tn\t", "set x [nats::connection new "},
		{"nats::server new -jets\ttr\t", "nats::server new -jetstream true "},
		{"nats::make_re\t-hea\t", "nats::make_republish -headers_only "},
		{"nats::header loo\t", "nats::header lookup "},
		{"nats::context sel\t", "nats::context selected "},
		{"nats::co\t", "nats::con"},
	} {
		x.type_(c.typed)
		x.await(c.shown)
		x.type_("\x15") // ^U: the line is forgotten
	}
	x.type_("set conn [nats::connection new]; set text 1\r")
	x.await("\n1\n")
	x.await("% ")
	x.type_("$con\tcon\t\t")
	x.await("configure  connect\n")
	x.type_("f\t-reconnect_ti\t")
	x.await("$conn configure -reconnect_time_wait ")
	x.type_("\x15puts $te\t\r")
	x.await("\n1\n")
	x.type_("if 1 {\r\tputs [expr {40 + 2}]\r}\r") // before all else it indents
	x.await("\n42\n")
}

func TestPromptsOfTheUsers(t *testing.T) {
	x := newTerminal(t)
	x.await("% ")
	x.type_("set tcl_prompt1 {puts -nonewline {mine> }}\r")
	x.await("mine> ")
}
