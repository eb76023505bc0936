package server

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
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

func TestWhatIsWrongIsSaid(t *testing.T) {
	s, err := Start(Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("port: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, o := range map[string]Options{
		"address already in use":  {Port: s.Port(), TempDir: t.TempDir()},
		"Invalid config":          {ConfigFile: file},
		"Cannot write to the":     {StoreDir: filepath.Join(file, "below")},
		"Cannot make a temporary": {TempDir: filepath.Join(file, "below")},
		"Invalid port":            {Port: 70000},
	} {
		s, err := Start(o)
		if err == nil {
			s.Shutdown()
		}
		if wire.CodeOf(err) != "ErrServer" || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
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
