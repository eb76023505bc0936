// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// The tables of options by class and method: what nats::options tells, what the manual is made of,
// and what natsh completes. Constructors are "new"; the class "nats" stands for the commands of that
// namespace. A method that is not here takes no options.
var optionTables = map[string]map[string]option.Table{
	"nats": {
		"make_kv_origin":         originOptions,
		"make_stream_source":     streamSourceOptions,
		"make_subject_transform": subjectTransformOptions,
		"make_republish":         republishOptions,
	},
	"msg": {"create": {
		{Name: "data", Kind: payload, About: "the payload"},
		{Name: "reply", Kind: option.Text, About: "the subject that a reply shall go to"},
	}},
	"connection": {
		"new":             loggerOptions,
		"configure":       connectionOptions,
		"connect":         connectOptions,
		"publish":         publishOptions,
		"subscribe":       subscribeOptions,
		"next_msg":        nextOptions,
		"set_pending":     setPendingOptions,
		"respond":         respondOptions,
		"unsubscribe":     unsubscribeOptions,
		"request":         requestOptions,
		"request_msg":     requestMsgTable,
		"ping":            pingOptions,
		"rtt":             pingOptions,
		"drain":           drainOptions,
		"jet_stream":      jetStreamOptions,
		"service":         serviceOptions,
		"service_ping":    serviceAskOptions,
		"service_info":    serviceAskOptions,
		"service_stats":   serviceAskOptions,
		"service_request": serviceRequestOptions,
	},
	"jet_stream": {
		"create_kv_bucket":              madeBucket,
		"update_kv_bucket":              changedBucket,
		"create_or_update_kv_bucket":    changedBucket,
		"create_kv_aggregate":           derivedWithCodecs,
		"create_kv_mirror":              derivedBucket,
		"bind_kv_bucket":                codecOptions,
		"create_object_store":           objectStoreFreshOptions,
		"update_object_store":           objectStoreOptions,
		"create_or_update_object_store": objectStoreFreshOptions,
		"publish":                       jsPublishOptions,
		"publish_msg":                   jsPublishMsgOptions,
		"publish_wait":                  publishWaitOptions,
		"batch":                         atomicBatchOptions,
		"publish_batch":                 publishBatchOptions,
		"fast_publisher":                fastPublisherOptions,
		"fetch":                         fetchOptions,
		"consume":                       fetchOptions,
		"nak":                           nakOptions,
		"term":                          termOptions,
		"add_stream":                    streamOptions,
		"update_stream":                 streamOptions,
		"create_or_update_stream":       streamOptions,
		"purge_stream":                  purgeStreamOptions,
		"stream_info":                   streamInfoOptions,
		"stream_list":                   streamNamesOptions,
		"stream_names":                  streamNamesOptions,
		"stream_subjects":               streamSubjectsOptions,
		"stream_msg_get":                whichOptions,
		"stream_direct_get":             whichOptions,
		"stream_direct_get_batch":       batchOptions,
		"stream_msg_delete":             msgDeleteOptions,
		"add_consumer":                  consumerOptions,
		"add_pull_consumer":             consumerOptions,
		"add_push_consumer":             consumerOptions,
		"update_consumer":               consumerOptions,
		"create_or_update_consumer":     consumerOptions,
		"reset_consumer":                resetConsumerOptions,
		"ordered_consumer":              orderedConsumerOptions,
		"pull_consumer":                 pullConsumerOptions,
		"push_consumer":                 pushConsumerOptions,
	},
	"batch": {
		"add":        inBatchOptions,
		"add_msg":    messageOptions,
		"commit":     inBatchOptions,
		"commit_msg": messageOptions,
	},
	"fast_publisher": {
		"add":     inBatchOptions,
		"add_msg": messageOptions,
		"commit":  inBatchOptions,
	},
	"consumer": {"next": nextOptions},
	"key_value": {
		"get":           getOptions,
		"get_value":     getOptions,
		"put":           writeOptions,
		"create":        writeOptions,
		"update":        writeOptions,
		"revert":        callOptions,
		"touch":         touchOptions,
		"delete":        deleteOptions,
		"purge":         purgeOptions,
		"atomic":        callOptions,
		"put_many":      putManyOptions,
		"get_many":      getManyOptions,
		"delete_keys":   deleteKeysOptions,
		"purge_deletes": purgeDeletesOptions,
		"status":        callOptions,
		"config":        callOptions,
		"history":       historyOptions,
		"keys":          keysOptions,
		"watch":         watchOptions,
	},
	"kv_watcher": {"wait": watchWaitOptions},
	"object_store": {
		"put":         objectPutOptions,
		"put_file":    without(objectPutOptions, "data", "channel"),
		"get":         objectGetOptions,
		"get_file":    without(objectGetOptions, "channel", "callback"),
		"info":        objectInfoOptions,
		"list":        objectListOptions,
		"update_meta": objectMetaOptions,
		"link":        objectLinkOptions,
		"watch":       objectWatchOptions,
	},
	"service": {
		"endpoint": endpointOptions,
		"group":    serviceGroupOptions,
		"respond":  respondOptions,
		"error":    respondOptions,
		"stop":     serviceStopOptions,
	},
	"service_group": {
		"endpoint": endpointOptions,
		"group":    serviceGroupOptions,
	},
	// These have methods, none of which takes options.
	"counter": {}, "ordered_consumer": {}, "object": {}, "object_watcher": {},
	"server": {"new": serverOptions},
}

// without is a table less some of its options.
func without(t option.Table, names ...string) option.Table {
	return slices.DeleteFunc(slices.Clone(t), func(r option.Row) bool { return slices.Contains(names, r.Name) })
}

// withoutDefaults is the table of a method that changes what is given, and nothing else.
func withoutDefaults(t option.Table) option.Table {
	out := slices.Clone(t)
	for i := range out {
		out[i].Default = nil
	}
	return out
}

// cmdOptions tells the classes that there are, those methods of a class that take options, or the options
// of one (docs/introspection.md).
func cmdOptions(_ *bridge.Package, args []bridge.Value) (any, error) {
	if len(args) == 0 {
		return slices.Sorted(maps.Keys(optionTables)), nil
	}
	given := args[0].Text()
	class := strings.TrimPrefix(strings.TrimPrefix(given, "::"), "nats::")
	methods, there := optionTables[class]
	if !there {
		return nil, unknown("class", given, slices.Sorted(maps.Keys(optionTables)))
	}
	if len(args) == 1 {
		return slices.Sorted(maps.Keys(methods)), nil
	}
	table, there := methods[args[1].Text()]
	if !there {
		return nil, unknown("method", args[1].Text()+" of "+class+" with options", slices.Sorted(maps.Keys(methods)))
	}
	return tableDict(table), nil
}

// unknown is the error of a name that does not exist: it offers the names that may have been meant, or else
// all that there are.
func unknown(what, given string, names []string) error {
	word, _, _ := strings.Cut(given, " ")
	offered := "did you mean "
	near := option.Near(strings.TrimPrefix(word, "nats::"), names)
	switch {
	case len(names) == 0:
		return invalid("There is no " + what + " " + given)
	case len(near) == 0:
		offered, near = "there are ", names
	}
	return invalid("There is no " + what + " " + given + "; " + offered + strings.Join(near, ", "))
}

// tableDict is a table as scripts get it: by the options' names, with their dashes.
func tableDict(t option.Table) dict.Dict {
	out := make(dict.Dict, len(t))
	for i := range t {
		row := &t[i]
		out[i] = dict.Field{Key: "-" + row.Name, Value: dict.Dict{
			{Key: "type", Value: row.Kind.Word},
			{Key: "takes", Value: takes(row)},
			{Key: "required", Value: row.Required},
			{Key: "default", Value: standard(row)},
			{Key: "values", Value: append([]string{}, row.Allowed...)},
			{Key: "fields", Value: tableDict(row.Fields)},
			{Key: "text", Value: row.About},
		}}
	}
	return out
}

// takes says in words what an option's value may be.
func takes(o *option.Row) string {
	names := make([]string, len(o.Fields))
	for i, row := range o.Fields {
		names[i] = row.Name
	}
	switch o.Kind {
	case option.Enum:
		return strings.Join(o.Allowed, ", ")
	case nested:
		return "JSON, or a dict: " + strings.Join(names, ", ")
	case nestedIn:
		return "list of JSON, or of dicts: " + strings.Join(names, ", ")
	}
	return o.Kind.Takes
}

// standard is what holds where an option is not given, as a script would write it; empty where there is
// nothing of the kind.
func standard(o *option.Row) string {
	switch v := o.Default.(type) {
	case nil:
		return ""
	case time.Duration:
		return fmt.Sprint(v.Milliseconds())
	case *big.Rat:
		return v.RatString()
	case dict.Number:
		return string(v)
	case []string, dict.Dict:
		return ""
	default:
		return fmt.Sprint(v)
	}
}
