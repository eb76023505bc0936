// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/natscontext"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
	"strconv"
)

var contextCommands = []bridge.Command{
	{Name: "context_dir", Run: cmdContextDir},
	{Name: "context_load", Usage: "name", Run: cmdContextLoad},
}

// cmdContextDir returns the directory with the contexts, empty where nobody knows.
func cmdContextDir(p *bridge.Package, _ []bridge.Value) (any, error) {
	return natscontext.Dir(p.Host.Getenv), nil
}

// cmdContextLoad returns what a context says, its name first.
func cmdContextLoad(p *bridge.Package, args []bridge.Value) (any, error) {
	c, err := loadContext(p, args[0].Text())
	if err != nil {
		return nil, err
	}
	said := c.Said.Without("name")
	for i := range said {
		if said[i].Value == nil {
			said[i].Value = "" // null is JSON's
		}
	}
	return append(dict.Dict{{Key: "name", Value: c.Name}}, said...), nil
}

// mostOfContext is how many bytes of a context's file are read: its JSON has a fraction of that.
const mostOfContext = 1 << 20

func loadContext(p *bridge.Package, name string) (*natscontext.Context, error) {
	if err := natscontext.CheckName(name); err != nil {
		return nil, err
	}
	dir := natscontext.Dir(p.Host.Getenv)
	if dir == "" {
		return nil, fault.New(fault.ContextNotFound, "There are no contexts: neither XDG_CONFIG_HOME nor HOME is set")
	}
	file := dir + "/context/" + name + ".json"
	text, err := p.Host.ReadFile(file, mostOfContext+1)
	if err != nil {
		return nil, fault.New(fault.ContextNotFound, "The context "+name+" cannot be read: "+err.Error())
	}
	if len(text) > mostOfContext {
		return nil, invalid("The context " + name + " is broken: its file is longer than " + strconv.Itoa(mostOfContext) + " bytes")
	}
	return natscontext.Parse(name, text, p.Host.Getenv)
}

// withContext adds what the context says that is among the given options. What the script gives beside it counts.
func withContext(p *bridge.Package, given option.Values) (option.Values, *natscontext.Context, error) {
	if !given.Has("context") || given.Text("context") == "" {
		return given, nil, nil
	}
	c, err := loadContext(p, given.Text("context"))
	if err != nil {
		return nil, nil, err
	}
	tls := dict.Dict{}
	for _, f := range []dict.Field{{Key: "-certfile", Value: c.CertFile}, {Key: "-keyfile", Value: c.KeyFile}, {Key: "-cafile", Value: c.CAFile}} {
		if f.Value != "" {
			tls = append(tls, f)
		}
	}
	out := &option.Set{}
	for _, f := range []dict.Field{
		{Key: "servers", Value: c.Servers}, {Key: "user", Value: c.User}, {Key: "password", Value: c.Password},
		{Key: "token", Value: c.Token}, {Key: "credentials", Value: c.Credentials}, {Key: "jwt", Value: c.JWT},
		{Key: "nkey", Value: c.Seed}, {Key: "nkey_seed", Value: c.NKeySeed}, {Key: "tls_opts", Value: tls},
		{Key: "tls_first", Value: c.TLSFirst}, {Key: "proxy", Value: c.Proxy},
	} {
		out.Put(f.Key, f.Value)
	}
	if c.InboxPrefix != "" {
		if !wire.ValidSubject(c.InboxPrefix, false) {
			return nil, nil, invalid("The context " + c.Name + " is broken: inbox_prefix is no subject: " + c.InboxPrefix)
		}
		out.Put("inbox_prefix", c.InboxPrefix)
	}
	if c.Proxy != "" {
		if wire.CheckProxy(c.Proxy) != nil {
			return nil, nil, invalid("The context " + c.Name + " is broken: socks_proxy is no URL of a proxy: " + wire.Redacted(c.Proxy))
		}
	}
	for name, value := range given.All() {
		out.Put(name, value)
	}
	if given.Text("in_process") != "" && !given.Has("servers") {
		out.Remove("servers")
	}
	return out, c, nil
}
