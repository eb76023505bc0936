// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strconv"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// The kinds of options that are NATS's own, or dicts of the core's.
var (
	// subject is a subject without wildcards.
	subject = &option.Kind{Word: "subject", Takes: "subject, no wildcards", Parse: parseSubject}
	// messageTTL is a Natural number of ms, or "never".
	messageTTL = &option.Kind{Word: "timeout", Takes: "ms, or never", Wants: lifetimeRule, Code: bridge.ErrBadTimeout, Parse: parseMessageTTL}
	// serverWait is a Natural number of ms that the server adds to the present.
	serverWait = &option.Kind{Word: "timeout", Takes: "ms", Code: bridge.ErrBadTimeout, Parse: parseServerWait}
	// scheduleAt is a time, in ms since the epoch, as a schedule has it (ADR-51); the year 2262 is the last.
	scheduleAt = &option.Kind{Word: "timeout", Takes: "ms since 1970", Code: bridge.ErrBadTimeout, Parse: parseScheduleAt,
		Wants: "a whole number of milliseconds since 1970 is wanted, " + strconv.FormatInt(js.LastMoment.UnixMilli(), 10) + ", in the year 2262, at most"}
	// scheduleEvery is a Natural number of ms, as a schedule has it.
	scheduleEvery = &option.Kind{Word: "timeout", Takes: "ms", Wants: "a whole number of milliseconds is wanted, 1000 or more", Code: bridge.ErrBadTimeout, Parse: parseScheduleEvery}
	// revisions is a Natural from 1 to 64; others are refused by kv, in a text of its own.
	revisions = &option.Kind{Word: "pos_int", Takes: "int, 1 to 64", Parse: option.Natural.Parse}
	// portNumber is a Natural up to 65535; others are refused by kv/server, in a text of its own.
	portNumber = &option.Kind{Word: "pos_int", Takes: "int, 0 to 65535", Parse: option.Natural.Parse}
	// positive is a Natural above 0.
	positive = &option.Kind{Word: "pos_int", Takes: "int, 1 and more", Wants: "a whole number is wanted that is above 0", Parse: parsePositive}
	// pairs is a dict of texts, as a dict.Dict.
	pairs = &option.Kind{Word: "dict", Takes: "dict", Parse: parsePairs}
	// metadata is pairs that are not empty.
	metadata = &option.Kind{Word: "metadata", Takes: "dict", Parse: parseMetadata}
	// proxyURL is the URL of a proxy, or "".
	proxyURL = &option.Kind{Word: "proxy", Takes: "URL", Wants: "socks5://host:port or http://host:port is one", Parse: parseProxyURL}
	// wsHeaders is a dict of headers with one value each, as a dict.Dict.
	wsHeaders = &option.Kind{Word: "dict", Takes: "dict", Parse: parseWSHeaders}
	// headers are keys with lists of values, as a nats.Header.
	headers = &option.Kind{Word: "dict", Takes: "dict of lists", Parse: parseHeaders}
	// nested is a JSON object, or a dict of the row's fields, as a dict.Dict.
	nested = &option.Kind{Word: "json", Parse: parseNested}
	// nestedIn is a list of those, as a []any.
	nestedIn = &option.Kind{Word: "list", Parse: parseNestedIn}
)

// lifetimeRule says what a time to live is.
const lifetimeRule = "a whole number of milliseconds is wanted, 1000 or more, or never"

func parseSubject(row *option.Row, v bridge.Value) (any, error) {
	if s := v.Text(); wire.ValidSubject(s, false) {
		return s, nil
	}
	return nil, row.Refuse(v)
}

func parsePositive(row *option.Row, v bridge.Value) (any, error) {
	if n, ok := bridge.BigInteger(v.Text()); ok && n.Sign() > 0 {
		return option.Natural.Parse(row, v)
	}
	return nil, row.Refuse(v)
}

func parseMessageTTL(row *option.Row, v bridge.Value) (any, error) {
	if v.Text() == "never" {
		return "never", nil
	}
	return parseServerWait(row, v)
}

// parseServerWait reads a Natural that the server adds to the present.
func parseServerWait(row *option.Row, v bridge.Value) (any, error) {
	ms, err := option.Natural.Parse(row, v)
	if err == nil {
		err = js.CheckTTL("The option "+row.Name, option.MillisOf(ms))
	}
	return ms, err
}

func parseScheduleAt(row *option.Row, v bridge.Value) (any, error) {
	n, ok := bridge.BigInteger(v.Text())
	if !ok || !n.IsInt64() || n.Int64() > js.LastMoment.UnixMilli() || n.Sign() < 0 {
		return nil, row.Refuse(v)
	}
	return "@at " + time.UnixMilli(n.Int64()).UTC().Format(time.RFC3339Nano), nil
}

func parseScheduleEvery(row *option.Row, v bridge.Value) (any, error) {
	n, ok := bridge.BigInteger(v.Text())
	if !ok || n.Sign() <= 0 {
		return nil, row.Refuse(v)
	}
	every := option.FromMillis(n)
	if err := js.CheckTTL("The option "+row.Name, every); err != nil {
		return nil, err
	}
	return "@every " + every.String(), nil
}

func parsePairs(row *option.Row, v bridge.Value) (any, error) {
	if d, err := textDict(v); err == nil {
		return d, nil
	}
	return nil, row.Refuse(v)
}

func parseMetadata(row *option.Row, v bridge.Value) (any, error) {
	if d, err := textDict(v); err == nil && len(d) > 0 {
		return d, nil
	}
	return nil, row.Refuse(v)
}

func parseProxyURL(row *option.Row, v bridge.Value) (any, error) {
	if text := v.Text(); text == "" || wire.CheckProxy(text) == nil {
		return text, nil
	}
	return nil, row.Refuse(v)
}

// nothingOf is what messages repeat of a value that is secret as a whole.
func nothingOf(string) string { return "(not shown)" }

func parseWSHeaders(row *option.Row, v bridge.Value) (any, error) {
	d, err := textDict(v)
	if err != nil {
		return nil, row.Refuse(v)
	}
	for _, f := range d {
		if why := wire.CheckWebSocketHeader(f.Key, f.Value.(string)); why != "" {
			return nil, invalid("Invalid header " + strconv.Quote(f.Key) + " in the option " + row.Name + ": " + why)
		}
	}
	return d, nil
}

func parseHeaders(row *option.Row, v bridge.Value) (any, error) {
	if list, err := v.List(); err != nil || len(list)%2 == 1 {
		return nil, row.Refuse(v)
	}
	return header(v)
}

func parseNested(row *option.Row, v bridge.Value) (any, error) {
	if d, ok := nestedDict(row, v); ok {
		return d, nil
	}
	return nil, row.Refuse(v)
}

func parseNestedIn(row *option.Row, v bridge.Value) (any, error) {
	list, err := v.List()
	if err != nil || len(list) == 0 {
		return nil, row.Refuse(v)
	}
	out := make([]any, len(list))
	for i, e := range list {
		d, ok := nestedDict(row, e)
		if !ok {
			return nil, row.Refuse(e)
		}
		out[i] = d
	}
	return out, nil
}

// nestedDict reads a JSON object, or a dict of the row's fields: so that what make_stream_source
// returned can be given, and what stream_info did. Fields that the table does not know
// are passed over in a dict, and kept in JSON.
func nestedDict(row *option.Row, v bridge.Value) (dict.Dict, bool) {
	if parsed, err := dict.Parse([]byte(v.Text())); err == nil {
		d, ok := parsed.(dict.Dict)
		return d, ok
	}
	list, err := v.List()
	if err != nil || len(list) == 0 && !row.Empty {
		return nil, false
	}
	given, err := row.Fields.ParseKnown(list)
	if err != nil || given.Len() == 0 && len(list) > 0 {
		return nil, false
	}
	return jsonConfig(given, row.Fields), true
}

// textDict reads a dict of texts: as in Tcl, the last value of a key counts, at
// the key's first place.
func textDict(v bridge.Value) (dict.Dict, error) {
	list, err := bridge.Texts(v)
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

// dictOf returns an option that is pairs, metadata or nested, nil for none.
func dictOf(o option.Values, name string) dict.Dict { d, _ := o.Get(name).(dict.Dict); return d }
