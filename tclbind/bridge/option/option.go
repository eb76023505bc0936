// SPDX-License-Identifier: Apache-2.0

// Package option reads the options of commands by tables: a row for each option says what is
// accepted, and what holds where nothing is given. It is the only place where an option is
// written down: the documentation's tables are made of these rows.
package option

import (
	"strings"

	"natstcl/tclbind/bridge"
)

// Row is one option.
type Row struct {
	Name     string // without the dash
	Kind     *Kind
	Default  any      // nil: not there unless given
	Allowed  []string // of an Enum
	Fields   Table    // of what is nested
	Required bool
	Empty    bool                      // what is nested, the List or the Prefix may be empty
	Sent     string                    // the name by which the value is sent, where that is not Name
	Shown    func(value string) string // what messages may repeat of a value with a secret in it
	About    string                    // for the documentation
}

// Table has the options of one command.
type Table []Row

// Parse reads pairs of a name and a value, and adds the defaults of what was not given.
func (t Table) Parse(args []bridge.Value) (Values, error) {
	given, err := t.parse(args, false)
	if err != nil {
		return nil, err
	}
	for i := range t {
		if row := &t[i]; row.Required && !given.Has(row.Name) {
			return nil, &bridge.Fault{Code: bridge.ErrInvalidArg, Text: "Option " + row.Name + " is required", Help: row.missing()}
		}
	}
	return given.OrDefaults(t), nil
}

// missing says how to give what is required.
func (r *Row) missing() string {
	what := "a value"
	if r.Kind == Prefix {
		what = "a command prefix"
	}
	return "-" + r.Name + " with " + what + " has to be added to the call"
}

// ParseGiven is Parse without the defaults.
func (t Table) ParseGiven(args []bridge.Value) (Values, error) { return t.parse(args, false) }

// ParseKnown is ParseGiven; options that are not in the table are passed over.
func (t Table) ParseKnown(args []bridge.Value) (Values, error) { return t.parse(args, true) }

func (t Table) parse(args []bridge.Value, lax bool) (Values, error) {
	if len(args)%2 == 1 {
		last := args[len(args)-1].Text()
		return nil, &bridge.Fault{Code: bridge.ErrInvalidArg, Text: "Missing value for option " + last, Help: t.needs(last)}
	}
	out := newSet()
	for i := 0; i < len(args); i += 2 {
		name := strings.TrimPrefix(args[i].ViewText(), "-")
		row := t.Row(name)
		if row == nil {
			if lax {
				continue
			}
			return nil, &bridge.Fault{Code: bridge.ErrInvalidArg, Text: "Unknown option " + name, Help: t.Instead(name)}
		}
		v, err := row.Parse(args[i+1])
		if err != nil {
			return nil, err
		}
		out.set(row.Name, v, row)
	}
	return out, nil
}

// needs says what has to stand behind a name that is the last word of a call.
func (t Table) needs(name string) string {
	row := t.Row(strings.TrimPrefix(name, "-"))
	if row == nil {
		return "options are pairs, a name and a value each"
	}
	what := row.Kind.Takes
	if len(row.Allowed) > 0 {
		what = strings.Join(row.Allowed, " or ")
	}
	if what != "" {
		what = ": " + what
	}
	return "-" + row.Name + " is followed by a value" + what
}

// Meant says which options a name that there is not may stand for, "" where none is near.
func (t Table) Meant(name string) string {
	names := make([]string, len(t))
	for i := range t {
		names[i] = "-" + t[i].Name
	}
	near := Near("-"+name, names)
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}

// Instead is Meant, or where no name is near all options that there are.
func (t Table) Instead(name string) string {
	if meant := t.Meant(name); meant != "" {
		return meant
	}
	names := make([]string, len(t))
	for i := range t {
		names[i] = "-" + t[i].Name
	}
	if len(names) == 1 {
		return "there is " + names[0] + " alone"
	}
	return "there are " + strings.Join(names, ", ")
}

// Row finds an option by its name without the dash. It is nil where there is none.
func (t Table) Row(name string) *Row {
	for i := range t {
		if t[i].Name == name {
			return &t[i]
		}
	}
	return nil
}

// Parse checks one value.
func (r *Row) Parse(v bridge.Value) (any, error) { return r.Kind.Parse(r, v) }

// Refuse is the error of a value that is not of the row's kind.
func (r *Row) Refuse(v bridge.Value) error { return r.RefuseAs(r.Kind.Word, v) }

// RefuseAs is Refuse with the word of another kind.
func (r *Row) RefuseAs(word string, v bridge.Value) error {
	code := bridge.ErrInvalidArg
	if r.Kind.Code != "" {
		code = r.Kind.Code
	}
	text := v.Text()
	if r.Shown != nil {
		text = r.Shown(text)
	}
	return &bridge.Fault{Code: code, Text: "Invalid value for the " + word + " option " + r.Name + " : " + text, Help: r.wants(word, v)}
}

// wants says what a value of the row is, where the word of its kind may not.
func (r *Row) wants(word string, v bridge.Value) string {
	switch {
	case len(r.Fields) > 0:
		names := make([]string, len(r.Fields))
		for i := range r.Fields {
			names[i] = r.Fields[i].Name
		}
		return "JSON is wanted, or a dict of these: " + strings.Join(names, ", ")
	case word == "list" && v.Text() == "":
		return "the list is empty: it needs an element at least"
	case r.Kind.Wants != "":
		return r.Kind.Wants
	case r.Kind.Code == bridge.ErrBadTimeout:
		return "a time is a whole number of milliseconds, 0 or more: a minute is 60000"
	}
	return wanted[word]
}

// wanted says of the words of kinds what their values are, where the word alone may not.
var wanted = map[string]string{
	"timeout":   "a time is a number of milliseconds: a minute is 60000",
	"pos_int":   "a whole number is wanted that is not below 0",
	"int":       "a whole number is wanted",
	"bool":      "true or false is wanted",
	"valid_str": "a text is wanted that is not empty",
	"list":      "a Tcl list is wanted",
	"dict":      "a Tcl dict is wanted",
}

func invalid(text string) error { return &bridge.Fault{Code: bridge.ErrInvalidArg, Text: text} }
