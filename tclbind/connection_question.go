// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// question asks the script something: it calls a command, or the one that is the value of one of the connection's
// options then. It has a handle for as long as the script thinks. A goroutine of the core posts it.
type question struct {
	bridge.Object
	c       *connection
	command bridge.Value // nil: that of option
	option  string
	args    []any
	caught  bool // an error of the command is an answer; else it goes to bgerror
	// take reads the answer, or gets the message of the error. An error that it returns is the script's.
	take func(p *bridge.Package, answer bridge.Value, failed error) error
	none func() // there will be no answer
}

// Release is the end of a question that was answered, or of its connection.
func (q *question) Release(*bridge.Package) {}

func (q *question) Run(p *bridge.Package) {
	if !p.Alive(q.c) {
		q.none()
		return
	}
	command := q.command
	if command == nil {
		var ok bool
		if command, ok = q.c.settings.values.Get(q.option).(bridge.Value); !ok {
			q.none()
			return
		}
	}
	p.Add(q, q.c)
	q.c.calling++
	defer q.c.called(p)
	name := "ask"
	if q.caught {
		name = "ask_caught"
	}
	ask := p.Host.NewValue([]string{namespace + name})
	defer ask.Release()
	if !p.Host.Callback(ask, append([]any{strconv.FormatInt(q.ID(), 10), command}, q.args...)...) && p.Alive(q) {
		p.Drop(q)
		q.none()
	}
}

// cmdAnswer brings the script's answer. The script may have destroyed the connection instead.
func cmdAnswer(p *bridge.Package, args []bridge.Value) (any, error) {
	q, err := bridge.Get[*question](p, args[0])
	if err != nil {
		return nil, nil
	}
	var failed error
	if args[1].Text() != "0" {
		failed = errors.New(args[2].Text())
	}
	if err := q.take(p, args[2], failed); err != nil {
		return nil, err
	}
	p.Drop(q)
	return nil, nil
}

// askAndWait asks, and waits for the answer, or the end of ctx or of the package. It is for any goroutine but
// the interpreter's.
func askAndWait[T any](ctx context.Context, p *bridge.Package, q *question, read func(*bridge.Package, bridge.Value, error) (T, error)) (T, bool) {
	answer := make(chan *T, 1)
	q.none = func() { answer <- nil }
	q.take = func(p *bridge.Package, v bridge.Value, failed error) error {
		a, err := read(p, v, failed)
		if err == nil {
			answer <- &a
		}
		return err
	}
	p.Post(q)
	var none T
	select {
	case a := <-answer:
		if a != nil {
			return *a, true
		}
	case <-ctx.Done():
	case <-p.Ended():
	}
	return none, false
}

// readWait reads a number of ms that a command has returned.
func readWait(name string, v bridge.Value) (time.Duration, error) {
	ms, ok := bridge.BigInteger(v.Text())
	if !ok || ms.Sign() < 0 {
		return 0, fault.New(fault.BadTimeout, "Invalid value for the timeout option "+name+" : "+v.Text())
	}
	return option.FromMillis(ms), nil
}

// ReconnectDelay asks for the wait before an attempt (-custom_reconnect_delay).
func (o *observer) ReconnectDelay(server dict.Dict, answer func(time.Duration)) {
	c := o.c
	o.p.Post(&question{
		c: c, option: "custom_reconnect_delay", args: []any{server},
		none: func() { answer(c.options.ReconnectTimeWait) },
		take: func(_ *bridge.Package, v bridge.Value, _ error) error {
			wait, err := readWait("custom_reconnect_delay", v)
			if err == nil {
				answer(wait)
			}
			return err
		},
	})
}

// choice is what -reconnect_to_server has returned.
type choice struct {
	server string
	wait   time.Duration
}

// chooseServer asks for the server to be tried next (-reconnect_to_server).
func (c *connection) chooseServer(p *bridge.Package) func(context.Context, []dict.Dict, dict.Dict) (string, time.Duration) {
	return func(ctx context.Context, servers []dict.Dict, info dict.Dict) (string, time.Duration) {
		list := make([]any, len(servers))
		for i, s := range servers {
			list[i] = s
		}
		q := &question{c: c, option: "reconnect_to_server", args: []any{list, presentInfo(info)}}
		a, _ := askAndWait(ctx, p, q, func(_ *bridge.Package, v bridge.Value, _ error) (choice, error) { return c.readChoice(v) })
		return a.server, a.wait
	}
}

func (c *connection) readChoice(v bridge.Value) (a choice, err error) {
	words, err := v.List()
	switch {
	case err != nil || len(words) > 2:
		return a, invalid("The command of -reconnect_to_server returns a server and a wait in ms, and not " + v.Text())
	case len(words) == 0:
		return a, nil
	case len(words) == 2:
		if a.wait, err = readWait("reconnect_to_server", words[1]); err != nil {
			return a, err
		}
	}
	if a.server = words[0].Text(); !c.wire.HasServer(a.server) {
		return a, invalid("The command of -reconnect_to_server returns a server that is not in the pool: " + wire.Redacted(a.server))
	}
	return a, nil
}

// askLogin asks what to show to a server (-auth_callback).
func (c *connection) askLogin(p *bridge.Package) func(context.Context, dict.Dict, string) (wire.Login, error) {
	type answer struct {
		login wire.Login
		err   error
	}
	return func(ctx context.Context, server dict.Dict, nonce string) (wire.Login, error) {
		q := &question{c: c, option: "auth_callback", args: []any{server, nonce}, caught: true}
		a, _ := askAndWait(ctx, p, q, func(_ *bridge.Package, v bridge.Value, failed error) (a answer, _ error) {
			if failed != nil {
				a.err = fault.New(fault.Authorization, "The command of -auth_callback failed: "+failed.Error())
			} else {
				a.login, a.err = readLogin(v)
			}
			return a, nil
		})
		return a.login, a.err
	}
}

// loginKeys are those of the dict that -auth_callback returns.
var loginKeys = []string{"user", "password", "token", "jwt", "nkey", "sig"}

// meant says which of them may have been meant. It does not repeat what was written, which may be a secret in the
// wrong place.
func meant(key string) string {
	if near := option.Near(key, loginKeys); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}

// readLogin reads a dict: user password token jwt nkey sig. Its errors do not repeat what is secret.
func readLogin(v bridge.Value) (l wire.Login, err error) {
	d, err := textDict(v)
	if err != nil {
		return l, fault.New(fault.Authorization, "The command of -auth_callback did not return a dict")
	}
	fields := map[string]*string{"user": &l.User, "password": &l.Password, "token": &l.Token, "jwt": &l.JWT, "nkey": &l.NKey}
	for _, f := range d {
		text, key := f.Value.(string), strings.TrimPrefix(f.Key, "-")
		if place := fields[key]; place != nil {
			*place = strings.TrimSpace(text)
			continue
		}
		if key != "sig" {
			return wire.Login{}, fault.New(fault.Authorization, "The command of -auth_callback returned a key that is none of these: "+strings.Join(loginKeys, ", ")+meant(key))
		}
		if l.Signature, err = readSignature(text); err != nil {
			return wire.Login{}, err
		}
	}
	return l, nil
}

// readSignature takes both alphabets of base64, with and without padding.
func readSignature(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimSpace(text)), "=")
	signature, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fault.New(fault.Authorization, "The sig that the command of -auth_callback returned is no base64")
	}
	return signature, nil
}
