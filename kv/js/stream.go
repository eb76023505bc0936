// SPDX-License-Identifier: Apache-2.0

package js

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// validName tells whether a stream or consumer can have this name (ADR-6): a subject's token of ASCII, without a few.
func validName(name string) bool {
	return wire.ValidQueue(name) && !strings.ContainsAny(name, `'/"*>.\`) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf })
}

// badName is the error of a name that is none of a stream or a consumer.
func badName(what, name string) error {
	return &fault.Error{Code: fault.InvalidArg, Text: "Invalid " + what + " name " + name,
		Help: "it is one word of ASCII, without blanks, dots and any of * > / \\ \" '"}
}

func checkStreamName(name string) error {
	if !validName(name) {
		return badName("stream", name)
	}
	return nil
}

// CheckBucketName is the rule for the names of buckets and of object stores (ADR-8, ADR-20). ErrInvalidArg.
func CheckBucketName(name string) error {
	bad := name == ""
	for i := 0; i < len(name) && !bad; i++ {
		c := name[i]
		bad = !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_')
	}
	if bad {
		return &fault.Error{Code: fault.InvalidArg, Text: "Invalid bucket name " + name, Help: "it consists of ASCII letters, digits, - and _"}
	}
	return nil
}

// StreamInfo returns a stream's config, state and so on, durations in ns.
func (j *JetStream) StreamInfo(stream string, done func(dict.Dict, error)) error {
	return j.call(at("STREAM.INFO", stream), nil, func(reply dict.Dict, err error) {
		done(reply.Without("total", "offset", "limit"), err)
	}, streamInfo...)
}

// StreamState is what a stream holds at one moment.
type StreamState struct {
	Created  string // when the stream was made, as the server tells it
	LastSeq  uint64
	Subjects uint64 // how many there are that match the filter
	Replicas uint64 // how many servers have the stream
	Direct   bool   // the stream answers direct gets
	Takes    bool   // the stream has subjects of its own, to publish on
}

// StreamState asks the stream's leader for it; subjects is a filter, "" for all subjects. Where there is no leader any
// replica answers, which may be behind: then it is asked again, for as long as the JetStream's timeout. Errors: those of
// StreamInfo.
func (j *JetStream) StreamState(stream, subjects string, done func(StreamState, error)) error {
	var body []byte
	if subjects != "" {
		// The server tells how many match beside a page of their names, and there is none here.
		body = dict.Dict{{Key: "subjects_filter", Value: subjects}, {Key: "offset", Value: math.MaxInt32}}.JSON()
	}
	var limit time.Time
	if timeout := j.Timeout(); timeout > 0 {
		limit = time.Now().Add(timeout)
	}
	return j.askLeader(at("STREAM.INFO", stream), body, limit, func(reply dict.Dict, err error) {
		if err != nil {
			done(StreamState{}, err)
			return
		}
		of := stateOf(reply)
		if subjects != "" {
			of.Subjects = count(reply, "total")
		}
		done(of, nil)
	})
}

// stateWants is what an info must have for a StreamState.
var stateWants = []want{anObject("config"), aCount("state.last_seq")}

// stateOf reads an info.
func stateOf(info dict.Dict) StreamState {
	of := StreamState{
		Created:  info.Text("created"),
		LastSeq:  count(info, "state", "last_seq"),
		Subjects: count(info, "state", "num_subjects"),
		Replicas: count(info, "config", "num_replicas"),
	}
	of.Direct, _ = info.Path("config", "allow_direct").(bool)
	own, _ := info.Path("config", "subjects").([]any)
	of.Takes = len(own) > 0
	return of
}

// askLeader asks for a stream's info until its leader tells it, or the limit has come; a zero limit never does.
func (j *JetStream) askLeader(e endpoint, body []byte, limit time.Time, done func(dict.Dict, error)) error {
	return j.call(e, body, func(reply dict.Dict, err error) {
		if err == nil && !led(reply) {
			err = &fault.Error{Code: fault.JSResponse, Words: []string{"503", noLeader}, Text: "the stream has no leader"}
		}
		wait := wire.DefaultRetry.Wait
		left := time.Until(limit) - wait
		switch {
		case !Leaderless(err), !limit.IsZero() && left <= 0:
			done(reply, err)
			return
		case !limit.IsZero():
			j = j.WithTimeout(left)
		}
		time.AfterFunc(wait, func() {
			j.conn.Guarded(func() {
				if err := j.askLeader(e, body, limit, done); err != nil {
					done(nil, err)
				}
			})
		})
	}, stateWants...)
}

// led tells whether a stream's info is its leader's. One without replicas has no other server that could tell it.
func led(info dict.Dict) bool {
	cluster, clustered := info.Path("cluster").(dict.Dict)
	return !clustered || cluster.Text("leader") != "" || count(info, "config", "num_replicas") <= 1
}

// StreamSubjects returns a stream's subjects, each with the number of its messages, or
// those of them that match a filter.
func (j *JetStream) StreamSubjects(stream, filter string, done func(dict.Dict, error)) error {
	return j.subjects(stream, filter, dict.Dict{}, done)
}

// subjects reads the page that begins after what is there already.
func (j *JetStream) subjects(stream, filter string, known dict.Dict, done func(dict.Dict, error)) error {
	request := dict.Dict{{Key: "subjects_filter", Value: filter}, {Key: "offset", Value: len(known)}}
	api := at("STREAM.INFO", stream)
	return j.call(api, request.JSON(), func(reply dict.Dict, err error) {
		var page dict.Dict
		if err == nil {
			page, err = subjectCounts(j.prefix+"."+api.path, reply)
		}
		if err == nil && len(page) > 0 && len(known) > 0 && page[0].Key == known[0].Key {
			err = beginsAnew(j.prefix + "." + api.path)
		}
		if err != nil {
			done(nil, err)
			return
		}
		known = append(known, page...)
		if len(page) == 0 || uint64(len(known)) >= count(reply, "total") {
			done(known, nil)
			return
		}
		if err := j.subjects(stream, filter, known, done); err != nil {
			done(nil, err)
		}
	}, anObject("state"), aCount("total"))
}

// beginsAnew is the error where a page is the first one again: that would have no end.
func beginsAnew(subject string) error { return badReply(subject, "the first page comes again") }

// subjectCounts reads the subjects of a stream's state. Without one the field is not there.
func subjectCounts(subject string, reply dict.Dict) (dict.Dict, error) {
	v := reply.Path("state", "subjects")
	page, ok := v.(dict.Dict)
	if !ok && v != nil {
		return nil, badReply(subject, "state.subjects is no JSON object")
	}
	return page, nil
}

// AddStream makes a stream. config is the JSON to be, durations in ns, without name.
func (j *JetStream) AddStream(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.sendStream("STREAM.CREATE", stream, config, done)
}

// UpdateStream changes a stream.
func (j *JetStream) UpdateStream(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.sendStream("STREAM.UPDATE", stream, config, done)
}

func (j *JetStream) sendStream(verb, stream string, config dict.Dict, done func(dict.Dict, error)) error {
	if err := checkStreamName(stream); err != nil {
		return err
	}
	body := append(dict.Dict{{Key: "name", Value: stream}}, config.Without("name")...)
	return j.call(at(verb, stream), body.JSON(), done, streamInfo...)
}

// AddStreamJSON makes a stream by JSON, which is sent as it is, and returns the reply's
// JSON as it is. Nobody answers: ErrNoResponders.
func (j *JetStream) AddStreamJSON(config []byte, done func(string, error)) error {
	d, err := configJSON(config)
	if err != nil {
		return err
	}
	return j.callJSON(at("STREAM.CREATE", d.Text("name")), config, done)
}

// configJSON reads a config that a user has written.
func configJSON(text []byte) (dict.Dict, error) {
	v, err := dict.Parse(text)
	if err != nil {
		return nil, fault.New(fault.InvalidArg, err.Error())
	}
	d, ok := v.(dict.Dict)
	if !ok {
		return nil, fault.New(fault.InvalidArg, "invalid JSON: a config is an object")
	}
	return d, nil
}

// callJSON is call for one who wants the reply's JSON as it is. Nobody answers:
// ErrNoResponders.
func (j *JetStream) callJSON(e endpoint, body []byte, done func(string, error)) error {
	subject, err := j.subject(e)
	if err != nil {
		return err
	}
	return j.request(j.asks.RequestAgain, j.question(subject, body), leaderless, func(m *wire.Lent, err error) {
		if err == nil {
			_, err = parseReply(subject, m.Data)
		}
		if err != nil {
			done("", err)
			return
		}
		done(string(m.Data), nil)
	})
}

// DeleteStream deletes a stream.
func (j *JetStream) DeleteStream(stream string, done func(error)) error {
	return j.remove(at("STREAM.DELETE", stream), fault.StreamNotFound, done)
}

// PurgeStream removes a stream's messages, all or what request says, and returns how many went. twice tells that
// they may have been more, which went before: the stream's leader changed meanwhile, and the request was made again.
func (j *JetStream) PurgeStream(stream string, request dict.Dict, done func(n uint64, twice bool, err error)) error {
	var body []byte
	if len(request) > 0 {
		body = request.JSON()
	}
	return j.callOnce(at("STREAM.PURGE", stream), body, func(reply dict.Dict, twice bool, err error) {
		done(count(reply, "purged"), twice, err)
	}, success, aCount("purged"))
}

// AccountInfo returns the account's limits and what it uses of them.
func (j *JetStream) AccountInfo(done func(dict.Dict, error)) error {
	return j.call(at("INFO"), nil, done, aCount("streams"))
}

// StreamNames returns the names of all streams, however many pages that takes, or of
// those that listen to a subject where that is not empty.
func (j *JetStream) StreamNames(subject string, done func([]string, error)) error {
	return j.names(at("STREAM.NAMES"), "streams", subject, []string{}, done)
}

// names reads the page that begins after what is there already.
func (j *JetStream) names(api endpoint, field, subject string, names []string, done func([]string, error)) error {
	request := dict.Dict{{Key: "offset", Value: len(names)}}
	if subject != "" {
		request.Set("subject", subject)
	}
	return j.call(api, request.JSON(), func(reply dict.Dict, err error) {
		var page []string
		if err == nil {
			page, err = texts(j.prefix+"."+api.path, reply, field)
		}
		if err == nil && len(page) > 0 && len(names) > 0 && page[0] == names[0] {
			err = beginsAnew(j.prefix + "." + api.path)
		}
		if err != nil {
			done(nil, err)
			return
		}
		names = append(names, page...)
		if len(page) == 0 || uint64(len(names)) >= count(reply, "total") {
			done(names, nil)
			return
		}
		if err := j.names(api, field, subject, names, done); err != nil {
			done(nil, err)
		}
	}, aCount("total"))
}
