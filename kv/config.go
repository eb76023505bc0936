// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
)

// BucketConfig configures a bucket (docs/key-value.md, Configuration; ADR-8). Zero values are the
// defaults, but for History, which is 1 to 64. Values that the server does not allow are its errors.
type BucketConfig struct {
	Bucket       string
	Description  string
	MaxValueSize *int64        // bytes; nil: no limit
	History      int64         // revisions kept of each key
	TTL          time.Duration // 0: values stay
	MaxBytes     *int64        // nil: no limit
	Storage      string        // "memory" or "file", the default
	Replicas     int64         // 1 where 0
	Compression  string        // "none" or "s2"
	MirrorName   string        // the bucket that this one mirrors; excludes Mirror
	MirrorDomain string        // and its domain
	Metadata     dict.Dict     // texts

	// LimitMarkerTTL lets keys have a time to live of their own, and is how long a marker stays
	// where one of them, or TTL, took the last value of a key: a second or more. It needs a server of
	// 2.11, and cannot be taken back (ADR-43).
	LimitMarkerTTL time.Duration
	Placement      dict.Dict // cluster, tags, preferred: where the replicas are
	Republish      dict.Dict // src, dest, headers_only: values are published there as well
	Mirror         dict.Dict // a stream source (ADR-57): the bucket that this one is a copy of
	Sources        []any     // stream sources: the buckets, or streams with subject_transforms, that this one draws from
	AllowDirect    *bool     // any replica answers a get; nil: true
	AllowAtomic    bool      // batches of writes; needs a server of 2.12 (ADR-50)
	PersistMode    string    // "async": acknowledged before it is on disk; needs a server of 2.12
}

// duplicateWindow is how long the server remembers message IDs, unless values live
// shorter.
const duplicateWindow = 2 * time.Minute

// settings is the part of the stream's config that a bucket's decides, without what it listens to and
// draws from.
func (c *BucketConfig) settings() (dict.Dict, error) {
	if c.History < 1 || c.History > 64 {
		return nil, invalid("History must be between 1 and 64")
	}
	if c.TTL < 0 {
		return nil, invalid("The time to live must not be negative")
	}
	if err := js.CheckMarkerTTL("The limit_marker_ttl", c.LimitMarkerTTL); err != nil {
		return nil, err
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
		{Key: "max_bytes", Value: limit(c.MaxBytes)},
		{Key: "discard", Value: "new"},
		{Key: "max_age", Value: int64(c.TTL)},
		{Key: "max_msgs_per_subject", Value: c.History},
		{Key: "max_msg_size", Value: limit(c.MaxValueSize)},
		{Key: "storage", Value: storage},
		{Key: "num_replicas", Value: max(c.Replicas, 1)},
		{Key: "duplicate_window", Value: int64(window)},
		{Key: "deny_delete", Value: true},
		{Key: "deny_purge", Value: false},
		{Key: "allow_rollup_hdrs", Value: true},
		{Key: "allow_direct", Value: c.AllowDirect == nil || *c.AllowDirect},
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
	if c.LimitMarkerTTL != 0 {
		d.Set("allow_msg_ttl", true)
		d.Set("subject_delete_marker_ttl", int64(c.LimitMarkerTTL))
	}
	if len(c.Placement) > 0 {
		d.Set("placement", c.Placement)
	}
	if len(c.Republish) > 0 {
		d.Set("republish", c.Republish)
	}
	if c.AllowAtomic {
		d.Set("allow_atomic", true)
	}
	if c.PersistMode != "" {
		d.Set("persist_mode", c.PersistMode)
	}
	return d, nil
}

// limit is a number of bytes as a stream has it.
func limit(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// stream is the whole config of the stream behind the bucket, less its name.
func (c *BucketConfig) stream() (dict.Dict, error) {
	d, err := c.settings()
	if err != nil {
		return nil, err
	}
	mirror, err := c.mirror()
	if err != nil {
		return nil, err
	}
	if mirror != nil {
		if len(c.Sources) > 0 {
			return nil, invalid("mirror conflicts with sources")
		}
		d.Set("mirror", mirror)
		d.Set("mirror_direct", true)
		return d, nil
	}
	if len(c.Sources) > 0 {
		sources := make([]any, len(c.Sources))
		for i, s := range c.Sources {
			source, _ := s.(dict.Dict)
			if sources[i], err = c.source(source); err != nil {
				return nil, err
			}
		}
		d.Set("sources", sources)
	}
	d.Set("subjects", []string{subjectPrefix + c.Bucket + ".>"})
	return d, nil
}

// mirror is the stream that the bucket is a copy of; nil for none.
func (c *BucketConfig) mirror() (dict.Dict, error) {
	switch {
	case c.MirrorName == "" && c.MirrorDomain != "":
		return nil, invalid(fault.Option("mirror_domain") + " requires " + fault.Option("mirror_name"))
	case c.MirrorName != "" && c.Mirror != nil:
		return nil, invalid("mirror_name conflicts with mirror")
	case c.MirrorName != "":
		if err := js.CheckBucketName(c.MirrorName); err != nil {
			return nil, err
		}
		d := dict.Dict{{Key: "name", Value: streamPrefix + c.MirrorName}}
		if c.MirrorDomain != "" {
			d.Set("external", external("$JS."+c.MirrorDomain+".API", ""))
		}
		return d, nil
	case c.Mirror != nil:
		if c.Mirror.Text("name") == "" {
			return nil, invalid("mirror needs a name")
		}
		d := slices.Clone(c.Mirror)
		d.Set("name", streamOf(d.Text("name")))
		return d, nil
	}
	return nil, nil
}

// source is a stream that the bucket draws from (ADR-57): a bucket, whose keys come under the same
// names; one with transforms of its own is taken as it is, whatever stream it names.
func (c *BucketConfig) source(s dict.Dict) (dict.Dict, error) {
	if s.Text("name") == "" {
		return nil, invalid("a source needs a name")
	}
	if transforms, _ := s.Path("subject_transforms").([]any); len(transforms) > 0 {
		return s, nil
	}
	d := slices.Clone(s)
	stream := streamOf(s.Text("name"))
	d.Set("name", stream)
	origin := strings.TrimPrefix(stream, streamPrefix)
	if origin != c.Bucket || s.Path("external") == nil {
		d.Set("subject_transforms", []any{dict.Dict{
			{Key: "src", Value: subjectPrefix + origin + ".>"},
			{Key: "dest", Value: subjectPrefix + c.Bucket + ".>"},
		}})
	}
	return d, nil
}

// streamOf is the stream of a bucket that may be named by either.
func streamOf(bucket string) string {
	return streamPrefix + strings.TrimPrefix(bucket, streamPrefix)
}

// bucketConfig reads a bucket's config from that of its stream, so that stream makes the same of it.
// What a bucket's config has no place for is not in it.
func bucketConfig(stream dict.Dict) BucketConfig {
	c := BucketConfig{
		Bucket:         strings.TrimPrefix(stream.Text("name"), streamPrefix),
		Description:    stream.Text("description"),
		MaxValueSize:   limitOf(stream, "max_msg_size"),
		History:        integer(stream, "max_msgs_per_subject"),
		TTL:            time.Duration(integer(stream, "max_age")),
		MaxBytes:       limitOf(stream, "max_bytes"),
		Storage:        stream.Text("storage"),
		Replicas:       integer(stream, "num_replicas"),
		Compression:    stream.Text("compression"),
		LimitMarkerTTL: time.Duration(integer(stream, "subject_delete_marker_ttl")),
		PersistMode:    stream.Text("persist_mode"),
	}
	c.Metadata = userMetadata(stream)
	direct, _ := stream.Path("allow_direct").(bool)
	c.AllowDirect = &direct
	c.AllowAtomic, _ = stream.Path("allow_atomic").(bool)
	c.Placement, _ = stream.Path("placement").(dict.Dict)
	c.Republish, _ = stream.Path("republish").(dict.Dict)
	c.Mirror, _ = stream.Path("mirror").(dict.Dict)
	c.Sources, _ = stream.Path("sources").([]any)
	return c
}

// userMetadata is a stream's metadata without what the server adds for itself (ADR-44).
func userMetadata(stream dict.Dict) dict.Dict {
	all, _ := stream.Path("metadata").(dict.Dict)
	out := dict.Dict{}
	for _, f := range all {
		if !strings.HasPrefix(f.Key, "_nats.") {
			out = append(out, f)
		}
	}
	return out
}

func integer(d dict.Dict, field string) int64 {
	n, _ := strconv.ParseInt(d.Text(field), 10, 64)
	return n
}

// limitOf is a number of bytes, nil for no limit.
func limitOf(d dict.Dict, field string) *int64 {
	if n := integer(d, field); n > 0 {
		return &n
	}
	return nil
}

// features are the fields of a stream's config that older servers do not know, and would
// pass over without a word: the JetStream API level (ADR-44) and the release that has them.
var features = []struct {
	field, option, release string
	level                  int64
}{
	{"subject_delete_marker_ttl", "limit_marker_ttl", "2.11", 1},
	{"allow_atomic", "allow_atomic", "2.12", 2},
	{"persist_mode", "persist_mode", "2.12", 2},
}
