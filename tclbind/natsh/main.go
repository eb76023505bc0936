// SPDX-License-Identifier: Apache-2.0

// Natsh is a Tcl shell with the package nats in it: one file that needs no Tcl, no C
// library and no compiler.
//
//	natsh ?-encoding name? script ?arg ...?
//	natsh -c script ?arg ...?
//	natsh -kit script ?dir? -o program
//	natsh
//	natsh -h | --help | --version
//
// Without a script it reads commands from the standard input, at a prompt if that is a
// terminal. What it does otherwise, its exit codes and its error texts are tclsh's.
package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/nats-io/nats.go"
	"golang.org/x/term"
	"natstcl/kv/server"
	"natstcl/tclbind"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/gotcl"
)

//go:embed shell.tcl
var shell string

//go:embed complete.tcl
var tabKey string

func main() {
	bridge.PaceGC()
	if err := checkSystem(); err != nil {
		fail(err)
	}
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	job, err := jobOf(executable, os.Args)
	if err == nil && job.kit != nil {
		err = job.kit.write(executable)
		if err == nil {
			return
		}
	}
	if err != nil {
		fail(err)
	}
	if job.shown != "" {
		fmt.Print(job.shown)
		return
	}
	// A server in this process is goroutines that hand on to each other, for which there have to be processors.
	gotcl.Yielding(func() bool { return !server.Any() })
	in, err := gotcl.NewInterp(executable, tclbind.Nats)
	if err != nil {
		fail(err)
	}
	define(in)
	interactive := 0
	if job.script == nil && job.file == "" && isTerminal() {
		interactive = 1
	}
	for _, v := range []struct {
		name  string
		value any
	}{
		{"::argv0", job.argv0}, {"::argv", job.argv}, {"::argc", len(job.argv)}, {"::tcl_interactive", interactive},
	} {
		if err := in.SetVar(v.name, v.value); err != nil {
			fail(err)
		}
	}
	for _, script := range []string{shell, tabKey} {
		if err := in.Eval(script); err != nil {
			fail(err)
		}
	}
	in.Exit(job.do(in))
}

// do runs what there is to be run, and returns the exit code: 1 for an error, which is told
// with its trace.
func (j *job) do(in *gotcl.Interp) int {
	var err error
	switch {
	case j.script != nil:
		err = in.Eval(*j.script)
	case j.file != "":
		err = in.EvalFile(j.file, j.encoding)
	default:
		err = in.Eval("::natsh::Loop")
	}
	if err == nil {
		return 0
	}
	// Where nothing was running there is no trace, and the message is all.
	if in.SetVar("::natsh::message", err.Error()) == nil {
		_ = in.Eval("::natsh::Complain [expr {[info exists ::errorInfo] ? $::errorInfo : $::natsh::message}]")
	}
	return 1
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "natsh: %v\n", err)
	os.Exit(1)
}

// checkSystem looks for what the translated C library cannot do without.
func checkSystem() error {
	if runtime.GOOS != "linux" {
		return nil
	}
	if _, err := os.Stat("/etc/passwd"); errors.Is(err, os.ErrNotExist) {
		return errors.New("there is no /etc/passwd, which the C library beneath Tcl needs; one line is enough: root:x:0:0:root:/:/bin/sh")
	}
	return nil
}

// isTerminal tells whether the standard input is one.
func isTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// job is what there is to be done, by the command line.
type job struct {
	argv0    string
	argv     []string
	script   *string // of -c
	file     string
	encoding string // of the file, "" for the system's
	kit      *kit
	shown    string // a text that is all that is asked for, "" for none
}

// usage is what -h and --help show.
const usage = `natsh is a Tcl shell with the package nats in it.

    natsh ?-encoding name? script ?arg ...?   run a script
    natsh -c script ?arg ...?                 run a script that stands in the command line
    natsh                                     read commands from the standard input, at a terminal with a prompt
    natsh -kit script ?dir? -o program        make a program of a script and the files of a directory
    natsh -h, --help                          show this
    natsh --version                           show the versions
`

// versions is what --version shows.
func versions() string {
	return fmt.Sprintf("natsh %s (Tcl %s, nats.go %s, nats-server %s)\n", tclbind.Version, gotcl.TclVersion, nats.Version, server.Version)
}

func jobOf(executable string, args []string) (*job, error) {
	if script, err := unpackKit(executable); err != nil {
		return nil, err
	} else if script != "" {
		return &job{argv0: args[0], argv: args[1:], file: script}, nil
	}
	rest := args[1:]
	switch {
	case len(rest) == 0:
		return &job{argv0: args[0], argv: []string{}}, nil
	case rest[0] == "-c":
		if len(rest) < 2 {
			return nil, errors.New("-c needs a script")
		}
		return &job{argv0: args[0], argv: rest[2:], script: &rest[1]}, nil
	case rest[0] == "-h" || rest[0] == "--help":
		return &job{shown: usage}, nil
	case rest[0] == "--version":
		return &job{shown: versions()}, nil
	case rest[0] == "-kit":
		k, err := kitOf(rest[1:])
		return &job{kit: k}, err
	case rest[0] == "-encoding" && len(rest) > 2:
		return &job{argv0: rest[2], argv: rest[3:], file: filepath.ToSlash(rest[2]), encoding: rest[1]}, nil
	case rest[0] != "" && rest[0][0] == '-':
		// As tclsh: an option that it does not know is the script's.
		return &job{argv0: args[0], argv: rest}, nil
	}
	return &job{argv0: rest[0], argv: rest[1:], file: filepath.ToSlash(rest[0])}, nil
}
