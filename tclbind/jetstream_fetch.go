package tclbind

import (
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var fetchCommands = []bridge.Command{
	{Name: "fetch", Usage: "jet_stream stream consumer args", Run: bridge.On(cmdFetch)},
	{Name: "cancel_pull_request", Usage: "jet_stream id", Run: bridge.On(cmdCancelPullRequest)},
}

var fetchOptions = option.Table{
	{Name: "batch_size", Kind: option.Natural, Default: dict.Number("1"), About: "messages at most"},
	{Name: "timeout", Kind: option.Millis, About: "of the client; without it what is there now"},
	{Name: "expires", Kind: option.Millis, About: "of the server, with -timeout; 10 ms less than that where it is not given"},
	{Name: "callback", Kind: option.Prefix, About: "called as `cmd timedOut message`"},
}

// fetch is a pull request with a callback, until its end is told.
type fetch struct {
	bridge.Object
	j        *jetStream
	number   int64
	callback bridge.Value // retained
	pull     *js.Fetch
	left     int // messages that may still come
	ended    bool
}

// cmdFetch asks for messages. With a callback the result is the request's ID.
func cmdFetch(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := fetchOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	stream, consumer := args[0].Text(), args[1].Text()
	config := js.FetchConfig{Batch: small(o.Int("batch_size")), Timeout: o.Duration("timeout"), Expires: o.Duration("expires")}
	switch {
	case config.Batch < 1:
		return nil, invalid("Invalid value for the pos_int option batch_size : 0")
	case o.Has("expires") && !o.Has("timeout"):
		return nil, invalid("-expires requires -timeout")
	}
	j.lastFetch++
	number := j.lastFetch
	callback, async := o["callback"].(bridge.Value)
	if !async {
		config.Explain = true // a callback is told of the end alone
		id, err := j.fetchAll(p, number, stream, consumer, config)
		return id, err
	}
	f := &fetch{j: j, number: number, left: config.Batch}
	f.pull, err = j.js.Fetch(stream, consumer, config,
		func(m *nats.Msg) { p.Post(&fetched{f: f, m: m}) },
		func(status *nats.Msg, err error) {
			j.logEnd(number, status, err)
			p.Post(&fetched{f: f, m: status, err: err, last: true})
		})
	if err != nil {
		return nil, err
	}
	f.callback = callback.Retain()
	p.Add(f, j)
	j.fetches[number] = f
	return number, nil
}

// fetchAll waits for the messages: all, or as many as came before the end.
func (j *jetStream) fetchAll(p *bridge.Package, number int64, stream, consumer string, config js.FetchConfig) (any, error) {
	return bridge.Begin(p,
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
func (c *connection) forgetFetches(p *bridge.Package) {
	for child := range c.Children() {
		if j, ok := child.(*jetStream); ok {
			for _, f := range j.fetches {
				p.Drop(f)
			}
		}
	}
}

func (f *fetch) Release(*bridge.Package) {
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

func (d *fetched) Run(p *bridge.Package) {
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
		p.Drop(f)
	}
	switch {
	case !d.last:
		p.Host.Callback(callback, 0, f.j.c.messageDict(d.m, 0))
	case d.m != nil:
		p.Host.Callback(callback, 1, f.j.c.messageDict(d.m, 0))
	case d.err != nil && wire.CodeOf(d.err) != "ErrConnectionClosed":
		p.Host.Callback(callback, 1, "")
	}
}

func cmdCancelPullRequest(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	id, err := bridge.Integer(args[0])
	f := j.fetches[id]
	if err != nil || f == nil {
		return nil, invalid("Invalid fetch ID " + args[0].Text())
	}
	p.Drop(f)
	return nil, nil
}
