// SPDX-License-Identifier: Apache-2.0

// Package server runs a nats-server inside the process: for a first try, for tests, and
// for a device that needs no other machine.
package server

import (
	"fmt"
	"net"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// Options of a server. What is given here overrides what the config file says.
type Options struct {
	Host       string // 127.0.0.1 where neither this nor the file says another
	Port       int    // a free one where 0
	DontListen bool   // Connect is the only way to it; a config file's other listeners are left alone
	JetStream  *bool  // where nil: true, or what the file says unless StoreDir is given
	StoreDir   string // of JetStream; a temporary one that goes with the server where empty
	User       string
	Password   string // needs a User
	Token      string // excludes User
	ConfigFile string
	TempDir    string // where temporary stores are made; the system's where empty

	// Log gets each line; nil: nobody wants to know. Any goroutine calls it.
	Log func(level wire.Level, text string)
}

// Server is a running server.
type Server struct {
	natsd   *natsd.Server
	unheard bool   // Options.DontListen
	store   *store // nil without JetStream
	log     func(wire.Level, string)
	once    sync.Once
	ending  atomic.Bool // Shutdown was called
}

// readyTimeout bounds the start; recovering a big store takes its time.
const (
	readyTimeout = time.Minute
	readyCheck   = 25 * time.Millisecond // how often a fatal error is looked for meanwhile
)

// Version is that of the nats-server module.
const Version = natsd.VERSION

func failure(text string) error { return fault.New(fault.Server, text) }

// running counts the servers, from the beginning of Start to the end of Shutdown.
var running atomic.Int32

// Any tells whether there is a server in this process, or one that starts or ends.
func Any() bool { return running.Load() > 0 }

// Start runs a server, and returns when it is ready. An error is ErrServer, with a text
// that says what is wrong: a port that is taken, a bad config, a directory that cannot
// be written, or that another server uses.
func Start(o Options) (s *Server, err error) {
	running.Add(1)
	defer func() {
		if err != nil {
			running.Add(-1)
		}
	}()
	defer caught(o.Log, &err)
	so, err := o.settings()
	if err != nil {
		return nil, err
	}
	s = &Server{log: o.Log, unheard: so.DontListen}
	if so.JetStream && so.StoreDir == "" {
		if s.store, err = newStore(o.TempDir); err != nil {
			return nil, failure("Cannot make a temporary store: " + err.Error())
		}
		so.StoreDir = s.store.dir
	} else if so.JetStream {
		if s.store, err = claimStore(so.StoreDir); err != nil {
			return nil, err
		}
	}
	if err := s.run(so); err != nil {
		s.store.release()
		return nil, err
	}
	return s, nil
}

// caught makes a panic of the server an error, with the stack in the log.
func caught(log func(wire.Level, string), err *error) {
	r := recover()
	if r == nil {
		return
	}
	if log != nil {
		log(wire.LogError, fmt.Sprintf("panic in the server: %v\n%s", r, debug.Stack()))
	}
	*err = failure(fmt.Sprintf("panic in the server: %v", r))
}

// run starts the server, and waits for it to be ready or to say why it is not.
func (s *Server) run(so *natsd.Options) error {
	server, err := natsd.NewServer(so)
	if err != nil {
		return failure(err.Error())
	}
	s.natsd = server
	fatal := make(chan string, 1)
	l := &logger{log: s.log, fatal: fatal}
	server.SetLoggerV2(l, false, false, false)
	// Returns when the server listens, or has said why it cannot.
	go func() {
		var err error
		defer func() {
			if err != nil {
				l.Fatalf("%v", err)
			}
		}()
		defer caught(s.log, &err)
		server.Start()
	}()
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

// Shutdown ends the server, and with it a temporary store. It returns when the server is
// gone, and may be called more than once.
func (s *Server) Shutdown() {
	s.once.Do(func() {
		s.ending.Store(true)
		defer running.Add(-1)
		var err error // of a panic; it is in the log, and the server is as gone as can be
		defer caught(s.log, &err)
		defer s.store.release()
		s.natsd.Shutdown()
		s.natsd.WaitForShutdown()
	})
}

// Connect makes a connection without a network: it is one end of a pipe, and the server has the other.
func (s *Server) Connect() (net.Conn, error) {
	// nats-server still says that it runs while it closes its connections. Whoever has lost one would get another, which ends
	// at once.
	if s.ending.Load() || !s.natsd.Running() {
		return nil, failure("The server in this process has ended")
	}
	return s.natsd.InProcessConn()
}

// Host where it listens, as clients reach it; "" for one that does not listen.
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
	if s.unheard {
		return "", 0
	}
	u := strings.TrimPrefix(strings.TrimPrefix(s.natsd.ClientURL(), "nats://"), "tls://")
	host, port, err := net.SplitHostPort(u)
	if err != nil {
		return "", 0
	}
	n, _ := strconv.Atoi(port)
	return host, n
}

// URL for clients, without credentials; "" for a server that does not listen.
func (s *Server) URL() string {
	if s.unheard {
		return ""
	}
	return s.natsd.ClientURL()
}

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
