// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// bucket is what a nats::key_value object stands on.
type bucket struct {
	bridge.Object
	kv   *kv.Bucket
	j    *jetStream
	name bridge.Value // retained; nil where the object is gone

	coded *coded // nil where keys and values are stored as they are
}

// Its watchers belong to the jet_stream, and outlive it.
func (b *bucket) Release(*bridge.Package) {
	b.name.Release()
	b.name = nil
	b.coded.release()
}

// entry is one of the bucket's as a script gets it.
func (b *bucket) entry(e *kv.Entry) *entryRecord {
	return &entryRecord{c: b.j.c, bucket: b.word(), Entry: e}
}

// word is the name for an entry, also where the object was destroyed while somebody waited for that.
func (b *bucket) word() any {
	if b.name == nil {
		return b.kv.Name()
	}
	return b.name
}

var bucketCommands = []bridge.Command{
	{Name: "create_kv_bucket", Usage: "jet_stream bucket args", Run: bridge.On(cmdCreateBucket)},
	{Name: "create_kv_aggregate", Usage: "jet_stream bucket writable origins args", Run: bridge.On(cmdCreateAggregate)},
	{Name: "create_kv_mirror", Usage: "jet_stream name origin args", Run: bridge.On(cmdCreateMirror)},
	{Name: "update_kv_bucket", Usage: "jet_stream bucket args", Run: bridge.On(cmdUpdateBucket)},
	{Name: "create_or_update_kv_bucket", Usage: "jet_stream bucket args", Run: bridge.On(cmdCreateOrUpdateBucket)},
	{Name: "add_kv_origin", Usage: "jet_stream bucket origin", Run: bridge.On(cmdAddOrigin)},
	{Name: "bind_kv_bucket", Usage: "jet_stream bucket args", Run: bridge.On(cmdBindBucket)},
	{Name: "delete_kv_bucket", Usage: "jet_stream bucket", Run: bridge.On(cmdDeleteBucket)},
	{Name: "empty_kv_bucket", Usage: "jet_stream bucket", Run: bridge.On(cmdEmptyBucket)},
	{Name: "kv_buckets", Usage: "jet_stream", Run: bridge.On(cmdBuckets)},
	{Name: "kv_statuses", Usage: "jet_stream", Run: bridge.On(cmdBucketStatuses)},
	{Name: "make_kv_origin", Usage: "args", Run: cmdMakeOrigin},

	{Name: "kv_get", Usage: "bucket key args", Run: bridge.On(cmdGet)},
	{Name: "kv_get_value", Usage: "bucket key args", Run: bridge.On(cmdGetValue)},
	{Name: "kv_put", Usage: "bucket key value args", Run: bridge.On(cmdPut)},
	{Name: "kv_create", Usage: "bucket key value args", Run: bridge.On(cmdCreate)},
	{Name: "kv_update", Usage: "bucket key value revision args", Run: bridge.On(cmdUpdate)},
	{Name: "kv_delete", Usage: "bucket key revision args", Run: bridge.On(cmdDelete)},
	{Name: "kv_purge", Usage: "bucket key args", Run: bridge.On(cmdPurge)},
	{Name: "kv_revert", Usage: "bucket key revision args", Run: bridge.On(cmdRevert)},
	{Name: "kv_touch", Usage: "bucket key args", Run: bridge.On(cmdTouch)},
	{Name: "kv_atomic", Usage: "bucket changes args", Run: bridge.On(cmdAtomic)},
	{Name: "kv_put_many", Usage: "bucket dict args", Run: bridge.On(cmdPutMany)},
	{Name: "kv_cancel", Usage: "bucket operation", Run: bridge.On(cmdCancel)},
	{Name: "kv_name", Usage: "bucket", Run: bridge.On(cmdBucketName)},
	{Name: "kv_status", Usage: "bucket args", Run: bridge.On(cmdStatus)},
	{Name: "kv_config", Usage: "bucket args", Run: bridge.On(cmdConfig)},
	{Name: "kv_history", Usage: "bucket key args", Run: bridge.On(cmdHistory)},
	{Name: "kv_get_many", Usage: "bucket args", Run: bridge.On(cmdGetMany)},
	{Name: "kv_delete_keys", Usage: "bucket args", Run: bridge.On(cmdDeleteKeys)},
	{Name: "kv_purge_deletes", Usage: "bucket args", Run: bridge.On(cmdPurgeDeletes)},
	{Name: "kv_keys", Usage: "bucket args", Run: bridge.On(cmdKeys)},

	{Name: "kv_watch", Usage: "bucket key args", Run: bridge.On(cmdWatch)},
	{Name: "watch_state", Usage: "watcher", Run: bridge.On(cmdWatchState)},
	{Name: "watch_wait", Usage: "watcher args", Run: bridge.On(cmdWatchWait)},
	{Name: "watch_array", Usage: "watcher", Run: bridge.On(cmdWatchArray)},
	{Name: "watch_name", Usage: "watcher name", Run: bridge.On(cmdWatchName)},
	{Name: "watch_consumer", Usage: "watcher", Run: bridge.On(cmdWatchConsumer)},
}

// bucketOptions are those of create_kv_bucket; behind metadata those that the pure-Tcl client
// does not have. config returns them by these names.
var bucketOptions = option.Table{
	{Name: "description", Kind: option.Nonempty, About: "a text for people"},
	{Name: "max_value_size", Kind: option.Int, About: "how many bytes a value may have; -1: no limit"},
	{Name: "history", Kind: revisions, Default: dict.Number("1"), About: "how many revisions of each key are kept"},
	{Name: "ttl", Kind: option.Lifetime, About: "how long values live, 100 at least; 0: for ever. When a value expires, watchers and watched arrays are told only if the bucket has `-limit_marker_ttl`"},
	{Name: "max_bucket_size", Kind: option.Int, About: "how many bytes the bucket may have; -1: no limit"},
	{Name: "storage", Kind: option.Enum, Allowed: []string{"memory", "file"}, Default: "file", About: "where values are kept"},
	{Name: "num_replicas", Kind: option.Int, Default: dict.Number("1"), About: "how many copies there are in a cluster"},
	{Name: "compression", Kind: option.Enum, Allowed: []string{"none", "s2"}, About: "how files are compressed"},
	{Name: "mirror_name", Kind: option.Nonempty, About: "the name of the bucket that a new one mirrors"},
	{Name: "mirror_domain", Kind: option.Nonempty, About: "the JetStream domain of that bucket"},
	{Name: "metadata", Kind: metadata, About: "texts for programs"},
	{Name: "limit_marker_ttl", Kind: option.Lifetime, About: "lets each key have a time to live of its own, and says how long a marker stays in place of a value that has expired: 1000 at least. A bucket that has it keeps it for good. Servers from 2.11"},
	{Name: "placement", Kind: nested, Empty: true, Fields: placementOptions, About: "the cluster, and the tags of servers, in which the copies are; empty: anywhere"},
	{Name: "republish", Kind: nested, Fields: republishOptions, About: "`nats::make_republish`: where values are published once more when they are stored"},
	{Name: "mirror", Kind: nested, Fields: streamSourceFields, About: "`nats::make_stream_source` of the bucket that a new one mirrors, by the name of the bucket or its stream"},
	{Name: "sources", Kind: nestedIn, Fields: streamSourceFields, About: "`nats::make_stream_source` of each bucket that this one gathers from; a source with subject_transforms may be any stream"},
	{Name: "allow_direct", Kind: option.Bool, About: "true, the default: any replica answers reads; false: only the leader does"},
	{Name: "allow_atomic", Kind: option.Bool, About: "lets `atomic` write; servers from 2.12"},
	{Name: "persist_mode", Kind: option.Enum, Allowed: []string{"default", "async"}, About: "async: a write is acknowledged before it is on disk; servers from 2.12"},
}

// codecOptions go with the making of a key_value object, and are the client's alone.
var codecOptions = option.Table{
	{Name: "key_codec", Kind: option.List, About: "how keys are stored: base64, path, a command prefix, or a list of these. A prefix of several words is one element of the list: {{cmd word}}"},
	{Name: "value_codec", Kind: option.List, About: "how values are stored: base64, path, a command prefix, or a list of these. A prefix of several words is one element of the list: {{cmd word}}"},
}

// The tables of the methods that make a key_value object, or change a bucket.
var (
	madeBucket    = slices.Concat(bucketOptions, codecOptions)
	changedBucket = slices.Concat(withoutDefaults(bucketOptions), codecOptions)
	// derivedBucket is of a bucket that draws from others: the origins stand for the rest.
	derivedBucket     = without(bucketOptions, "mirror_name", "mirror_domain", "mirror", "sources")
	derivedWithCodecs = slices.Concat(derivedBucket, codecOptions)
)

// apply writes the options that were given into a configuration.
func apply(o option.Values, c *kv.BucketConfig) {
	set := func(name string, write func(name string)) {
		if o.Has(name) {
			write(name)
		}
	}
	bytes := func(field **int64) func(string) {
		return func(name string) {
			n := o.Int(name)
			*field = &n
		}
	}
	set("description", func(n string) { c.Description = o.Text(n) })
	set("max_value_size", bytes(&c.MaxValueSize))
	set("history", func(n string) { c.History = o.Int(n) })
	set("ttl", func(n string) { c.TTL = time.Duration(o.Nanos(n)) })
	set("max_bucket_size", bytes(&c.MaxBytes))
	set("storage", func(n string) { c.Storage = o.Text(n) })
	set("num_replicas", func(n string) { c.Replicas = o.Int(n) })
	set("compression", func(n string) { c.Compression = o.Text(n) })
	set("mirror_name", func(n string) { c.MirrorName = o.Text(n) })
	set("mirror_domain", func(n string) { c.MirrorDomain = o.Text(n) })
	set("metadata", func(n string) { c.Metadata = dictOf(o, n) })
	set("limit_marker_ttl", func(n string) { c.LimitMarkerTTL = time.Duration(o.Nanos(n)) })
	set("placement", func(n string) { c.Placement = dictOf(o, n) })
	set("republish", func(n string) { c.Republish = dictOf(o, n) })
	set("mirror", func(n string) { c.Mirror = dictOf(o, n) })
	set("sources", func(n string) { c.Sources, _ = o.Get(n).([]any) })
	set("allow_direct", func(n string) {
		b := o.Bool(n)
		c.AllowDirect = &b
	})
	set("allow_atomic", func(n string) { c.AllowAtomic = o.Bool(n) })
	set("persist_mode", func(n string) { c.PersistMode = o.Text(n) })
}

func bucketConfig(name string, o option.Values) kv.BucketConfig {
	c := kv.BucketConfig{Bucket: name}
	apply(o, &c)
	return c
}

// configDict is a configuration by the names of its options, less what has its default.
func configDict(c *kv.BucketConfig) dict.Dict {
	d := dict.Dict{}
	text := func(name, s string) {
		if s != "" {
			d.Set(name, s)
		}
	}
	limit := func(name string, n *int64) {
		if n != nil {
			d.Set(name, *n)
		}
	}
	ms := func(name string, t time.Duration) {
		if t != 0 {
			d.Set(name, nanosToMillis(dict.Number(strconv.FormatInt(int64(t), 10))))
		}
	}
	nested := func(name string, v dict.Dict) {
		if len(v) > 0 {
			d.Set(name, v)
		}
	}
	text("description", c.Description)
	limit("max_value_size", c.MaxValueSize)
	d.Set("history", c.History)
	ms("ttl", c.TTL)
	limit("max_bucket_size", c.MaxBytes)
	text("storage", c.Storage)
	d.Set("num_replicas", max(c.Replicas, 1))
	text("compression", c.Compression)
	nested("metadata", c.Metadata)
	ms("limit_marker_ttl", c.LimitMarkerTTL)
	nested("placement", c.Placement)
	nested("republish", c.Republish)
	nested("mirror", c.Mirror)
	if len(c.Sources) > 0 {
		d.Set("sources", c.Sources)
	}
	if c.AllowDirect != nil && !*c.AllowDirect {
		d.Set("allow_direct", false)
	}
	if c.AllowAtomic {
		d.Set("allow_atomic", true)
	}
	text("persist_mode", c.PersistMode)
	return d
}

// newBucket is the finish of the operations that end in a bucket's handle. The options may have codecs.
func (j *jetStream) newBucket(p *bridge.Package, o option.Values) func(*kv.Bucket) (any, error) {
	return func(b *kv.Bucket) (any, error) {
		return p.Add(&bucket{kv: b, j: j, name: p.Host.NewValue(b.Name()), coded: codedBy(p, o).retain()}, j), nil
	}
}

func cmdCreateBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := madeBucket.Parse(args[1:])
	if err == nil {
		err = j.checkCodecs(p, o)
	}
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateBucket(j.js, bucketConfig(args[0].Text(), o), done)
	}, j.newBucket(p, o))
}

// changeBucket is what update_kv_bucket and create_or_update_kv_bucket have in common.
func changeBucket(p *bridge.Package, j *jetStream, args []bridge.Value,
	change func(*js.JetStream, string, func(*kv.BucketConfig), func(*kv.Bucket, error)) error) (any, error) {
	given, err := changedBucket.ParseGiven(args[1:])
	if err == nil {
		err = j.checkCodecs(p, given)
	}
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*kv.Bucket, error)) error {
		return change(j.js, args[0].Text(), func(c *kv.BucketConfig) { apply(given, c) }, done)
	}, j.newBucket(p, given))
}

func cmdUpdateBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeBucket(p, j, args, kv.UpdateBucket)
}

func cmdCreateOrUpdateBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeBucket(p, j, args, kv.CreateOrUpdateBucket)
}

func cmdAddOrigin(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	origin, err := originOf(args[1])
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		return kv.AddOrigin(j.js, args[0].Text(), origin, done)
	})
}

func cmdCreateAggregate(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	writable, ok := bridge.Boolean(args[1].Text())
	if !ok {
		return nil, invalid("writable = " + args[1].Text() + " is not a boolean")
	}
	list, err := args[2].List()
	if err != nil || len(list) == 0 {
		return nil, invalid("List of KV origins is required")
	}
	origins := make([]kv.Origin, len(list))
	for i, v := range list {
		if origins[i], err = originOf(v); err != nil {
			return nil, err
		}
	}
	o, err := parseDerived(derivedWithCodecs, args[3:])
	if err == nil {
		err = j.checkCodecs(p, o)
	}
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateAggregate(j.js, bucketConfig(args[0].Text(), o), writable, origins, done)
	}, j.newBucket(p, o))
}

func cmdCreateMirror(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	origin, err := originOf(args[1])
	if err != nil {
		return nil, err
	}
	o, err := parseDerived(derivedBucket, args[2:])
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		return kv.CreateMirror(j.js, bucketConfig(args[0].Text(), o), origin, done)
	})
}

// parseDerived reads the options of a bucket that draws from others: what names them in other ways
// has no place there.
func parseDerived(table option.Table, args []bridge.Value) (option.Values, error) {
	for i := 0; i < len(args); i += 2 {
		switch strings.TrimPrefix(args[i].Text(), "-") {
		case "mirror_name", "mirror_domain":
			return nil, invalid("-mirror_name and -mirror_domain are not allowed")
		case "mirror", "sources":
			return nil, invalid("-mirror and -sources are not allowed: the origins stand for them")
		}
	}
	return table.Parse(args)
}

var originOptions = option.Table{
	{Name: "bucket", Kind: option.Nonempty, Required: true, About: "the bucket whose entries are taken"},
	{Name: "stream", Kind: option.Nonempty, About: "the bucket's stream, if its name is not KV_ and the bucket's name"},
	{Name: "keys", Kind: option.List, Empty: true, About: "the patterns of the keys that are taken; by default all keys"},
	{Name: "transform", Kind: nestedIn, Fields: subjectTransformOptions, About: "`nats::make_subject_transform` of each: which subjects of -stream are taken, and what becomes of them; excludes -keys"},
	{Name: "domain", Kind: option.Nonempty, About: "the JetStream domain that the bucket is in; excludes -api"},
	{Name: "api", Kind: option.Nonempty, About: "the prefix of the API of the account that the bucket is in"},
	{Name: "deliver", Kind: option.Nonempty, About: "what the subjects begin with that messages are delivered to"},
}

// cmdMakeOrigin returns the dict that create_kv_aggregate and create_kv_mirror take.
func cmdMakeOrigin(_ *bridge.Package, args []bridge.Value) (any, error) {
	o, err := parseOrigin(args)
	if err != nil {
		return nil, err
	}
	d := dict.Dict{}
	for _, row := range originOptions {
		if v, ok := o.Find(row.Name); ok {
			d = append(d, dict.Field{Key: row.Name, Value: v})
		}
	}
	return d, nil
}

func parseOrigin(args []bridge.Value) (option.Values, error) {
	o, err := originOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	if len(o.List("keys")) == 0 {
		o.Remove("keys") // all of them
	}
	if o.Has("domain") {
		if o.Has("api") {
			return nil, invalid("-domain and -api are mutually exclusive")
		}
		o.Put("api", "$JS."+o.Text("domain")+".API")
		o.Remove("domain")
	}
	if o.Has("deliver") && !o.Has("api") {
		return nil, invalid("-deliver requires -domain or -api")
	}
	return o, nil
}

// originOf reads such a dict.
func originOf(v bridge.Value) (kv.Origin, error) {
	list, err := v.List()
	if err != nil || len(list)%2 == 1 {
		return kv.Origin{}, &fault.Error{Code: fault.InvalidArg, Text: "Invalid KV origin " + v.Text(),
			Help: "an origin is a dict of nats::make_kv_origin, and create_kv_aggregate takes a list of them"}
	}
	o, err := parseOrigin(list)
	if err != nil {
		return kv.Origin{}, err
	}
	transforms, _ := o.Get("transform").([]any)
	return kv.Origin{
		Bucket:  o.Text("bucket"),
		Stream:  o.Text("stream"),
		Keys:    o.List("keys"),
		API:     o.Text("api"),
		Deliver: o.Text("deliver"),

		Transforms: transforms,
	}, nil
}

func cmdBindBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := codecOptions.Parse(args[1:])
	if err == nil {
		err = j.checkCodecs(p, o)
	}
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.BindBucket(j.js, args[0].Text(), done)
	}, j.newBucket(p, o))
}

func cmdDeleteBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, true, func(done func(error)) error {
		return kv.DeleteBucket(j.js, args[0].Text(), done)
	})
}

func cmdEmptyBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(uint64, error)) error {
		return kv.EmptyBucket(j.js, args[0].Text(), done)
	}, bridge.Plain)
}

func cmdBuckets(p *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func([]string, error)) error {
		return kv.Buckets(j.js, done)
	}, bridge.Plain)
}

func cmdBucketStatuses(p *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func([]dict.Dict, error)) error { return kv.Statuses(j.js, done) },
		statusesInMillis)
}

func cmdStatus(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return b.call(p, callOptions, args, func(core *kv.Bucket, _ option.Values) (any, error) {
		return bridge.Begin(p, core.Status, func(status dict.Dict) (any, error) { return statusInMillis(status), nil })
	})
}

// statusInMillis is the status of a bucket or of an object store, with its durations in ms.
func statusInMillis(status dict.Dict) dict.Dict {
	for _, field := range []string{"ttl", "limit_marker_ttl"} {
		if ns, ok := status.Path(field).(dict.Number); ok {
			status.Set(field, nanosToMillis(ns))
		}
	}
	if config, ok := status.Path("stream_config").(dict.Dict); ok {
		status.Set("stream_config", inMillis(config, streamOptions))
	}
	return status
}

func statusesInMillis(statuses []dict.Dict) (any, error) {
	list := make([]any, len(statuses))
	for i, status := range statuses {
		list[i] = statusInMillis(status)
	}
	return list, nil
}

func cmdConfig(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return b.call(p, callOptions, args, func(core *kv.Bucket, _ option.Values) (any, error) {
		return bridge.Begin(p, core.Config, func(c kv.BucketConfig) (any, error) { return configDict(&c), nil })
	})
}

func cmdBucketName(_ *bridge.Package, b *bucket, _ []bridge.Value) (any, error) {
	return b.kv.Name(), nil
}
