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
	{name: "description", kind: nonempty},
	{name: "subjects", kind: words},
	{name: "retention", kind: enum, allowed: []string{"limits", "interest", "workqueue"}, fallback: "limits"},
	{name: "max_consumers", kind: whole},
	{name: "max_msgs", kind: whole},
	{name: "max_bytes", kind: whole},
	{name: "discard", kind: enum, allowed: []string{"new", "old"}},
	{name: "max_age", kind: duration},
	{name: "max_msgs_per_subject", kind: whole},
	{name: "max_msg_size", kind: whole},
	{name: "storage", kind: enum, allowed: []string{"memory", "file"}, fallback: "file"},
	{name: "num_replicas", kind: whole},
	{name: "no_ack", kind: truth},
	{name: "duplicate_window", kind: duration},
	{name: "mirror", kind: nested, fields: streamSourceFields},
	{name: "sources", kind: nestedIn, fields: streamSourceFields},
	{name: "sealed", kind: truth},
	{name: "deny_delete", kind: truth},
	{name: "deny_purge", kind: truth},
	{name: "allow_rollup_hdrs", kind: truth},
	{name: "compression", kind: enum, allowed: []string{"none", "s2"}},
	{name: "first_seq", kind: whole},
	{name: "subject_transform", kind: nested, fields: subjectTransformOptions},
	{name: "republish", kind: nested, fields: republishOptions},
	{name: "allow_direct", kind: truth},
	{name: "mirror_direct", kind: truth},
	{name: "metadata", kind: metadata},
	{name: "placement", kind: nested, fields: []option{
		{name: "cluster", kind: nonempty},
		{name: "tags", kind: words},
		{name: "preferred", kind: nonempty},
	}},
	{name: "discard_new_per_subject", kind: truth},
	{name: "consumer_limits", kind: nested, empty: true, fields: []option{
		{name: "inactive_threshold", kind: duration},
		{name: "max_ack_pending", kind: whole},
	}},
	{name: "allow_msg_ttl", kind: truth},
	{name: "subject_delete_marker_ttl", kind: duration},
	{name: "allow_msg_counter", kind: truth},
	{name: "allow_atomic", kind: truth},
	{name: "allow_batched", kind: truth},
	{name: "allow_msg_schedules", kind: truth},
	{name: "persist_mode", kind: enum, allowed: []string{"default", "async"}},
}

// consumerOptions are those of add_consumer and update_consumer (jetstream.md, Consumers);
// behind metadata those that the contract has not.
var consumerOptions = []option{
	{name: "name", kind: nonempty},
	{name: "durable_name", kind: nonempty},
	{name: "description", kind: nonempty},
	{name: "deliver_policy", kind: enum, fallback: "all", allowed: deliverPolicies},
	{name: "opt_start_seq", kind: whole},
	{name: "opt_start_time", kind: nonempty},
	{name: "ack_policy", kind: enum, fallback: "explicit", allowed: []string{"none", "all", "explicit"}},
	{name: "ack_wait", kind: duration},
	{name: "max_deliver", kind: whole},
	{name: "filter_subject", kind: nonempty},
	{name: "replay_policy", kind: enum, fallback: "instant", allowed: []string{"instant", "original"}},
	{name: "rate_limit_bps", kind: whole},
	{name: "sample_freq", kind: nonempty},
	{name: "max_waiting", kind: whole},
	{name: "max_ack_pending", kind: whole},
	{name: "flow_control", kind: truth},
	{name: "idle_heartbeat", kind: duration},
	{name: "headers_only", kind: truth},
	{name: "deliver_subject", kind: nonempty},
	{name: "deliver_group", kind: nonempty},
	{name: "inactive_threshold", kind: duration},
	{name: "num_replicas", kind: whole},
	{name: "mem_storage", kind: truth},
	{name: "metadata", kind: metadata},
	{name: "filter_subjects", kind: words},
	{name: "backoff", kind: periods},
	{name: "max_batch", kind: whole},
	{name: "max_expires", kind: duration},
	{name: "max_bytes", kind: whole},
	{name: "pause_until", kind: nonempty},
	{name: "priority_policy", kind: enum, allowed: []string{"none", "overflow", "pinned_client", "prioritized"}},
	{name: "priority_groups", kind: words},
	{name: "priority_timeout", kind: duration},
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
		{name: "name", kind: nonempty, required: true},
		{name: "opt_start_seq", kind: whole},
		{name: "opt_start_time", kind: nonempty},
		{name: "filter_subject", kind: nonempty},
		{name: "subject_transforms", kind: nestedIn, fields: subjectTransformOptions},
		{name: "consumer", kind: nested, fields: []option{
			{name: "name", kind: nonempty},
			{name: "deliver_subject", kind: nonempty},
		}},
	}
	externalOptions = []option{
		{name: "api", kind: anyText},
		{name: "deliver", kind: anyText},
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
	{name: "src", kind: nonempty, required: true},
	{name: "dest", kind: nonempty, required: true},
}

// cmdMakeSubjectTransform returns the JSON of a subject transform.
func cmdMakeSubjectTransform(_ *Package, args []Value) (any, error) {
	return makeJSON(args, subjectTransformOptions)
}

var republishOptions = []option{
	{name: "src", kind: nonempty, required: true},
	{name: "dest", kind: nonempty, required: true},
	{name: "headers_only", kind: truth},
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
