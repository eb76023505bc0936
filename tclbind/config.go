package tclbind

import (
	"math/big"
	"strings"

	"natstcl/kv/dict"
)

// The configs of streams and consumers: each option is sent under its own name, and is in
// no other place than these tables. They parse and check it, make the JSON, turn its
// durations into ms where a config is read, and docs/jetstream.md is made of them.

// streamOptions are those of add_stream and update_stream (jetstream.md, Streams), in
// the order in which the JSON has them; behind metadata those that the contract has not.
var streamOptions = []option{
	{name: "description", kind: nonempty, about: "a text for people"},
	{name: "subjects", kind: words, about: "what the stream listens to; a mirror has none"},
	{name: "retention", kind: enum, allowed: []string{"limits", "interest", "workqueue"}, fallback: "limits", about: "until a limit is reached, while a consumer has not acknowledged, or until one has"},
	{name: "max_consumers", kind: whole, about: "-1: no limit"},
	{name: "max_msgs", kind: whole, about: "-1: no limit"},
	{name: "max_bytes", kind: whole, about: "-1: no limit"},
	{name: "discard", kind: enum, allowed: []string{"new", "old"}, about: "at a limit the new message is refused, or the oldest goes"},
	{name: "max_age", kind: duration, about: "how long messages stay; 0: for ever"},
	{name: "max_msgs_per_subject", kind: whole, about: "-1: no limit"},
	{name: "max_msg_size", kind: whole, about: "bytes; -1: no limit"},
	{name: "storage", kind: enum, allowed: []string{"memory", "file"}, fallback: "file", about: "where messages are kept"},
	{name: "num_replicas", kind: whole, about: "copies in a cluster"},
	{name: "no_ack", kind: truth, about: "publishing is not acknowledged"},
	{name: "duplicate_window", kind: duration, about: "how long the server remembers message IDs"},
	{name: "mirror", kind: nested, fields: streamSourceFields, about: "the stream that this one is a copy of: `nats::make_stream_source`"},
	{name: "sources", kind: nestedIn, fields: streamSourceFields, about: "the streams that this one gathers from: `nats::make_stream_source` of each"},
	{name: "sealed", kind: truth, about: "nothing can be added or removed any more"},
	{name: "deny_delete", kind: truth, about: "messages cannot be deleted"},
	{name: "deny_purge", kind: truth, about: "the stream cannot be purged"},
	{name: "allow_rollup_hdrs", kind: truth, about: "a message may replace those before it (Nats-Rollup)"},
	{name: "compression", kind: enum, allowed: []string{"none", "s2"}, about: "of what is kept in files"},
	{name: "first_seq", kind: whole, about: "the first sequence number"},
	{name: "subject_transform", kind: nested, fields: subjectTransformOptions, about: "`nats::make_subject_transform`: of subjects as messages come in"},
	{name: "republish", kind: nested, fields: republishOptions, about: "`nats::make_republish`: messages are published once more when they are stored"},
	{name: "allow_direct", kind: truth, about: "every replica answers direct gets"},
	{name: "mirror_direct", kind: truth, about: "so does a mirror, for its origin"},
	{name: "metadata", kind: metadata, about: "texts for programs"},
	{name: "placement", kind: nested, about: "where the copies are", fields: []option{
		{name: "cluster", kind: nonempty},
		{name: "tags", kind: words},
		{name: "preferred", kind: nonempty},
	}},
	{name: "discard_new_per_subject", kind: truth, about: "discard new goes for max_msgs_per_subject, too"},
	{name: "consumer_limits", kind: nested, empty: true, about: "what consumers have where they do not say", fields: []option{
		{name: "inactive_threshold", kind: duration},
		{name: "max_ack_pending", kind: whole},
	}},
	{name: "allow_msg_ttl", kind: truth, about: "messages may have a time to live"},
	{name: "subject_delete_marker_ttl", kind: duration, about: "how long a marker stays where a limit took the last message of a subject"},
	{name: "allow_msg_counter", kind: truth, about: "messages are counters (Nats-Incr)"},
	{name: "allow_atomic", kind: truth, about: "batches are stored whole or not at all"},
	{name: "allow_batched", kind: truth, about: "batches of messages are taken fast"},
	{name: "allow_msg_schedules", kind: truth, about: "messages may be scheduled"},
	{name: "persist_mode", kind: enum, allowed: []string{"default", "async"}, about: "async: publishing is acknowledged before the message is on disk"},
}

// consumerOptions are those of add_consumer and update_consumer (jetstream.md, Consumers);
// behind metadata those that the contract has not.
var consumerOptions = []option{
	{name: "name", kind: nonempty, about: "of one that is not durable; excludes -durable_name"},
	{name: "durable_name", kind: nonempty, about: "of one that stays until it is deleted"},
	{name: "description", kind: nonempty, about: "a text for people"},
	{name: "deliver_policy", kind: enum, fallback: "all", allowed: deliverPolicies, about: "where it begins"},
	{name: "opt_start_seq", kind: whole, about: "for by_start_sequence"},
	{name: "opt_start_time", kind: nonempty, about: "for by_start_time, as 2026-01-01T00:00:00Z"},
	{name: "ack_policy", kind: enum, fallback: "explicit", allowed: []string{"none", "all", "explicit"}, about: "which messages are to be acknowledged"},
	{name: "ack_wait", kind: duration, about: "after which a message comes again"},
	{name: "max_deliver", kind: whole, about: "how often a message is delivered at most; -1: no limit"},
	{name: "filter_subject", kind: nonempty, about: "of the messages that it gets; wildcards are fine"},
	{name: "replay_policy", kind: enum, fallback: "instant", allowed: []string{"instant", "original"}, about: "at once, or as slowly as they came"},
	{name: "rate_limit_bps", kind: whole, about: "bits per second, of a push consumer"},
	{name: "sample_freq", kind: nonempty, about: "for how many of 100 acknowledgements the server publishes an advisory"},
	{name: "max_waiting", kind: whole, about: "pull requests at a time"},
	{name: "max_ack_pending", kind: whole, about: "messages that wait for an acknowledgement at a time"},
	{name: "flow_control", kind: truth, about: "of a push consumer"},
	{name: "idle_heartbeat", kind: duration, about: "of a push consumer that has nothing to send"},
	{name: "headers_only", kind: truth, about: "messages come without their payload"},
	{name: "deliver_subject", kind: nonempty, about: "makes it a push consumer, which publishes there"},
	{name: "deliver_group", kind: nonempty, about: "the queue group of its subscribers"},
	{name: "inactive_threshold", kind: duration, about: "after which one that nobody listens to is removed"},
	{name: "num_replicas", kind: whole, about: "copies in a cluster; 0: as many as the stream"},
	{name: "mem_storage", kind: truth, about: "its state is kept in memory"},
	{name: "metadata", kind: metadata, about: "texts for programs"},
	{name: "filter_subjects", kind: words, about: "several in place of -filter_subject"},
	{name: "backoff", kind: periods, about: "the waits before a message comes again, in place of -ack_wait"},
	{name: "max_batch", kind: whole, about: "of one pull request"},
	{name: "max_expires", kind: duration, about: "of one pull request"},
	{name: "max_bytes", kind: whole, about: "of one pull request"},
	{name: "pause_until", kind: nonempty, about: "nothing is delivered before, as 2026-01-01T00:00:00Z"},
	{name: "priority_policy", kind: enum, allowed: []string{"none", "overflow", "pinned_client", "prioritized"}, about: "how the clients of a group share the messages"},
	{name: "priority_groups", kind: words, about: "the name of the group"},
	{name: "priority_timeout", kind: duration, about: "after which another client may be the pinned one"},
}

var deliverPolicies = []string{"all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"}

// jsonConfig turns parsed options into what goes over the wire.
func jsonConfig(o options, table []option) dict.Dict {
	out := dict.Dict{}
	for _, row := range table {
		value, there := o[row.name]
		if !there {
			continue
		}
		switch v := value.(type) {
		case *big.Rat:
			value = toNanos(v)
		case []*big.Rat:
			list := make([]any, len(v))
			for i, ms := range v {
				list[i] = toNanos(ms)
			}
			value = list
		}
		out = append(out, dict.Field{Key: row.name, Value: value})
	}
	return out
}

// configInMillis returns a reply with the durations of its config in ms, by the config's
// table.
func configInMillis(table []option) func(dict.Dict) (any, error) {
	return func(reply dict.Dict) (any, error) {
		config, ok := reply.Path("config").(dict.Dict)
		if !ok {
			return reply, nil
		}
		out := append(dict.Dict(nil), reply...)
		out.Set("config", inMillis(config, table))
		return out, nil
	}
}

// inMillis returns a config with its durations in ms. Others may hold the one that it is
// given.
func inMillis(config dict.Dict, table []option) dict.Dict {
	out := append(dict.Dict(nil), config...)
	for i := range out {
		row := optionOf(table, out[i].Key)
		if row == nil {
			continue
		}
		switch v := out[i].Value.(type) {
		case dict.Number:
			if row.kind == duration {
				out[i].Value = nanosToMillis(v)
			}
		case []any:
			if row.kind == periods {
				list := make([]any, len(v))
				for n, e := range v {
					if ns, ok := e.(dict.Number); ok {
						e = nanosToMillis(ns)
					}
					list[n] = e
				}
				out[i].Value = list
			}
		case dict.Dict:
			if row.kind == nested {
				out[i].Value = inMillis(v, row.fields)
			}
		}
	}
	return out
}

// nanosToMillis moves the decimal point, so that nothing is rounded. 0 and less, and
// what is no plain integer, stay as they are.
func nanosToMillis(ns dict.Number) dict.Number {
	digits := string(ns)
	if digits == "" || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return ns
	}
	if len(digits) <= 6 {
		digits = strings.Repeat("0", 7-len(digits)) + digits
	}
	whole, fraction := digits[:len(digits)-6], strings.TrimRight(digits[len(digits)-6:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	return dict.Number(whole)
}

// A stream's mirror or source, as its config has it, and as make_stream_source takes it.
var (
	streamSourceFields  = append(streamSourceCommon[:len(streamSourceCommon):len(streamSourceCommon)], option{name: "external", kind: nested, fields: externalOptions})
	streamSourceOptions = append(streamSourceCommon[:len(streamSourceCommon):len(streamSourceCommon)], externalOptions...)
	streamSourceCommon  = []option{
		{name: "name", kind: nonempty, required: true, about: "of the stream"},
		{name: "opt_start_seq", kind: whole, about: "the first message"},
		{name: "opt_start_time", kind: nonempty, about: "the first message, as 2026-01-01T00:00:00Z"},
		{name: "filter_subject", kind: nonempty, about: "of the messages"},
		{name: "subject_transforms", kind: nestedIn, fields: subjectTransformOptions, about: "`nats::make_subject_transform` of each, which also filter"},
		{name: "consumer", kind: nested, about: "a durable consumer to read by", fields: []option{
			{name: "name", kind: nonempty},
			{name: "deliver_subject", kind: nonempty},
		}},
	}
	externalOptions = []option{
		{name: "api", kind: anyText, about: "the prefix of the API of another account or domain"},
		{name: "deliver", kind: anyText, about: "the prefix of the subjects to deliver to"},
	}
)

// cmdMakeStreamSource returns the JSON of a stream's mirror or source.
func cmdMakeStreamSource(_ *Package, args []Value) (any, error) {
	o, err := parseOptions(args, streamSourceOptions)
	if err != nil {
		return nil, err
	}
	config := jsonConfig(o, streamSourceCommon)
	if external := jsonConfig(o, externalOptions); len(external) > 0 {
		config.Set("external", external)
	}
	return string(config.JSON()), nil
}

var subjectTransformOptions = []option{
	{name: "src", kind: nonempty, required: true, about: "a subject with wildcards"},
	{name: "dest", kind: nonempty, required: true, about: "a subject, where `{{wildcard(1)}}` stands for the first wildcard of src"},
}

// cmdMakeSubjectTransform returns the JSON of a subject transform.
func cmdMakeSubjectTransform(_ *Package, args []Value) (any, error) {
	return makeJSON(args, subjectTransformOptions)
}

var republishOptions = []option{
	{name: "src", kind: nonempty, required: true, about: "of which subjects"},
	{name: "dest", kind: nonempty, required: true, about: "to which"},
	{name: "headers_only", kind: truth, about: "without the payload"},
}

// cmdMakeRepublish returns the JSON of a stream's republish.
func cmdMakeRepublish(_ *Package, args []Value) (any, error) {
	return makeJSON(args, republishOptions)
}

func makeJSON(args []Value, table []option) (any, error) {
	o, err := parseOptions(args, table)
	if err != nil {
		return nil, err
	}
	return string(jsonConfig(o, table).JSON()), nil
}
