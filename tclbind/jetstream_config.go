// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"math/big"
	"strings"

	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// The configs of streams and consumers: each option is sent under its own name, and is in
// no other place than these tables. They parse and check it, make the JSON, turn its
// durations into ms where a config is read, and docs/jetstream.md is made of them.

// streamOptions are those of add_stream and update_stream (docs/jetstream.md "Streams"), in
// the order in which the JSON has them; behind metadata those that the pure-Tcl client does not have.
var streamOptions = option.Table{
	{Name: "description", Kind: option.Nonempty, About: "a text for people"},
	{Name: "subjects", Kind: option.List, About: "what the stream listens to; without it the subject that is its name; a mirror has none"},
	{Name: "retention", Kind: option.Enum, Allowed: []string{"limits", "interest", "workqueue"}, Default: "limits", About: "limits: messages stay until a limit is reached; interest: until all consumers have acknowledged them; workqueue: until one has"},
	{Name: "max_consumers", Kind: option.Int, About: "how many consumers the stream may have; -1: no limit"},
	{Name: "max_msgs", Kind: option.Int, About: "how many messages the stream keeps; -1: no limit"},
	{Name: "max_bytes", Kind: option.Int, About: "how many bytes the stream keeps; -1: no limit"},
	{Name: "discard", Kind: option.Enum, Allowed: []string{"new", "old"}, About: "what happens at a limit. new: the new message is refused; old: the oldest one is deleted"},
	{Name: "max_age", Kind: option.Duration, About: "how long messages stay; 0: for ever"},
	{Name: "max_msgs_per_subject", Kind: option.Int, About: "how many messages of each subject the stream keeps; -1: no limit"},
	{Name: "max_msg_size", Kind: option.Int, About: "how many bytes a message may have; -1: no limit"},
	{Name: "storage", Kind: option.Enum, Allowed: []string{"memory", "file"}, Default: "file", About: "where messages are kept"},
	{Name: "num_replicas", Kind: option.Int, About: "how many copies there are in a cluster"},
	{Name: "no_ack", Kind: option.Bool, About: "the server does not acknowledge what is published"},
	{Name: "duplicate_window", Kind: option.Duration, About: "how long the server remembers message IDs"},
	{Name: "mirror", Kind: nested, Fields: streamSourceFields, About: "`nats::make_stream_source` of the stream that this one is a copy of"},
	{Name: "sources", Kind: nestedIn, Fields: streamSourceFields, About: "`nats::make_stream_source` of each stream that this one gathers from"},
	{Name: "sealed", Kind: option.Bool, About: "nothing can be added or removed any more"},
	{Name: "deny_delete", Kind: option.Bool, About: "messages cannot be deleted"},
	{Name: "deny_purge", Kind: option.Bool, About: "the stream cannot be purged"},
	{Name: "allow_rollup_hdrs", Kind: option.Bool, About: "a message may replace those before it (Nats-Rollup)"},
	{Name: "compression", Kind: option.Enum, Allowed: []string{"none", "s2"}, About: "how files are compressed"},
	{Name: "first_seq", Kind: option.Int, About: "the sequence number of the first message"},
	{Name: "subject_transform", Kind: nested, Fields: subjectTransformOptions, About: "`nats::make_subject_transform`: how subjects are changed when messages come in"},
	{Name: "republish", Kind: nested, Fields: republishOptions, About: "`nats::make_republish`: where messages are published once more when they are stored"},
	{Name: "allow_direct", Kind: option.Bool, About: "every replica answers direct gets"},
	{Name: "mirror_direct", Kind: option.Bool, About: "a mirror answers direct gets for its origin"},
	{Name: "metadata", Kind: metadata, About: "texts for programs"},
	{Name: "placement", Kind: nested, Empty: true, About: "the cluster, and the tags of servers, in which the copies are; empty: anywhere", Fields: placementOptions},
	{Name: "discard_new_per_subject", Kind: option.Bool, About: "-discard new applies to -max_msgs_per_subject, too"},
	{Name: "consumer_limits", Kind: nested, Empty: true, About: "limits for the stream's consumers, which are also the defaults where a consumer does not say", Fields: option.Table{
		{Name: "inactive_threshold", Kind: option.Duration},
		{Name: "max_ack_pending", Kind: option.Int},
	}},
	{Name: "allow_msg_ttl", Kind: option.Bool, About: "messages may have a time to live"},
	{Name: "subject_delete_marker_ttl", Kind: option.Duration, About: "how long a marker stays when a limit has removed the last message of a subject"},
	{Name: "allow_msg_counter", Kind: option.Bool, About: "messages are counters (Nats-Incr)"},
	{Name: "allow_atomic", Kind: option.Bool, About: "batches are stored whole or not at all"},
	{Name: "allow_batched", Kind: option.Bool, About: "messages of a `fast_publisher` are accepted"},
	{Name: "allow_msg_schedules", Kind: option.Bool, About: "messages may be scheduled"},
	{Name: "persist_mode", Kind: option.Enum, Allowed: []string{"default", "async"}, About: "async: publishing is acknowledged before the message is on disk"},
}

// consumerOptions are those of add_consumer and update_consumer (docs/jetstream.md "Consumers");
// behind metadata those that the pure-Tcl client does not have.
var consumerOptions = option.Table{
	{Name: "name", Kind: option.Nonempty, About: "the name of a consumer that is not durable; excludes -durable_name"},
	{Name: "durable_name", Kind: option.Nonempty, About: "the name of a durable consumer, which stays until it is deleted"},
	{Name: "description", Kind: option.Nonempty, About: "a text for people"},
	{Name: "deliver_policy", Kind: option.Enum, Default: "all", Allowed: deliverPolicies, About: "the message to begin at"},
	{Name: "opt_start_seq", Kind: option.Int, About: "the sequence number, for by_start_sequence"},
	{Name: "opt_start_time", Kind: option.Nonempty, About: "the time, for by_start_time, such as 2026-01-01T00:00:00Z"},
	{Name: "ack_policy", Kind: option.Enum, Default: "explicit", Allowed: ackPolicies, About: "which messages have to be acknowledged; flow_control: a push consumer's messages are acknowledged by the answer to its flow control"},
	{Name: "ack_wait", Kind: option.Duration, About: "after which time without an acknowledgement a message comes again"},
	{Name: "max_deliver", Kind: option.Int, About: "how often a message is delivered at most; -1: no limit. After that it stays in the stream, in one with retention workqueue for ever: the advisory MAX_DELIVERIES names it, and `stream_msg_delete` removes it"},
	{Name: "filter_subject", Kind: option.Nonempty, About: "the subject of the messages that it gets; may have wildcards"},
	{Name: "replay_policy", Kind: option.Enum, Default: "instant", Allowed: replayPolicies, About: "instant: messages come at once; original: as slowly as they were published"},
	{Name: "rate_limit_bps", Kind: option.Int, About: "how many bits per second a push consumer sends at most"},
	{Name: "sample_freq", Kind: option.Nonempty, About: "for how many of 100 acknowledgements the server publishes an advisory"},
	{Name: "max_waiting", Kind: option.Int, About: "how many pull requests may wait at a time"},
	{Name: "max_ack_pending", Kind: option.Int, About: "how many messages may wait for an acknowledgement at a time"},
	{Name: "flow_control", Kind: option.Bool, About: "the server waits for the client of a push consumer, which answers its flow control"},
	{Name: "idle_heartbeat", Kind: option.Duration, About: "how often a push consumer shows that it lives while it has nothing to send"},
	{Name: "headers_only", Kind: option.Bool, About: "messages come without their payload"},
	{Name: "deliver_subject", Kind: option.Nonempty, About: "the subject that messages are published to, which makes it a push consumer"},
	{Name: "deliver_group", Kind: option.Nonempty, About: "the queue group of its subscribers"},
	{Name: "inactive_threshold", Kind: option.Duration, About: "after which time the server removes the consumer if nobody listens to it"},
	{Name: "num_replicas", Kind: option.Int, About: "how many copies there are in a cluster; 0: as many as the stream has"},
	{Name: "mem_storage", Kind: option.Bool, About: "its state is kept in memory"},
	{Name: "metadata", Kind: metadata, About: "texts for programs"},
	{Name: "filter_subjects", Kind: option.List, About: "several subjects, in place of -filter_subject"},
	{Name: "backoff", Kind: option.Durations, About: "how long to wait each time before a message comes again, in place of -ack_wait"},
	{Name: "max_batch", Kind: option.Int, About: "how many messages one pull request may ask for"},
	{Name: "max_expires", Kind: option.Duration, About: "how long one pull request may last"},
	{Name: "max_bytes", Kind: option.Int, About: "how many bytes one pull request may ask for"},
	{Name: "pause_until", Kind: option.Nonempty, About: "the time before which nothing is delivered, such as 2026-01-01T00:00:00Z"},
	{Name: "priority_policy", Kind: option.Enum, Allowed: []string{"none", "overflow", "pinned_client", "prioritized"}, About: "how the clients of a group share the messages"},
	{Name: "priority_groups", Kind: option.List, About: "a list with the name of the group"},
	{Name: "priority_timeout", Kind: option.Duration, About: "after which time without a sign of the pinned client another one may take its place"},
}

var placementOptions = option.Table{
	{Name: "cluster", Kind: option.Nonempty},
	{Name: "tags", Kind: option.List, Empty: true},
	{Name: "preferred", Kind: option.Nonempty},
}

var (
	deliverPolicies = []string{"all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"}
	ackPolicies     = []string{"none", "all", "explicit", "flow_control"}
	replayPolicies  = []string{"instant", "original"}
)

// jsonConfig turns parsed options into what goes over the wire. What may be empty, and is, is left out: so servers know
// that there is none.
func jsonConfig(o option.Values, table option.Table) dict.Dict {
	out := dict.Dict{}
	for _, row := range table {
		value, there := o.Find(row.Name)
		if !there {
			continue
		}
		switch v := value.(type) {
		case *big.Rat:
			value = option.Nanos(v)
		case []string:
			if len(v) == 0 {
				continue
			}
		case dict.Dict:
			if row.Empty && len(v) == 0 {
				continue
			}
		case []*big.Rat:
			list := make([]any, len(v))
			for i, ms := range v {
				list[i] = option.Nanos(ms)
			}
			value = list
		}
		out = append(out, dict.Field{Key: row.Name, Value: value})
	}
	return out
}

// configInMillis returns a reply with the durations of its config in ms, by the config's
// table.
func configInMillis(table option.Table) func(dict.Dict) (any, error) {
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

// configsInMillis is configInMillis for a list of replies.
func configsInMillis(table option.Table) func([]dict.Dict) (any, error) {
	one := configInMillis(table)
	return func(replies []dict.Dict) (any, error) {
		list := make([]any, len(replies))
		for i, reply := range replies {
			list[i], _ = one(reply) // which only turns what is there into something else
		}
		return list, nil
	}
}

// inMillis returns a config with its durations in ms. Others may hold the one that it is
// given.
func inMillis(config dict.Dict, table option.Table) dict.Dict {
	out := append(dict.Dict(nil), config...)
	for i := range out {
		row := table.Row(out[i].Key)
		if row == nil {
			continue
		}
		switch v := out[i].Value.(type) {
		case dict.Number:
			if row.Kind == option.Duration {
				out[i].Value = nanosToMillis(v)
			}
		case []any:
			if row.Kind == option.Durations {
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
			if row.Kind == nested {
				out[i].Value = inMillis(v, row.Fields)
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
	streamSourceFields  = append(streamSourceCommon[:len(streamSourceCommon):len(streamSourceCommon)], option.Row{Name: "external", Kind: nested, Fields: externalOptions})
	streamSourceOptions = append(streamSourceCommon[:len(streamSourceCommon):len(streamSourceCommon)], externalOptions...)
	streamSourceCommon  = option.Table{
		{Name: "name", Kind: option.Nonempty, Required: true, About: "the stream's name"},
		{Name: "opt_start_seq", Kind: option.Int, About: "the sequence number to begin at"},
		{Name: "opt_start_time", Kind: option.Nonempty, About: "the time to begin at, such as 2026-01-01T00:00:00Z"},
		{Name: "filter_subject", Kind: option.Nonempty, About: "only messages whose subject matches are taken"},
		{Name: "subject_transforms", Kind: nestedIn, Fields: subjectTransformOptions, About: "`nats::make_subject_transform` of each; only subjects that match one are taken"},
		{Name: "consumer", Kind: nested, About: "a durable consumer of that stream, to read by", Fields: option.Table{
			{Name: "name", Kind: option.Nonempty},
			{Name: "deliver_subject", Kind: option.Nonempty},
		}},
	}
	externalOptions = option.Table{
		{Name: "api", Kind: option.Text, About: "the prefix of the API of another account or domain"},
		{Name: "deliver", Kind: option.Text, About: "what the subjects begin with that messages are delivered to"},
	}
)

// cmdMakeStreamSource returns the JSON of a stream's mirror or source.
func cmdMakeStreamSource(_ *bridge.Package, args []bridge.Value) (any, error) {
	o, err := streamSourceOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	config := jsonConfig(o, streamSourceCommon)
	if external := jsonConfig(o, externalOptions); len(external) > 0 {
		config.Set("external", external)
	}
	return string(config.JSON()), nil
}

var subjectTransformOptions = option.Table{
	{Name: "src", Kind: option.Nonempty, Required: true, About: "the subjects that are changed, with wildcards"},
	{Name: "dest", Kind: option.Nonempty, Required: true, About: "the new subject, in which `{{wildcard(1)}}` stands for the first wildcard of src"},
}

// cmdMakeSubjectTransform returns the JSON of a subject transform.
func cmdMakeSubjectTransform(_ *bridge.Package, args []bridge.Value) (any, error) {
	return makeJSON(args, subjectTransformOptions)
}

var republishOptions = option.Table{
	{Name: "src", Kind: option.Nonempty, Required: true, About: "the subjects whose messages are published once more"},
	{Name: "dest", Kind: option.Nonempty, Required: true, About: "the subjects that they are published to"},
	{Name: "headers_only", Kind: option.Bool, About: "messages are published without their payload"},
}

// cmdMakeRepublish returns the JSON of a stream's republish.
func cmdMakeRepublish(_ *bridge.Package, args []bridge.Value) (any, error) {
	return makeJSON(args, republishOptions)
}

func makeJSON(args []bridge.Value, table option.Table) (any, error) {
	o, err := table.Parse(args)
	if err != nil {
		return nil, err
	}
	return string(jsonConfig(o, table).JSON()), nil
}
