// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/numbered"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// connection is what a nats::connection object stands on.
type connection struct {
	bridge.Object
	words     *sharedWords
	wire      *wire.Conn
	scratch   nats.Msg                        // of publish, which keeps none
	published func(iter.Seq2[[]byte, []byte]) // PublishAll
	settings  settings
	options   wire.Options // what the wire was told, from settings
	ungather  func()       // ends that the package sends what the script has published
	log       logger
	news      news

	// What the variables status, last_error and serverInfo hold: what the script sees.
	status    wire.Status
	lastError any
	info      dict.Dict
	infos     int       // how many INFOs have come: a trace on serverInfo may let a newer one in
	elements  []string  // those that serverInfo has: fewer or more than info, where a trace runs in the middle
	due       []dueCall // the callbacks of changes that were not called yet, the oldest first

	subscriptions map[int]*subscription // by their IDs
	requests      numbered.Table[asked] // those with a callback, by theirs
	lastRequest   int64
	warned        bool      // warnOfText has
	calling       int       // callbacks of messages and replies that have not returned
	coroutines    int       // those in coroutines that have not ended (-coroutine)
	draining      *draining // nil: drain was not called

	domain, apiPrefix string // of JetStream, where a jet_stream is made without: what -context says
}

var connectionCommands = []bridge.Command{
	{Name: "connection", Usage: "namespace object args", Run: cmdConnection},
	{Name: "configure", Usage: "connection args", Run: bridge.On(cmdConfigure)},
	{Name: "cget", Usage: "connection option", Run: bridge.On(cmdCget)},
	{Name: "reset", Usage: "connection args", Run: bridge.On(cmdReset)},
	{Name: "connect", Usage: "connection args", Run: bridge.On(cmdConnect)},
	{Name: "disconnect", Usage: "connection", Run: bridge.On(cmdDisconnect)},
	{Name: "reconnect", Usage: "connection", Run: bridge.On(cmdReconnect)},
	{Name: "set_servers", Usage: "connection urls", Run: bridge.On(cmdSetServers)},
	{Name: "draining", Usage: "connection", Run: bridge.On(cmdDraining)},
	{Name: "tls_state", Usage: "connection", Run: bridge.On(cmdTLSState)},
	{Name: "ping", Usage: "connection args", Run: bridge.On(cmdPing)},
	{Name: "drain", Usage: "connection coroutine args", Run: bridge.On(cmdDrain)},
	{Name: "rtt", Usage: "connection args", Run: bridge.On(cmdRTT)},
	{Name: "statistics", Usage: "connection", Run: bridge.On(cmdStatistics)},
	{Name: "jet_stream", Usage: "connection args", Run: bridge.On(cmdJetStream)},
	{Name: "answer", Usage: "question failed answer", Run: cmdAnswer},
	{Name: "password_answer", Usage: "question failed text", Run: cmdPasswordAnswer},

	{Name: "publish", Usage: "connection subject message args", Run: cmdPublish, Method: "::nats::connection", Noted: true},
	{Name: "publish_msg", Usage: "connection msg", Run: bridge.On(cmdPublishMsg)},
	{Name: "subscribe", Usage: "connection subject args", Run: bridge.On(cmdSubscribe)},
	{Name: "next_msg", Usage: "connection id args", Run: bridge.On(cmdNextMsg)},
	{Name: "subscription_info", Usage: "connection id", Run: bridge.On(cmdSubscriptionInfo)},
	{Name: "subscriptions", Usage: "connection", Run: bridge.On(cmdSubscriptions)},
	{Name: "set_pending", Usage: "connection id args", Run: bridge.On(cmdSetPending)},
	{Name: "respond", Usage: "connection msg data args", Run: bridge.On(cmdRespond)},
	{Name: "unsubscribe", Usage: "connection id args", Run: bridge.On(cmdUnsubscribe)},
	{Name: "request", Usage: "connection subject message args", Run: bridge.On(cmdRequest)},
	{Name: "request_msg", Usage: "connection msg args", Run: bridge.On(cmdRequestMsg)},
	{Name: "cancel_request", Usage: "connection id", Run: bridge.On(cmdCancelRequest)},
	{Name: "inbox", Usage: "connection", Run: bridge.On(cmdInbox)},
	{Name: "current_server", Usage: "connection", Run: bridge.On(cmdCurrentServer)},
	{Name: "all_servers", Usage: "connection", Run: bridge.On(cmdAllServers)},
	{Name: "connection_info", Usage: "connection", Run: bridge.On(cmdConnectionInfo)},
}

// cmdConnection makes a connection for the object with this namespace and name.
// The arguments are those of the constructor (docs/connection.md).
func cmdConnection(p *bridge.Package, args []bridge.Value) (any, error) {
	namespace, object, args := args[0].Text(), args[1].Text(), args[2:]
	name := ""
	if n := len(args); n > 0 && !(strings.HasPrefix(args[0].Text(), "-") &&
		(n%2 == 0 || loggerOptions.Row(args[0].Text()[1:]) != nil)) {
		name, args = args[0].Text(), args[1:]
	}
	o, err := loggerOptions.Parse(args)
	if err != nil {
		var e *bridge.Fault
		if errors.As(err, &e) && !strings.HasPrefix(e.Help, "did you mean") {
			e.Help = "new takes a name, which may be left out, and then -logger, -log_chan and -log_level"
		}
		return nil, err
	}
	c := &connection{
		words: wordsOf(p), news: news{p: p}, status: wire.Closed, lastError: "",
		subscriptions: map[int]*subscription{},
	}
	if c.log, err = newLogger(p, o); err != nil {
		return nil, err
	}
	c.Bind(namespace)
	c.log.tail = object[strings.LastIndex(object, ":")+1:]
	c.settings = defaultSettings(name)
	c.options = c.settings.wire(p, c)
	c.wire = wire.New(c.options, &observer{p, c})
	c.published = c.wire.PublishAll
	ungather, unhold := p.OnGathered(c.wire.SendGathered), p.OnBegun(c.wire.Hold)
	c.ungather = func() { ungather(); unhold() }
	return p.Add(c, nil), nil
}

// release closes the connection, and gives what was published its bounded time
// to go out.
func (c *connection) Release(p *bridge.Package) {
	c.endRequests()
	ended := c.wire.Disconnect()
	c.closed()
	if p.Closed() {
		p.Late(ended)
	}
	c.news.rest(p)
	c.settings.releaseAll()
	c.ungather()
}

var connectOptions = option.Table{{Name: "retry", Kind: option.Bool, Default: false, About: "attempts go on as when reconnecting, until a server is connected or none is left"}}

func cmdConnect(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := connectOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	connect := c.wire.Connect
	if o.Bool("retry") {
		connect = c.wire.ConnectRetrying
	}
	// The environment may have changed since the options were set.
	c.options = c.settings.wire(p, c)
	c.wire.Configure(c.options)
	defer c.news.until(p, func(x *piece) bool { return x.value == wire.Connecting })
	return bridge.BeginPlain(p, nil, connect)
}

func cmdReconnect(p *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	err := c.wire.Reconnect()
	c.news.until(p, func(x *piece) bool { return x.value == wire.Reconnecting })
	return nil, err
}

func cmdDraining(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	return c.draining != nil, nil
}

func cmdTLSState(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	return c.wire.TLSState()
}

func cmdDisconnect(p *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	if c.status != wire.Closed {
		c.wire.Disconnect()
		c.forgetFetches(p)
		c.news.all(p)
	}
	return nil, nil
}

var pingOptions = option.Table{{Name: "timeout", Kind: option.Millis, Default: 10 * time.Second, About: "how long to wait for the answer; 0: ErrTimeout at once"}}

func cmdPing(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := pingOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, true, func(done func(error)) error {
		return c.wire.Ping(o.Duration("timeout"), done)
	})
}

// cmdRTT is cmdPing; the result is how long it took, in ms with a fraction.
func cmdRTT(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := pingOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p,
		func(done func(time.Duration, error)) error { return c.wire.RTT(o.Duration("timeout"), done) },
		func(took time.Duration) (any, error) {
			return dict.Number(strconv.FormatFloat(float64(took)/float64(time.Millisecond), 'f', 3, 64)), nil
		})
}

func cmdStatistics(_ *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	s := c.wire.Statistics()
	return dict.Dict{
		{Key: "in_msgs", Value: s.InMessages},
		{Key: "out_msgs", Value: s.OutMessages},
		{Key: "in_bytes", Value: s.InBytes},
		{Key: "out_bytes", Value: s.OutBytes},
		{Key: "reconnects", Value: s.Reconnects},
		{Key: "buffered", Value: c.wire.Buffered()},
	}, nil
}

// outgoing is a payload as the wire wants it, by -utf8_convert.
func (c *connection) outgoing(v bridge.Value) []byte {
	if c.settings.utf8Convert {
		return []byte(v.Text())
	}
	c.warnOfText(v)
	return v.Bytes()
}

// warnOfText writes to the log, once for a connection, that a payload is text of which bytes alone are sent:
// it may be meant so, and often is a mistake. It returns true where it has.
func (c *connection) warnOfText(payload bridge.Value) bool {
	if c.warned || !payload.Wide() {
		return false
	}
	c.warned = true
	c.wire.Logf(wire.LogWarn, "A value has characters above U+00FF, and the low eight bits alone of each are sent:"+
		" configure -utf8_convert true sends text as UTF-8 (this is said once)")
	return true
}

// incoming is a payload as the script wants it, by -utf8_convert.
func (c *connection) incoming(data []byte) any {
	if c.settings.utf8Convert {
		return bridge.DecodeUTF8(data)
	}
	return data
}
