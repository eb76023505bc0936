// SPDX-License-Identifier: Apache-2.0

// Package micro is NATS services for Go programs and for the Tcl packages alike (ADR-32): endpoints that
// answer requests, and that can be found, described and counted by anybody; and the side of those
// who ask.
//
// Nothing here blocks. What takes time ends in a done function, that is called once, by a goroutine of
// the connection, unless the call itself returned an error.
package micro

import (
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// DefaultQueue is the queue group of endpoints where nothing else is said.
const DefaultQueue = "q"

// Config describes a service.
type Config struct {
	Name        string // letters, digits, - and _
	Version     string // by semver.org
	Description string
	Metadata    dict.Dict // of texts
	Queue       *string   // of all endpoints that say nothing else; nil: DefaultQueue, empty: none

	// Data is asked, at each STATS, for the JSON that goes with an endpoint's numbers; answer is to be called once, by
	// any goroutine, with nothing where there is none. nil: there never is any.
	Data func(e *Endpoint, answer func(json []byte))
	// Failed is told of what is wrong with one of the service's subscriptions: ErrPermissions, ErrSlowConsumer.
	// The service goes on. nil: nobody wants to know.
	Failed func(subject string, why *fault.Error)
	// Ended is told once that no request will come any more. nil: as above.
	Ended func()
}

// Service is one running service. Any goroutine may use it.
type Service struct {
	conn   *wire.Conn
	config Config
	id     string

	mu        sync.Mutex
	started   time.Time
	endpoints []*Endpoint
	verbs     []*wire.Sub
	open      int // requests that are not settled
	idle      []func()
	stopping  bool
	stopped   bool
	stopState func()
	stopWatch func()
}

// The rules for names, and for versions (the expression that semver.org gives). They are compiled when they are
// first asked for, for that costs 0.2 ms, and most programs have no service.
var (
	validName    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9\-_]+$`) })
	validVersion = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)
	})
)

func invalid(text string) error { return fault.New(fault.InvalidArg, text) }

func checkName(what, name string) error {
	if !validName().MatchString(name) {
		return invalid("Invalid " + what + " " + name + ": letters, digits, - and _ are allowed")
	}
	return nil
}

// Start makes a service, which can be found from now on. It ends with Stop, or with the connection.
//
// Errors: ErrInvalidArg, ErrBadQueueName, ErrConnectionClosed, ErrConnectionDraining.
func Start(conn *wire.Conn, c Config) (*Service, error) {
	if err := checkName("service name", c.Name); err != nil {
		return nil, err
	}
	if !validVersion().MatchString(c.Version) {
		return nil, invalid("Invalid version " + c.Version + ": 1.2.3 or alike is needed, see semver.org")
	}
	if c.Queue != nil && *c.Queue != "" && !wire.SafeSubject(*c.Queue) {
		return nil, wire.BadQueue(*c.Queue)
	}
	c.Metadata = c.Metadata.Without() // a copy, and never null in JSON
	s := &Service{conn: conn, config: c, id: nuid.Next(), started: time.Now().UTC()}
	s.mu.Lock() // until then end has nothing to call
	s.stopState = conn.OnState(func(now wire.Status) {
		if now == wire.Closed {
			go conn.Guarded(s.end)
		}
	})
	s.stopWatch = conn.OnRefusal(s.refused)
	s.mu.Unlock()
	if err := s.listen(); err != nil {
		s.abandon()
		return nil, err
	}
	return s, nil
}

// listen subscribes to the nine subjects that monitoring uses. They have no queue group: everyone answers.
func (s *Service) listen() error {
	for verb, answer := range map[Verb]func(*nats.Msg){
		Ping:  func(m *nats.Msg) { s.answer(m, s.ping().JSON()) },
		Info:  func(m *nats.Msg) { s.answer(m, s.Info().JSON()) },
		Stats: func(m *nats.Msg) { s.Stats(func(d dict.Dict) { s.answer(m, d.JSON()) }) },
	} {
		for _, place := range [][2]string{{"", ""}, {s.config.Name, ""}, {s.config.Name, s.id}} {
			subject, err := Subject(verb, place[0], place[1])
			if err != nil {
				return err
			}
			sub, err := s.conn.ListenQueue(subject, "", answer)
			if err != nil {
				return err
			}
			s.mu.Lock()
			s.verbs = append(s.verbs, sub)
			s.mu.Unlock()
		}
	}
	return nil
}

// answer answers one who monitors. Where that fails, the asker sees that nothing comes.
func (s *Service) answer(m *nats.Msg, json []byte) {
	if m.Reply == "" {
		return
	}
	if err := s.conn.Publish(&nats.Msg{Subject: m.Reply, Data: json}); err != nil {
		s.conn.Logf(wire.LogWarn, "%s cannot be answered: %s", m.Subject, err)
	}
}

// ID is the service's own, one of each that runs.
func (s *Service) ID() string { return s.id }

// Name is the service's.
func (s *Service) Name() string { return s.config.Name }

func (s *Service) identity(kind string) dict.Dict {
	return dict.Dict{
		{Key: "name", Value: s.config.Name},
		{Key: "id", Value: s.id},
		{Key: "version", Value: s.config.Version},
		{Key: "metadata", Value: s.config.Metadata},
		{Key: "type", Value: "io.nats.micro.v1." + kind},
	}
}

func (s *Service) ping() dict.Dict { return s.identity("ping_response") }

// Info describes the service, as it answers INFO.
func (s *Service) Info() dict.Dict {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]any, len(s.endpoints))
	for i, e := range s.endpoints {
		var metadata any
		if e.metadata != nil {
			metadata = e.metadata
		}
		list[i] = dict.Dict{
			{Key: "name", Value: e.name},
			{Key: "subject", Value: e.subject},
			{Key: "queue_group", Value: e.queue},
			{Key: "metadata", Value: metadata},
		}
	}
	d := s.identity("info_response")
	d.Set("description", s.config.Description)
	d.Set("endpoints", list)
	return d
}

// Stats counts, as it answers STATS: times are in ns.
func (s *Service) Stats(done func(dict.Dict)) {
	s.mu.Lock()
	endpoints := slices.Clone(s.endpoints)
	d := s.identity("stats_response")
	d.Set("started", s.started.Format(time.RFC3339Nano))
	list := make([]any, len(endpoints))
	numbers := make([]dict.Dict, len(endpoints))
	for i, e := range endpoints {
		numbers[i] = e.stats.dict(e)
	}
	s.mu.Unlock()
	finish := func() {
		for i := range numbers {
			list[i] = numbers[i]
		}
		d.Set("endpoints", list)
		done(d)
	}
	if s.config.Data == nil || len(endpoints) == 0 {
		finish()
		return
	}
	var mu sync.Mutex
	missing := len(endpoints)
	for i, e := range endpoints {
		s.config.Data(e, func(json []byte) {
			var data any
			if len(json) > 0 {
				data = parsed(json)
			}
			mu.Lock()
			if data != nil {
				numbers[i].Set("data", data)
			}
			missing--
			last := missing == 0
			mu.Unlock()
			if last {
				finish()
			}
		})
	}
}

// parsed is what JSON stands for; a text that is none stands for itself.
func parsed(json []byte) any {
	v, err := dict.Parse(json)
	if err != nil {
		return string(json)
	}
	return v
}

// Reset sets all counts to zero, and the time from which on they count to now. What a handler has already is counted no
// more, neither its time nor an error.
func (s *Service) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = time.Now().UTC()
	for _, e := range s.endpoints {
		e.stats = &stats{}
	}
}

// refused is told that the server does not let a subscription be.
func (s *Service) refused(r wire.Refusal) {
	if r.Publish {
		return
	}
	subject, why := r.Subject, r.Why
	s.mu.Lock()
	ours := slices.ContainsFunc(s.verbs, func(sub *wire.Sub) bool { return sub.Subject() == subject })
	for _, e := range s.endpoints {
		if e.subject == subject {
			ours = true
			e.stats.failed(why.Text)
		}
	}
	s.mu.Unlock()
	if ours && s.config.Failed != nil {
		s.config.Failed(subject, why)
	}
}

// Stop ends the service: its subscriptions get nothing new, and done is called when all requests that had
// come are answered, at the latest after timeout (0: without end) with ErrTimeout. The service has ended then
// all the same. A second Stop waits for the same end.
func (s *Service) Stop(timeout time.Duration, done func(error)) {
	w := &windingUp{service: s, done: done}
	s.mu.Lock()
	s.stopping = true
	subs := s.subsLocked()
	s.mu.Unlock()
	w.left = len(subs) + 1
	if timeout > 0 {
		w.mu.Lock() // it may be over at once
		w.timer = time.AfterFunc(timeout, func() {
			s.conn.Guarded(func() { w.finish(fault.New(fault.Timeout, "Stopping the service "+s.config.Name+" timed out")) })
		})
		w.mu.Unlock()
	}
	for _, sub := range subs {
		sub.Drain(timeout, w.drained)
	}
	w.drained(nil)
}

// windingUp is one Stop until its end.
type windingUp struct {
	service *Service
	done    func(error)

	mu    sync.Mutex
	timer *time.Timer
	left  int // subscriptions that may still bring something, and one for Stop itself
	over  bool
}

// drained is told the end of one subscription. An error is that of a timeout, which is ours too, or of a
// connection that is gone.
func (w *windingUp) drained(error) {
	w.mu.Lock()
	w.left--
	last := w.left == 0
	w.mu.Unlock()
	if last {
		w.service.whenIdle(func() { w.finish(nil) })
	}
}

func (w *windingUp) finish(err error) {
	w.mu.Lock()
	over := w.over
	w.over = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	if over {
		return
	}
	w.service.end()
	w.done(err)
}

// subsLocked are all subscriptions that the service has.
func (s *Service) subsLocked() []*wire.Sub {
	subs := slices.Clone(s.verbs)
	for _, e := range s.endpoints {
		if e.sub != nil {
			subs = append(subs, e.sub)
		}
	}
	return subs
}

// whenIdle calls f when no request waits for its answer.
func (s *Service) whenIdle(f func()) {
	s.mu.Lock()
	if s.open > 0 && !s.stopped {
		s.idle = append(s.idle, f)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	f()
}

// settled is called once for each request.
func (s *Service) settled() {
	s.mu.Lock()
	s.open--
	var idle []func()
	if s.open == 0 {
		idle, s.idle = s.idle, nil
	}
	s.mu.Unlock()
	for _, f := range idle {
		f()
	}
}

// Stopped tells whether the service has ended, or is about to.
func (s *Service) Stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping || s.stopped
}

// end ends the service for good.
func (s *Service) end() {
	if !s.abandon() {
		return
	}
	if s.config.Ended != nil {
		s.config.Ended()
	}
}

// abandon is end without a word; false where it has ended before.
func (s *Service) abandon() bool {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return false
	}
	s.stopped, s.stopping = true, true
	subs := s.subsLocked()
	s.verbs = nil
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	s.stopState()
	s.stopWatch()
	for _, sub := range subs {
		sub.Stop()
	}
	for _, f := range idle {
		f()
	}
	return true
}

// Close ends the service at once. Requests that have come may still be answered.
func (s *Service) Close() { s.end() }
