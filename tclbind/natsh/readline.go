// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/term"
	"natstcl/tclbind/gotcl"
)

// define makes ::natsh::readline prompt: it returns at once, and writes ::natsh::answer
// when a line was typed, {line TEXT}, or at the end of the input, {end}.
func define(in *gotcl.Interp) {
	_ = in.Eval("namespace eval ::natsh {}")
	prompts := make(chan string)
	asking := false // the interpreter's thread alone
	in.Define("::natsh::readline", func(args []string) (any, error) {
		if !asking {
			asking = true
			// Ends with the process.
			go func() {
				e := newEditor()
				for prompt := range prompts {
					answer := e.ask(prompt)
					in.Post(func() { _ = in.SetVar("::natsh::answer", answer) })
				}
			}()
		}
		prompts <- args[0]
		return nil, nil
	})
}

// editor reads lines with editing and history. There is one, for it holds what was typed
// ahead.
type editor struct {
	terminal *term.Terminal
	fd       int
}

func newEditor() *editor {
	screen := struct {
		io.Reader
		io.Writer
	}{os.Stdin, os.Stdout}
	return &editor{term.NewTerminal(screen, ""), int(os.Stdin.Fd())}
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
	}
	e.terminal.SetPrompt(prompt)
	line, err := e.terminal.ReadLine()
	if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
		return []string{"end"}
	}
	return []string{"line", line}
}
