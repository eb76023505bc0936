// SPDX-License-Identifier: Apache-2.0

package option

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"natstcl/tclbind/bridge"
	"natstcl/tclbind/internal/values"
)

var testOptions = Table{
	{Name: "flag", Kind: Bool, Default: false},
	{Name: "count", Kind: Natural, Default: json.Number("1")},
	{Name: "offset", Kind: Int},
	{Name: "wait", Kind: Millis},
	{Name: "age", Kind: Duration},
	{Name: "title", Kind: Nonempty},
	{Name: "names", Kind: List},
	{Name: "storage", Kind: Enum, Allowed: []string{"memory", "file"}},
}

func TestBadOptionsAreRefusedInTheseWords(t *testing.T) {
	for _, c := range []struct {
		args       []string
		code, text string
	}{
		{[]string{"-nope", "1"}, "ErrInvalidArg", "Unknown option nope"},
		{[]string{"nope", "1"}, "ErrInvalidArg", "Unknown option nope"},
		{[]string{"-flag"}, "ErrInvalidArg", "Missing value for option -flag"},
		{[]string{"-count", "1", "flag"}, "ErrInvalidArg", "Missing value for option flag"},
		{[]string{"-flag", "maybe"}, "ErrInvalidArg", "Invalid value for the bool option flag : maybe"},
		{[]string{"-flag", ""}, "ErrInvalidArg", "Invalid value for the bool option flag : "},
		{[]string{"-count", "-1"}, "ErrInvalidArg", "Invalid value for the pos_int option count : -1"},
		{[]string{"-offset", "1.5"}, "ErrInvalidArg", "Invalid value for the int option offset : 1.5"},
		{[]string{"-wait", "-1"}, "ErrBadTimeout", "Invalid value for the timeout option wait : -1"},
		{[]string{"-age", "old"}, "ErrInvalidArg", "Invalid value for the timeout option age : old"},
		{[]string{"-title", ""}, "ErrInvalidArg", "Invalid value for the valid_str option title : "},
		{[]string{"-names", ""}, "ErrInvalidArg", "Invalid value for the list option names : "},
		{[]string{"-names", "a {b"}, "ErrInvalidArg", "Invalid value for the list option names : a {b"},
		{[]string{"-storage", "tape"}, "ErrInvalidArg",
			"Invalid value for the enum storage : tape; allowed values: memory file"},
	} {
		_, err := testOptions.Parse(values.Of(c.args...))
		var e *bridge.Fault
		if !errors.As(err, &e) || e.Code != c.code || e.Text != c.text {
			t.Errorf("%v: %v, want %s %q", c.args, err, c.code, c.text)
		}
	}
}

func TestOptionsAreReadByTheirTypes(t *testing.T) {
	o, err := testOptions.Parse(values.Of("-flag", "YES", "count", "0x10", "-offset", "-123456789012345678901234567890",
		"-wait", "1500", "-age", "1.5", "-names", "a b"))
	if err != nil {
		t.Fatal(err)
	}
	if !o.Bool("flag") || o.Int("count") != 16 || o.Get("offset") != json.Number("-123456789012345678901234567890") {
		t.Errorf("flag, count, offset: %v", o)
	}
	if o.Duration("wait") != 1500*time.Millisecond || o.Nanos("age") != 1_500_000 {
		t.Errorf("wait, age: %v", o)
	}
	if names := o.List("names"); len(names) != 2 || names[1] != "b" {
		t.Errorf("names: %v", names)
	}
	if o.Has("storage") {
		t.Error("an option without a default is there though nobody gave it")
	}
}
