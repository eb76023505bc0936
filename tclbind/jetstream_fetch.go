// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"cmp"
	"strconv"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var fetchCommands = []bridge.Command{
	{Name: "fetch", Usage: "jet_stream stream consumer args", Run: bridge.On(cmdFetch)},
	{Name: "cancel_pull_request", Usage: "jet_stream id", Run: bridge.On(cmdCancelPullRequest)},
}

var fetchOptions = append(option.Table{
	{Name: "batch_size", Kind: positive, About: "how many messages to fetch at most; by default 1, or with -max_bytes as many as there is room for"},
	{Name: "timeout", Kind: option.Millis, About: "how long the client waits; 0: no limit; without the option the method returns what is there now"},
	{Name: "expires", Kind: option.Millis, About: "with -timeout: after which time the server ends the request; by default 10 ms less than -timeout"},
	{Name: "callback", Kind: option.Prefix, About: "called as `cmd timedOut message`"},
	{Name: "max_bytes", Kind: option.Natural, About: "how many bytes all messages together may have; 0: no limit"},
	{Name: "idle_heartbeat", Kind: option.Millis, About: "with -timeout: how often the server shows that it lives while it has nothing to send, half of -expires at most; if two of these signs are missing, the error is ErrConsumerNotActive"},
}, groupOptions...)

// mostFetched is the batch of a fetch that is limited by its bytes alone, as in nats.go.
const mostFetched = 1_000_000

// fetchConfig is what a fetch's options ask for.
func fetchConfig(o option.Values) (c js.FetchConfig, err error) {
	c = js.FetchConfig{
		Batch: 1, MaxBytes: o.Int("max_bytes"), NoWait: !o.Has("timeout"),
		Timeout: o.Duration("timeout"), Expires: o.Duration("expires"), IdleHeartbeat: o.Duration("idle_heartbeat"),
	}
	if c.MaxBytes > 0 {
		c.Batch = mostFetched
	}
	if o.Has("batch_size") {
		c.Batch = small(o.Int("batch_size"))
	}
	switch {
	case o.Has("expires") && c.NoWait:
		return c, invalid("-expires requires -timeout")
	case c.IdleHeartbeat > 0 && c.NoWait:
		return c, invalid("-idle_heartbeat requires -timeout")
	case c.IdleHeartbeat > cmp.Or(c.Expires, c.Timeout)/2:
		return c, fault.New(fault.BadTimeout, "-idle_heartbeat is at most half of -expires")
	}
	c.Group, err = groupConfig(o)
	return c, err
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
	config, err := fetchConfig(o)
	if err != nil {
		return nil, err
	}
	j.lastFetch++
	number := j.lastFetch
	callback, async := o.Get("callback").(bridge.Value)
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
			end := &fetched{f: f, m: status, err: err, last: true}
			if wire.IsLate(err) {
				p.PostUrgent(end)
			} else {
				p.Post(end)
			}
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
	var pull *js.Fetch
	return bridge.Begin(p,
		func(done func([]*nats.Msg, error)) (err error) {
			var messages []*nats.Msg
			pull, err = j.js.Fetch(stream, consumer, config,
				func(m *nats.Msg) { messages = append(messages, m) },
				func(status *nats.Msg, err error) {
					j.logEnd(number, status, err)
					if len(messages) > 0 && (js.IsFetchTimeout(err) || fault.CodeOf(err) == fault.ConsumerNotActive) {
						err = nil
					}
					done(messages, err)
				})
			return err
		},
		func(messages []*nats.Msg) (any, error) {
			list := make([]any, len(messages))
			for i, m := range messages {
				list[i] = j.c.messageDict(m, pull.SubID())
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
	if wire.IsLate(d.err) {
		// It may have come before messages that were there in time.
		runFirst(p, func(it bridge.Item) bool {
			other, ok := it.(*fetched)
			return ok && other.f == f
		})
	}
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
		f.j.c.call(p, callback, 0, f.j.c.messageDict(d.m, f.pull.SubID()))
	case d.m != nil:
		f.j.c.call(p, callback, 1, f.j.c.messageDict(d.m, f.pull.SubID()))
	case d.err != nil && fault.CodeOf(d.err) != fault.ConnectionClosed:
		f.j.c.call(p, callback, 1, "")
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
