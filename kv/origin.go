// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"strconv"
	"strings"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Origin is a bucket that others draw from.
type Origin struct {
	Bucket string
	Stream string   // "KV_BUCKET" where empty
	Keys   []string // filters; none: all keys
	// Transforms are those of a stream that is no bucket, in place of Keys: each a dict of src and dest.
	Transforms []any
	API        string // prefix of another domain's or account's JetStream API
	Deliver    string // goes with API
}

// external is the part of a source that names another JetStream; nil for none.
func external(api, deliver string) dict.Dict {
	if api == "" {
		return nil
	}
	return dict.Dict{{Key: "api", Value: api}, {Key: "deliver", Value: deliver}}
}

// transformed is the origin by its own transforms.
func (o *Origin) transformed() (dict.Dict, error) {
	if o.Stream == "" || len(o.Keys) > 0 {
		return nil, invalid("transform needs stream, and excludes keys")
	}
	d := dict.Dict{{Key: "name", Value: o.Stream}, {Key: "subject_transforms", Value: o.Transforms}}
	if e := external(o.API, o.Deliver); e != nil {
		d.Set("external", e)
	}
	return d, nil
}

// source is the origin as a stream's source or mirror. Its keys go to the same keys of
// another bucket, or stay where they are (to is the origin itself).
func (o *Origin) source(to string, filters []string) (dict.Dict, error) {
	if err := js.CheckBucketName(o.Bucket); err != nil {
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
			return nil, &fault.Error{Code: fault.InvalidArg, Text: "Invalid key name " + keys, Help: keyRule}
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

// gathered is the origin as a source of an aggregate: its keys come under the same names.
func (o *Origin) gathered(bucket string) (dict.Dict, error) {
	if len(o.Transforms) > 0 {
		return o.transformed()
	}
	keys := o.Keys
	if len(keys) == 0 {
		keys = []string{">"}
	}
	return o.source(bucket, keys)
}

// CreateAggregate makes a bucket that gathers from others. One that is not writable has
// no subjects of its own.
func CreateAggregate(j *js.JetStream, c BucketConfig, writable bool, origins []Origin, done func(*Bucket, error)) error {
	if err := js.CheckBucketName(c.Bucket); err != nil {
		return err
	}
	if len(origins) == 0 {
		return invalid("List of KV origins is required")
	}
	config, err := c.settings()
	if err != nil {
		return err
	}
	sources := []any{}
	for _, o := range origins {
		source, err := o.gathered(c.Bucket)
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
	config, err := c.settings()
	if err != nil {
		return err
	}
	mirror, err := origin.source(origin.Bucket, origin.Keys)
	if err != nil {
		return err
	}
	config.Set("mirror", mirror)
	config.Set("mirror_direct", true)
	return whereSupported(j, config, func() error {
		return j.AddStream(c.Bucket, config, func(_ dict.Dict, err error) { done(err) })
	}, done)
}
