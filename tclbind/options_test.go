package tclbind

import (
	"errors"
	"testing"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

var testOptions = []option{
	{name: "flag", kind: truth, fallback: false},
	{name: "count", kind: natural, fallback: dict.Number("1")},
	{name: "offset", kind: whole},
	{name: "wait", kind: millis},
	{name: "age", kind: duration},
	{name: "title", kind: nonempty},
	{name: "names", kind: words},
	{name: "extra", kind: metadata},
	{name: "storage", kind: enum, allowed: []string{"memory", "file"}},
}

func TestBadOptionsAreRefusedWithTheContractsWords(t *testing.T) {
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
		{[]string{"-extra", "odd"}, "ErrInvalidArg", "Invalid value for the metadata option extra : odd"},
		{[]string{"-storage", "tape"}, "ErrInvalidArg",
			"Invalid value for the enum storage : tape; allowed values: memory file"},
	} {
		_, err := parseOptions(values(c.args...), testOptions)
		var e *wire.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Text != c.text {
			t.Errorf("%v: %v, want %s %q", c.args, err, c.code, c.text)
		}
	}
}

func TestOptionsAreReadByTheirTypes(t *testing.T) {
	o, err := parseOptions(values("-flag", "YES", "count", "0x10", "-offset", "-123456789012345678901234567890",
		"-wait", "1500", "-age", "1.5", "-names", "a b", "-extra", "k v k w"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	if !o.bool("flag") || o.int("count") != 16 || o["offset"] != dict.Number("-123456789012345678901234567890") {
		t.Errorf("flag, count, offset: %v", o)
	}
	if o.duration("wait") != 1500*time.Millisecond || o.nanos("age") != 1_500_000 {
		t.Errorf("wait, age: %v", o)
	}
	if names := o.list("names"); len(names) != 2 || names[1] != "b" {
		t.Errorf("names: %v", names)
	}
	if extra := o.dict("extra"); len(extra) != 1 || extra.Text("k") != "w" {
		t.Errorf("extra: %v", extra)
	}
	if o.has("storage") {
		t.Error("an option without a default is there though nobody gave it")
	}
}

func TestNumbersAndBooleansAreTcls(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", " 12 ": "12", "-0x1F": "-31", "0b101": "5", "0o17": "15", "017": "15", "+3": "3",
		"18446744073709551616": "18446744073709551616",
	} {
		if n, ok := bigInteger(text); !ok || n.String() != want {
			t.Errorf("integer %q: %v, want %s", text, n, want)
		}
	}
	for _, text := range []string{"", " ", "-", "+-1", "08", "0x", "1_000", "1e3", "1.0", "a"} {
		if n, ok := bigInteger(text); ok {
			t.Errorf("%q was read as the integer %v", text, n)
		}
	}
	for text, want := range map[string]bool{
		"1": true, "0": false, "tr": true, "Y": true, "ON": true, "of": false, "n": false, "F": false, "2": true, "0.0": false,
	} {
		if b, ok := boolean(text); !ok || b != want {
			t.Errorf("boolean %q: %v %v, want %v", text, b, ok, want)
		}
	}
	for _, text := range []string{"", "o", "truex", "maybe"} {
		if _, ok := boolean(text); ok {
			t.Errorf("%q was read as a boolean", text)
		}
	}
}

func TestBytesThatAreNoUTF8KeepTheirNumber(t *testing.T) {
	if got := decodeUTF8([]byte("a\xffb\xc3\xa9\xc3")); got != "aÿbéÃ" {
		t.Errorf("got %q", got)
	}
}
