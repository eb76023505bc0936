package kv

import (
	"strconv"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// BucketConfig configures a bucket (kv-details.md, Bucket management). Zero values are
// the defaults, but for History, which is 1 to 64.
type BucketConfig struct {
	Bucket       string
	Description  string
	MaxValueSize *int64        // bytes; nil: no limit
	History      int64         // revisions kept of each key
	TTL          time.Duration // 0: values stay
	MaxBytes     *int64        // nil: no limit
	Storage      string        // "memory" or "file", the default
	Replicas     int64
	Compression  string // "none" or "s2"
	MirrorName   string // the bucket that this one mirrors
	MirrorDomain string // and its domain
	Metadata     dict.Dict
}

// Origin is a bucket that others draw from.
type Origin struct {
	Bucket  string
	Stream  string   // "KV_BUCKET" where empty
	Keys    []string // filters; none: all keys
	API     string   // prefix of another domain's or account's JetStream API
	Deliver string   // goes with API
}

// duplicateWindow is how long the server remembers message IDs, unless values live
// shorter.
const duplicateWindow = 2 * time.Minute

// stream is the config of the stream behind the bucket, without its subjects.
func (c *BucketConfig) stream() (dict.Dict, error) {
	if c.History < 1 || c.History > 64 {
		return nil, invalid("History must be between 1 and 64")
	}
	size := func(n *int64) int64 {
		if n == nil {
			return -1
		}
		return *n
	}
	window := duplicateWindow
	if c.TTL > 0 {
		window = min(window, c.TTL)
	}
	storage := c.Storage
	if storage == "" {
		storage = "file"
	}
	d := dict.Dict{
		{Key: "retention", Value: "limits"},
		{Key: "max_consumers", Value: -1},
		{Key: "max_msgs", Value: -1},
		{Key: "max_bytes", Value: size(c.MaxBytes)},
		{Key: "discard", Value: "new"},
		{Key: "max_age", Value: int64(c.TTL)},
		{Key: "max_msgs_per_subject", Value: c.History},
		{Key: "max_msg_size", Value: size(c.MaxValueSize)},
		{Key: "storage", Value: storage},
		{Key: "num_replicas", Value: max(c.Replicas, 1)},
		{Key: "duplicate_window", Value: int64(window)},
		{Key: "deny_delete", Value: true},
		{Key: "deny_purge", Value: false},
		{Key: "allow_rollup_hdrs", Value: true},
		{Key: "allow_direct", Value: true},
	}
	if c.Description != "" {
		d.Set("description", c.Description)
	}
	if c.Compression != "" {
		d.Set("compression", c.Compression)
	}
	if len(c.Metadata) > 0 {
		d.Set("metadata", c.Metadata)
	}
	return d, nil
}

// external is the part of a source that names another JetStream; nil for none.
func external(api, deliver string) dict.Dict {
	if api == "" {
		return nil
	}
	return dict.Dict{{Key: "api", Value: api}, {Key: "deliver", Value: deliver}}
}

// source is the origin as a stream's source or mirror. Its keys go to the same keys of
// another bucket, or stay where they are (to is the origin itself).
func (o *Origin) source(to string, filters []string) (dict.Dict, error) {
	if err := checkBucket(o.Bucket); err != nil {
		return nil, err
	}
	name := o.Stream
	if name == "" {
		name = streamPrefix + o.Bucket
	}
	d := dict.Dict{{Key: "name", Value: name}}
	if e := external(o.API, o.Deliver); e != nil {
		d.Set("external", e)
	}
	transforms := []any{}
	for _, keys := range filters {
		src := subjectPrefix + o.Bucket + "." + keys
		if !wire.ValidSubject(src, true) {
			return nil, invalid("Invalid key name " + keys)
		}
		transforms = append(transforms, dict.Dict{
			{Key: "src", Value: src},
			{Key: "dest", Value: subjectPrefix + to + "." + places(keys)},
		})
	}
	if len(transforms) > 0 {
		d.Set("subject_transforms", transforms)
	}
	return d, nil
}

// places names what each * of a filter stands for: a transform's destination has no
// wildcards but > (ADR-30).
func places(keys string) string {
	tokens := strings.Split(keys, ".")
	n := 0
	for i, t := range tokens {
		if t == "*" {
			n++
			tokens[i] = "{{wildcard(" + strconv.Itoa(n) + ")}}"
		}
	}
	return strings.Join(tokens, ".")
}

// CreateBucket makes a bucket; one of the same configuration may be there already.
func CreateBucket(j *js.JetStream, c BucketConfig, done func(*Bucket, error)) error {
	if err := checkBucket(c.Bucket); err != nil {
		return err
	}
	config, err := c.stream()
	if err != nil {
		return err
	}
	switch {
	case c.MirrorName != "":
		if err := checkBucket(c.MirrorName); err != nil {
			return err
		}
		mirror := dict.Dict{{Key: "name", Value: streamPrefix + c.MirrorName}}
		if c.MirrorDomain != "" {
			mirror.Set("external", external("$JS."+c.MirrorDomain+".API", ""))
		}
		config.Set("mirror", mirror)
		config.Set("mirror_direct", true)
	case c.MirrorDomain != "":
		return invalid("-mirror_domain requires -mirror_name")
	default:
		config.Set("subjects", []string{subjectPrefix + c.Bucket + ".>"})
	}
	return addBucket(j, c.Bucket, config, done)
}

func addBucket(j *js.JetStream, bucket string, config dict.Dict, done func(*Bucket, error)) error {
	return j.AddStream(streamPrefix+bucket, config, func(info dict.Dict, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(newBucket(j, bucket, info), nil)
	})
}

// CreateAggregate makes a bucket that gathers from others. One that is not writable has
// no subjects of its own.
func CreateAggregate(j *js.JetStream, c BucketConfig, writable bool, origins []Origin, done func(*Bucket, error)) error {
	if err := checkBucket(c.Bucket); err != nil {
		return err
	}
	if len(origins) == 0 {
		return invalid("List of KV origins is required")
	}
	config, err := c.stream()
	if err != nil {
		return err
	}
	sources := []any{}
	for _, o := range origins {
		keys := o.Keys
		if len(keys) == 0 {
			keys = []string{">"}
		}
		source, err := o.source(c.Bucket, keys)
		if err != nil {
			return err
		}
		sources = append(sources, source)
	}
	config.Set("sources", sources)
	if writable {
		config.Set("subjects", []string{subjectPrefix + c.Bucket + ".>"})
	}
	return addBucket(j, c.Bucket, config, done)
}

// CreateMirror makes a read-only stream of the name c.Bucket that mirrors a bucket and
// answers its direct gets. It cannot be bound to.
func CreateMirror(j *js.JetStream, c BucketConfig, origin Origin, done func(error)) error {
	if strings.HasPrefix(c.Bucket, streamPrefix) {
		return invalid("Mirror name must not be KV")
	}
	config, err := c.stream()
	if err != nil {
		return err
	}
	mirror, err := origin.source(origin.Bucket, origin.Keys)
	if err != nil {
		return err
	}
	config.Set("mirror", mirror)
	config.Set("mirror_direct", true)
	return j.AddStream(c.Bucket, config, func(_ dict.Dict, err error) { done(err) })
}

// BindBucket returns a bucket that is there. ErrBucketNotFound also where the stream
// keeps no history by subject.
func BindBucket(j *js.JetStream, bucket string, done func(*Bucket, error)) error {
	if err := checkBucket(bucket); err != nil {
		return err
	}
	return j.StreamInfo(streamPrefix+bucket, func(info dict.Dict, err error) {
		if wire.CodeOf(err) == "ErrStreamNotFound" {
			err = errBucketNotFound(bucket)
		} else if err == nil {
			if n, _ := strconv.ParseInt(info.Text("config", "max_msgs_per_subject"), 10, 64); n < 1 {
				err = errBucketNotFound(bucket)
			}
		}
		if err != nil {
			done(nil, err)
			return
		}
		done(newBucket(j, bucket, info), nil)
	})
}

// DeleteBucket deletes a bucket with all that is in it.
func DeleteBucket(j *js.JetStream, bucket string, done func(error)) error {
	if err := checkBucket(bucket); err != nil {
		return err
	}
	return j.DeleteStream(streamPrefix+bucket, func(err error) {
		if wire.CodeOf(err) == "ErrStreamNotFound" {
			err = errBucketNotFound(bucket)
		}
		done(err)
	})
}

// EmptyBucket removes all messages, and returns how many went. Revisions go on counting.
func EmptyBucket(j *js.JetStream, bucket string, done func(uint64, error)) error {
	if err := checkBucket(bucket); err != nil {
		return err
	}
	return j.PurgeStream(streamPrefix+bucket, nil, done)
}

// Buckets returns the names of all buckets.
func Buckets(j *js.JetStream, done func([]string, error)) error {
	return j.StreamNames("", func(streams []string, err error) {
		names := []string{}
		for _, s := range streams {
			if bucket, ok := strings.CutPrefix(s, streamPrefix); ok && checkBucket(bucket) == nil {
				names = append(names, bucket)
			}
		}
		done(names, err)
	})
}
