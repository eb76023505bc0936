// SPDX-License-Identifier: Apache-2.0

package micro

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/wire"
)

// The headers that tell an error (ADR-32): both are there, or it is none.
const (
	ErrorHeader     = "Nats-Service-Error"
	ErrorCodeHeader = "Nats-Service-Error-Code"
)

// Request is one request to an endpoint. Any goroutine may use it; it may be kept and answered later.
type Request struct {
	Msg      *nats.Msg
	endpoint *Endpoint

	mu      sync.Mutex
	began   time.Time // zero: the handler has it not yet
	settled bool
	stats   *stats // in which it counts: those of its endpoint when it began
}

// Endpoint is the one that the request came to.
func (r *Request) Endpoint() *Endpoint { return r.endpoint }

// Begin tells that the handler has the request: it counts, and its time runs from now on.
func (r *Request) Begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.began.IsZero() {
		return
	}
	r.began = time.Now()
	e := r.endpoint
	e.taken(int64(wire.Size(r.Msg)))
	e.service.mu.Lock()
	r.stats = e.stats
	r.stats.requests++
	e.service.mu.Unlock()
}

// settle ends the request's time, once.
func (r *Request) settle() {
	r.Begin()
	r.mu.Lock()
	if r.settled {
		r.mu.Unlock()
		return
	}
	r.settled = true
	took := time.Since(r.began)
	r.mu.Unlock()
	s := r.endpoint.service
	s.mu.Lock()
	r.stats.time += took
	s.mu.Unlock()
	s.settled()
}

// Done tells that the handler is through. One who has not answered by then will do so later, unless no
// answer is wanted.
func (r *Request) Done() {
	if r.Msg.Reply == "" {
		r.settle()
	}
}

// Drop tells that nobody will answer.
func (r *Request) Drop() { r.settle() }

// Respond answers. It may be called more than once, for one who waits for several replies.
//
// Errors, which count as the endpoint's: ErrInvalidArg (no answer is wanted), and those of wire.Conn's Publish.
func (r *Request) Respond(data []byte, header nats.Header) error {
	return r.reply(&nats.Msg{Data: data, Header: header})
}

// Error answers with an error, which counts as the endpoint's. header may have more headers. ErrInvalidArg: code
// or text is empty.
func (r *Request) Error(code, text string, data []byte, header nats.Header) error {
	switch {
	case code == "":
		return invalid("The code of a service's error is empty")
	case text == "":
		return invalid("The text of a service's error is empty")
	}
	all := nats.Header{}
	for key, values := range header {
		all[key] = values
	}
	all[ErrorHeader], all[ErrorCodeHeader] = []string{text}, []string{code}
	r.count(code + ":" + text)
	return r.reply(&nats.Msg{Data: data, Header: all})
}

// Failed counts an error of the handler that nobody can be told, for no answer is wanted.
func (r *Request) Failed(code, text string) {
	r.count(code + ":" + text)
	r.settle()
}

func (r *Request) count(text string) {
	r.Begin()
	s := r.endpoint.service
	s.mu.Lock()
	defer s.mu.Unlock()
	r.stats.failed(text)
}

func (r *Request) reply(m *nats.Msg) error {
	if r.Msg.Reply == "" {
		err := invalid("The request to " + r.Msg.Subject + " wants no answer")
		r.count(err.Error())
		r.settle()
		return err
	}
	r.Begin()
	m.Subject = r.Msg.Reply
	err := r.endpoint.service.conn.Publish(m)
	if err != nil {
		r.count(err.Error())
		return err
	}
	r.settle()
	return nil
}
