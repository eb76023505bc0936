package js

import (
	"strings"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// ValidName tells whether a stream or consumer can have this name (jetstream.md,
// Fetching): a subject's token, without a few.
func ValidName(name string) bool {
	return wire.ValidQueue(name) && !strings.ContainsAny(name, `'/"*>.\`)
}

func checkStreamName(name string) error {
	if !ValidName(name) {
		return wire.Fail("ErrInvalidArg", "Invalid stream name "+name)
	}
	return nil
}

// StreamInfo returns a stream's config, state and so on, durations in ns.
func (j *JetStream) StreamInfo(stream string, done func(dict.Dict, error)) error {
	return j.Call("STREAM.INFO."+stream, nil, func(reply dict.Dict, err error) {
		done(reply.Without("total", "offset", "limit"), err)
	})
}

// StreamSubjects returns a stream's subjects, each with the number of its messages, or
// those of them that match a filter.
func (j *JetStream) StreamSubjects(stream, filter string, done func(dict.Dict, error)) error {
	return j.subjects(stream, filter, dict.Dict{}, done)
}

// subjects reads the page that begins after what is there already.
func (j *JetStream) subjects(stream, filter string, known dict.Dict, done func(dict.Dict, error)) error {
	request := dict.Dict{{Key: "subjects_filter", Value: filter}, {Key: "offset", Value: len(known)}}
	return j.Call("STREAM.INFO."+stream, request.JSON(), func(reply dict.Dict, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		// Without a subject the field is not there.
		page, _ := reply.Path("state", "subjects").(dict.Dict)
		known = append(known, page...)
		if len(page) == 0 || uint64(len(known)) >= count(reply, "total") {
			done(known, nil)
			return
		}
		if err := j.subjects(stream, filter, known, done); err != nil {
			done(nil, err)
		}
	})
}

// AddStream makes a stream. config is the JSON to be, durations in ns, without name.
func (j *JetStream) AddStream(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.sendStream("STREAM.CREATE.", stream, config, done)
}

// UpdateStream changes a stream.
func (j *JetStream) UpdateStream(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.sendStream("STREAM.UPDATE.", stream, config, done)
}

func (j *JetStream) sendStream(api, stream string, config dict.Dict, done func(dict.Dict, error)) error {
	if err := checkStreamName(stream); err != nil {
		return err
	}
	body := append(dict.Dict{{Key: "name", Value: stream}}, config.Without("name")...)
	return j.Call(api+stream, body.JSON(), done)
}

// AddStreamJSON makes a stream by JSON, which is sent as it is, and returns the reply's
// JSON as it is. Nobody answers: ErrNoResponders.
func (j *JetStream) AddStreamJSON(config []byte, done func(string, error)) error {
	v, err := dict.Parse(config)
	if err != nil {
		return wire.Fail("ErrInvalidArg", err.Error())
	}
	d, _ := v.(dict.Dict)
	name := d.Text("name")
	if err := checkStreamName(name); err != nil {
		return err
	}
	return j.callJSON("STREAM.CREATE."+name, config, done)
}

// callJSON is Call for one who wants the reply's JSON as it is. Nobody answers:
// ErrNoResponders.
func (j *JetStream) callJSON(api string, body []byte, done func(string, error)) error {
	subject := j.prefix + "." + api
	return j.request(&nats.Msg{Subject: subject, Data: body}, func(m *nats.Msg, err error) {
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
	return j.Call("STREAM.DELETE."+stream, nil, func(_ dict.Dict, err error) { done(err) })
}

// PurgeStream removes a stream's messages, all or what request says, and returns how
// many went.
func (j *JetStream) PurgeStream(stream string, request dict.Dict, done func(uint64, error)) error {
	var body []byte
	if len(request) > 0 {
		body = request.JSON()
	}
	return j.Call("STREAM.PURGE."+stream, body, func(reply dict.Dict, err error) {
		done(count(reply, "purged"), err)
	})
}

// AccountInfo returns the account's limits and what it uses of them.
func (j *JetStream) AccountInfo(done func(dict.Dict, error)) error { return j.Call("INFO", nil, done) }

// StreamNames returns the names of all streams, however many pages that takes, or of
// those that listen to a subject where that is not empty.
func (j *JetStream) StreamNames(subject string, done func([]string, error)) error {
	return j.names("STREAM.NAMES", "streams", subject, []string{}, done)
}

// names reads the page that begins after what is there already.
func (j *JetStream) names(api, field, subject string, names []string, done func([]string, error)) error {
	request := dict.Dict{{Key: "offset", Value: len(names)}}
	if subject != "" {
		request.Set("subject", subject)
	}
	return j.Call(api, request.JSON(), func(reply dict.Dict, err error) {
		var page []any
		if err == nil {
			page, err = list(j.prefix+"."+api, reply, field)
		}
		if err != nil {
			done(nil, err)
			return
		}
		for _, name := range page {
			text, _ := name.(string)
			names = append(names, text)
		}
		if len(page) == 0 || uint64(len(names)) >= count(reply, "total") {
			done(names, nil)
			return
		}
		if err := j.names(api, field, subject, names, done); err != nil {
			done(nil, err)
		}
	})
}
