package tclbind

import (
	"math"
	"time"

	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// bucket is what a nats::key_value object stands on.
type bucket struct {
	bridge.Object
	kv   *kv.Bucket
	j    *jetStream
	name bridge.Value // retained
}

// Its watchers belong to the jet_stream, and outlive it.
func (b *bucket) Release(*bridge.Package) { b.name.Release() }

// entry is one of the bucket's as a script gets it.
func (b *bucket) entry(e *kv.Entry) *entryRecord {
	return &entryRecord{c: b.j.c, bucket: b.name, Entry: e}
}

var bucketCommands = []bridge.Command{
	{Name: "create_kv_bucket", Usage: "jet_stream bucket args", Run: bridge.On(cmdCreateBucket)},
	{Name: "create_kv_aggregate", Usage: "jet_stream bucket writable origins args", Run: bridge.On(cmdCreateAggregate)},
	{Name: "create_kv_mirror", Usage: "jet_stream name origin args", Run: bridge.On(cmdCreateMirror)},
	{Name: "bind_kv_bucket", Usage: "jet_stream bucket", Run: bridge.On(cmdBindBucket)},
	{Name: "delete_kv_bucket", Usage: "jet_stream bucket", Run: bridge.On(cmdDeleteBucket)},
	{Name: "empty_kv_bucket", Usage: "jet_stream bucket", Run: bridge.On(cmdEmptyBucket)},
	{Name: "kv_buckets", Usage: "jet_stream", Run: bridge.On(cmdBuckets)},
	{Name: "make_kv_origin", Usage: "args", Run: cmdMakeOrigin},

	{Name: "kv_get", Usage: "bucket key args", Run: bridge.On(cmdGet)},
	{Name: "kv_get_value", Usage: "bucket key args", Run: bridge.On(cmdGetValue)},
	{Name: "kv_put", Usage: "bucket key value", Run: bridge.On(cmdPut)},
	{Name: "kv_create", Usage: "bucket key value", Run: bridge.On(cmdCreate)},
	{Name: "kv_update", Usage: "bucket key value revision", Run: bridge.On(cmdUpdate)},
	{Name: "kv_delete", Usage: "bucket key revision", Run: bridge.On(cmdDelete)},
	{Name: "kv_purge", Usage: "bucket key", Run: bridge.On(cmdPurge)},
	{Name: "kv_revert", Usage: "bucket key revision", Run: bridge.On(cmdRevert)},
	{Name: "kv_status", Usage: "bucket", Run: bridge.On(cmdStatus)},
	{Name: "kv_history", Usage: "bucket key", Run: bridge.On(cmdHistory)},
	{Name: "kv_keys", Usage: "bucket", Run: bridge.On(cmdKeys)},

	{Name: "kv_watch", Usage: "bucket key args", Run: bridge.On(cmdWatch)},
	{Name: "watch_array", Usage: "watcher", Run: bridge.On(cmdWatchArray)},
	{Name: "watch_consumer", Usage: "watcher", Run: bridge.On(cmdWatchConsumer)},
}

// bucketOptions are those of create_kv_bucket (kv-details.md, Bucket management).
var bucketOptions = option.Table{
	{Name: "description", Kind: option.Nonempty},
	{Name: "max_value_size", Kind: option.Int},
	{Name: "history", Kind: option.Natural, Default: dict.Number("1")},
	{Name: "ttl", Kind: option.Duration},
	{Name: "max_bucket_size", Kind: option.Int},
	{Name: "storage", Kind: option.Enum, Allowed: []string{"memory", "file"}, Default: "file"},
	{Name: "num_replicas", Kind: option.Int, Default: dict.Number("1")},
	{Name: "compression", Kind: option.Enum, Allowed: []string{"none", "s2"}},
	{Name: "mirror_name", Kind: option.Nonempty},
	{Name: "mirror_domain", Kind: option.Nonempty},
	{Name: "metadata", Kind: metadata},
}

func bucketConfig(name string, o option.Values) kv.BucketConfig {
	c := kv.BucketConfig{
		Bucket:       name,
		Description:  o.Text("description"),
		History:      o.Int("history"),
		TTL:          time.Duration(o.Nanos("ttl")),
		Storage:      o.Text("storage"),
		Replicas:     o.Int("num_replicas"),
		Compression:  o.Text("compression"),
		MirrorName:   o.Text("mirror_name"),
		MirrorDomain: o.Text("mirror_domain"),
		Metadata:     dictOf(o, "metadata"),
	}
	if o.Has("max_value_size") {
		n := o.Int("max_value_size")
		c.MaxValueSize = &n
	}
	if o.Has("max_bucket_size") {
		n := o.Int("max_bucket_size")
		c.MaxBytes = &n
	}
	return c
}

// newBucket is the finish of the operations that end in a bucket's handle.
func (j *jetStream) newBucket(p *bridge.Package) func(*kv.Bucket) (any, error) {
	return func(b *kv.Bucket) (any, error) {
		return p.Add(&bucket{kv: b, j: j, name: p.Host.NewValue(b.Name())}, j), nil
	}
}

func cmdCreateBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := bucketOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateBucket(j.js, bucketConfig(args[0].Text(), o), done)
	}, j.newBucket(p))
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
	o, err := parseDerived(args[3:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateAggregate(j.js, bucketConfig(args[0].Text(), o), writable, origins, done)
	}, j.newBucket(p))
}

func cmdCreateMirror(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	origin, err := originOf(args[1])
	if err != nil {
		return nil, err
	}
	o, err := parseDerived(args[2:])
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		return kv.CreateMirror(j.js, bucketConfig(args[0].Text(), o), origin, done)
	})
}

// parseDerived reads the options of a bucket that draws from others: the old way
// of naming a mirror has no place there.
func parseDerived(args []bridge.Value) (option.Values, error) {
	o, err := bucketOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	if o.Has("mirror_name") || o.Has("mirror_domain") {
		return nil, invalid("-mirror_name and -mirror_domain are not allowed")
	}
	return o, nil
}

var originOptions = option.Table{
	{Name: "bucket", Kind: option.Nonempty, Required: true},
	{Name: "stream", Kind: option.Nonempty},
	{Name: "keys", Kind: option.List},
	{Name: "domain", Kind: option.Nonempty},
	{Name: "api", Kind: option.Nonempty},
	{Name: "deliver", Kind: option.Nonempty},
}

// cmdMakeOrigin returns the dict that create_kv_aggregate and create_kv_mirror take.
func cmdMakeOrigin(_ *bridge.Package, args []bridge.Value) (any, error) {
	o, err := parseOrigin(args)
	if err != nil {
		return nil, err
	}
	d := dict.Dict{}
	for _, row := range originOptions {
		if v, ok := o[row.Name]; ok {
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
	if o.Has("domain") {
		if o.Has("api") {
			return nil, invalid("-domain and -api are mutually exclusive")
		}
		o["api"] = "$JS." + o.Text("domain") + ".API"
		delete(o, "domain")
	}
	if o.Has("deliver") && !o.Has("api") {
		return nil, invalid("-deliver requires -domain or -api")
	}
	return o, nil
}

// originOf reads such a dict.
func originOf(v bridge.Value) (kv.Origin, error) {
	list, err := v.List()
	if err != nil {
		return kv.Origin{}, invalid("Invalid KV origin " + v.Text())
	}
	o, err := parseOrigin(list)
	if err != nil {
		return kv.Origin{}, err
	}
	return kv.Origin{
		Bucket:  o.Text("bucket"),
		Stream:  o.Text("stream"),
		Keys:    o.List("keys"),
		API:     o.Text("api"),
		Deliver: o.Text("deliver"),
	}, nil
}

func cmdBindBucket(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.BindBucket(j.js, args[0].Text(), done)
	}, j.newBucket(p))
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

var revisionOption = option.Table{{Name: "revision", Kind: option.Int}}

// revision reads a revision that stands as an argument.
func revision(v bridge.Value) (uint64, error) {
	row := option.Row{Name: "revision", Kind: option.Natural}
	n, err := row.Parse(v)
	if err != nil {
		return 0, err
	}
	return uint64(option.Values{"revision": n}.Int("revision")), nil
}

// getEntry begins a get; finish turns the entry into the result.
func getEntry(p *bridge.Package, b *bucket, args []bridge.Value, finish func(kv.Entry) any) (any, error) {
	o, err := revisionOption.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	wanted := o.Int("revision")
	if wanted < 0 {
		// There is no such revision, and there never was: the answer is that of a
		// revision that the stream does not have yet.
		wanted = math.MaxInt64
	}
	return bridge.Begin(p, func(done func(kv.Entry, error)) error {
		return b.kv.Get(args[0].Text(), uint64(wanted), done)
	}, func(e kv.Entry) (any, error) { return finish(e), nil })
}

func cmdGet(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return getEntry(p, b, args, func(e kv.Entry) any { return b.entry(&e) })
}

func cmdGetValue(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return getEntry(p, b, args, func(e kv.Entry) any { return b.j.c.incoming(e.Value) })
}

func cmdPut(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(uint64, error)) error {
		return b.kv.Put(args[0].Text(), b.j.c.outgoing(args[1]), done)
	}, bridge.Plain)
}

func cmdCreate(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(uint64, error)) error {
		return b.kv.Create(args[0].Text(), b.j.c.outgoing(args[1]), done)
	}, bridge.Plain)
}

func cmdUpdate(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	expected, err := revision(args[2])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(uint64, error)) error {
		return b.kv.Update(args[0].Text(), b.j.c.outgoing(args[1]), expected, done)
	}, bridge.Plain)
}

func cmdDelete(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	expected, err := revision(args[1])
	if err != nil {
		return nil, err
	}
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		return b.kv.Delete(args[0].Text(), expected, done)
	})
}

func cmdPurge(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		return b.kv.Purge(args[0].Text(), done)
	})
}

func cmdRevert(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	wanted, err := revision(args[1])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(uint64, error)) error {
		return b.kv.Revert(args[0].Text(), wanted, done)
	}, bridge.Plain)
}

func cmdStatus(p *bridge.Package, b *bucket, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, b.kv.Status, func(status dict.Dict) (any, error) {
		if ns, ok := status.Path("ttl").(dict.Number); ok {
			status.Set("ttl", nanosToMillis(ns))
		}
		if config, ok := status.Path("stream_config").(dict.Dict); ok {
			status.Set("stream_config", inMillis(config, streamOptions))
		}
		return status, nil
	})
}

func cmdKeys(p *bridge.Package, b *bucket, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, b.kv.Keys, bridge.Plain)
}
