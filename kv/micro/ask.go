// SPDX-License-Identifier: Apache-2.0

package micro

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// Verb is what services are asked.
type Verb string

const (
	Ping  Verb = "PING"
	Info  Verb = "INFO"
	Stats Verb = "STATS"
)

// Subject is where services are asked: all of them, those of a name, or the one of a name and an ID. ErrInvalidArg:
// another verb, or an ID without a name.
func Subject(verb Verb, name, id string) (string, error) {
	switch {
	case verb != Ping && verb != Info && verb != Stats:
		return "", invalid("Invalid verb " + string(verb) + ": PING, INFO or STATS is needed")
	case name == "" && id != "":
		return "", invalid("The ID of a service needs its name")
	}
	subject := join("$SRV."+string(verb), name)
	return join(subject, id), nil
}

// Question says whom to ask, and how long to wait for answers.
type Question struct {
	Verb     Verb
	Name, ID string        // empty: all
	Timeout  time.Duration // of all of it; 0: without end, where Stall is given
	Stall    time.Duration // behind the last answer; 0: as long as Timeout
}

// Ask returns what services answer, in the order in which that comes. Nobody there: an empty list.
//
// An answer that is no JSON object is left out, with a warning in the log. Errors: ErrInvalidArg, ErrConnectionClosed.
func Ask(conn *wire.Conn, q Question, done func([]dict.Dict, error)) error {
	subject, err := Subject(q.Verb, q.Name, q.ID)
	if err != nil {
		return err
	}
	a := &asking{answers: []dict.Dict{}, done: done}
	pending, err := conn.Collect(&nats.Msg{Subject: subject}, q.Timeout,
		func(m *nats.Msg) bool {
			v, err := dict.Parse(m.Data)
			answer, ok := v.(dict.Dict)
			if err != nil || !ok {
				conn.Logf(wire.LogWarn, "An answer to %s is no JSON object", subject)
				return false
			}
			a.add(answer, q.Stall)
			return q.ID != "" // there is one
		},
		func(_ *nats.Msg, err error) {
			if wire.IsDeadline(err) || fault.CodeOf(err) == fault.NoResponders {
				err = nil
			}
			a.finish(err)
		})
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending = pending
	if q.Stall > 0 && !a.over {
		a.timer = time.AfterFunc(max(q.Stall, firstAnswer), func() { conn.Guarded(a.stalled) })
	}
	return nil
}

// firstAnswer is how long the first answer may take where the others come sooner.
const firstAnswer = time.Second

// asking gathers answers.
type asking struct {
	mu      sync.Mutex
	answers []dict.Dict
	pending *wire.Pending
	timer   *time.Timer
	over    bool
	done    func([]dict.Dict, error)
}

func (a *asking) add(answer dict.Dict, stall time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers = append(a.answers, answer)
	if a.timer != nil {
		a.timer.Reset(stall)
	}
}

// stalled ends it where no further answer has come.
func (a *asking) stalled() {
	a.mu.Lock()
	pending := a.pending
	a.mu.Unlock()
	if pending.Cancel() {
		a.finish(nil)
	}
}

func (a *asking) finish(err error) {
	a.mu.Lock()
	a.over = true
	if a.timer != nil {
		a.timer.Stop()
	}
	answers := a.answers
	a.mu.Unlock()
	if err != nil {
		answers = nil
	}
	a.done(answers, err)
}

// Call sends a request to a service. An answer that tells an error is ErrService, with the code, and what the
// answer has beside it, as further words; the other errors are those of wire.Conn's Request.
func Call(conn *wire.Conn, m *nats.Msg, timeout time.Duration, done func(*nats.Msg, error)) (*wire.Pending, error) {
	return conn.Request(m, timeout, func(reply *nats.Msg, err error) {
		if err == nil {
			err = told(reply)
		}
		done(reply, err)
	})
}

// told is the error that a reply tells, if it does.
func told(m *nats.Msg) error {
	code, text := m.Header.Get(ErrorCodeHeader), m.Header.Get(ErrorHeader)
	if code == "" || text == "" {
		return nil
	}
	words := []string{code}
	if len(m.Data) > 0 {
		words = append(words, string(m.Data))
	}
	return &fault.Error{Code: fault.Service, Words: words, Text: text}
}
