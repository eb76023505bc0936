// SPDX-License-Identifier: Apache-2.0

//go:build !noserver

package tclbind

import (
	"net"
	"strings"

	"natstcl/kv/dict"
	"natstcl/kv/server"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
)

// embedded is what a nats::server object stands on.
type embedded struct {
	bridge.Object
	server *server.Server
	log    news // its lines, on their way to the channel
}

const serverVersion = server.Version

var serverCommands = []bridge.Command{
	{Name: "server", Usage: "object args", Run: cmdServer},
	{Name: "server_info", Usage: "server", Run: bridge.On(cmdServerInfo)},
	{Name: "server_shutdown", Usage: "server", Run: bridge.On(cmdServerShutdown)},
}

// cmdServer starts a server; the wait's result is its handle.
func cmdServer(p *bridge.Package, args []bridge.Value) (any, error) {
	o, err := serverOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	so := server.Options{
		DontListen: !o.Bool("listen"),
		Host:       o.Text("host"),
		Port:       int(o.Int("port")),
		User:       o.Text("user"),
		Password:   o.Text("password"),
		Token:      o.Text("token"),
		TempDir:    p.Host.Getenv("TMPDIR"),
	}
	for name, file := range map[string]*string{"store_dir": &so.StoreDir, "config": &so.ConfigFile} {
		if o.Has(name) {
			if *file, err = p.Host.FileName(o.Text(name)); err != nil {
				return nil, err
			}
		}
	}
	if o.Has("jetstream") {
		jetstream := o.Bool("jetstream")
		so.JetStream = &jetstream
	}
	e := &embedded{log: news{p: p}}
	if channel := o.Text("log_chan"); channel != "" {
		tail := args[0].Text()
		tail = tail[strings.LastIndex(tail, ":")+1:]
		most := logLevels[wire.Level(o.Text("log_level"))]
		so.Log = func(level wire.Level, text string) {
			if logLevels[level] <= most {
				e.log.log(level, text, func(p *bridge.Package, l line) { l.writeTo(p, channel, tail) })
			}
		}
	}
	return bridge.BeginWork(p,
		func() (*server.Server, error) { return server.Start(so) },
		func(s *server.Server) (any, error) {
			e.server = s
			return p.Add(e, nil), nil
		},
		(*server.Server).Shutdown)
}

// Release ends the server, behind what connections to it still have to send.
func (e *embedded) Release(p *bridge.Package) {
	p.AwaitLate()
	e.server.Shutdown()
	e.log.rest(p)
}

// inProcess is how a connection is made to the server that an object of the script's stands on, without a
// network.
func inProcess(p *bridge.Package, object string) (func() (net.Conn, error), error) {
	if e := bridge.Find[*embedded](p, p.NamespaceOf(object)); e != nil {
		return e.server.Connect, nil
	}
	return nil, invalid("Invalid value for the object option in_process : " + object + ": it is no nats::server")
}

func cmdServerInfo(_ *bridge.Package, e *embedded, _ []bridge.Value) (any, error) {
	return append(dict.Dict{{Key: "url", Value: e.server.URL()}}, e.server.Info()...), nil
}

func cmdServerShutdown(p *bridge.Package, e *embedded, _ []bridge.Value) (any, error) {
	return bridge.BeginWork(p,
		func() (struct{}, error) {
			e.server.Shutdown()
			return struct{}{}, nil
		},
		func(struct{}) (any, error) { return nil, nil })
}
