package tclbind

import (
	"math"
	"math/big"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// kind is the type of an option, by the word that messages use (spec README).
type kind string

const (
	anyText  kind = "str"
	nonempty kind = "valid_str"
	truth    kind = "bool"
	whole    kind = "int"     // an integer of any size
	natural  kind = "pos_int" // none below 0
	millis   kind = "timeout" // ms, a natural number; a bad one is ErrBadTimeout
	duration kind = "duration"
	words    kind = "list"
	pairs    kind = "dict"
	metadata kind = "metadata"
	periods  kind = "durations" // a list of durations
	nested   kind = "json"      // a JSON object, or a dict of the row's fields
	nestedIn kind = "json_list" // a list of those
	subject  kind = "subject"   // without wildcards
	enum     kind = "enum"
	prefix   kind = "command prefix"
	headers  kind = "header"
)

// option is one row of a command's table: what is accepted, and what holds where
// nothing is given. It is the only place where an option is written down: the tables in
// docs/jetstream.md are made of these (docs_test.go).
type option struct {
	name     string
	kind     kind
	fallback any      // nil: not there unless given
	allowed  []string // of an enum
	fields   []option // of what is nested
	required bool
	empty    bool                      // what is nested, or the prefix, may be empty
	sent     string                    // the header of a message that the value becomes
	shown    func(value string) string // what messages may repeat of a value with a secret in it
	about    string                    // for the documentation
}

// options are the parsed values by name. Their Go types: string for texts and
// enums, bool, dict.Number for integers and millis, *big.Rat (in ms)
// for durations, []*big.Rat for periods, []string for lists, dict.Dict for dicts, Value for
// a prefix; dict.Dict and []any for what is nested.
type options map[string]any

// parseOptions reads name-value pairs by a table.
func parseOptions(args []Value, table []option) (options, error) {
	given, err := parseGiven(args, table, false)
	if err != nil {
		return nil, err
	}
	for _, o := range table {
		if o.required && !given.has(o.name) {
			return nil, invalid("Option " + o.name + " is required")
		}
	}
	return given.orDefaults(table), nil
}

// orDefaults adds the defaults of what was not given.
func (o options) orDefaults(table []option) options {
	for _, row := range table {
		if row.fallback != nil && !o.has(row.name) {
			o[row.name] = row.fallback
		}
	}
	return o
}

// parseGiven is parseOptions without the defaults. With lax, options that are not
// in the table are passed over.
func parseGiven(args []Value, table []option, lax bool) (options, error) {
	if len(args)%2 == 1 {
		return nil, invalid("Missing value for option " + args[len(args)-1].Text())
	}
	out := make(options, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		name := strings.TrimPrefix(args[i].Text(), "-")
		o := optionOf(table, name)
		if o == nil {
			if lax {
				continue
			}
			return nil, invalid("Unknown option " + name)
		}
		v, err := o.parse(args[i+1])
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

func optionOf(table []option, name string) *option {
	for i := range table {
		if table[i].name == name {
			return &table[i]
		}
	}
	return nil
}

// parse checks one value.
func (o *option) parse(v Value) (any, error) {
	text := v.Text()
	bad := func() error {
		code := "ErrInvalidArg"
		if o.kind == millis {
			code = "ErrBadTimeout"
		}
		word := o.kind
		switch word {
		case duration:
			word = millis
		case nestedIn, periods:
			word = words
		case prefix:
			if word = words; text == "" {
				word = nonempty
			}
		}
		if o.shown != nil {
			text = o.shown(text)
		}
		return wire.Fail(code, "Invalid value for the "+string(word)+" option "+o.name+" : "+text)
	}
	switch o.kind {
	case anyText:
		return text, nil
	case nonempty:
		if text == "" {
			return nil, bad()
		}
		return text, nil
	case subject:
		if wire.ValidSubject(text, false) {
			return text, nil
		}
	case truth:
		if b, ok := boolean(text); ok {
			return b, nil
		}
	case whole, natural, millis:
		if n, ok := bigInteger(text); ok && (o.kind == whole || n.Sign() >= 0) {
			return dict.Number(n.String()), nil
		}
	case duration:
		if n, ok := decimal(text); ok {
			return n, nil
		}
	case periods:
		if list, err := texts(v); err == nil && len(list) > 0 {
			out := make([]*big.Rat, len(list))
			for i, text := range list {
				n, ok := decimal(text)
				if !ok {
					return nil, bad()
				}
				out[i] = n
			}
			return out, nil
		}
	case words:
		if list, err := texts(v); err == nil && len(list) > 0 {
			return list, nil
		}
	case nested:
		if d, ok := o.object(v); ok {
			return d, nil
		}
	case nestedIn:
		if list, err := v.List(); err == nil && len(list) > 0 {
			out := make([]any, len(list))
			for i, e := range list {
				d, ok := o.object(e)
				if !ok {
					return nil, invalid("Invalid value for the " + string(nested) + " option " + o.name + " : " + e.Text())
				}
				out[i] = d
			}
			return out, nil
		}
	case pairs, metadata:
		if d, err := textDict(v); err == nil && (len(d) > 0 || o.kind == pairs) {
			return d, nil
		}
	case prefix:
		if o.empty && text == "" {
			return text, nil
		}
		if list, err := v.List(); err == nil && len(list) > 0 {
			return v, nil
		}
	case headers:
		return header(v)
	case enum:
		for _, w := range o.allowed {
			if w == text {
				return text, nil
			}
		}
		return nil, invalid("Invalid value for the enum " + o.name + " : " + text + "; allowed values: " + strings.Join(o.allowed, " "))
	}
	return nil, bad()
}

// object reads a JSON object, or a dict of the row's fields: so that what make_stream_source
// returned can be given, and what stream_info did. Fields that the table does not know
// are passed over in a dict, and kept in JSON.
func (o *option) object(v Value) (dict.Dict, bool) {
	text := v.Text()
	if parsed, err := dict.Parse([]byte(text)); err == nil {
		d, ok := parsed.(dict.Dict)
		return d, ok
	}
	list, err := v.List()
	if err != nil || len(list) == 0 && !o.empty {
		return nil, false
	}
	given, err := parseGiven(list, o.fields, true)
	if err != nil || len(given) == 0 && len(list) > 0 {
		return nil, false
	}
	return jsonConfig(given, o.fields), true
}

// fromMillis is exact up to what a Duration can hold, about 292 years.
func fromMillis(ms *big.Int) time.Duration {
	if !ms.IsInt64() || ms.Int64() > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms.Int64()) * time.Millisecond
}

// texts reads a list of texts.
func texts(v Value) ([]string, error) {
	list, err := v.List()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.Text()
	}
	return out, nil
}

// textDict reads a dict of texts: as in Tcl, the last value of a key counts, at
// the key's first place.
func textDict(v Value) (dict.Dict, error) {
	list, err := texts(v)
	if err != nil {
		return nil, err
	}
	if len(list)%2 == 1 {
		return nil, invalid("missing value to go with key")
	}
	out := dict.Dict{}
	for i := 0; i < len(list); i += 2 {
		out.Set(list[i], list[i+1])
	}
	return out, nil
}

func (o options) has(name string) bool { _, ok := o[name]; return ok }

func (o options) text(name string) string { s, _ := o[name].(string); return s }

func (o options) bool(name string) bool { b, _ := o[name].(bool); return b }

func (o options) list(name string) []string { l, _ := o[name].([]string); return l }

func (o options) dict(name string) dict.Dict { d, _ := o[name].(dict.Dict); return d }

// duration returns a millis option. The Durations in it are the tables' defaults.
func (o options) duration(name string) time.Duration {
	switch v := o[name].(type) {
	case time.Duration:
		return v
	case dict.Number:
		n, _ := new(big.Int).SetString(string(v), 10)
		return fromMillis(n)
	}
	return 0
}

// int returns an integer option; one beyond int64 becomes the nearest that is not.
func (o options) int(name string) int64 {
	text, _ := o[name].(dict.Number)
	n, ok := new(big.Int).SetString(string(text), 10)
	switch {
	case !ok:
		return 0
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// nanos returns a duration option in ns, rounded, and clipped to int64.
func (o options) nanos(name string) int64 {
	ms, ok := o[name].(*big.Rat)
	if !ok {
		return 0
	}
	return toNanos(ms)
}

func toNanos(ms *big.Rat) int64 {
	ns := new(big.Rat).Mul(ms, big.NewRat(int64(time.Millisecond), 1))
	ns.Add(ns, big.NewRat(1, 2))
	n := new(big.Int).Div(ns.Num(), ns.Denom()) // floor of x + 1/2
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
