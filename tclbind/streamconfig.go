package tclbind

import (
	"math/big"

	"natstcl/kv/dict"
)

// streamOptions are those of add_stream and update_stream (jetstream.md, Streams), in
// the order in which the JSON has them. Each is sent under its own name.
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
	{name: "mirror", kind: jsonText},
	{name: "sources", kind: jsonList},
	{name: "sealed", kind: truth},
	{name: "deny_delete", kind: truth},
	{name: "deny_purge", kind: truth},
	{name: "allow_rollup_hdrs", kind: truth},
	{name: "compression", kind: enum, allowed: []string{"none", "s2"}},
	{name: "first_seq", kind: whole},
	{name: "subject_transform", kind: jsonText},
	{name: "republish", kind: jsonText},
	{name: "allow_direct", kind: truth},
	{name: "mirror_direct", kind: truth},
	{name: "metadata", kind: metadata},
}

// jsonConfig turns parsed options into what goes over the wire, by their kinds.
func jsonConfig(o options, table []option) (dict.Dict, error) {
	out := dict.Dict{}
	for _, row := range table {
		value, there := o[row.name]
		if !there {
			continue
		}
		switch row.kind {
		case duration:
			if _, ok := value.(*big.Rat); ok {
				value = o.nanos(row.name)
			}
		case jsonText:
			parsed, err := dict.Parse([]byte(o.text(row.name)))
			if err != nil {
				return nil, err
			}
			value = parsed
		case jsonList:
			list := []any{}
			for _, text := range o.list(row.name) {
				parsed, err := dict.Parse([]byte(text))
				if err != nil {
					return nil, invalid("Invalid value for the " + string(jsonText) + " option " + row.name + " : " + text)
				}
				list = append(list, parsed)
			}
			value = list
		}
		out = append(out, dict.Field{Key: row.name, Value: value})
	}
	return out, nil
}

var streamSourceOptions = []option{
	{name: "name", kind: nonempty, required: true},
	{name: "opt_start_seq", kind: whole},
	{name: "opt_start_time", kind: nonempty},
	{name: "filter_subject", kind: nonempty},
	{name: "subject_transforms", kind: jsonList},
	{name: "api", kind: nonempty},
	{name: "deliver", kind: nonempty},
}

// cmdMakeStreamSource returns the JSON of a stream's mirror or source.
func cmdMakeStreamSource(_ *Package, args []Value) (any, error) {
	o, err := parseOptions(args, streamSourceOptions)
	if err != nil {
		return nil, err
	}
	config, err := jsonConfig(o, streamSourceOptions)
	if err != nil {
		return nil, err
	}
	external := dict.Dict{}
	for _, name := range []string{"api", "deliver"} {
		if o.has(name) {
			external.Set(name, o.text(name))
		}
	}
	config = config.Without("api", "deliver")
	if len(external) > 0 {
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
	o, err := parseOptions(args, subjectTransformOptions)
	if err != nil {
		return nil, err
	}
	config, err := jsonConfig(o, subjectTransformOptions)
	return string(config.JSON()), err
}

var republishOptions = []option{
	{name: "src", kind: nonempty, required: true},
	{name: "dest", kind: nonempty, required: true},
	{name: "headers_only", kind: truth},
}

// cmdMakeRepublish returns the JSON of a stream's republish.
func cmdMakeRepublish(_ *Package, args []Value) (any, error) {
	o, err := parseOptions(args, republishOptions)
	if err != nil {
		return nil, err
	}
	config, err := jsonConfig(o, republishOptions)
	return string(config.JSON()), err
}
