// SPDX-License-Identifier: Apache-2.0

package js

import (
	"cmp"
	"strings"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

func checkConsumerName(name string) error {
	if !validName(name) {
		return badName("consumer", name)
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

// CreateOrUpdateConsumer changes a consumer, or makes it where it is not there.
func (j *JetStream) CreateOrUpdateConsumer(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.sendConsumer(stream, config, "", done)
}

// sendConsumer sends a consumer's config; action is the only thing that may be done with it, empty
// for either.
func (j *JetStream) sendConsumer(stream string, config dict.Dict, action string, done func(dict.Dict, error)) error {
	endpoint, err := j.consumerEndpoint(stream, config)
	if err != nil {
		return err
	}
	body := dict.Dict{
		{Key: "stream_name", Value: stream},
		{Key: "config", Value: config},
	}
	if action != "" {
		body.Set("action", action)
	}
	return j.call(endpoint, body.JSON(), done, consumerInfo...)
}

// consumerEndpoint is where a consumer is made or changed: that which lists of permissions name
// for its kind (docs/jetstream.md "Consumers").
func (j *JetStream) consumerEndpoint(stream string, config dict.Dict) (endpoint, error) {
	given, named := config.Get("name")
	name, _ := given.(string)
	durable := config.Text("durable_name")
	if named {
		if err := checkConsumerName(name); err != nil {
			return endpoint{}, err
		}
	}
	switch {
	case durable != "":
		return at("CONSUMER.DURABLE.CREATE", stream, durable), nil
	case name == "":
		return at("CONSUMER.CREATE", stream), nil
	}
	e := at("CONSUMER.CREATE", stream, name)
	if _, several := config.Get("filter_subjects"); !several {
		e.filter = config.Text("filter_subject")
	}
	// A pedantic server complains of wildcards in what is published, and takes the request
	// without the filter in its subject as well.
	if strings.ContainsAny(e.filter, "*>") && j.conn.Pedantic() {
		e.filter = ""
	}
	return e, nil
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
	return j.callJSON(at("CONSUMER.DURABLE.CREATE", stream, consumer), body, done)
}

// ConsumerInfo returns a consumer's config and state, durations in ns.
func (j *JetStream) ConsumerInfo(stream, consumer string, done func(dict.Dict, error)) error {
	return j.call(at("CONSUMER.INFO", stream, consumer), nil, done, consumerInfo...)
}

// ConsumerNames returns the names of all consumers of a stream, however many pages that
// takes.
func (j *JetStream) ConsumerNames(stream string, done func([]string, error)) error {
	return j.names(at("CONSUMER.NAMES", stream), "consumers", "", []string{}, done)
}

// DeleteConsumer deletes a consumer of a stream.
func (j *JetStream) DeleteConsumer(stream, consumer string, done func(error)) error {
	return j.remove(at("CONSUMER.DELETE", stream, consumer), fault.ConsumerNotFound, done)
}

// PauseConsumer pauses a consumer until a time (RFC 3339), or with an empty one lets it go
// on. The reply has paused, pause_until and pause_remaining in ns.
func (j *JetStream) PauseConsumer(stream, consumer, until string, done func(dict.Dict, error)) error {
	request := dict.Dict{}
	if until != "" {
		request.Set("pause_until", until)
	}
	return j.call(at("CONSUMER.PAUSE", stream, consumer), request.JSON(), done, aBool("paused"))
}

// ResetConsumer lets a consumer begin anew where its deliver policy says, or with seq above 0 at
// that message (servers from 2.14 on). The reply is its info with reset_seq. Servers do not
// answer for a consumer that is not there: ErrConsumerNotFound when the time is over.
func (j *JetStream) ResetConsumer(stream, consumer string, seq uint64, done func(dict.Dict, error)) error {
	var body []byte
	if seq > 0 {
		body = dict.Dict{{Key: "seq", Value: seq}}.JSON()
	}
	return j.call(at("CONSUMER.RESET", stream, consumer), body, func(reply dict.Dict, err error) {
		if !wire.IsDeadline(err) {
			done(reply, err)
			return
		}
		j.absent(stream, consumer, func(why error) { done(nil, cmp.Or(why, err)) })
	}, append(consumerInfo[:len(consumerInfo):len(consumerInfo)], aCount("reset_seq"))...)
}

// UnpinConsumer ends the turn of a group's pinned client: another may be the next (ADR-42).
func (j *JetStream) UnpinConsumer(stream, consumer, group string, done func(error)) error {
	body := dict.Dict{{Key: "group", Value: group}}.JSON()
	return j.call(at("CONSUMER.UNPIN", stream, consumer), body, func(_ dict.Dict, err error) { done(err) })
}
