// SPDX-License-Identifier: Apache-2.0

package server

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	natsd "github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

func TestStartAndShutdownLeaveNothing(t *testing.T) {
	temp := t.TempDir()
	s, err := Start(Options{TempDir: temp})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", net.JoinHostPort(s.Host(), strconv.Itoa(s.Port())))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if s.Info().Path("jetstream") != true {
		t.Errorf("got %v", s.Info())
	}
	s.Shutdown()
	s.Shutdown()
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

// Whoever loses a connection because the server ends finds that it has ended, and not one more connection.
func TestAServerThatEndsTakesNoConnection(t *testing.T) {
	for range 50 {
		s, err := Start(Options{JetStream: new(bool), DontListen: true})
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Connect()
		if err != nil || !Any() {
			t.Fatalf("%v, a server is here: %v", err, Any())
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Shutdown()
		}()
		_, _ = io.Copy(io.Discard, c) // until the server closes it
		if again, err := s.Connect(); err == nil {
			again.Close()
			t.Error("a server that ends has taken a connection")
		}
		c.Close()
		if <-ended; Any() {
			t.Fatal("a server is here that has ended")
		}
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	s, err := Start(Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	file := config(t, "port: x\n")
	for text, o := range map[string]Options{
		"address already in use":  {Port: s.Port(), TempDir: t.TempDir()},
		"Invalid config":          {ConfigFile: file},
		"Cannot write to the":     {StoreDir: filepath.Join(file, "below")},
		"Cannot make a temporary": {TempDir: filepath.Join(file, "below")},
		"Invalid port":            {Port: 70000},
		"A token and a user are":  {User: "u", Token: "t", TempDir: t.TempDir()},
		"A password needs a user": {Password: "p", TempDir: t.TempDir()},
	} {
		s, err := Start(o)
		if err == nil {
			s.Shutdown()
		}
		if fault.CodeOf(err) != "ErrServer" || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
		if n := running.Load(); n != 1 {
			t.Errorf("%s: %d servers are counted beside the one that runs", text, n-1)
		}
	}
}

func TestStoresThatNobodyHoldsAreSwept(t *testing.T) {
	temp := t.TempDir()
	for _, name := range []string{"nats-store-1", "nats-store-2"} {
		os.Mkdir(filepath.Join(temp, name), 0o700)
		if err := os.WriteFile(filepath.Join(temp, name+".lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.OpenFile(filepath.Join(temp, "nats-store-2.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := tryLock(held); err != nil {
		t.Fatal(err)
	}
	sweep(temp)
	left, _ := filepath.Glob(filepath.Join(temp, "*"))
	if len(left) != 2 || filepath.Base(left[0]) != "nats-store-2" {
		t.Errorf("left %q", left)
	}
}

// Nobody finds a store whose lock is not held.
func TestALockThatWasTakenAtItsMakingIsMadeAgain(t *testing.T) {
	temp := t.TempDir()
	stop, swept := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(swept)
		for {
			select {
			case <-stop:
				return
			default:
				sweep(temp)
			}
		}
	}()
	for range 300 {
		s, err := newStore(temp)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(s.dir); err != nil {
			t.Fatal(err)
		}
		s.release()
	}
	close(stop)
	<-swept
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) != 0 {
		t.Errorf("left %q", left)
	}
}

func config(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "server.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOptionsOverrideTheFile(t *testing.T) {
	users := config(t, "port: 4567\nauthorization { users: [ {user: file, password: f} ] }\n")
	plain := config(t, "server_name: plain\n")
	off := false
	for name, c := range map[string]struct {
		options Options
		holds   func(*natsd.Options) bool
	}{
		"the file's settings hold": {Options{ConfigFile: users},
			func(o *natsd.Options) bool { return o.Port == 4567 && len(o.Users) == 1 && !o.JetStream }},
		"a user in place of its users": {Options{ConfigFile: users, User: "u", Password: "p"},
			func(o *natsd.Options) bool { return o.Users == nil && o.Username == "u" && o.Password == "p" }},
		"a token in place of its users": {Options{ConfigFile: users, Token: "t"},
			func(o *natsd.Options) bool { return o.Users == nil && o.Authorization == "t" }},
		"a port":                     {Options{ConfigFile: users, Port: 1234}, func(o *natsd.Options) bool { return o.Port == 1234 }},
		"a free port":                {Options{ConfigFile: plain}, func(o *natsd.Options) bool { return o.Port == natsd.RANDOM_PORT }},
		"a store means JetStream":    {Options{ConfigFile: plain, StoreDir: "x"}, func(o *natsd.Options) bool { return o.JetStream && o.StoreDir == "x" }},
		"unless it is not wanted":    {Options{ConfigFile: plain, StoreDir: "x", JetStream: &off}, func(o *natsd.Options) bool { return !o.JetStream }},
		"the loopback interface":     {Options{ConfigFile: plain}, func(o *natsd.Options) bool { return o.Host == "127.0.0.1" }},
		"signals stay the program's": {Options{}, func(o *natsd.Options) bool { return o.NoSigs && o.JetStream }},
	} {
		so, err := c.options.settings()
		if err != nil || !c.holds(so) {
			t.Errorf("%s: %+v, %v", name, so, err)
		}
	}
}

func TestAPanicIsAnErrorWithTheStackInTheLog(t *testing.T) {
	var logged string
	start := func() (err error) {
		defer caught(func(_ wire.Level, text string) { logged = text }, &err)
		panic("a fault")
	}
	if err := start(); fault.CodeOf(err) != "ErrServer" || err.Error() != "panic in the server: a fault" {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(logged, "server_test.go") {
		t.Errorf("logged %q", logged)
	}
}

// Started and ended at the same time, servers leave each other's stores alone.
func TestManyServersAtOnce(t *testing.T) {
	temp := t.TempDir()
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			s, err := Start(Options{TempDir: temp})
			if err == nil {
				s.Shutdown()
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// A second server on the directory of one that runs would lose what both acknowledge.
func TestAStoreIsOneServers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, err := Start(Options{StoreDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skip(err)
	}
	for name, o := range map[string]Options{
		"the same name": {StoreDir: dir},
		"another name":  {StoreDir: link},
		"a config file": {ConfigFile: config(t, "jetstream { store_dir: '"+dir+"' }")},
	} {
		second, err := Start(o)
		if err == nil {
			second.Shutdown()
		}
		if fault.CodeOf(err) != "ErrServer" || !strings.Contains(err.Error(), "is in use by another server") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Shutdown()
	if s, err = Start(Options{StoreDir: dir}); err != nil {
		t.Fatal("the first one is gone: ", err)
	}
	s.Shutdown()
}
