// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"errors"
	"strconv"
	"time"

	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
)

// passwordQuestion asks the script for the password of a key (-tls_opts, -password), for a
// goroutine of the core that connects. It has a handle for as long as the script thinks.
type passwordQuestion struct {
	bridge.Object
	command string
	answer  chan passwordAnswer // has room for the one answer
}

type passwordAnswer struct {
	password string
	err      error
}

// release is the end of a question that was not answered.
func (q *passwordQuestion) Release(p *bridge.Package) { q.tell("", p.Gone()) }

func (q *passwordQuestion) tell(password string, err error) {
	select {
	case q.answer <- passwordAnswer{password, err}:
	default: // it is answered
	}
}

func (q *passwordQuestion) Run(p *bridge.Package) {
	p.Add(q, nil)
	ask := p.Host.NewValue([]string{namespace + "ask_password"})
	defer ask.Release()
	if !p.Host.Callback(ask, strconv.FormatInt(q.ID(), 10), q.command) && p.Alive(q) {
		p.Drop(q)
	}
}

// cmdPasswordAnswer brings the script's answer, or the message of its error.
func cmdPasswordAnswer(p *bridge.Package, args []bridge.Value) (any, error) {
	q, err := bridge.Get[*passwordQuestion](p, args[0])
	if err != nil {
		return nil, nil
	}
	if args[1].Text() == "0" {
		q.tell(args[2].Text(), nil)
	} else {
		q.tell("", errors.New(args[2].Text()))
	}
	p.Drop(q)
	return nil, nil
}

// askPassword calls what is the command of -password, and returns its result; where there is no
// such command the text itself. It is for any goroutine but the interpreter's. ErrTLS: the command failed.
func askPassword(p *bridge.Package, command string) (string, error) {
	password, err := passwordOf(p, command)
	if err != nil {
		err = fault.New(fault.TLS, "The command of -password failed: "+err.Error())
	}
	return password, err
}

func passwordOf(p *bridge.Package, command string) (string, error) {
	q := &passwordQuestion{command: command, answer: make(chan passwordAnswer, 1)}
	p.Post(q)
	timeout := time.NewTimer(passwordPatience)
	defer timeout.Stop()
	select {
	case a := <-q.answer:
		return a.password, a.err
	case <-p.Ended():
		return "", p.Gone()
	case <-timeout.C:
		return "", errors.New("there was no answer in " + passwordPatience.String())
	}
}

// passwordPatience is how long a password may take: there may be somebody who types it.
const passwordPatience = 5 * time.Minute
