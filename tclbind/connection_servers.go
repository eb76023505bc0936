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

// cmdSetServers replaces the pool, whatever the status is.
func cmdSetServers(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	v, err := connectionOptions.Row("servers").Parse(args[0])
	if err != nil {
		return nil, err
	}
	if err := c.wire.ReplaceServers(v.([]string)); err != nil {
		return nil, err
	}
	c.settings.values.Put("servers", v)
	c.settings.values.Put("in_process", "")
	return nil, nil
}

func cmdConnectionInfo(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	return c.info, nil
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
