package tclbind

import (
	"errors"
	"strconv"
	"time"
)

// passwordQuestion asks the script for the password of a key (-tls_opts, -password), for a
// goroutine of the core that connects. It has a handle for as long as the script thinks.
type passwordQuestion struct {
	object
	command string
	answer  chan passwordAnswer // has room for the one answer
}

type passwordAnswer struct {
	password string
	err      error
}

// release is the end of a question that was not answered.
func (q *passwordQuestion) release(*Package) { q.tell("", errClosed) }

func (q *passwordQuestion) tell(password string, err error) {
	select {
	case q.answer <- passwordAnswer{password, err}:
	default: // it is answered
	}
}

func (q *passwordQuestion) run(p *Package) {
	p.add(q, nil)
	ask := p.host.NewValue([]string{namespace + "ask_password"})
	defer ask.Release()
	if !p.host.Callback(ask, strconv.FormatInt(q.id, 10), q.command) && p.alive(q) {
		p.drop(q)
	}
}

// cmdPasswordAnswer brings the script's answer, or the message of its error.
func cmdPasswordAnswer(p *Package, args []Value) (any, error) {
	q, err := get[*passwordQuestion](p, args[0])
	if err != nil {
		return nil, nil
	}
	if args[1].Text() == "0" {
		q.tell(args[2].Text(), nil)
	} else {
		q.tell("", errors.New(args[2].Text()))
	}
	p.drop(q)
	return nil, nil
}

// askPassword calls what is the command of -password, and returns its result; where there is no
// such command the text itself. It is for any goroutine but the interpreter's.
func (p *Package) askPassword(command string) (string, error) {
	q := &passwordQuestion{command: command, answer: make(chan passwordAnswer, 1)}
	p.mailbox.post(q)
	timeout := time.NewTimer(passwordPatience)
	defer timeout.Stop()
	select {
	case a := <-q.answer:
		return a.password, a.err
	case <-p.ended:
		return "", errClosed
	case <-timeout.C:
		return "", errors.New("there was no answer in " + passwordPatience.String())
	}
}

// passwordPatience is how long a password may take: there may be somebody who types it.
const passwordPatience = 5 * time.Minute
