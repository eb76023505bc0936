// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strings"

	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
)

func cmdCurrentServer(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	host, port, err := c.wire.CurrentServer()
	return []any{host, port}, err
}

func cmdAllServers(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	list := []any{}
	for _, s := range c.wire.Servers() {
		list = append(list, s)
	}
	return list, nil
}

func cmdConnectionInfo(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	return c.info, nil
}

// writeInfo writes the array serverInfo. What a new INFO does not have goes: another server
// may have sent it.
func (c *connection) writeInfo(p *bridge.Package, array string, info dict.Dict) {
	before := c.info
	c.info = info
	for _, f := range before {
		if _, stays := info.Get(f.Key); !stays {
			p.Report(p.Host.UnsetElement(array, f.Key))
			if p.Closed() || !p.Alive(c) {
				return // a trace destroyed it
			}
		}
	}
	for _, f := range info {
		p.Report(p.Host.SetElement(array, f.Key, f.Value))
		if p.Closed() || !p.Alive(c) {
			return
		}
	}
}

// presentInfo is an INFO as scripts see it.
func presentInfo(info dict.Dict) dict.Dict {
	out := make(dict.Dict, len(info))
	copy(out, info)
	for i, f := range out {
		if f.Key == "version" {
			out[i].Value = digitsAndDots(info.Text("version"))
		}
	}
	return out
}

// digitsAndDots keeps the beginning of a version that consists of these: 2.11.0 of
// 2.11.0-RC.1.
func digitsAndDots(version string) string {
	if i := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		version = version[:i]
	}
	return strings.TrimRight(version, ".")
}
