package js

import (
	"strings"

	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

func checkConsumerName(name string) error {
	if !ValidName(name) {
		return wire.Fail("ErrInvalidArg", "Invalid consumer name "+name)
	}
	return nil
}

// AddConsumer makes a consumer and does not change one. config is the JSON to be,
// durations in ns. Without a name, a durable one or not, the server makes one up.
func (j *JetStream) AddConsumer(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.sendConsumer(stream, config, "create", done)
}

// UpdateConsumer changes a consumer and does not make one (servers from 2.10 on).
func (j *JetStream) UpdateConsumer(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.sendConsumer(stream, config, "update", done)
}

func (j *JetStream) sendConsumer(stream string, config dict.Dict, action string, done func(dict.Dict, error)) error {
	name := config.Text("durable_name")
	if given, ok := config.Get("name"); ok {
		name, _ = given.(string)
		if err := checkConsumerName(name); err != nil {
			return err
		}
	}
	api := "CONSUMER.CREATE." + stream
	if name != "" {
		api += "." + name
		// A user's permissions may be for one filter alone. It is not in the subject
		// where it has wildcards: those are for subscribing.
		if filter := config.Text("filter_subject"); filter != "" && !strings.ContainsAny(filter, "*>") {
			api += "." + filter
		}
	}
	body := dict.Dict{
		{Key: "stream_name", Value: stream},
		{Key: "config", Value: config},
		{Key: "action", Value: action},
	}
	return j.call(api, body.JSON(), done, consumerInfo...)
}

// AddConsumerJSON makes or changes a durable consumer. config is sent as it is, and the
// reply's JSON returned as it is. Nobody answers: ErrNoResponders.
func (j *JetStream) AddConsumerJSON(stream, consumer string, config []byte, done func(string, error)) error {
	if _, err := configJSON(config); err != nil {
		return err
	}
	name := dict.Dict{{Key: "stream_name", Value: stream}}.JSON()
	body := append(name[:len(name)-1], `,"config":`...)
	body = append(append(body, config...), '}')
	return j.callJSON("CONSUMER.DURABLE.CREATE."+stream+"."+consumer, body, done)
}

// ConsumerInfo returns a consumer's config and state, durations in ns.
func (j *JetStream) ConsumerInfo(stream, consumer string, done func(dict.Dict, error)) error {
	return j.call("CONSUMER.INFO."+stream+"."+consumer, nil, done, consumerInfo...)
}

// ConsumerNames returns the names of all consumers of a stream, however many pages that
// takes.
func (j *JetStream) ConsumerNames(stream string, done func([]string, error)) error {
	return j.names("CONSUMER.NAMES."+stream, "consumers", "", []string{}, done)
}

// DeleteConsumer deletes a consumer of a stream.
func (j *JetStream) DeleteConsumer(stream, consumer string, done func(error)) error {
	return j.call("CONSUMER.DELETE."+stream+"."+consumer, nil, func(_ dict.Dict, err error) { done(err) }, success)
}

// PauseConsumer pauses a consumer until a time (RFC 3339), or with an empty one lets it go
// on. The reply has paused, pause_until and pause_remaining in ns.
func (j *JetStream) PauseConsumer(stream, consumer, until string, done func(dict.Dict, error)) error {
	request := dict.Dict{}
	if until != "" {
		request.Set("pause_until", until)
	}
	return j.call("CONSUMER.PAUSE."+stream+"."+consumer, request.JSON(), done, aBool("paused"))
}
