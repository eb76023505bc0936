// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
	"natstcl/tclbind/gotcl"
)

// define makes ::natsh::readline prompt: it returns at once, and writes ::natsh::answer
// when a line was typed, {line TEXT}, or at the end of the input, {end}.
func define(in *gotcl.Interp) {
	_ = in.Eval("namespace eval ::natsh {}")
	prompts := make(chan string)
	asking := false // the interpreter's thread alone
	var tab question
	in.Define("::natsh::readline", func(args []string) (any, error) {
		if !asking {
			asking = true
			// Ends with the process.
			go func() {
				defer func() {
					if r := recover(); r != nil {
						fmt.Fprintf(os.Stderr, "natsh: panic: %v\n%s", r, debug.Stack())
						in.Post(func() { _ = in.SetVar("::natsh::answer", []string{"end"}) })
					}
				}()
				e := newEditor(func(line string, at int) (completion, bool) { return tab.ask(in, line, at) })
				for prompt := range prompts {
					answer := e.ask(prompt)
					in.Post(func() { _ = in.SetVar("::natsh::answer", answer) })
				}
			}()
		}
		prompts <- args[0]
		return nil, nil
	})
	in.Define("::natsh::completed", func(args []string) (any, error) {
		at, err := strconv.Atoi(args[1])
		if err != nil {
			return nil, err
		}
		tab.tell(completion{args[0], at, args[2:]})
		return nil, nil
	})
}

// completion is what the Tab key makes of a line.
type completion struct {
	line  string
	at    int      // the place of the cursor, in characters
	names []string // what there is to choose from, where that is more than one
}

// patience is how long a key may wait for an interpreter that is busy.
const patience = 2 * time.Second

// question is what the Tab key asks the interpreter, which answers by ::natsh::completed.
type question struct {
	answer chan completion // of the question that is being answered; the interpreter's thread alone
}

// ask asks, in the interpreter's thread. It is false where that has no time.
func (q *question) ask(in *gotcl.Interp, line string, at int) (completion, bool) {
	// It has room, for the answer may be there before anybody waits for it.
	answer := make(chan completion, 1)
	var over atomic.Bool
	defer over.Store(true)
	in.Post(func() {
		if over.Load() {
			return // nobody waits any more
		}
		q.answer = answer
		if in.SetVar("::natsh::typed", []string{line, strconv.Itoa(at)}) == nil {
			_ = in.Eval("::natsh::Complete")
		}
	})
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case c := <-answer:
		return c, true
	case <-late.C:
		return completion{}, false
	}
}

// tell gives the answer, in the interpreter's thread.
func (q *question) tell(c completion) {
	if q.answer != nil {
		q.answer <- c
		q.answer = nil
	}
}

// editor reads lines with editing, history and completion. There is one, for it holds what was typed
// ahead.
type editor struct {
	terminal *term.Terminal
	fd       int
	width    int
	complete func(line string, at int) (completion, bool)
}

func newEditor(complete func(line string, at int) (completion, bool)) *editor {
	screen := struct {
		io.Reader
		io.Writer
	}{os.Stdin, os.Stdout}
	e := &editor{term.NewTerminal(screen, ""), int(os.Stdin.Fd()), 80, complete}
	e.terminal.AutoCompleteCallback = e.pressed
	return e
}

// pressed is called for each key, with the place of the cursor in bytes.
func (e *editor) pressed(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	if strings.TrimSpace(line[:pos]) == "" {
		return line[:pos] + indentation + line[pos:], pos + len(indentation), true
	}
	c, ok := e.complete(line, utf8.RuneCountInString(line[:pos]))
	if !ok {
		return "", 0, false
	}
	if len(c.names) > 0 {
		_, _ = io.WriteString(e.terminal, columns(c.names, e.width))
	}
	at := 0
	for range c.at {
		_, size := utf8.DecodeRuneInString(c.line[at:])
		at += size
	}
	return c.line, at, true
}

// indentation is what the Tab key means at the beginning of a line.
const indentation = "    "

// columns are names as a terminal of that width shows them, the first column from top to bottom first.
func columns(names []string, width int) string {
	longest := 0
	for _, name := range names {
		longest = max(longest, utf8.RuneCountInString(name))
	}
	across := max(1, width/(longest+2))
	down := (len(names) + across - 1) / across
	var b strings.Builder
	for row := range down {
		for i := row; i < len(names); i += down {
			b.WriteString(names[i])
			if i+down < len(names) {
				b.WriteString(strings.Repeat(" ", longest+2-utf8.RuneCountInString(names[i])))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// ask reads one line. Before and after it the terminal is as natsh found it: so does
// whatever a command starts. ^C at the prompt ends natsh, as it ends tclsh.
func (e *editor) ask(prompt string) []string {
	before, err := term.MakeRaw(e.fd)
	if err == nil {
		defer term.Restore(e.fd, before)
	}
	if width, height, err := term.GetSize(e.fd); err == nil && width > 0 {
		_ = e.terminal.SetSize(width, height)
		e.width = width
	}
	e.terminal.SetPrompt(prompt)
	line, err := e.terminal.ReadLine()
	if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
		return []string{"end"}
	}
	return []string{"line", line}
}
