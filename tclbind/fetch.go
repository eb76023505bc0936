package tclbind

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Fetching from a pull consumer (jetstream.md), and pulling without end.

var fetchCommands = []command{
	{"fetch", []string{"jet_stream", "stream", "consumer", "args"}, on(cmdFetch)},
	{"cancel_pull_request", []string{"jet_stream", "id"}, on(cmdCancelPullRequest)},
	{"pull_consumer", []string{"jet_stream", "stream", "consumer", "args"}, on(cmdPullConsumer)},
	{"pull_drain", []string{"consumer"}, on(cmdPullDrain)},
	{"pull_stop", []string{"consumer"}, on(cmdPullStop)},
	{"pull_place", []string{"consumer"}, on(cmdPullPlace)},
}

var fetchOptions = []option{
	{name: "batch_size", kind: natural, fallback: dict.Number("1"), about: "messages at most"},
	{name: "timeout", kind: millis, about: "of the client; without it what is there now"},
	{name: "expires", kind: millis, about: "of the server, with -timeout; 10 ms less than that where it is not given"},
	{name: "callback", kind: prefix, about: "called as `cmd timedOut message`"},
}

// fetch is a pull request with a callback, until its end is told.
type fetch struct {
	object
	j        *jetStream
	number   int64
	callback Value // retained
	pull     *js.Fetch
	left     int // messages that may still come
	ended    bool
}

// cmdFetch asks for messages. With a callback the result is the request's ID.
func cmdFetch(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[2:], fetchOptions)
	if err != nil {
		return nil, err
	}
	stream, consumer := args[0].Text(), args[1].Text()
	config := js.FetchConfig{Batch: small(o.int("batch_size")), Timeout: o.duration("timeout"), Expires: o.duration("expires")}
	switch {
	case config.Batch < 1:
		return nil, invalid("Invalid value for the pos_int option batch_size : 0")
	case o.has("expires") && !o.has("timeout"):
		return nil, invalid("-expires requires -timeout")
	}
	j.lastFetch++
	number := j.lastFetch
	callback, async := o["callback"].(Value)
	if !async {
		config.Explain = true // a callback is told of the end alone
		id, err := j.fetchAll(p, number, stream, consumer, config)
		return id, err
	}
	f := &fetch{j: j, number: number, left: config.Batch}
	f.pull, err = j.js.Fetch(stream, consumer, config,
		func(m *nats.Msg) { p.mailbox.post(&fetched{f: f, m: m}) },
		func(status *nats.Msg, err error) {
			j.logEnd(number, status, err)
			p.mailbox.post(&fetched{f: f, m: status, err: err, last: true})
		})
	if err != nil {
		return nil, err
	}
	f.callback = callback.Retain()
	p.add(f, j)
	j.fetches[number] = f
	return number, nil
}

// fetchAll waits for the messages: all, or as many as came before the end.
func (j *jetStream) fetchAll(p *Package, number int64, stream, consumer string, config js.FetchConfig) (any, error) {
	return begin(p,
		func(done func([]*nats.Msg, error)) error {
			var messages []*nats.Msg
			_, err := j.js.Fetch(stream, consumer, config,
				func(m *nats.Msg) { messages = append(messages, m) },
				func(status *nats.Msg, err error) {
					j.logEnd(number, status, err)
					if js.IsFetchTimeout(err) && len(messages) > 0 {
						err = nil
					}
					done(messages, err)
				})
			return err
		},
		func(messages []*nats.Msg) (any, error) {
			list := make([]any, len(messages))
			for i, m := range messages {
				list[i] = j.c.messageDict(m, 0)
			}
			return list, nil
		})
}

// logEnd tells why a request ended early.
func (j *jetStream) logEnd(number int64, status *nats.Msg, err error) {
	id := strconv.FormatInt(number, 10)
	switch {
	case status != nil:
		j.c.wire.Logf(wire.LogDebug, "pull request %s got status message %s", id, status.Header.Get("Status"))
	case js.IsFetchTimeout(err):
		j.c.wire.Logf(wire.LogDebug, "pull request %s timed out", id)
	}
}

// forgetFetches ends those with a callback: nothing comes after disconnect, not even what is
// in the mailbox.
func (c *connection) forgetFetches(p *Package) {
	for child := c.children.Front(); child != nil; child = child.Next() {
		if j, ok := child.Value.(*jetStream); ok {
			for _, f := range j.fetches {
				p.drop(f)
			}
		}
	}
}

func (f *fetch) release(*Package) {
	f.ended = true
	f.pull.Cancel()
	delete(f.j.fetches, f.number)
	f.callback.Release()
}

// fetched is a message on its way to the callback of a fetch, or its end.
type fetched struct {
	f    *fetch
	m    *nats.Msg
	err  error
	last bool
}

func (d *fetched) run(p *Package) {
	f := d.f
	if f.ended {
		return
	}
	callback := f.callback.Retain()
	defer callback.Release()
	if !d.last {
		f.left--
	}
	if d.last || f.left == 0 {
		p.drop(f)
	}
	switch {
	case !d.last:
		p.host.Callback(callback, 0, f.j.c.messageDict(d.m, 0))
	case d.m != nil:
		p.host.Callback(callback, 1, f.j.c.messageDict(d.m, 0))
	case d.err != nil && wire.CodeOf(d.err) != "ErrConnectionClosed":
		p.host.Callback(callback, 1, "")
	}
}

func cmdCancelPullRequest(p *Package, j *jetStream, args []Value) (any, error) {
	id, err := integer(args[0])
	f := j.fetches[id]
	if err != nil || f == nil {
		return nil, invalid("Invalid fetch ID " + args[0].Text())
	}
	p.drop(f)
	return nil, nil
}

// pullConsumer is what a nats::consumer object stands on.
type pullConsumer struct {
	object
	j                *jetStream
	stream, consumer string
	pull             *js.PullConsumer
	source           source
	deliver          Value // the callback, retained
	ended            bool
}

// The limits of what is asked for and not yet taken are those of nats.go.
var pullConsumerOptions = []option{
	{name: "callback", kind: prefix, required: true, about: "called as `cmd message`"},
	{name: "max_messages", kind: natural, fallback: dict.Number("500"), about: "that are asked for and not yet taken"},
	{name: "max_bytes", kind: natural, about: "that are asked for and not yet taken"},
	{name: "expires", kind: millis, fallback: 30 * time.Second, about: "of one request, 1000 at least"},
	{name: "threshold", kind: natural, about: "it asks for more when so many are left; half of -max_messages"},
	{name: "idle_heartbeat", kind: millis, about: "of the server; half of -expires, 30000 at most"},
	{name: "group", kind: nonempty, about: "of a consumer with priority groups"},
	{name: "min_pending", kind: natural, about: "overflow: only if so many messages wait"},
	{name: "min_ack_pending", kind: natural, about: "overflow: only if so many wait for an acknowledgement"},
	{name: "priority", kind: natural, about: "prioritized: 0 first, 9 last"},
}

// leastExpires is that of nats.go: requests that end sooner would keep the server busy.
const leastExpires = time.Second

// cmdPullConsumer begins to pull; the wait's result is the consumer's handle.
func cmdPullConsumer(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[2:], pullConsumerOptions)
	if err != nil {
		return nil, err
	}
	c := &pullConsumer{j: j, stream: args[0].Text(), consumer: args[1].Text(), source: source{mailbox: &p.mailbox}}
	config := js.PullConfig{
		MaxMessages: small(o.int("max_messages")), MaxBytes: o.int("max_bytes"),
		Expires: o.duration("expires"), Group: o.text("group"),
		MinPending: o.int("min_pending"), MinAckPending: o.int("min_ack_pending"), Priority: small(o.int("priority")),
		Deliver: func(m *nats.Msg) { c.source.post(&pulled{c, m}) },
		Failed:  func(e *wire.Error) { c.source.post(&pullFailure{c, e}) },
	}
	config.Threshold = config.MaxMessages / 2
	if o.has("threshold") {
		config.Threshold = small(o.int("threshold"))
	}
	config.IdleHeartbeat = min(config.Expires/2, 30*time.Second)
	if o.has("idle_heartbeat") {
		config.IdleHeartbeat = o.duration("idle_heartbeat")
	}
	switch {
	case config.MaxMessages < 1:
		return nil, invalid("Invalid value for the pos_int option max_messages : 0")
	case config.Expires < leastExpires:
		return nil, wire.Fail("ErrBadTimeout", "-expires is at least "+strconv.FormatInt(leastExpires.Milliseconds(), 10))
	case config.Group == "" && (o.has("min_pending") || o.has("min_ack_pending") || o.has("priority")):
		return nil, invalid("-min_pending, -min_ack_pending and -priority require -group")
	case config.Priority > 9:
		return nil, invalid("-priority is at most 9")
	case config.Threshold >= config.MaxMessages:
		return nil, invalid("-threshold is less than -max_messages")
	case config.IdleHeartbeat > config.Expires/2:
		return nil, wire.Fail("ErrBadTimeout", "-idle_heartbeat is at most half of -expires")
	}
	c.deliver = o["callback"].(Value).Retain()
	id, err := begin(p,
		func(done func(*js.PullConsumer, error)) error {
			return j.js.PullConsumer(c.stream, c.consumer, config, done)
		},
		func(core *js.PullConsumer) (any, error) {
			c.pull = core
			return p.add(c, j), nil
		},
		(*js.PullConsumer).Stop)
	if err != nil {
		c.deliver.Release()
	}
	return id, err
}

func (c *pullConsumer) release(*Package) {
	c.ended = true
	c.pull.Stop()
	c.deliver.Release()
}

// opened lets the callbacks come.
func (c *pullConsumer) opened(*Package) { c.source.release() }

// pulled is one message on its way to the callback of a nats::consumer.
type pulled struct {
	c *pullConsumer
	m *nats.Msg
}

func (d *pulled) run(p *Package) {
	if d.c.ended {
		return
	}
	p.host.Deliver(d.c.deliver, d)
	d.c.pull.Taken(d.m)
}

// WriteTo writes the callback's arguments.
func (d *pulled) WriteTo(w Writer) {
	w.List(1)
	message := messageRecord{c: d.c.j.c, m: d.m}
	message.WriteTo(w)
}

// pullFailure tells what was wrong, in the log and in last_error.
type pullFailure struct {
	c *pullConsumer
	e *wire.Error
}

func (f *pullFailure) run(p *Package) {
	if f.c.ended {
		return
	}
	f.c.j.c.wire.Logf(wire.LogWarn, "Consumer %s: %s", f.c.namespace, f.e.Text)
	p.report(p.host.SetVar(f.c.namespace+"::last_error", errorDict(f.e)))
}

// cmdPullDrain waits until what the server has sent was given to the callback.
func cmdPullDrain(p *Package, c *pullConsumer, _ []Value) (any, error) {
	return beginPlain(p, nil, func(done func(error)) error {
		// The wait's end is behind the messages in the mailbox.
		c.pull.Drain(func() { done(nil) })
		return nil
	})
}

// cmdPullStop ends the callbacks at once. Messages that were not given to one are there
// again when the consumer's ack_wait is over.
func cmdPullStop(_ *Package, c *pullConsumer, _ []Value) (any, error) {
	c.ended = true
	c.pull.Stop()
	return nil, nil
}

// cmdPullPlace returns what the consumer belongs to, for consumer_info.
func cmdPullPlace(_ *Package, c *pullConsumer, _ []Value) (any, error) {
	return []any{c.j.id, c.stream, c.consumer}, nil
}
