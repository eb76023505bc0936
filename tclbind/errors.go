// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"errors"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
)

// The core calls an option by its field; in Tcl it has a dash.
func init() { fault.SpellOptions(func(name string) string { return "-" + name }) }

// errorCode is the errorCode of an error: that of the core, of the bridge, or of whatever else.
func errorCode(err error) []string {
	var core *fault.Error
	if errors.As(err, &core) {
		return append([]string{"NATS", core.Code}, core.Words...)
	}
	var fault *bridge.Fault
	if errors.As(err, &fault) {
		return []string{"NATS", fault.Code}
	}
	return []string{"NATS", bridge.ErrInternal}
}

// invalid is ErrInvalidArg, the error of most bad input.
func invalid(text string) error { return fault.New(fault.InvalidArg, text) }
