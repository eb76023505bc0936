package tclbind

import (
	"fmt"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/server"
	"natstcl/kv/wire"
)

// embedded is what a nats::server object stands on.
type embedded struct {
	object
	server *server.Server
}

var serverCommands = []command{
	{"server", []string{"object", "args"}, cmdServer},
	{"server_info", []string{"server"}, on(cmdServerInfo)},
	{"server_shutdown", []string{"server"}, on(cmdServerShutdown)},
}

var serverOptions = []option{
	{name: "host", kind: nonempty},
	{name: "port", kind: natural},
	{name: "jetstream", kind: truth},
	{name: "store_dir", kind: nonempty},
	{name: "user", kind: anyText},
	{name: "password", kind: anyText},
	{name: "token", kind: anyText},
	{name: "config", kind: nonempty},
	{name: "log_chan", kind: nonempty},
	{name: "log_level", kind: enum, allowed: []string{"error", "warn", "info", "debug"}, fallback: "warn"},
}

// cmdServer starts a server; the wait's result is its handle.
func cmdServer(p *Package, args []Value) (any, error) {
	o, err := parseOptions(args[1:], serverOptions)
	if err != nil {
		return nil, err
	}
	so := server.Options{
		Host:     o.text("host"),
		Port:     int(o.int("port")),
		User:     o.text("user"),
		Password: o.text("password"),
		Token:    o.text("token"),
		TempDir:  p.host.Getenv("TMPDIR"),
	}
	for name, file := range map[string]*string{"store_dir": &so.StoreDir, "config": &so.ConfigFile} {
		if o.has(name) {
			if *file, err = p.host.FileName(o.text(name)); err != nil {
				return nil, err
			}
		}
	}
	if o.has("jetstream") {
		jetstream := o.bool("jetstream")
		so.JetStream = &jetstream
	}
	if channel := o.text("log_chan"); channel != "" {
		tail := args[0].Text()
		tail = tail[strings.LastIndex(tail, ":")+1:]
		most := logLevels[wire.Level(o.text("log_level"))]
		so.Log = func(level wire.Level, text string) {
			if logLevels[level] <= most {
				p.mailbox.post(&serverLine{channel, tail, level, text, time.Now()})
			}
		}
	}
	return begin(p,
		func(done func(*server.Server, error)) error {
			go func() { done(server.Start(so)) }()
			return nil
		},
		func(s *server.Server) (any, error) {
			return p.add(&embedded{server: s}, nil), nil
		},
		(*server.Server).Shutdown)
}

func (e *embedded) release(*Package) { e.server.Shutdown() }

func cmdServerInfo(_ *Package, e *embedded, _ []Value) (any, error) {
	return append(dict.Dict{{Key: "url", Value: e.server.URL()}}, e.server.Info()...), nil
}

func cmdServerShutdown(p *Package, e *embedded, _ []Value) (any, error) {
	return beginPlain(p, nil, func(done func(error)) error {
		go func() {
			e.server.Shutdown()
			done(nil)
		}()
		return nil
	})
}

// serverLine is a line of the server's log on its way to the channel.
type serverLine struct {
	channel, tail string
	level         wire.Level
	text          string
	at            time.Time
}

func (l *serverLine) run(p *Package) {
	// As with a connection's log, a channel that is gone stops nothing.
	_ = p.host.Write(l.channel, fmt.Sprintf("[%s %s %s] %s", l.at.Format(timestampFormat), l.tail, l.level, l.text))
}
