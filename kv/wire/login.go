// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"encoding/base64"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// askLogin asks the owner what to show to the server whose INFO has come (Options.Login).
func (e *engine) askLogin() error {
	ask := e.options.Login
	if ask == nil {
		return nil
	}
	ctx, cancel := context.WithDeadline(e.ctx, e.deadline)
	defer cancel()
	nonce := e.info.Text("nonce")
	l, err := ask(ctx, e.server.dict(), nonce)
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.ConnectionTimeout, "Connection timeout for "+e.server.address()+": "+fault.Option("auth_callback")+" has not answered")
	case err != nil:
		return err
	}
	e.shown, err = l.fields(e.server.address(), nonce)
	return err
}

// signatureSize is that of Ed25519 (RFC 8032), by which NKeys sign.
const signatureSize = 64

// fields are what CONNECT says of a login; nil: nothing.
func (l *Login) fields(address, nonce string) (dict.Dict, error) {
	var d dict.Dict
	add := func(key, value string) {
		if value != "" {
			d = append(d, dict.Field{Key: key, Value: value})
		}
	}
	key, signature := l.NKey, l.Signature
	if isSecret(key) {
		seed := secret{fault.Option("auth_callback"), key}
		pair, failure := seed.key()
		if failure != nil {
			return nil, failure
		}
		var err error
		if key, err = pair.PublicKey(); err == nil {
			signature, err = pair.Sign([]byte(nonce))
		}
		if err != nil {
			return nil, err
		}
		if l.JWT != "" {
			key = "" // the JWT names it
		}
	}
	switch {
	case (key != "" || len(signature) > 0) && nonce == "":
		return nil, fault.New(fault.Authorization, "Server "+address+" does not support NKeys")
	case len(signature) > 0 && len(signature) != signatureSize:
		return nil, fault.New(fault.Authorization, "The signature of "+fault.Option("auth_callback")+" is none of an NKey's")
	case key != "" && len(signature) == 0:
		return nil, fault.New(fault.Authorization, "The nkey of "+fault.Option("auth_callback")+" needs a signature, or is to be a seed")
	}
	add("user", l.User)
	add("pass", l.Password)
	add("auth_token", l.Token)
	add("jwt", l.JWT)
	add("nkey", key)
	if len(signature) > 0 {
		add("sig", base64.RawURLEncoding.EncodeToString(signature))
	}
	return d, nil
}

// shownIn puts the login into a CONNECT line, in place of what is there.
func (e *engine) shownIn(line []byte) []byte {
	json, rest, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("CONNECT ")), []byte("\r\n"))
	parsed, err := dict.Parse(json)
	said, ok := parsed.(dict.Dict)
	if err != nil || !ok {
		return line // it is nats.go's own
	}
	said = append(said.Without("user", "pass", "auth_token", "jwt", "nkey", "sig"), e.shown...)
	out := append([]byte("CONNECT "), said.JSON()...)
	return append(append(out, "\r\n"...), rest...)
}
