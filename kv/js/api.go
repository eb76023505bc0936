// Package js is JetStream over a wire.Conn: requests to its API, publishing with
// acknowledgements, streams, single messages and ordered consumers (jetstream.md).
//
// Nothing here blocks. A call that returns an error has sent nothing; otherwise its
// request is on its way when it returns, and done is called once, by a goroutine of
// the connection.
package js

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// Options of a JetStream.
type Options struct {
	Timeout   time.Duration // of each request; 0: without end
	Domain    string        // excludes APIPrefix
	APIPrefix string        // in place of $JS.API
	Trace     bool          // requests and replies go to the log at debug level
}

// JetStream is the JetStream of one connection, under one domain or API prefix. Any
// goroutine may use it.
type JetStream struct {
	conn    *wire.Conn
	options Options
	prefix  string
}

// defaultPrefix is the API of the server's own domain.
const defaultPrefix = "$JS.API"

// New makes a JetStream. ErrInvalidArg: both Domain and APIPrefix.
func New(conn *wire.Conn, o Options) (*JetStream, error) {
	prefix := defaultPrefix
	switch {
	case o.Domain != "" && o.APIPrefix != "":
		return nil, wire.Fail("ErrInvalidArg", "-domain and -api_prefix are mutually exclusive")
	case o.Domain != "":
		prefix = "$JS." + o.Domain + ".API"
	case o.APIPrefix != "":
		prefix = o.APIPrefix
	}
	return &JetStream{conn: conn, options: o, prefix: prefix}, nil
}

// Conn is the connection beneath.
func (j *JetStream) Conn() *wire.Conn { return j.conn }

// APIPrefix is the first part of the API's subjects, without a dot at its end.
func (j *JetStream) APIPrefix() string { return j.prefix }

// Foreign tells whether the API is not that of the server's own domain.
func (j *JetStream) Foreign() bool { return j.prefix != defaultPrefix }

// Timeout is how long each request may take.
func (j *JetStream) Timeout() time.Duration { return j.options.Timeout }

// Call sends a request to the API, api being what follows the prefix, and has done
// called with the reply: every field that the server sent but type.
func (j *JetStream) Call(api string, body []byte, done func(dict.Dict, error)) error {
	subject := j.prefix + "." + api
	return j.request(&nats.Msg{Subject: subject, Data: body}, func(m *nats.Msg, err error) {
		if wire.CodeOf(err) == "ErrNoResponders" {
			err = wire.Fail("ErrJetStreamNotEnabled", "JetStream is not enabled in the server")
		}
		if err != nil {
			done(nil, err)
			return
		}
		reply, err := parseReply(subject, m.Data)
		done(reply, err)
	})
}

// request is a request with the timeout of the JetStream, traced where that is wanted.
func (j *JetStream) request(m *nats.Msg, done func(*nats.Msg, error)) error {
	subject := m.Subject
	if j.options.Trace {
		j.conn.Logf(wire.LogDebug, ">>> %s %s", subject, m.Data)
	}
	_, err := j.conn.Request(m, j.options.Timeout, func(reply *nats.Msg, err error) {
		if j.options.Trace && reply != nil {
			j.conn.Logf(wire.LogDebug, "<<< %s %s", subject, reply.Data)
		}
		done(reply, err)
	})
	return err
}

// parseReply reads a reply of the API, or its error.
func parseReply(subject string, data []byte) (dict.Dict, error) {
	v, err := dict.Parse(data)
	reply, ok := v.(dict.Dict)
	if err != nil || !ok {
		text := "not a JSON object"
		if err != nil {
			text = err.Error()
		}
		return nil, wire.Fail("ErrProtocol", "Invalid reply to "+subject+": "+text)
	}
	switch failure := reply.Path("error").(type) {
	case nil:
		return reply.Without("type"), nil
	case dict.Dict:
		return nil, apiError(failure)
	}
	return nil, wire.Fail("ErrProtocol", "Invalid reply to "+subject+": its error is no JSON object")
}

// list reads an array of a reply; null, and nothing at all, is an empty one.
func list(subject string, reply dict.Dict, field string) ([]any, error) {
	switch v := reply.Path(field).(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	}
	return nil, wire.Fail("ErrProtocol", "Invalid reply to "+subject+": "+field+" is no JSON array")
}

// apiCodes is the contract's table: the server's err_code -> ours.
var apiCodes = map[string]string{
	"10014": "ErrConsumerNotFound",
	"10037": "ErrMsgNotFound",
	"10039": "ErrJetStreamNotEnabledForAccount",
	"10059": "ErrStreamNotFound",
	"10071": "ErrWrongLastSequence",
}

// APIError is an error that a server's reply told, with the numbers of that reply. In
// its chain is the wire.Error that it is by the contract.
type APIError struct {
	Code, ErrCode string
	cause         *wire.Error
}

func (e *APIError) Error() string { return e.cause.Text }
func (e *APIError) Unwrap() error { return e.cause }

// apiError makes an error of the API's: code, err_code, description.
func apiError(d dict.Dict) *APIError {
	e := &APIError{Code: orZero(d.Text("code")), ErrCode: orZero(d.Text("err_code"))}
	text := d.Text("description")
	if code, ok := apiCodes[e.ErrCode]; ok {
		e.cause = wire.Fail(code, text)
	} else {
		e.cause = &wire.Error{Code: "ErrJSResponse", Words: []string{e.Code, e.ErrCode}, Text: text}
	}
	return e
}

func orZero(number string) string {
	if number == "" {
		return "0"
	}
	return number
}

// count reads an integer field of a reply.
func count(d dict.Dict, keys ...string) uint64 {
	n, _ := strconv.ParseUint(d.Text(keys...), 10, 64)
	return n
}
