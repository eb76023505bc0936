package tclbind

import (
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var messageCommands = []bridge.Command{
	{Name: "publish", Usage: "connection subject message args", Run: bridge.On(cmdPublish)},
	{Name: "publish_msg", Usage: "connection msg", Run: bridge.On(cmdPublishMsg)},
	{Name: "subscribe", Usage: "connection subject args", Run: bridge.On(cmdSubscribe)},
	{Name: "unsubscribe", Usage: "connection id args", Run: bridge.On(cmdUnsubscribe)},
	{Name: "request", Usage: "connection subject message args", Run: bridge.On(cmdRequest)},
	{Name: "request_msg", Usage: "connection msg args", Run: bridge.On(cmdRequestMsg)},
	{Name: "cancel_request", Usage: "connection id", Run: bridge.On(cmdCancelRequest)},
	{Name: "inbox", Usage: "connection", Run: bridge.On(cmdInbox)},
	{Name: "current_server", Usage: "connection", Run: bridge.On(cmdCurrentServer)},
	{Name: "all_servers", Usage: "connection", Run: bridge.On(cmdAllServers)},
	{Name: "connection_info", Usage: "connection", Run: bridge.On(cmdConnectionInfo)},
	{Name: "metadata", Usage: "msg", Run: cmdMetadata},
	{Name: "isotime", Usage: "iso", Run: cmdISOTime},
}

var publishOptions = option.Table{
	{Name: "reply", Kind: option.Text, About: "where a reply is wanted"},
	{Name: "header", Kind: headers, About: "keys and their values"},
}

func cmdPublish(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	m := &c.scratch
	*m = nats.Msg{Subject: args[0].Text()}
	if rest := args[2:]; len(rest) == 1 && !isOption(rest[0].Text(), publishOptions) {
		m.Reply = rest[0].Text() // the old form
	} else if len(rest) > 0 {
		o, err := publishOptions.Parse(rest)
		if err != nil {
			return nil, err
		}
		m.Reply = o.Text("reply")
		m.Header, _ = o["header"].(nats.Header)
	}
	// Behind the options: one of them may be the same value.
	if c.settings.utf8Convert {
		m.Data = []byte(args[1].Text())
	} else {
		m.Data = args[1].View()
	}
	err := c.wire.PublishNow(m)
	*m = nats.Msg{} // it holds what is Tcl's
	return nil, err
}

// isOption tells whether a word is the name of an option, with its dash.
func isOption(word string, table option.Table) bool {
	name, dash := strings.CutPrefix(word, "-")
	return dash && table.Row(name) != nil
}

func cmdPublishMsg(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	m, err := c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	return nil, c.wire.Publish(m)
}

func cmdInbox(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	return c.wire.NewInbox(), nil
}

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
	return presentInfo(c.wire.Info()), nil
}

// messageDict is a message as nats::msg has it (core-nats.md, nats::msg).
func (c *connection) messageDict(m *nats.Msg, subID int) bridge.Record {
	return &messageRecord{c, m, subID}
}

// headerDict sorts the keys, for nats.go has lost their order: Status and Description
// first. Lines without a value are skipped.
func headerDict(h nats.Header) dict.Dict {
	out := make(dict.Dict, 0, len(h))
	for key, lines := range h {
		if values := headerValues(lines); len(values) > 0 {
			out = append(out, dict.Field{Key: strings.TrimSpace(key), Value: values})
		}
	}
	rank := func(key string) int {
		switch key {
		case "Status":
			return 0
		case "Description":
			return 1
		}
		return 2
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i].Key, out[j].Key
		if rank(a) != rank(b) {
			return rank(a) < rank(b)
		}
		return a < b
	})
	return out
}

// headerValues trims what stands in the lines of one key. Nearly always there is nothing to do.
func headerValues(lines []string) []string {
	blank := func(value string) bool { return value == "" || value != strings.TrimSpace(value) }
	if !slices.ContainsFunc(lines, blank) {
		return lines
	}
	values := make([]string, 0, len(lines))
	for _, value := range lines {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// header reads a header dict: each key with a list of values. Keys and values are
// trimmed, and an empty key is left out. CR and LF would be a way to write protocol
// lines of one's own.
func header(v bridge.Value) (nats.Header, error) {
	list, err := v.List()
	if err != nil || len(list)%2 == 1 {
		return nil, invalid("Invalid header " + v.Text())
	}
	var out nats.Header
	for i := 0; i < len(list); i += 2 {
		key := strings.TrimSpace(list[i].Text())
		if key == "" {
			continue
		}
		values, err := bridge.Texts(list[i+1])
		if err != nil || strings.ContainsAny(key, "\r\n:") {
			return nil, invalid("Invalid header key " + key)
		}
		if out == nil {
			out = nats.Header{}
		}
		delete(out, key) // as in a dict, the last one counts
		for _, value := range values {
			value = strings.TrimSpace(value)
			if !headerSafe(value) {
				return nil, invalid("Invalid value of the header key " + key)
			}
			out[key] = append(out[key], value)
		}
	}
	return out, nil
}

// headerSafe tells whether a header's value stays on its line.
func headerSafe(value string) bool { return !strings.ContainsAny(value, "\r\n") }

// messageOf reads a message dict, as nats::msg create makes it.
func (c *connection) messageOf(v bridge.Value) (*nats.Msg, error) {
	list, err := v.List()
	if err != nil || len(list)%2 == 1 {
		return nil, invalid("Invalid message " + v.Text())
	}
	m := &nats.Msg{}
	for i := 0; i < len(list); i += 2 {
		value := list[i+1]
		switch list[i].Text() {
		case "subject":
			m.Subject = value.Text()
		case "reply":
			m.Reply = value.Text()
		case "data":
			m.Data = c.outgoing(value)
		case "header":
			if m.Header, err = header(value); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

// cmdMetadata tells what a consumer's message says of itself (nats::metadata).
func cmdMetadata(_ *bridge.Package, args []bridge.Value) (any, error) {
	d, err := textDict(args[0])
	if err != nil {
		return nil, invalid("Invalid message " + args[0].Text())
	}
	m, ok := js.ParseMetadata(d.Text("reply"))
	if !ok {
		return nil, wire.Fail("ErrNotJSMessage", "Message with subject "+d.Text("subject")+" is not a JetStream message")
	}
	return dict.Dict{
		{Key: "stream", Value: m.Stream},
		{Key: "consumer", Value: m.Consumer},
		{Key: "num_delivered", Value: m.Delivered},
		{Key: "stream_seq", Value: m.StreamSeq},
		{Key: "consumer_seq", Value: m.ConsumerSeq},
		{Key: "timestamp", Value: m.Time.UnixMilli()},
		{Key: "num_pending", Value: m.Pending},
	}, nil
}

// cmdISOTime reads a time of the form 2022-11-22T13:31:35.451Z in ms since the epoch,
// rounded; without a zone it is UTC.
func cmdISOTime(_ *bridge.Package, args []bridge.Value) (any, error) {
	text := args[0].Text()
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Round(time.Millisecond).UnixMilli(), nil
		}
	}
	return nil, invalid("Invalid time " + text)
}
