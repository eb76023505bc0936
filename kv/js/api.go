// SPDX-License-Identifier: Apache-2.0

// Package js is JetStream over a wire.Conn: requests to its API, publishing with
// acknowledgements, streams, single messages and ordered consumers (docs/jetstream.md).
//
// Nothing here blocks. A call that returns an error has sent nothing; otherwise its
// request is on its way when it returns, and done is called once, by a goroutine of
// the connection.
package js

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/tidwall/gjson"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// Options of a JetStream.
type Options struct {
	Timeout   time.Duration // of each request; 0: without end
	Domain    string        // excludes APIPrefix
	APIPrefix string        // in place of $JS.API
	Trace     bool          // requests and replies go to the log at debug level
	APILevel  int           // a server below it refuses each request, ErrJSResponse 412; 0: any serves
	Expires   bool          // what PublishForSeq has not sent when its time is over is never sent
}

// JetStream is the JetStream of one connection, under one domain or API prefix. Any
// goroutine may use it.
type JetStream struct {
	conn    *wire.Conn
	asks    asker // conn, or that of By
	options Options
	prefix  string
	pins    *pins // of fetches
}

// asker makes requests, as a wire.Conn does.
type asker interface {
	RequestAgain(m *nats.Msg, timeout time.Duration, retry wire.Retry, done func(*wire.Lent, error)) (*wire.Pending, error)
	RequestLiteral(m *nats.Msg, timeout time.Duration, retry wire.Retry, done func(*wire.Lent, error)) (*wire.Pending, error)
}

// defaultPrefix is the API of the server's own domain.
const defaultPrefix = "$JS.API"

// New makes a JetStream. ErrInvalidArg: both Domain and APIPrefix.
func New(conn *wire.Conn, o Options) (*JetStream, error) {
	prefix := defaultPrefix
	switch {
	case o.Domain != "" && o.APIPrefix != "":
		return nil, fault.New(fault.InvalidArg, fault.Option("domain")+" and "+fault.Option("api_prefix")+" are mutually exclusive")
	case o.Domain != "":
		prefix = "$JS." + o.Domain + ".API"
	case o.APIPrefix != "":
		prefix = o.APIPrefix
	}
	return &JetStream{conn: conn, asks: conn, options: o, prefix: prefix, pins: &pins{}}, nil
}

// At is this JetStream under another API prefix, in another domain or account.
func (j *JetStream) At(prefix string) *JetStream {
	other := *j
	other.prefix = prefix
	return &other
}

// By is this JetStream whose requests are made by the Farewell of its connection, and what is published for an
// acknowledgement. All else needs the connection, and fails.
func (j *JetStream) By(f *wire.Farewell) *JetStream {
	other := *j
	other.asks = f
	return &other
}

// Conn is the connection beneath.
func (j *JetStream) Conn() *wire.Conn { return j.conn }

// APIPrefix is the first part of the API's subjects, without a dot at its end.
func (j *JetStream) APIPrefix() string { return j.prefix }

// Foreign tells whether the API is not that of the server's own domain.
func (j *JetStream) Foreign() bool { return j.prefix != defaultPrefix }

// WithTimeout returns the same JetStream with another timeout; 0: without end.
func (j *JetStream) WithTimeout(timeout time.Duration) *JetStream {
	other := *j
	other.options.Timeout = timeout
	return &other
}

// Expiring returns the same JetStream with Options.Expires.
func (j *JetStream) Expiring() *JetStream {
	other := *j
	other.options.Expires = true
	return &other
}

// Timeout is how long each request may take.
func (j *JetStream) Timeout() time.Duration { return j.options.Timeout }

// endpoint is what follows the prefix in a subject of the API: its verb, and the names of a
// stream and a consumer, each of which is one token there.
type endpoint struct {
	path   string
	names  []string // of the stream, and of a consumer, where it is about these
	dotted string   // a name that is several tokens
	what   string   // "stream" or "consumer": that name's
	filter string   // of a consumer, behind the names: its wildcards stand for themselves
}

// kinds are what the names of an endpoint are of.
var kinds = [...]string{"stream", "consumer"}

// at is the endpoint for a stream, or for a consumer of a stream.
func at(verb string, names ...string) endpoint {
	e := endpoint{path: verb, names: names}
	for i, name := range names {
		e.path += "." + name
		if e.dotted == "" && strings.Contains(name, ".") {
			e.dotted, e.what = name, kinds[i]
		}
	}
	return e
}

// subject is the endpoint's whole subject. A name with a dot would make it that of another
// endpoint, or of none, and nobody would answer: ErrInvalidArg, and ErrBadSubject where it makes
// no subject at all.
func (j *JetStream) subject(e endpoint) (string, error) {
	subject := j.prefix + "." + e.path
	if e.filter != "" {
		subject += "." + e.filter
	}
	if i := slices.Index(e.names, ""); i >= 0 {
		bad := wire.BadSubject(subject, false)
		bad.Help = "the name of the " + kinds[i] + " is missing"
		return "", bad
	}
	switch {
	case e.dotted == "":
		return subject, nil
	case wire.ValidSubject(e.dotted, false):
		return "", badName(e.what, e.dotted)
	}
	return "", wire.BadSubject(subject, false)
}

// call sends a request to the API, and has done called with the reply: every field that the
// server sent but type. A reply that lacks what is wanted is ErrProtocol.
func (j *JetStream) call(e endpoint, body []byte, done func(dict.Dict, error), wants ...want) error {
	return j.ask(e, body, leaderless, done, wants...)
}

// callOnce is call for a request that is answered otherwise when it was done before. twice tells that it may have been: a
// server that knew of no leader has refused it, and it was made again, while the leader of before may have taken it and
// stepped down before it could answer.
func (j *JetStream) callOnce(e endpoint, body []byte, done func(reply dict.Dict, twice bool, err error), wants ...want) error {
	var twice atomic.Bool
	refused := func(reply *nats.Msg) bool {
		if !leaderless(reply) {
			return false
		}
		twice.Store(true)
		return true
	}
	return j.ask(e, body, refused, func(reply dict.Dict, err error) { done(reply, twice.Load(), err) }, wants...)
}

// remove is a call that deletes what is missing when the request is done a second time. Then it is as it should be.
func (j *JetStream) remove(e endpoint, missing string, done func(error)) error {
	return j.callOnce(e, nil, func(_ dict.Dict, twice bool, err error) {
		if twice && fault.CodeOf(err) == missing {
			err = nil
		}
		done(err)
	}, success)
}

// ask is call with what tells of a reply that the request is to be made again.
func (j *JetStream) ask(e endpoint, body []byte, refused func(*nats.Msg) bool, done func(dict.Dict, error), wants ...want) error {
	subject, err := j.subject(e)
	if err != nil {
		return err
	}
	send := j.asks.RequestAgain
	if e.filter != "" {
		send = j.asks.RequestLiteral
	}
	return j.request(send, j.question(subject, body), refused, func(m *wire.Lent, err error) {
		if fault.CodeOf(err) == fault.NoResponders {
			err = j.notEnabled()
		}
		if err != nil {
			done(nil, err)
			return
		}
		reply, err := parseReply(subject, m.Data, wants...)
		done(reply, j.naming(e, err))
	})
}

// notEnabled is the error of a request to the API that nobody takes.
func (j *JetStream) notEnabled() error {
	e := &fault.Error{Code: fault.JetStreamNotEnabled, Text: "JetStream is not enabled in the server"}
	if j.Foreign() {
		e.Help = "nobody answers below " + j.prefix + ": is the domain or the prefix misspelt?"
	}
	return e
}

// naming adds to an error that says that there is no such stream, or consumer, which one was meant: the text is the
// server's, and names none.
func (j *JetStream) naming(e endpoint, err error) error {
	var api *APIError
	if !errors.As(err, &api) || len(e.names) == 0 {
		return err
	}
	switch api.cause.Code {
	case fault.JSResponse:
		if api.ErrCode == "10003" {
			api.cause.Help = badRequest(strings.TrimSuffix(e.path, "."+e.names[0]))
		}
	case fault.StreamNotFound:
		api.cause.Help = "no stream " + e.names[0] + " below " + j.prefix
	case fault.ConsumerNotFound:
		if len(e.names) > 1 {
			api.cause.Help = "no consumer " + e.names[1] + " of the stream " + e.names[0] + " below " + j.prefix
		}
	}
	return err
}

// badRequest says what may be wrong with a request that a server calls bad and says no more of.
func badRequest(verb string) string {
	switch verb {
	case "STREAM.MSG.GET":
		return "one of " + fault.Option("seq") + ", " + fault.Option("last_by_subj") + ", " + fault.Option("next_by_subj") + " and " + fault.Option("start_time") + " is needed"
	case "STREAM.PURGE":
		return fault.Option("keep") + " and " + fault.Option("seq") + " exclude each other"
	}
	return ""
}

// question is the message of a request to the API. A server reads the level in its header (ADR-44); one that is
// too old to know the header answers all the same.
func (j *JetStream) question(subject string, body []byte) *nats.Msg {
	m := &nats.Msg{Subject: subject, Data: body}
	if j.options.APILevel > 0 {
		m.Header = nats.Header{"Nats-Required-Api-Level": {strconv.Itoa(j.options.APILevel)}}
	}
	return m
}

// sender is a connection's RequestAgain, or its RequestLiteral.
type sender func(*nats.Msg, time.Duration, wire.Retry, func(*wire.Lent, error)) (*wire.Pending, error)

// request is a request with the timeout of the JetStream, traced where that is wanted. Where
// nobody takes it, or it is refused in a way that refused knows, it is made again.
func (j *JetStream) request(send sender, m *nats.Msg, refused func(*nats.Msg) bool, done func(*wire.Lent, error)) error {
	subject := m.Subject
	if j.options.Trace {
		j.conn.Logf(wire.LogDebug, ">>> %s %s", subject, m.Data)
	}
	retry := wire.DefaultRetry
	retry.Refused = refused
	_, err := send(m, j.options.Timeout, retry, func(reply *wire.Lent, err error) {
		if j.options.Trace && reply != nil {
			j.conn.Logf(wire.LogDebug, "<<< %s %s", subject, reply.Data)
		}
		done(reply, err)
	})
	return err
}

// Leaderless tells whether an error says that there is no leader, of the stream or of the cluster, which may be over soon.
func Leaderless(err error) bool {
	return Refused(err, noLeader)
}

// noLeader is the API's number for that.
const noLeader = "10008"

// Refused tells whether an error is the API's refusal with that number, which is ErrJSResponse.
func Refused(err error, errCode string) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Code == fault.JSResponse && len(e.Words) > 1 && e.Words[1] == errCode
}

// leaderless tells whether a reply says that the cluster is about to elect its leader.
func leaderless(reply *nats.Msg) bool {
	const short = 1 << 10 // errors are; a long reply need not be searched
	return len(reply.Data) < short && gjson.GetBytes(reply.Data, "error.err_code").Raw == noLeader
}
