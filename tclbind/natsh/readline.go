package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/peterh/liner"
	"natstcl/tclbind/gotcl"
)

// define makes ::natsh::readline prompt: it returns at once, and writes ::natsh::answer
// when a line was typed: {line TEXT}, {aborted} after ^C, {end} after ^D.
func define(in *gotcl.Interp) {
	_ = in.Eval("namespace eval ::natsh {}")
	var typed []string // since the start; the interpreter's thread alone
	in.Define("::natsh::readline", func(args []string) (any, error) {
		before := append([]string(nil), typed...)
		// Ends with the line. The terminal is as it was in between: what a command
		// starts finds it so.
		go func() {
			line, err := ask(args[0], before)
			answer := []string{"line", line}
			switch {
			case errors.Is(err, liner.ErrPromptAborted):
				answer = []string{"aborted", ""}
			case err != nil:
				answer = []string{"end", ""}
			}
			in.Post(func() {
				if err == nil && line != "" {
					typed = append(typed, line)
				}
				_ = in.SetVar("::natsh::answer", answer)
			})
		}()
		return nil, nil
	})
}

// historyFile keeps what was typed for the next time.
func historyFile() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".natsh_history")
}

// ask reads one line, with editing and history where the terminal allows it.
func ask(prompt string, typed []string) (string, error) {
	l := liner.NewLiner()
	defer l.Close()
	l.SetCtrlCAborts(true)
	file := historyFile()
	if f, err := os.Open(file); err == nil {
		_, _ = l.ReadHistory(f)
		f.Close()
	} else {
		for _, line := range typed {
			l.AppendHistory(line)
		}
	}
	line, err := l.Prompt(prompt)
	if err != nil || line == "" || file == "" {
		return line, err
	}
	l.AppendHistory(line)
	// A history that cannot be kept is no reason to stop.
	if f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
		_, _ = l.WriteHistory(f)
		f.Close()
	}
	return line, nil
}
