package tclbind

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// connection is what a nats::connection object stands on.
type connection struct {
	object
	p        *Package
	wire     *wire.Conn
	scratch  nats.Msg // of publish, which keeps none
	settings settings
	options  wire.Options // what the wire was told, from settings
	log      logger

	info dict.Dict // what serverInfo holds

	subscriptions map[int]*subscription // by their IDs
	requests      map[int64]*request    // those with a callback, by theirs
	lastRequest   int64
	calling       int       // callbacks of messages and replies that have not returned
	draining      *draining // nil: drain was not called
}

var connectionCommands = []command{
	{"connection", []string{"namespace", "object", "args"}, cmdConnection},
	{"configure", []string{"connection", "args"}, on(cmdConfigure)},
	{"cget", []string{"connection", "option"}, on(cmdCget)},
	{"reset", []string{"connection", "args"}, on(cmdReset)},
	{"connect", []string{"connection"}, on(cmdConnect)},
	{"disconnect", []string{"connection"}, on(cmdDisconnect)},
	{"ping", []string{"connection", "args"}, on(cmdPing)},
	{"drain", []string{"connection", "args"}, on(cmdDrain)},
	{"rtt", []string{"connection", "args"}, on(cmdRTT)},
	{"statistics", []string{"connection"}, on(cmdStatistics)},
	{"jet_stream", []string{"connection", "args"}, on(cmdJetStream)},
	{"delay_answer", []string{"question", "ms"}, cmdDelayAnswer},
	{"password_answer", []string{"question", "failed", "text"}, cmdPasswordAnswer},
}

// cmdConnection makes a connection for the object with this namespace and name.
// The arguments are those of the constructor (core-nats.md, nats::connection).
func cmdConnection(p *Package, args []Value) (any, error) {
	namespace, object, args := args[0].Text(), args[1].Text(), args[2:]
	name := ""
	if n := len(args); n > 0 && !(strings.HasPrefix(args[0].Text(), "-") &&
		(n%2 == 0 || optionOf(loggerOptions, args[0].Text()[1:]) != nil)) {
		name, args = args[0].Text(), args[1:]
	}
	o, err := parseOptions(args, loggerOptions)
	if err != nil {
		return nil, err
	}
	c := &connection{p: p, subscriptions: map[int]*subscription{}, requests: map[int64]*request{}}
	if c.log, err = newLogger(o); err != nil {
		return nil, err
	}
	c.namespace = namespace
	c.log.tail = object[strings.LastIndex(object, ":")+1:]
	c.settings = defaultSettings(name)
	c.options = c.settings.wire(p)
	c.wire = wire.New(c.options, &observer{p, c})
	p.connections = append(p.connections, c)
	return p.add(c, nil), nil
}

// flush sends what the script has published: before it waits, and when the events that were
// there are served.
func (p *Package) flush() {
	for _, c := range p.connections {
		c.wire.Push()
	}
}

// release closes the connection, and gives what was published its bounded time
// to go out.
func (c *connection) release(p *Package) {
	ended := c.wire.Disconnect()
	c.closed()
	if p.closed {
		// The thread or the process may be about to end: its memory and its
		// goroutines with it.
		select {
		case <-ended:
		case <-time.After(flushAtEnd):
		}
	}
	c.settings.releaseAll()
	p.connections = slices.DeleteFunc(p.connections, func(other *connection) bool { return other == c })
}

// flushAtEnd bounds how long the end of an interpreter waits for a server that
// does not take what was published.
const flushAtEnd = 2 * time.Second

func cmdConnect(p *Package, c *connection, _ []Value) (any, error) {
	// The environment may have changed since the options were set.
	c.options = c.settings.wire(p)
	c.wire.Configure(c.options)
	defer c.applyState(p)
	return beginPlain(p, nil, c.wire.Connect)
}

func cmdDisconnect(p *Package, c *connection, _ []Value) (any, error) {
	if c.wire.Status() != wire.Closed {
		c.wire.Disconnect()
		c.forgetFetches(p)
	}
	c.applyState(p)
	return nil, nil
}

var pingOptions = []option{{name: "timeout", kind: millis, fallback: 10 * time.Second, about: "0: at once ErrTimeout"}}

func cmdPing(p *Package, c *connection, args []Value) (any, error) {
	o, err := parseOptions(args, pingOptions)
	if err != nil {
		return nil, err
	}
	return beginPlain(p, true, func(done func(error)) error {
		return c.wire.Ping(o.duration("timeout"), done)
	})
}

// cmdRTT is cmdPing; the result is how long it took, in ms with a fraction.
func cmdRTT(p *Package, c *connection, args []Value) (any, error) {
	o, err := parseOptions(args, pingOptions)
	if err != nil {
		return nil, err
	}
	return begin(p,
		func(done func(time.Duration, error)) error { return c.wire.RTT(o.duration("timeout"), done) },
		func(took time.Duration) (any, error) {
			return dict.Number(strconv.FormatFloat(float64(took)/float64(time.Millisecond), 'f', 3, 64)), nil
		})
}

func cmdStatistics(_ *Package, c *connection, _ []Value) (any, error) {
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
func (c *connection) outgoing(v Value) []byte {
	if c.settings.utf8Convert {
		return []byte(v.Text())
	}
	return v.Bytes()
}

// incoming is a payload as the script wants it, by -utf8_convert.
func (c *connection) incoming(data []byte) any {
	if c.settings.utf8Convert {
		return decodeUTF8(data)
	}
	return data
}

// observer posts what happens to a connection to the mailbox: the object's public
// variables are written in the interpreter's thread alone.
type observer struct {
	p *Package
	c *connection
}

func (o *observer) Status(s wire.Status) {
	o.p.mailbox.post(&stateChange{o.c, "status", string(s)})
}

func (o *observer) LastError(e *wire.Error) {
	var value any = ""
	if e != nil {
		value = errorDict(e)
	}
	o.p.mailbox.post(&stateChange{o.c, "last_error", value})
}

func (o *observer) ServerInfo(info dict.Dict) {
	o.p.mailbox.post(&stateChange{o.c, "serverInfo", info})
}

func (o *observer) Log(level wire.Level, text string) {
	if o.c.log.takes(level) {
		o.p.mailbox.post(&logLine{o.c, level, text, time.Now()})
	}
}

func (o *observer) ReconnectDelay(server dict.Dict, answer func(time.Duration)) {
	o.p.mailbox.post(&delayQuestion{c: o.c, server: server, answer: answer})
}

// errorDict is last_error's value (core-nats.md, last_error).
func errorDict(e *wire.Error) dict.Dict {
	return dict.Dict{{Key: "code", Value: ErrorCode(e)}, {Key: "errorMessage", Value: e.Text}}
}

// stateChange writes one of the object's public variables.
type stateChange struct {
	c        *connection
	variable string
	value    any
}

func (s *stateChange) run(p *Package) {
	if !p.alive(s.c) {
		return
	}
	name := s.c.namespace + "::" + s.variable
	if s.variable == "status" && s.value == string(wire.Closed) {
		s.c.forgetSubscriptions(p)
		s.c.closed()
	}
	if s.variable == "serverInfo" {
		s.c.writeInfo(p, name, presentInfo(s.value.(dict.Dict)))
		return
	}
	p.report(p.host.SetVar(name, s.value))
}

// writeInfo writes the array serverInfo. What a new INFO does not have goes: another server
// may have sent it.
func (c *connection) writeInfo(p *Package, array string, info dict.Dict) {
	before := c.info
	c.info = info
	for _, f := range before {
		if _, stays := info.Get(f.Key); !stays {
			p.report(p.host.UnsetElement(array, f.Key))
			if p.closed || !p.alive(c) {
				return // a trace destroyed it
			}
		}
	}
	for _, f := range info {
		p.report(p.host.SetElement(array, f.Key, f.Value))
		if p.closed || !p.alive(c) {
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

// report sends what went wrong in an event to interp bgerror.
func (p *Package) report(err error) {
	if err != nil && !p.closed {
		p.host.Background(err)
	}
}

// applyState writes what a method has just changed before it returns. Deliveries
// that wait in the mailbox stay where they are.
func (c *connection) applyState(p *Package) {
	for _, it := range p.mailbox.extract(func(it item) bool {
		s, ok := it.(*stateChange)
		return ok && s.c == c
	}) {
		it.run(p)
		if p.closed {
			return
		}
	}
}

// delayQuestion asks the script for the wait before the next attempt at a server
// (-custom_reconnect_delay).
type delayQuestion struct {
	object
	c      *connection
	server dict.Dict
	answer func(time.Duration)
}

// The question has a handle for as long as the script thinks.
func (q *delayQuestion) release(*Package) {}

func (q *delayQuestion) run(p *Package) {
	command, ok := q.c.settings.values["custom_reconnect_delay"].(Value)
	if !p.alive(q.c) || !ok {
		q.answer(q.c.options.ReconnectTimeWait)
		return
	}
	p.add(q, q.c)
	ask := p.host.NewValue([]string{namespace + "ask_delay"})
	defer ask.Release()
	if !p.host.Callback(ask, strconv.FormatInt(q.id, 10), command, q.server) && p.alive(q) {
		p.drop(q)
		q.answer(q.c.options.ReconnectTimeWait)
	}
}

// cmdDelayAnswer brings the script's answer, in ms. The script may have destroyed the
// connection instead.
func cmdDelayAnswer(p *Package, args []Value) (any, error) {
	q, err := get[*delayQuestion](p, args[0])
	if err != nil {
		return nil, nil
	}
	ms, ok := bigInteger(args[1].Text())
	if !ok || ms.Sign() < 0 {
		return nil, wire.Fail("ErrBadTimeout", "Invalid value for the timeout option custom_reconnect_delay : "+args[1].Text())
	}
	p.drop(q)
	q.answer(min(fromMillis(ms), math.MaxInt64))
	return nil, nil
}
