// SPDX-License-Identifier: Apache-2.0

// Package values has Tcl values for tests that need no interpreter.
package values

import (
	"errors"
	"strings"

	"natstcl/tclbind/bridge"
)

// text is a Tcl value: its text; a list is split at blanks.
type text string

func (v text) Text() string         { return string(v) }
func (v text) ViewText() string     { return string(v) }
func (v text) Bytes() []byte        { return []byte(v) }
func (v text) View() []byte         { return []byte(v) }
func (v text) Wide() bool           { return bridge.WideText([]byte(v)) }
func (v text) Retain() bridge.Value { return v }
func (v text) Release()             {}

func (v text) List() ([]bridge.Value, error) {
	if strings.Contains(string(v), "{") {
		return nil, errors.New("unmatched open brace in list")
	}
	return Of(strings.Fields(string(v))...), nil
}

// Of makes a value of each text.
func Of(texts ...string) []bridge.Value {
	out := make([]bridge.Value, len(texts))
	for i, t := range texts {
		out[i] = text(t)
	}
	return out
}
