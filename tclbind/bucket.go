package tclbind

import (
	"math"
	"time"

	"natstcl/kv"
	"natstcl/kv/dict"
)

// bucket is what a nats::key_value object stands on.
type bucket struct {
	object
	kv   *kv.Bucket
	j    *jetStream
	name Value // retained
}

// Its watchers belong to the jet_stream, and outlive it.
func (b *bucket) release(*Package) { b.name.Release() }

// entry is one of the bucket's as a script gets it.
func (b *bucket) entry(e *kv.Entry) *entryRecord {
	return &entryRecord{c: b.j.c, bucket: b.name, Entry: e}
}

var bucketCommands = []command{
	{"create_kv_bucket", []string{"jet_stream", "bucket", "args"}, on(cmdCreateBucket)},
	{"create_kv_aggregate", []string{"jet_stream", "bucket", "writable", "origins", "args"}, on(cmdCreateAggregate)},
	{"create_kv_mirror", []string{"jet_stream", "name", "origin", "args"}, on(cmdCreateMirror)},
	{"bind_kv_bucket", []string{"jet_stream", "bucket"}, on(cmdBindBucket)},
	{"delete_kv_bucket", []string{"jet_stream", "bucket"}, on(cmdDeleteBucket)},
	{"empty_kv_bucket", []string{"jet_stream", "bucket"}, on(cmdEmptyBucket)},
	{"kv_buckets", []string{"jet_stream"}, on(cmdBuckets)},
	{"make_kv_origin", []string{"args"}, cmdMakeOrigin},

	{"kv_get", []string{"bucket", "key", "args"}, on(cmdGet)},
	{"kv_get_value", []string{"bucket", "key", "args"}, on(cmdGetValue)},
	{"kv_put", []string{"bucket", "key", "value"}, on(cmdPut)},
	{"kv_create", []string{"bucket", "key", "value"}, on(cmdCreate)},
	{"kv_update", []string{"bucket", "key", "value", "revision"}, on(cmdUpdate)},
	{"kv_delete", []string{"bucket", "key", "revision"}, on(cmdDelete)},
	{"kv_purge", []string{"bucket", "key"}, on(cmdPurge)},
	{"kv_revert", []string{"bucket", "key", "revision"}, on(cmdRevert)},
	{"kv_status", []string{"bucket"}, on(cmdStatus)},
	{"kv_history", []string{"bucket", "key"}, on(cmdHistory)},
	{"kv_keys", []string{"bucket"}, on(cmdKeys)},

	{"kv_watch", []string{"bucket", "key", "args"}, on(cmdWatch)},
	{"watch_array", []string{"watcher"}, on(cmdWatchArray)},
	{"watch_consumer", []string{"watcher"}, on(cmdWatchConsumer)},
}

// bucketOptions are those of create_kv_bucket (kv-details.md, Bucket management).
var bucketOptions = []option{
	{name: "description", kind: nonempty},
	{name: "max_value_size", kind: whole},
	{name: "history", kind: natural, fallback: dict.Number("1")},
	{name: "ttl", kind: duration},
	{name: "max_bucket_size", kind: whole},
	{name: "storage", kind: enum, allowed: []string{"memory", "file"}, fallback: "file"},
	{name: "num_replicas", kind: whole, fallback: dict.Number("1")},
	{name: "compression", kind: enum, allowed: []string{"none", "s2"}},
	{name: "mirror_name", kind: nonempty},
	{name: "mirror_domain", kind: nonempty},
	{name: "metadata", kind: metadata},
}

func bucketConfig(name string, o options) kv.BucketConfig {
	c := kv.BucketConfig{
		Bucket:       name,
		Description:  o.text("description"),
		History:      o.int("history"),
		TTL:          time.Duration(o.nanos("ttl")),
		Storage:      o.text("storage"),
		Replicas:     o.int("num_replicas"),
		Compression:  o.text("compression"),
		MirrorName:   o.text("mirror_name"),
		MirrorDomain: o.text("mirror_domain"),
		Metadata:     o.dict("metadata"),
	}
	if o.has("max_value_size") {
		n := o.int("max_value_size")
		c.MaxValueSize = &n
	}
	if o.has("max_bucket_size") {
		n := o.int("max_bucket_size")
		c.MaxBytes = &n
	}
	return c
}

// newBucket is the finish of the operations that end in a bucket's handle.
func (j *jetStream) newBucket(p *Package) func(*kv.Bucket) (any, error) {
	return func(b *kv.Bucket) (any, error) {
		return p.add(&bucket{kv: b, j: j, name: p.host.NewValue(b.Name())}, j), nil
	}
}

func cmdCreateBucket(p *Package, j *jetStream, args []Value) (any, error) {
	o, err := parseOptions(args[1:], bucketOptions)
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateBucket(j.js, bucketConfig(args[0].Text(), o), done)
	}, j.newBucket(p))
}

func cmdCreateAggregate(p *Package, j *jetStream, args []Value) (any, error) {
	writable, ok := boolean(args[1].Text())
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
	return begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateAggregate(j.js, bucketConfig(args[0].Text(), o), writable, origins, done)
	}, j.newBucket(p))
}

func cmdCreateMirror(p *Package, j *jetStream, args []Value) (any, error) {
	origin, err := originOf(args[1])
	if err != nil {
		return nil, err
	}
	o, err := parseDerived(args[2:])
	if err != nil {
		return nil, err
	}
	return beginPlain(p, nil, func(done func(error)) error {
		return kv.CreateMirror(j.js, bucketConfig(args[0].Text(), o), origin, done)
	})
}

// parseDerived reads the options of a bucket that draws from others: the old way
// of naming a mirror has no place there.
func parseDerived(args []Value) (options, error) {
	o, err := parseOptions(args, bucketOptions)
	if err != nil {
		return nil, err
	}
	if o.has("mirror_name") || o.has("mirror_domain") {
		return nil, invalid("-mirror_name and -mirror_domain are not allowed")
	}
	return o, nil
}

var originOptions = []option{
	{name: "bucket", kind: nonempty, required: true},
	{name: "stream", kind: nonempty},
	{name: "keys", kind: words},
	{name: "domain", kind: nonempty},
	{name: "api", kind: nonempty},
	{name: "deliver", kind: nonempty},
}

// cmdMakeOrigin returns the dict that create_kv_aggregate and create_kv_mirror take.
func cmdMakeOrigin(_ *Package, args []Value) (any, error) {
	o, err := parseOrigin(args)
	if err != nil {
		return nil, err
	}
	d := dict.Dict{}
	for _, row := range originOptions {
		if v, ok := o[row.name]; ok {
			d = append(d, dict.Field{Key: row.name, Value: v})
		}
	}
	return d, nil
}

func parseOrigin(args []Value) (options, error) {
	o, err := parseOptions(args, originOptions)
	if err != nil {
		return nil, err
	}
	if o.has("domain") {
		if o.has("api") {
			return nil, invalid("-domain and -api are mutually exclusive")
		}
		o["api"] = "$JS." + o.text("domain") + ".API"
		delete(o, "domain")
	}
	if o.has("deliver") && !o.has("api") {
		return nil, invalid("-deliver requires -domain or -api")
	}
	return o, nil
}

// originOf reads such a dict.
func originOf(v Value) (kv.Origin, error) {
	list, err := v.List()
	if err != nil {
		return kv.Origin{}, invalid("Invalid KV origin " + v.Text())
	}
	o, err := parseOrigin(list)
	if err != nil {
		return kv.Origin{}, err
	}
	return kv.Origin{
		Bucket:  o.text("bucket"),
		Stream:  o.text("stream"),
		Keys:    o.list("keys"),
		API:     o.text("api"),
		Deliver: o.text("deliver"),
	}, nil
}

func cmdBindBucket(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.BindBucket(j.js, args[0].Text(), done)
	}, j.newBucket(p))
}

func cmdDeleteBucket(p *Package, j *jetStream, args []Value) (any, error) {
	return beginPlain(p, true, func(done func(error)) error {
		return kv.DeleteBucket(j.js, args[0].Text(), done)
	})
}

func cmdEmptyBucket(p *Package, j *jetStream, args []Value) (any, error) {
	return begin(p, func(done func(uint64, error)) error {
		return kv.EmptyBucket(j.js, args[0].Text(), done)
	}, plain)
}

func cmdBuckets(p *Package, j *jetStream, _ []Value) (any, error) {
	return begin(p, func(done func([]string, error)) error {
		return kv.Buckets(j.js, done)
	}, plain)
}

var revisionOption = []option{{name: "revision", kind: whole}}

// revision reads a revision that stands as an argument.
func revision(v Value) (uint64, error) {
	row := option{name: "revision", kind: natural}
	n, err := row.parse(v)
	if err != nil {
		return 0, err
	}
	return uint64(options{"revision": n}.int("revision")), nil
}

// getEntry begins a get; finish turns the entry into the result.
func getEntry(p *Package, b *bucket, args []Value, finish func(kv.Entry) any) (any, error) {
	o, err := parseOptions(args[1:], revisionOption)
	if err != nil {
		return nil, err
	}
	wanted := o.int("revision")
	if wanted < 0 {
		// There is no such revision, and there never was: the answer is that of a
		// revision that the stream does not have yet.
		wanted = math.MaxInt64
	}
	return begin(p, func(done func(kv.Entry, error)) error {
		return b.kv.Get(args[0].Text(), uint64(wanted), done)
	}, func(e kv.Entry) (any, error) { return finish(e), nil })
}

func cmdGet(p *Package, b *bucket, args []Value) (any, error) {
	return getEntry(p, b, args, func(e kv.Entry) any { return b.entry(&e) })
}

func cmdGetValue(p *Package, b *bucket, args []Value) (any, error) {
	return getEntry(p, b, args, func(e kv.Entry) any { return b.j.c.incoming(e.Value) })
}

func cmdPut(p *Package, b *bucket, args []Value) (any, error) {
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Put(args[0].Text(), b.j.c.outgoing(args[1]), done)
	}, plain)
}

func cmdCreate(p *Package, b *bucket, args []Value) (any, error) {
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Create(args[0].Text(), b.j.c.outgoing(args[1]), done)
	}, plain)
}

func cmdUpdate(p *Package, b *bucket, args []Value) (any, error) {
	expected, err := revision(args[2])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Update(args[0].Text(), b.j.c.outgoing(args[1]), expected, done)
	}, plain)
}

func cmdDelete(p *Package, b *bucket, args []Value) (any, error) {
	expected, err := revision(args[1])
	if err != nil {
		return nil, err
	}
	return beginPlain(p, nil, func(done func(error)) error {
		return b.kv.Delete(args[0].Text(), expected, done)
	})
}

func cmdPurge(p *Package, b *bucket, args []Value) (any, error) {
	return beginPlain(p, nil, func(done func(error)) error {
		return b.kv.Purge(args[0].Text(), done)
	})
}

func cmdRevert(p *Package, b *bucket, args []Value) (any, error) {
	wanted, err := revision(args[1])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Revert(args[0].Text(), wanted, done)
	}, plain)
}

func cmdStatus(p *Package, b *bucket, _ []Value) (any, error) {
	return begin(p, b.kv.Status, func(status dict.Dict) (any, error) {
		if ns, ok := status.Path("ttl").(dict.Number); ok {
			status.Set("ttl", nanosToMillis(ns))
		}
		if config, ok := status.Path("stream_config").(dict.Dict); ok {
			status.Set("stream_config", inMillis(config, streamOptions))
		}
		return status, nil
	})
}

func cmdKeys(p *Package, b *bucket, _ []Value) (any, error) {
	return begin(p, b.kv.Keys, plain)
}
