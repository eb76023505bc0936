// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"natstcl/tclbind"
)

// shellPath is the natsh that is tried: the one that the environment names as NATSH, or else one
// that TestMain builds, without cgo.
var shellPath = os.Getenv("NATSH")

func TestMain(m *testing.M) {
	if shellPath != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "natsh-test-")
	if err != nil {
		panic(err)
	}
	shellPath = filepath.Join(dir, "natsh")
	if runtime.GOOS == "windows" {
		shellPath += ".exe"
	}
	build := exec.Command("go", "build", "-o", shellPath, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// result of a process.
type result struct {
	out, err string
	code     int
}

// run runs a program with an input and a home of its own.
func run(t *testing.T, program, input string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), c.ProcessState.ExitCode()}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestScriptWithArguments(t *testing.T) {
	script := file(t, "s.tcl", `puts [list $argv0 $argc $argv $tcl_interactive [info script] [package require nats]]`)
	r := run(t, shellPath, "", script, "a", "b c")
	want := script + " 2 {a {b c}} 0 " + script + " " + tclbind.Version + "\n"
	if r != (result{want, "", 0}) {
		t.Errorf("got %+v, want %q", r, want)
	}
}

func TestScriptOnTheCommandLine(t *testing.T) {
	r := run(t, shellPath, "", "-c", "puts $argv; exit 3", "x", "y")
	if r != (result{"x y\n", "", 3}) {
		t.Errorf("got %+v", r)
	}
	if r := run(t, shellPath, "", "-c", ""); r != (result{}) {
		t.Errorf("the empty script: %+v", r)
	}
	if r := run(t, shellPath, "", "-c"); r.code != 1 || r.err != "natsh: -c needs a script\n" {
		t.Errorf("no script: %+v", r)
	}
}

// What an error looks like, and the exit code, are tclsh's.
func TestErrorsAreTclshs(t *testing.T) {
	script := file(t, "e.tcl", "proc f {} {\n    error {no such luck}\n}\nf\n")
	r := run(t, shellPath, "", script)
	want := "no such luck\n    while executing\n\"error {no such luck}\"\n    (procedure \"f\" line 2)\n" +
		"    invoked from within\n\"f\"\n    (file \"" + script + "\" line 4)\n"
	if r != (result{"", want, 1}) {
		t.Errorf("got %+v, want %q", r, want)
	}
	if r := run(t, shellPath, "", "/no/such/file.tcl"); r.code != 1 ||
		!strings.HasPrefix(r.err, `couldn't read file "/no/such/file.tcl": no such file or directory`) {
		t.Errorf("a file that is not there: %+v", r)
	}
	if tclsh, err := exec.LookPath("tclsh"); err == nil {
		if theirs := run(t, tclsh, "", script); theirs != r && theirs.err != want {
			t.Errorf("tclsh says %+v", theirs)
		}
	}
}

func TestCommandsFromStandardInput(t *testing.T) {
	r := run(t, shellPath, "set x 1\nputs {a\nb}\nerror wrong\nputs $x\ngets stdin line\nthis line\nputs <$line>\n")
	if r != (result{"a\nb\n1\n<this line>\n", "wrong\n", 0}) {
		t.Errorf("got %+v", r)
	}
	if r := run(t, shellPath, "exit 7\n"); r.code != 7 {
		t.Errorf("exit in the input: %+v", r)
	}
}

func TestEncodingOfAScript(t *testing.T) {
	script := file(t, "latin.tcl", "puts [string length \xe9]\n")
	if r := run(t, shellPath, "", "-encoding", "iso8859-1", script); r != (result{"1\n", "", 0}) {
		t.Errorf("got %+v", r)
	}
}

func TestPackagesOfTheTclLibrary(t *testing.T) {
	r := run(t, shellPath, "", "-c", `
		package require tcltest
		package require http
		puts [clock format 0 -gmt 1 -format %Y]
		puts [llength [encoding names]]
		interp create child
		puts [child eval {package require nats}]
		puts [info exists env(TCL_LIBRARY)]`)
	if r.code != 0 || !regexp.MustCompile(`^1970\n\d\d\n3\.3\.0\n0\n$`).MatchString(r.out) {
		t.Errorf("got %+v", r)
	}
}

// The library is unpacked once for each user, and nothing else is left: not even by a
// process that is killed.
func TestNothingIsLeftBehind(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("HOME and TMPDIR do not say where files go")
	}
	home, temp := t.TempDir(), t.TempDir()
	environment := append(os.Environ(), "HOME="+home, "TMPDIR="+temp, "XDG_CACHE_HOME=")
	for i := range 3 {
		c := exec.Command(shellPath, "-c", "puts ready; flush stdout; vwait forever")
		c.Env = environment
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(i, err)
		}
		c.Process.Kill()
		c.Wait()
	}
	left, _ := filepath.Glob(filepath.Join(home, ".cache", "natsh", "*"))
	if len(left) != 2 || left[1] != left[0]+".state" {
		t.Errorf("in the cache: %q", left)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) != 0 {
		t.Errorf("in the temporary directory: %q", left)
	}
}

// runAt runs a program with a home directory of its own.
func runAt(t *testing.T, home, program string, args ...string) string {
	t.Helper()
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME=")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", home, err, out)
	}
	return string(out)
}

// What somebody removed from the unpacked library, or changed in it, is put back.
func TestTheLibraryIsMended(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("HOME does not say where files go")
	}
	home := t.TempDir()
	library := strings.TrimSpace(runAt(t, home, shellPath, "-c", "puts $tcl_library"))
	changed := filepath.Join(library, "init.tcl")
	before, err := os.ReadFile(changed)
	if err != nil {
		t.Fatal(err)
	}
	for name, harm := range map[string]func(file string) error{
		"gone":        os.Remove,
		"cut":         func(file string) error { return os.Truncate(file, 100) },
		"longer":      func(file string) error { return os.WriteFile(file, append(before, "\nexit 9\n"...), 0o644) },
		"a directory": func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o755)) },
		"of the same size": func(file string) error {
			return os.WriteFile(file, bytes.Replace(before, []byte("package"), []byte("puckage"), 1), 0o644)
		},
		"the package's index gone": func(string) error {
			return os.RemoveAll(filepath.Join(library, "tcltest"))
		},
	} {
		if err := harm(changed); err != nil {
			t.Fatal(name, err)
		}
		if out := runAt(t, home, shellPath, "-c", "package require tcltest; puts ok"); out != "ok\n" {
			t.Errorf("%s: %q", name, out)
		}
		if after, err := os.ReadFile(changed); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: it is not put back, %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(library), "*")); len(left) != 2 {
		t.Errorf("left %q", left)
	}
}

// The library's path goes through Tcl, to which a brace or a dollar means something.
func TestAnyHomeWillDo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("HOME does not say where files go")
	}
	for _, name := range []string{"a b", "a{b", "a}b", "a$b", "a[b", `a\b`, `a"b;c`, "{", "é€"} {
		home := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(home, 0o755); err != nil {
			t.Fatal(err)
		}
		if out := runAt(t, home, shellPath, "-c", `
			package require tcltest
			package require nats
			interp create child
			child eval {package require nats; package require http}
			puts [expr {[string first $env(HOME) $tcl_library] == 0}]`); out != "1\n" {
			t.Errorf("%s: %q", name, out)
		}
	}
}

// A directory that others may write to is not used: what is in it is run.
func TestACacheOfOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are not in the mode")
	}
	home, temp := t.TempDir(), t.TempDir()
	cache := filepath.Join(home, ".cache", "natsh")
	if err := os.MkdirAll(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	os.Chmod(cache, 0o777)
	c := exec.Command(shellPath, "-c", "puts $tcl_library")
	c.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+temp, "XDG_CACHE_HOME=")
	out, err := c.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), temp) {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestKit(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("main.tcl", `
		set here [file dirname [info script]]
		source [file join $here lib part.tcl]
		set f [open [file join $here data.txt]]
		puts [list [part] [read $f] $argv [package require nats]]
		exit 5`)
	write("files/lib/part.tcl", "proc part {} {return part}")
	write("files/data.txt", "data")
	program := filepath.Join(dir, "program")
	if r := run(t, shellPath, "", "-kit", filepath.Join(dir, "main.tcl"), filepath.Join(dir, "files"), "-o", program); r != (result{}) {
		t.Fatalf("got %+v", r)
	}
	os.RemoveAll(filepath.Join(dir, "files"))
	os.Remove(filepath.Join(dir, "main.tcl"))
	for range 2 {
		if r := run(t, program, "", "-c", "arg"); r != (result{"part data {-c arg} " + tclbind.Version + "\n", "", 5}) {
			t.Errorf("got %+v", r)
		}
	}
}

// What was changed in an unpacked kit is put back, too.
func TestAKitIsMended(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("HOME does not say where files go")
	}
	home, dir := t.TempDir(), t.TempDir()
	program := filepath.Join(dir, "program")
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, "part.tcl"), []byte("proc part {} {return part}"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := file(t, "main.tcl", "source [file join [file dirname [info script]] part.tcl]; puts [part]; puts [info script]")
	if r := run(t, shellPath, "", "-kit", script, files, "-o", program); r != (result{}) {
		t.Fatalf("got %+v", r)
	}
	first := runAt(t, home, program)
	unpacked := filepath.Dir(strings.TrimSpace(strings.TrimPrefix(first, "part\n")))
	if err := os.Remove(filepath.Join(unpacked, "part.tcl")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unpacked, "main.tcl"), []byte("puts changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if second := runAt(t, home, program); second != first {
		t.Errorf("got %q, first %q", second, first)
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, c := range []struct{ arg, begins string }{
		{"-h", "natsh is a Tcl shell"}, {"--help", "natsh is a Tcl shell"}, {"--version", "natsh " + tclbind.Version + " (Tcl 8.6"},
	} {
		r := run(t, shellPath, "", c.arg)
		if r.code != 0 || r.err != "" || !strings.HasPrefix(r.out, c.begins) || !strings.HasSuffix(r.out, "\n") {
			t.Errorf("%s: %+v", c.arg, r)
		}
	}
	// Behind a script they are its arguments.
	if r := run(t, shellPath, "", "-c", "puts $argv", "--help"); strings.TrimSpace(r.out) != "--help" {
		t.Errorf("an argument of the script: %+v", r)
	}
}

func TestKitRefusesWhatItCannotMake(t *testing.T) {
	dir := t.TempDir()
	script := file(t, "s.tcl", "")
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"-kit"}, "usage: natsh -kit script ?dir? -o program"},
		{[]string{"-kit", script}, "usage: natsh -kit script ?dir? -o program"},
		{[]string{"-kit", filepath.Join(dir, "none.tcl"), "-o", filepath.Join(dir, "p")}, "no such file"},
		{[]string{"-kit", dir, "-o", filepath.Join(dir, "p")}, "is a directory"},
		{[]string{"-kit", script, filepath.Join(dir, "none"), "-o", filepath.Join(dir, "p")}, "no such file"},
	} {
		r := run(t, shellPath, "", c.args...)
		if r.code != 1 || !strings.Contains(r.err, c.text) {
			t.Errorf("%q: %+v", c.args, r)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
			t.Errorf("%q left %q", c.args, left)
		}
	}
}

// Natsh runs in an empty root, with no file but itself and a line of /etc/passwd.
func TestEmptyRoot(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("chroot needs root on Linux")
	}
	root := t.TempDir()
	data, err := os.ReadFile(shellPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "natsh"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	inRoot := func() (string, int) {
		c := exec.Command("chroot", root, "/natsh", "-c", `
			package require nats
			set s [nats::server new]
			set c [nats::connection new]
			$c configure -servers [$s url]
			$c connect
			set kv [[$c jet_stream] create_kv_bucket b]
			$kv put a "alone in here"
			puts [$kv get_value a]
			$c destroy
			$s destroy`)
		c.Env = []string{}
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	if out, code := inRoot(); code != 1 || !strings.Contains(out, "there is no /etc/passwd") {
		t.Errorf("without /etc/passwd: %q, exit code %d", out, code)
	}
	os.Mkdir(filepath.Join(root, "etc"), 0o755)
	if err := os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0:root:/:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, code := inRoot(); code != 0 || out != "alone in here\n" {
		t.Errorf("with it: %q, exit code %d", out, code)
	}
}
