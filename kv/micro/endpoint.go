// SPDX-License-Identifier: Apache-2.0

package micro

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// EndpointOptions say what an endpoint is like. The zero value: its name is its subject.
type EndpointOptions struct {
	Subject  string    // behind the group's prefix; empty: the name
	Metadata dict.Dict // of texts
	Queue    *string   // nil: that of the group, or of the service; empty: none
	// What may wait for the handler, in requests and in bytes; 0: no limit. Past it requests are dropped.
	PendingMessages, PendingBytes int64
}

// Endpoint answers the requests to one subject.
type Endpoint struct {
	service  *Service
	name     string
	subject  string
	queue    string
	metadata dict.Dict
	handle   func(*Request)
	sub      *wire.Sub

	limitMessages, limitBytes int64
	messages, bytes           atomic.Int64 // that wait for the handler
	dropping                  atomic.Bool

	stats *stats // guarded by service.mu, as what is in it
}

// stats are an endpoint's numbers.
type stats struct {
	requests, errors int64
	lastError        string
	time             time.Duration
}

func (s *stats) failed(text string) {
	s.errors++
	s.lastError = text
}

func (s *stats) dict(e *Endpoint) dict.Dict {
	average := int64(0)
	if s.requests > 0 {
		average = s.time.Nanoseconds() / s.requests
	}
	return dict.Dict{
		{Key: "name", Value: e.name},
		{Key: "subject", Value: e.subject},
		{Key: "queue_group", Value: e.queue},
		{Key: "num_requests", Value: s.requests},
		{Key: "num_errors", Value: s.errors},
		{Key: "last_error", Value: s.lastError},
		{Key: "processing_time", Value: s.time.Nanoseconds()},
		{Key: "average_processing_time", Value: average},
	}
}

// Name is the endpoint's.
func (e *Endpoint) Name() string { return e.name }

// Subject is what the endpoint listens to, its groups' prefixes before it.
func (e *Endpoint) Subject() string { return e.subject }

// Queue is the endpoint's queue group, empty for none.
func (e *Endpoint) Queue() string { return e.queue }

// Group is a prefix of subjects that endpoints of a service share.
type Group struct {
	service *Service
	prefix  string
	queue   *string
}

// Group makes one. An empty prefix adds nothing. queue is that of its endpoints that say nothing else;
// nil: the service's.
func (s *Service) Group(prefix string, queue *string) (*Group, error) {
	return (&Group{service: s, queue: s.config.Queue}).Group(prefix, queue)
}

// Group makes one within another.
func (g *Group) Group(prefix string, queue *string) (*Group, error) {
	if prefix != "" && !wire.ValidSubject(prefix, true) {
		return nil, wire.BadSubject(prefix, true)
	}
	inner := &Group{service: g.service, prefix: join(g.prefix, prefix), queue: g.queue}
	if queue != nil {
		inner.queue = queue
	}
	return inner, nil
}

// Prefix is the group's, with those of the groups around it.
func (g *Group) Prefix() string { return g.prefix }

func join(prefix, subject string) string {
	if prefix == "" || subject == "" {
		return prefix + subject
	}
	return prefix + "." + subject
}

// AddEndpoint adds an endpoint without a group. handle is called with each request, by a goroutine of the
// connection: it must not block. Whoever deals with a request calls its Begin, and in the end its Respond, its Error or
// its Done.
//
// Errors: ErrInvalidArg, ErrBadSubject, ErrBadQueueName, ErrConnectionClosed.
func (s *Service) AddEndpoint(name string, o EndpointOptions, handle func(*Request)) (*Endpoint, error) {
	return (&Group{service: s, queue: s.config.Queue}).AddEndpoint(name, o, handle)
}

// AddEndpoint adds an endpoint to the group.
func (g *Group) AddEndpoint(name string, o EndpointOptions, handle func(*Request)) (*Endpoint, error) {
	if err := checkName("endpoint name", name); err != nil {
		return nil, err
	}
	if o.Subject == "" {
		o.Subject = name
	}
	e := &Endpoint{
		stats:   &stats{},
		service: g.service, name: name, subject: join(g.prefix, o.Subject), queue: DefaultQueue, metadata: o.Metadata,
		handle: handle, limitMessages: o.PendingMessages, limitBytes: o.PendingBytes,
	}
	if !wire.ValidSubject(e.subject, true) {
		return nil, wire.BadSubject(e.subject, true)
	}
	switch {
	case o.Queue != nil:
		e.queue = *o.Queue
	case g.queue != nil:
		e.queue = *g.queue
	}
	s := g.service
	if s.Stopped() {
		return nil, fault.New(fault.InvalidArg, "The service "+s.config.Name+" is stopped")
	}
	// Before the first request comes: it counts in the endpoint's numbers.
	s.mu.Lock()
	s.endpoints = append(s.endpoints, e)
	s.mu.Unlock()
	sub, err := s.conn.ListenQueue(e.subject, e.queue, e.deliver)
	s.mu.Lock()
	stopped := s.stopped // by the end of its connection
	if err != nil || stopped {
		s.endpoints = slices.DeleteFunc(s.endpoints, func(other *Endpoint) bool { return other == e })
	} else {
		e.sub = sub
	}
	s.mu.Unlock()
	if err == nil && stopped {
		sub.Stop()
		err = wire.NoConnection()
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// deliver runs in the connection's reader: it never blocks, but drops.
func (e *Endpoint) deliver(m *nats.Msg) {
	size := int64(wire.Size(m))
	if e.limitMessages > 0 && e.messages.Load() >= e.limitMessages ||
		e.limitBytes > 0 && e.bytes.Load()+size > e.limitBytes {
		if !e.dropping.Swap(true) {
			e.slow()
		}
		return
	}
	e.messages.Add(1)
	e.bytes.Add(size)
	s := e.service
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	e.handle(&Request{Msg: m, endpoint: e})
}

func (e *Endpoint) slow() {
	why := fault.New(fault.SlowConsumer, "Slow consumer: requests to "+e.subject+" are dropped")
	s := e.service
	s.mu.Lock()
	e.stats.failed(why.Text)
	s.mu.Unlock()
	if s.config.Failed != nil {
		s.config.Failed(e.subject, why)
	}
}

// taken is called when the handler gets a request.
func (e *Endpoint) taken(size int64) {
	messages, bytes := e.messages.Add(-1), e.bytes.Add(-size)
	if e.dropping.Load() && (e.limitMessages == 0 || messages <= e.limitMessages/2) && (e.limitBytes == 0 || bytes <= e.limitBytes/2) {
		e.dropping.Store(false) // the next drop is told anew
	}
}
