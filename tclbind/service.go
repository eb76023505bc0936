// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/micro"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// service is what a nats::service object stands on.
type service struct {
	bridge.Object
	core     *micro.Service
	c        *connection
	stats    bridge.Value // -stats_callback, -done_callback, -error_callback: retained; nil for none
	done     bridge.Value
	failed   bridge.Value
	serve    bridge.Value // the command that calls a handler, retained
	requests map[int64]*serviceRequest
	last     int64 // the number of the last request
}

func (s *service) Release(*bridge.Package) {
	for _, r := range s.requests {
		r.core.Drop()
	}
	clear(s.requests)
	s.core.Close()
	for _, v := range []bridge.Value{s.stats, s.done, s.failed, s.serve} {
		if v != nil {
			v.Release()
		}
	}
}

var serviceCommands = []bridge.Command{
	{Name: "service", Usage: "connection name version args", Run: bridge.On(cmdService)},
	{Name: "service_id", Usage: "service", Run: bridge.On(cmdServiceID)},
	{Name: "service_described", Usage: "service", Run: bridge.On(cmdServiceDescribed)},
	{Name: "service_counted", Usage: "service", Run: bridge.On(cmdServiceCounted)},
	{Name: "service_reset", Usage: "service", Run: bridge.On(cmdServiceReset)},
	{Name: "service_stop", Usage: "service args", Run: bridge.On(cmdServiceStop)},
	{Name: "service_stats_answer", Usage: "question json", Run: cmdServiceStatsAnswer},

	{Name: "service_group", Usage: "parent prefix args", Run: cmdServiceGroup},
	{Name: "service_endpoint", Usage: "parent name args", Run: cmdServiceEndpoint},
	{Name: "service_respond", Usage: "service request data args", Run: bridge.On(cmdServiceRespond)},
	{Name: "service_error", Usage: "service request code text args", Run: bridge.On(cmdServiceError)},
	{Name: "service_failed", Usage: "service request code text", Run: bridge.On(cmdServiceFailed)},
	{Name: "service_handled", Usage: "service request", Run: bridge.On(cmdServiceHandled)},

	{Name: "service_ask", Usage: "connection verb args", Run: bridge.On(cmdServiceAsk)},
	{Name: "service_call", Usage: "connection subject data args", Run: bridge.On(cmdServiceCall)},
	{Name: "service_subject", Usage: "verb ?name ?id", Run: cmdServiceSubject},
}

var serviceOptions = option.Table{
	{Name: "description", Kind: option.Text, About: "a text for people"},
	{Name: "metadata", Kind: pairs, About: "texts for programs"},
	{Name: "queue", Kind: option.Text, About: "the queue group of those endpoints for which none is given; by default q; empty: none"},
	{Name: "stats_callback", Kind: option.Prefix, About: "called as `cmd endpoint` at each STATS, with a dict that has name, subject and queue_group; what it returns, JSON or a text, is the `data` of the endpoint"},
	{Name: "done_callback", Kind: option.Prefix, About: "called as `cmd id` when the service has ended, by stop or with its connection"},
	{Name: "error_callback", Kind: option.Prefix, About: "called as `cmd subject error` if the server refuses a subscription, or requests come too fast; error is a dict like last_error"},
}

// cmdService starts a service. The result is its handle.
func cmdService(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := serviceOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	s := &service{c: c, requests: map[int64]*serviceRequest{}}
	config := micro.Config{
		Name: args[0].Text(), Version: args[1].Text(), Description: o.Text("description"), Metadata: dictOf(o, "metadata"), Queue: queueOf(o),
		Failed: func(subject string, why *fault.Error) { p.Post(&serviceTrouble{s, subject, why}) },
		Ended:  func() { p.Post(&serviceEnd{s}) },
	}
	if o.Has("stats_callback") {
		config.Data = func(e *micro.Endpoint, answer func([]byte)) {
			if !p.Post(&statsQuestion{s: s, e: e, answer: answer}) {
				answer(nil)
			}
		}
	}
	if s.core, err = micro.Start(c.wire, config); err != nil {
		return nil, err
	}
	for name, to := range map[string]*bridge.Value{"stats_callback": &s.stats, "done_callback": &s.done, "error_callback": &s.failed} {
		if v, ok := o.Get(name).(bridge.Value); ok {
			*to = v.Retain()
		}
	}
	id := p.Add(s, c)
	s.serve = p.Host.NewValue([]any{namespace + "serve", id})
	return id, nil
}

// queueOf is the option -queue; nil where it was not given.
func queueOf(o option.Values) *string {
	if !o.Has("queue") {
		return nil
	}
	queue := o.Text("queue")
	return &queue
}

func cmdServiceID(_ *bridge.Package, s *service, _ []bridge.Value) (any, error) {
	return s.core.ID(), nil
}

func cmdServiceDescribed(_ *bridge.Package, s *service, _ []bridge.Value) (any, error) {
	info := s.core.Info()
	withoutNull(info)
	return info, nil
}

// withoutNull makes an empty dict of the metadata that a service or an endpoint has not got: null is JSON's.
func withoutNull(info dict.Dict) {
	described := []any{info}
	if endpoints, ok := info.Path("endpoints").([]any); ok {
		described = append(described, endpoints...)
	}
	for _, d := range described {
		if d, ok := d.(dict.Dict); ok {
			if metadata, there := d.Get("metadata"); there && metadata == nil {
				d.Set("metadata", dict.Dict{})
			}
		}
	}
}

func cmdServiceCounted(p *bridge.Package, s *service, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		s.core.Stats(func(d dict.Dict) { done(d, nil) })
		return nil
	}, bridge.Plain)
}

func cmdServiceReset(_ *bridge.Package, s *service, _ []bridge.Value) (any, error) {
	s.core.Reset()
	return nil, nil
}

var serviceStopOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, Default: 30 * time.Second, About: "when this time is over, the service ends although requests are not answered, and the error is ErrTimeout; 0: no limit"},
}

func cmdServiceStop(p *bridge.Package, s *service, args []bridge.Value) (any, error) {
	o, err := serviceStopOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		s.core.Stop(o.Duration("timeout"), done)
		return nil
	})
}

// stopServices stops the services of a connection that drains, and calls done when all have ended.
func (c *connection) stopServices(p *bridge.Package, done func(error)) {
	left := 1
	ended := func() {
		if left--; left == 0 {
			done(nil)
		}
	}
	for child := range c.Children() {
		if s, ok := child.(*service); ok {
			left++
			s.core.Stop(0, func(error) { p.Post(&serviceStopped{ended}) })
		}
	}
	ended()
}

// serviceStopped is the end of one of them.
type serviceStopped struct{ tell func() }

func (s *serviceStopped) Run(*bridge.Package) { s.tell() }

// serviceTrouble is what -error_callback is told.
type serviceTrouble struct {
	s       *service
	subject string
	why     *fault.Error
}

func (t *serviceTrouble) Run(p *bridge.Package) {
	if p.Alive(t.s) && t.s.failed != nil {
		t.s.c.call(p, t.s.failed, t.subject, errorDict(t.why))
	}
}

// serviceEnd is what -done_callback is told.
type serviceEnd struct{ s *service }

func (e *serviceEnd) Run(p *bridge.Package) {
	if p.Alive(e.s) && e.s.done != nil {
		e.s.c.call(p, e.s.done, e.s.core.ID())
	}
}

// statsQuestion asks -stats_callback for an endpoint's data.
type statsQuestion struct {
	bridge.Object
	s      *service
	e      *micro.Endpoint
	answer func([]byte)
}

// The question has a handle for as long as the script thinks.
func (q *statsQuestion) Release(*bridge.Package) { q.answer(nil) }

func (q *statsQuestion) Run(p *bridge.Package) {
	if !p.Alive(q.s) {
		q.answer(nil)
		return
	}
	id := p.Add(q, q.s)
	ask := p.Host.NewValue([]string{namespace + "ask_stats"})
	defer ask.Release()
	q.s.c.call(p, ask, id, q.s.stats, dict.Dict{
		{Key: "name", Value: q.e.Name()}, {Key: "subject", Value: q.e.Subject()}, {Key: "queue_group", Value: q.e.Queue()},
	})
	if p.Alive(q) {
		p.Drop(q) // there was no answer
	}
}

// cmdServiceStatsAnswer brings the script's answer. The script may have destroyed the service instead.
func cmdServiceStatsAnswer(p *bridge.Package, args []bridge.Value) (any, error) {
	q, err := bridge.Get[*statsQuestion](p, args[0])
	if err != nil {
		return nil, nil
	}
	answer := q.answer
	q.answer = func([]byte) {}
	p.Drop(q)
	answer([]byte(args[1].Text()))
	return nil, nil
}
