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
	kv *kv.Bucket
	j  *jetStream
}

// A bucket holds nothing of its own. (Its watchers belong to the jet_stream, and
// outlive it.)
func (*bucket) release(*Package) {}

var bucketCommands = []command{
	{"create_kv_bucket", []string{"jet_stream", "bucket", "args"}, cmdCreateBucket},
	{"create_kv_aggregate", []string{"jet_stream", "bucket", "writable", "origins", "args"}, cmdCreateAggregate},
	{"create_kv_mirror", []string{"jet_stream", "name", "origin", "args"}, cmdCreateMirror},
	{"bind_kv_bucket", []string{"jet_stream", "bucket"}, cmdBindBucket},
	{"delete_kv_bucket", []string{"jet_stream", "bucket"}, cmdDeleteBucket},
	{"empty_kv_bucket", []string{"jet_stream", "bucket"}, cmdEmptyBucket},
	{"kv_buckets", []string{"jet_stream"}, cmdBuckets},
	{"make_kv_origin", []string{"args"}, cmdMakeOrigin},

	{"kv_get", []string{"bucket", "key", "args"}, cmdGet},
	{"kv_get_value", []string{"bucket", "key", "args"}, cmdGetValue},
	{"kv_put", []string{"bucket", "key", "value"}, cmdPut},
	{"kv_create", []string{"bucket", "key", "value"}, cmdCreate},
	{"kv_update", []string{"bucket", "key", "value", "revision"}, cmdUpdate},
	{"kv_delete", []string{"bucket", "key", "revision"}, cmdDelete},
	{"kv_purge", []string{"bucket", "key"}, cmdPurge},
	{"kv_revert", []string{"bucket", "key", "revision"}, cmdRevert},
	{"kv_status", []string{"bucket"}, cmdStatus},
	{"kv_history", []string{"bucket", "key"}, cmdHistory},
	{"kv_keys", []string{"bucket"}, cmdKeys},

	{"kv_watch", []string{"bucket", "key", "args"}, cmdWatch},
	{"watch_array", []string{"watcher"}, cmdWatchArray},
	{"watch_consumer", []string{"watcher"}, cmdWatchConsumer},
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
		return p.add(&bucket{kv: b, j: j}, j), nil
	}
}

func cmdCreateBucket(p *Package, args []Value) (any, error) {
	j, err := get[*jetStream](p, args[0])
	if err != nil {
		return nil, err
	}
	o, err := parseOptions(args[2:], bucketOptions)
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateBucket(j.js, bucketConfig(args[1].Text(), o), done)
	}, j.newBucket(p))
}

func cmdCreateAggregate(p *Package, args []Value) (any, error) {
	j, err := get[*jetStream](p, args[0])
	if err != nil {
		return nil, err
	}
	writable, ok := boolean(args[2].Text())
	if !ok {
		return nil, invalid("writable = " + args[2].Text() + " is not a boolean")
	}
	list, err := args[3].List()
	if err != nil || len(list) == 0 {
		return nil, invalid("List of KV origins is required")
	}
	origins := make([]kv.Origin, len(list))
	for i, v := range list {
		if origins[i], err = originOf(v); err != nil {
			return nil, err
		}
	}
	o, err := parseDerived(args[4:])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.CreateAggregate(j.js, bucketConfig(args[1].Text(), o), writable, origins, done)
	}, j.newBucket(p))
}

func cmdCreateMirror(p *Package, args []Value) (any, error) {
	j, err := get[*jetStream](p, args[0])
	if err != nil {
		return nil, err
	}
	origin, err := originOf(args[2])
	if err != nil {
		return nil, err
	}
	o, err := parseDerived(args[3:])
	if err != nil {
		return nil, err
	}
	return beginPlain(p, nil, func(done func(error)) error {
		return kv.CreateMirror(j.js, bucketConfig(args[1].Text(), o), origin, done)
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

func cmdBindBucket(p *Package, args []Value) (any, error) {
	j, err := get[*jetStream](p, args[0])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(*kv.Bucket, error)) error {
		return kv.BindBucket(j.js, args[1].Text(), done)
	}, j.newBucket(p))
}

func cmdDeleteBucket(p *Package, args []Value) (any, error) {
	j, err := get[*jetStream](p, args[0])
	if err != nil {
		return nil, err
	}
	return beginPlain(p, true, func(done func(error)) error {
		return kv.DeleteBucket(j.js, args[1].Text(), done)
	})
}

func cmdEmptyBucket(p *Package, args []Value) (any, error) {
	j, err := get[*jetStream](p, args[0])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return kv.EmptyBucket(j.js, args[1].Text(), done)
	}, plain)
}

func cmdBuckets(p *Package, args []Value) (any, error) {
	j, err := get[*jetStream](p, args[0])
	if err != nil {
		return nil, err
	}
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
func getEntry(p *Package, args []Value, finish func(*bucket, kv.Entry) any) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	o, err := parseOptions(args[2:], revisionOption)
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
		return b.kv.Get(args[1].Text(), uint64(wanted), done)
	}, func(e kv.Entry) (any, error) { return finish(b, e), nil })
}

func cmdGet(p *Package, args []Value) (any, error) {
	return getEntry(p, args, func(b *bucket, e kv.Entry) any { return e.Dict(b.j.c.incoming(e.Value), false) })
}

func cmdGetValue(p *Package, args []Value) (any, error) {
	return getEntry(p, args, func(b *bucket, e kv.Entry) any { return b.j.c.incoming(e.Value) })
}

func cmdPut(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Put(args[1].Text(), b.j.c.outgoing(args[2]), done)
	}, plain)
}

func cmdCreate(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Create(args[1].Text(), b.j.c.outgoing(args[2]), done)
	}, plain)
}

func cmdUpdate(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	expected, err := revision(args[3])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Update(args[1].Text(), b.j.c.outgoing(args[2]), expected, done)
	}, plain)
}

func cmdDelete(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	expected, err := revision(args[2])
	if err != nil {
		return nil, err
	}
	return beginPlain(p, nil, func(done func(error)) error {
		return b.kv.Delete(args[1].Text(), expected, done)
	})
}

func cmdPurge(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	return beginPlain(p, nil, func(done func(error)) error {
		return b.kv.Purge(args[1].Text(), done)
	})
}

func cmdRevert(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	wanted, err := revision(args[2])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func(uint64, error)) error {
		return b.kv.Revert(args[1].Text(), wanted, done)
	}, plain)
}

func cmdStatus(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	return begin(p, b.kv.Status, plain)
}

func cmdHistory(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	return begin(p, func(done func([]kv.Entry, error)) error {
		return b.kv.History(args[1].Text(), done)
	}, func(entries []kv.Entry) (any, error) {
		list := make([]any, len(entries))
		for i := range entries {
			list[i] = entries[i].Dict(b.j.c.incoming(entries[i].Value), true)
		}
		return list, nil
	})
}

func cmdKeys(p *Package, args []Value) (any, error) {
	b, err := get[*bucket](p, args[0])
	if err != nil {
		return nil, err
	}
	return begin(p, b.kv.Keys, plain)
}
