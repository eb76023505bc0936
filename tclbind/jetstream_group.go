// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"natstcl/kv/js"
	"natstcl/tclbind/bridge/option"
)

// groupOptions are those of whoever fetches as one of a priority group (ADR-42).
var groupOptions = option.Table{
	{Name: "group", Kind: option.Nonempty, About: "the client's priority group, for a consumer that has priority groups"},
	{Name: "min_pending", Kind: option.Natural, About: "policy overflow: messages come only if so many wait"},
	{Name: "min_ack_pending", Kind: option.Natural, About: "policy overflow: messages come only if so many wait for an acknowledgement"},
	{Name: "priority", Kind: option.Natural, About: "policy prioritized: 0 is served first, 9 last"},
}

// groupConfig is the part in a priority group that the options ask for.
func groupConfig(o option.Values) (js.GroupConfig, error) {
	g := js.GroupConfig{
		Name: o.Text("group"), MinPending: o.Int("min_pending"), MinAckPending: o.Int("min_ack_pending"), Priority: small(o.Int("priority")),
	}
	switch {
	case g.Name == "" && (o.Has("min_pending") || o.Has("min_ack_pending") || o.Has("priority")):
		return g, invalid("-min_pending, -min_ack_pending and -priority require -group")
	case g.Priority > 9:
		return g, invalid("-priority is at most 9")
	}
	return g, nil
}
