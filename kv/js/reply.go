// SPDX-License-Identifier: Apache-2.0

package js

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// What answers is a server, or whoever else listens to the API's subjects: nothing of a
// reply is relied on that was not looked at.

// want is a field that a reply must have.
type want struct {
	path string // keys with dots between
	what string // for the message
	is   func(any) bool
}

func anObject(path string) want {
	return want{path, "JSON object", func(v any) bool { _, ok := v.(dict.Dict); return ok }}
}

// aCount is an integer from 0 on that has 64 bits.
func aCount(path string) want {
	return want{path, "count", func(v any) bool {
		n, ok := v.(dict.Number)
		_, err := strconv.ParseUint(string(n), 10, 64)
		return ok && err == nil
	}}
}

func aText(path string) want {
	return want{path, "text", func(v any) bool { s, ok := v.(string); return ok && s != "" }}
}

func aBool(path string) want {
	return want{path, "boolean", func(v any) bool { _, ok := v.(bool); return ok }}
}

// success is what an API without another answer says.
var success = want{"success", "true", func(v any) bool { return v == true }}

// A stream's and a consumer's info.
var (
	streamInfo   = []want{anObject("config"), anObject("state")}
	consumerInfo = []want{aText("name"), anObject("config")}
)

// parseReply reads a reply of the API, or its error.
func parseReply(subject string, data []byte, wants ...want) (dict.Dict, error) {
	v, err := dict.Parse(data)
	if err != nil {
		return nil, badReply(subject, err.Error())
	}
	reply, ok := v.(dict.Dict)
	if !ok {
		return nil, badReply(subject, "it is no JSON object")
	}
	switch failure := reply.Path("error").(type) {
	case nil:
	case dict.Dict:
		return nil, apiError(failure)
	default:
		return nil, badReply(subject, "error is no JSON object")
	}
	for _, w := range wants {
		if !w.is(reply.Path(strings.Split(w.path, ".")...)) {
			return nil, badReply(subject, w.path+" is no "+w.what)
		}
	}
	return reply.Without("type"), nil
}

func badReply(subject, why string) error {
	return fault.New(fault.Protocol, "Invalid reply to "+subject+": "+why)
}

// texts reads an array of texts of a reply; null, and nothing at all, is an empty one.
func texts(subject string, reply dict.Dict, field string) ([]string, error) {
	v := reply.Path(field)
	list, ok := v.([]any)
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok {
			break
		}
	}
	if !ok && v != nil {
		return nil, badReply(subject, field+" is no list of texts")
	}
	return out, nil
}

// count reads an integer field of a reply that was wanted.
func count(d dict.Dict, keys ...string) uint64 {
	n, _ := strconv.ParseUint(d.Text(keys...), 10, 64)
	return n
}

// APIError is an error that a server's reply told, with the numbers of that reply. In
// its chain is the fault.Error that it is (package fault).
type APIError struct {
	Code, ErrCode string
	cause         *fault.Error
}

func (e *APIError) Error() string { return e.cause.Text }
func (e *APIError) Unwrap() error { return e.cause }

// retold is an error as a consumer tells it.
func retold(how string, err error) *fault.Error {
	out := &fault.Error{Text: how + err.Error()}
	var ours *fault.Error
	if errors.As(err, &ours) {
		out.Code, out.Words = ours.Code, ours.Words
	}
	return out
}

// apiError makes an error of the API's: code, err_code, description.
func apiError(d dict.Dict) *APIError {
	e := &APIError{Code: number(d, "code"), ErrCode: number(d, "err_code")}
	text := d.Text("description")
	if text == "" {
		text = "JetStream error " + e.Code
	}
	e.cause = fault.New(fault.Of(e.ErrCode), text)
	e.cause.Help = helpFor(text)
	if e.cause.Code == fault.JSResponse {
		e.cause.Words = []string{e.Code, e.ErrCode}
	}
	return e
}

// number is one of an error's, 0 where the server has told none.
func number(d dict.Dict, key string) string {
	if n, ok := d.Path(key).(dict.Number); ok {
		return string(n)
	}
	return "0"
}

// helpFor says what would be right where a server's words do not say it to who knows our options, "" elsewhere.
func helpFor(text string) string {
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("stream name already in use with a different configuration"):
		return "it exists with other settings, which update_stream changes; of a bucket update_kv_bucket, and of an object store update_object_store"
	case has("subject delete marker TTL must be at least"):
		return fault.Option("limit_marker_ttl") + " of a bucket, " + fault.Option("subject_delete_marker_ttl") + " of a stream: 1000 ms or more"
	case has("max age needs to be"):
		return fault.Option("ttl") + " of a bucket or an object store, " + fault.Option("max_age") + " of a stream: 0, or 100 ms and more"
	case has("per-message TTL is disabled"):
		return disabled("allow_msg_ttl", "limit_marker_ttl")
	case has("message schedules is disabled"):
		return disabled("allow_msg_schedules", "")
	case has("message counters is disabled"):
		return disabled("allow_msg_counter", "")
	case has("atomic publish is disabled"):
		return disabled("allow_atomic", "allow_atomic")
	case has("batch publish is disabled"):
		return disabled("allow_batched", "")
	case has("rollup not permitted"):
		return "a header Nats-Rollup needs a stream with " + fault.Option("allow_rollup_hdrs") + ", and without " + fault.Option("deny_purge")
	case has("wrong last sequence"):
		return "the revision that was expected is not the last one: read it again, and decide anew"
	case has("parsing time"):
		return timeRule
	}
	return ""
}

// disabled says which option of a stream allows what a server refuses, and which one of a bucket, "" for none.
func disabled(ofStream, ofBucket string) string {
	help := fault.Option(ofStream) + " of the stream allows it (update_stream)"
	if ofBucket != "" {
		help += ", and " + fault.Option(ofBucket) + " of a bucket (update_kv_bucket)"
	}
	return help
}

// timeRule says what a time is for servers (RFC 3339).
const timeRule = "a time with its zone is needed, such as 2026-01-01T00:00:00Z"

// CheckTime refuses a text that is no time for servers: ErrInvalidArg.
func CheckTime(text string) error {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return fault.New(fault.InvalidArg, "Invalid time "+text+": "+timeRule)
	}
	return nil
}
