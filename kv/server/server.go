// Package server runs a nats-server inside the process: for a first try, for tests, and
// for a device that needs no other machine.
package server

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// Options of a server. What is given here overrides what the config file says.
type Options struct {
	Host       string // 127.0.0.1 where neither this nor the file says another
	Port       int    // a free one where 0
	JetStream  *bool  // true where nil
	StoreDir   string // of JetStream; a temporary one that goes with the server where empty
	User       string
	Password   string
	Token      string
	ConfigFile string
	TempDir    string // where temporary stores are made; the system's where empty

	// Log gets each line; nil: nobody wants to know. Any goroutine calls it.
	Log func(level wire.Level, text string)
}

// Server is a running server.
type Server struct {
	natsd *natsd.Server
	store string // temporary, "" for none
	lock  *os.File
	once  sync.Once
}

// readyTimeout bounds the start; recovering a big store takes its time.
const (
	readyTimeout = time.Minute
	readyCheck   = 25 * time.Millisecond // how often a fatal error is looked for meanwhile
)

func failure(text string) error { return wire.Fail("ErrServer", text) }

// Start runs a server, and returns when it is ready. An error is ErrServer, with a text
// that says what is wrong: a port that is taken, a bad config, a directory that cannot
// be written.
func Start(o Options) (*Server, error) {
	so := &natsd.Options{}
	if o.ConfigFile != "" {
		if err := so.ProcessConfigFile(o.ConfigFile); err != nil {
			return nil, failure("Invalid config " + o.ConfigFile + ": " + err.Error())
		}
	}
	so.NoSigs = true // or the server would end the program at SIGINT and SIGTERM
	if o.Host != "" {
		so.Host = o.Host
	} else if so.Host == "" {
		so.Host = "127.0.0.1"
	}
	if o.Port != 0 {
		so.Port = o.Port
	} else if so.Port == 0 {
		so.Port = natsd.RANDOM_PORT
	}
	if o.Port < 0 || o.Port > 65535 {
		return nil, failure("Invalid port " + strconv.Itoa(o.Port))
	}
	if o.JetStream != nil {
		so.JetStream = *o.JetStream
	} else if o.ConfigFile == "" {
		so.JetStream = true
	}
	if o.User != "" {
		so.Username, so.Password = o.User, o.Password
	}
	if o.Token != "" {
		so.Authorization = o.Token
	}
	s := &Server{}
	if o.StoreDir != "" {
		so.StoreDir = o.StoreDir
	}
	if so.JetStream && so.StoreDir == "" {
		var err error
		if s.store, s.lock, err = newStore(o.TempDir); err != nil {
			return nil, failure("Cannot make a temporary store: " + err.Error())
		}
		so.StoreDir = s.store
	} else if so.JetStream {
		if err := writable(so.StoreDir); err != nil {
			return nil, failure("Cannot write to the store " + so.StoreDir + ": " + err.Error())
		}
	}
	if err := s.run(so, o.Log); err != nil {
		s.removeStore()
		return nil, err
	}
	return s, nil
}

// run starts the server, and waits for it to be ready or to say why it is not.
func (s *Server) run(so *natsd.Options, log func(wire.Level, string)) error {
	server, err := natsd.NewServer(so)
	if err != nil {
		return failure(err.Error())
	}
	s.natsd = server
	fatal := make(chan string, 1)
	l := &logger{log: log, fatal: fatal}
	server.SetLoggerV2(l, false, false, false)
	go server.Start() // returns when the server listens, or has said why it cannot
	why := "The server did not get ready"
	for end := time.Now().Add(readyTimeout); time.Now().Before(end); {
		ready := server.ReadyForConnections(readyCheck)
		select {
		case why = <-fatal:
			end = time.Time{}
		default:
			if ready {
				return nil
			}
		}
	}
	server.Shutdown()
	server.WaitForShutdown()
	return failure(why)
}

// writable tries to write to a directory, which is made where it is not there.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".write-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// Shutdown ends the server, and with it a temporary store. It returns when the server is
// gone, and may be called more than once.
func (s *Server) Shutdown() {
	s.once.Do(func() {
		s.natsd.Shutdown()
		s.natsd.WaitForShutdown()
		s.removeStore()
	})
}

func (s *Server) removeStore() {
	if s.store == "" {
		return
	}
	_ = os.RemoveAll(s.store)
	if s.lock != nil {
		s.lock.Close()
		_ = os.Remove(s.lock.Name())
	}
}

// Host where it listens, as clients reach it.
func (s *Server) Host() string {
	host, _ := s.address()
	return host
}

// Port where it listens.
func (s *Server) Port() int {
	_, port := s.address()
	return port
}

func (s *Server) address() (string, int) {
	u := strings.TrimPrefix(strings.TrimPrefix(s.natsd.ClientURL(), "nats://"), "tls://")
	host, port, err := net.SplitHostPort(u)
	if err != nil {
		return "", 0
	}
	n, _ := strconv.Atoi(port)
	return host, n
}

// URL for clients, without credentials.
func (s *Server) URL() string { return s.natsd.ClientURL() }

// Info tells what the server is and does.
func (s *Server) Info() dict.Dict {
	host, port := s.address()
	d := dict.Dict{
		{Key: "server_id", Value: s.natsd.ID()},
		{Key: "server_name", Value: s.natsd.Name()},
		{Key: "version", Value: natsd.VERSION},
		{Key: "host", Value: host},
		{Key: "port", Value: port},
		{Key: "running", Value: s.natsd.Running()},
		{Key: "jetstream", Value: s.natsd.JetStreamEnabled()},
		{Key: "connections", Value: s.natsd.NumClients()},
		{Key: "subscriptions", Value: int64(s.natsd.NumSubscriptions())},
	}
	if config := s.natsd.JetStreamConfig(); config != nil {
		d.Set("store_dir", filepath.Clean(config.StoreDir))
	}
	return d
}
