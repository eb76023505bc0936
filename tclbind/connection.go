package tclbind

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// connection is what a nats::connection object stands on.
type connection struct {
	bridge.Object
	words    *sharedWords
	wire     *wire.Conn
	scratch  nats.Msg // of publish, which keeps none
	settings settings
	options  wire.Options // what the wire was told, from settings
	unflush  func()       // ends that the package sends what the script has published
	log      logger

	info dict.Dict // what serverInfo holds

	subscriptions map[int]*subscription // by their IDs
	requests      map[int64]*request    // those with a callback, by theirs
	lastRequest   int64
	calling       int       // callbacks of messages and replies that have not returned
	draining      *draining // nil: drain was not called
}

var connectionCommands = []bridge.Command{
	{Name: "connection", Usage: "namespace object args", Run: cmdConnection},
	{Name: "configure", Usage: "connection args", Run: bridge.On(cmdConfigure)},
	{Name: "cget", Usage: "connection option", Run: bridge.On(cmdCget)},
	{Name: "reset", Usage: "connection args", Run: bridge.On(cmdReset)},
	{Name: "connect", Usage: "connection", Run: bridge.On(cmdConnect)},
	{Name: "disconnect", Usage: "connection", Run: bridge.On(cmdDisconnect)},
	{Name: "ping", Usage: "connection args", Run: bridge.On(cmdPing)},
	{Name: "drain", Usage: "connection args", Run: bridge.On(cmdDrain)},
	{Name: "rtt", Usage: "connection args", Run: bridge.On(cmdRTT)},
	{Name: "statistics", Usage: "connection", Run: bridge.On(cmdStatistics)},
	{Name: "jet_stream", Usage: "connection args", Run: bridge.On(cmdJetStream)},
	{Name: "delay_answer", Usage: "question ms", Run: cmdDelayAnswer},
	{Name: "password_answer", Usage: "question failed text", Run: cmdPasswordAnswer},
}

// cmdConnection makes a connection for the object with this namespace and name.
// The arguments are those of the constructor (core-nats.md, nats::connection).
func cmdConnection(p *bridge.Package, args []bridge.Value) (any, error) {
	namespace, object, args := args[0].Text(), args[1].Text(), args[2:]
	name := ""
	if n := len(args); n > 0 && !(strings.HasPrefix(args[0].Text(), "-") &&
		(n%2 == 0 || loggerOptions.Row(args[0].Text()[1:]) != nil)) {
		name, args = args[0].Text(), args[1:]
	}
	o, err := loggerOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	c := &connection{words: wordsOf(p), subscriptions: map[int]*subscription{}, requests: map[int64]*request{}}
	if c.log, err = newLogger(o); err != nil {
		return nil, err
	}
	c.Bind(namespace)
	c.log.tail = object[strings.LastIndex(object, ":")+1:]
	c.settings = defaultSettings(name)
	c.options = c.settings.wire(p)
	c.wire = wire.New(c.options, &observer{p, c})
	c.unflush = p.OnFlush(c.wire.Push)
	return p.Add(c, nil), nil
}

// release closes the connection, and gives what was published its bounded time
// to go out.
func (c *connection) Release(p *bridge.Package) {
	ended := c.wire.Disconnect()
	c.closed()
	if p.Closed() {
		// The thread or the process may be about to end: its memory and its
		// goroutines with it.
		select {
		case <-ended:
		case <-time.After(flushAtEnd):
		}
	}
	c.settings.releaseAll()
	c.unflush()
}

// flushAtEnd bounds how long the end of an interpreter waits for a server that
// does not take what was published.
const flushAtEnd = 2 * time.Second

func cmdConnect(p *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	// The environment may have changed since the options were set.
	c.options = c.settings.wire(p)
	c.wire.Configure(c.options)
	defer c.applyState(p)
	return bridge.BeginPlain(p, nil, c.wire.Connect)
}

func cmdDisconnect(p *bridge.Package, c *connection, _ []bridge.Value) (any, error) {
	if c.wire.Status() != wire.Closed {
		c.wire.Disconnect()
		c.forgetFetches(p)
	}
	c.applyState(p)
	return nil, nil
}

var pingOptions = option.Table{{Name: "timeout", Kind: option.Millis, Default: 10 * time.Second, About: "0: at once ErrTimeout"}}

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
	}, nil
}

// outgoing is a payload as the wire wants it, by -utf8_convert.
func (c *connection) outgoing(v bridge.Value) []byte {
	if c.settings.utf8Convert {
		return []byte(v.Text())
	}
	return v.Bytes()
}

// incoming is a payload as the script wants it, by -utf8_convert.
func (c *connection) incoming(data []byte) any {
	if c.settings.utf8Convert {
		return bridge.DecodeUTF8(data)
	}
	return data
}

// observer posts what happens to a connection to the mailbox: the object's public
// variables are written in the interpreter's thread alone.
type observer struct {
	p *bridge.Package
	c *connection
}

func (o *observer) Status(s wire.Status) {
	o.p.Post(&stateChange{o.c, "status", string(s)})
}

func (o *observer) LastError(e *wire.Error) {
	var value any = ""
	if e != nil {
		value = errorDict(e)
	}
	o.p.Post(&stateChange{o.c, "last_error", value})
}

func (o *observer) ServerInfo(info dict.Dict) {
	o.p.Post(&stateChange{o.c, "serverInfo", info})
}

func (o *observer) Log(level wire.Level, text string) {
	if o.c.log.takes(level) {
		o.p.Post(&logLine{o.c, level, text, time.Now()})
	}
}

func (o *observer) ReconnectDelay(server dict.Dict, answer func(time.Duration)) {
	o.p.Post(&delayQuestion{c: o.c, server: server, answer: answer})
}

// errorDict is last_error's value (core-nats.md, last_error).
func errorDict(e *wire.Error) dict.Dict {
	return dict.Dict{{Key: "code", Value: errorCode(e)}, {Key: "errorMessage", Value: e.Text}}
}

// stateChange writes one of the object's public variables.
type stateChange struct {
	c        *connection
	variable string
	value    any
}

func (s *stateChange) Run(p *bridge.Package) {
	if !p.Alive(s.c) {
		return
	}
	name := s.c.Namespace() + "::" + s.variable
	if s.variable == "status" && s.value == string(wire.Closed) {
		s.c.forgetSubscriptions(p)
		s.c.closed()
	}
	if s.variable == "serverInfo" {
		s.c.writeInfo(p, name, presentInfo(s.value.(dict.Dict)))
		return
	}
	p.Report(p.Host.SetVar(name, s.value))
}

// writeInfo writes the array serverInfo. What a new INFO does not have goes: another server
// may have sent it.
func (c *connection) writeInfo(p *bridge.Package, array string, info dict.Dict) {
	before := c.info
	c.info = info
	for _, f := range before {
		if _, stays := info.Get(f.Key); !stays {
			p.Report(p.Host.UnsetElement(array, f.Key))
			if p.Closed() || !p.Alive(c) {
				return // a trace destroyed it
			}
		}
	}
	for _, f := range info {
		p.Report(p.Host.SetElement(array, f.Key, f.Value))
		if p.Closed() || !p.Alive(c) {
			return
		}
	}
}

// presentInfo is an INFO as scripts see it.
func presentInfo(info dict.Dict) dict.Dict {
	out := make(dict.Dict, len(info))
	copy(out, info)
	for i, f := range out {
		if f.Key == "version" {
			out[i].Value = digitsAndDots(info.Text("version"))
		}
	}
	return out
}

// digitsAndDots keeps the beginning of a version that consists of these: 2.11.0 of
// 2.11.0-RC.1.
func digitsAndDots(version string) string {
	if i := strings.IndexFunc(version, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }); i >= 0 {
		version = version[:i]
	}
	return strings.TrimRight(version, ".")
}

// applyState writes what a method has just changed before it returns. Deliveries
// that wait in the mailbox stay where they are.
func (c *connection) applyState(p *bridge.Package) {
	for _, it := range p.Extract(func(it bridge.Item) bool {
		s, ok := it.(*stateChange)
		return ok && s.c == c
	}) {
		it.Run(p)
		if p.Closed() {
			return
		}
	}
}

// delayQuestion asks the script for the wait before the next attempt at a server
// (-custom_reconnect_delay).
type delayQuestion struct {
	bridge.Object
	c      *connection
	server dict.Dict
	answer func(time.Duration)
}

// The question has a handle for as long as the script thinks.
func (q *delayQuestion) Release(*bridge.Package) {}

func (q *delayQuestion) Run(p *bridge.Package) {
	command, ok := q.c.settings.values["custom_reconnect_delay"].(bridge.Value)
	if !p.Alive(q.c) || !ok {
		q.answer(q.c.options.ReconnectTimeWait)
		return
	}
	p.Add(q, q.c)
	ask := p.Host.NewValue([]string{namespace + "ask_delay"})
	defer ask.Release()
	if !p.Host.Callback(ask, strconv.FormatInt(q.ID(), 10), command, q.server) && p.Alive(q) {
		p.Drop(q)
		q.answer(q.c.options.ReconnectTimeWait)
	}
}

// cmdDelayAnswer brings the script's answer, in ms. The script may have destroyed the
// connection instead.
func cmdDelayAnswer(p *bridge.Package, args []bridge.Value) (any, error) {
	q, err := bridge.Get[*delayQuestion](p, args[0])
	if err != nil {
		return nil, nil
	}
	ms, ok := bridge.BigInteger(args[1].Text())
	if !ok || ms.Sign() < 0 {
		return nil, wire.Fail("ErrBadTimeout", "Invalid value for the timeout option custom_reconnect_delay : "+args[1].Text())
	}
	p.Drop(q)
	q.answer(min(option.FromMillis(ms), math.MaxInt64))
	return nil, nil
}
