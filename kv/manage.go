// SPDX-License-Identifier: Apache-2.0

package kv

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
)

// CreateBucket makes a bucket; one of the same configuration may be there already.
// ErrNotSupported: the server is older than what the configuration asks for.
func CreateBucket(j *js.JetStream, c BucketConfig, done func(*Bucket, error)) error {
	if err := js.CheckBucketName(c.Bucket); err != nil {
		return err
	}
	config, err := c.stream()
	if err != nil {
		return err
	}
	return addBucket(j, c.Bucket, config, done)
}

func addBucket(j *js.JetStream, bucket string, config dict.Dict, done func(*Bucket, error)) error {
	return whereSupported(j, config, func() error {
		return j.AddStream(streamPrefix+bucket, config, func(info dict.Dict, err error) {
			if err != nil {
				done(nil, err)
				return
			}
			done(newBucket(j, bucket, info), nil)
		})
	}, func(err error) { done(nil, err) })
}

// whereSupported goes on where the server knows all that a stream's config says: at once if that is
// nothing new, else it asks the server.
func whereSupported(j *js.JetStream, config dict.Dict, goOn func() error, failed func(error)) error {
	asks := false
	for _, f := range features {
		_, there := config.Get(f.field)
		asks = asks || there
	}
	if !asks {
		return goOn()
	}
	return j.AccountInfo(func(info dict.Dict, err error) {
		if err == nil {
			err = supported(config, info)
		}
		if err == nil {
			err = goOn()
		}
		if err != nil {
			failed(err)
		}
	})
}

// apiLevel is that of JetStream's API, by the account's info (ADR-44); 0 of a server that does not tell.
func apiLevel(info dict.Dict) int64 {
	level, _ := strconv.ParseInt(info.Text("api", "level"), 10, 64)
	return level
}

// supported compares a stream's config with the API level that the account's info tells.
func supported(config, info dict.Dict) error {
	level := apiLevel(info)
	for _, f := range features {
		if _, there := config.Get(f.field); there && level < f.level {
			return fault.New(fault.NotSupported, "Option "+f.option+" needs a nats-server of "+f.release+
				" or newer (JetStream API level "+strconv.FormatInt(f.level, 10)+"); this one has level "+strconv.FormatInt(level, 10))
		}
	}
	return nil
}

// UpdateBucket changes the configuration of a bucket: change gets what it is, and makes of it
// what it shall be. All else of the stream stays, also what this client does not know.
// ErrBucketNotFound: there is none. What cannot be changed the server refuses.
func UpdateBucket(j *js.JetStream, bucket string, change func(*BucketConfig), done func(*Bucket, error)) error {
	return bucketInfo(j, bucket, func(info dict.Dict, err error) {
		if err == nil {
			old, _ := info.Path("config").(dict.Dict)
			var config dict.Dict
			if config, err = changed(old, change); err == nil {
				err = updateStream(j, bucket, old, config, done)
			}
		}
		if err != nil {
			done(nil, err)
		}
	})
}

// updateStream sends a stream's new config, where the server knows all that is new in it.
func updateStream(j *js.JetStream, bucket string, old, config dict.Dict, done func(*Bucket, error)) error {
	added := dict.Dict{}
	for _, f := range config {
		if _, there := old.Get(f.Key); !there {
			added = append(added, f)
		}
	}
	return whereSupported(j, added, func() error {
		return j.UpdateStream(streamPrefix+bucket, config, func(info dict.Dict, err error) {
			if fault.CodeOf(err) == fault.StreamNotFound {
				err = errBucketNotFound(bucket)
			}
			if err != nil {
				done(nil, err)
				return
			}
			done(newBucket(j, bucket, info), nil)
		})
	}, func(err error) { done(nil, err) })
}

// changed is a stream's config with what a change of the bucket's means for it.
func changed(stream dict.Dict, change func(*BucketConfig)) (dict.Dict, error) {
	c := bucketConfig(stream)
	before, err := c.stream()
	if err != nil {
		return nil, err
	}
	change(&c)
	after, err := c.stream()
	if err != nil {
		return nil, err
	}
	out := slices.Clone(stream)
	for _, f := range before {
		if _, there := after.Get(f.Key); !there {
			out = out.Without(f.Key)
		}
	}
	for _, f := range after {
		old, _ := before.Get(f.Key)
		if !same(old, f.Value) {
			out.Set(f.Key, f.Value)
		}
	}
	return out, nil
}

func same(a, b any) bool {
	return bytes.Equal(dict.Dict{{Key: "v", Value: a}}.JSON(), dict.Dict{{Key: "v", Value: b}}.JSON())
}

// CreateOrUpdateBucket is UpdateBucket, or CreateBucket with what change makes of the defaults
// where there is no such bucket.
func CreateOrUpdateBucket(j *js.JetStream, bucket string, change func(*BucketConfig), done func(*Bucket, error)) error {
	return UpdateBucket(j, bucket, change, func(b *Bucket, err error) {
		if fault.CodeOf(err) != fault.BucketNotFound {
			done(b, err)
			return
		}
		c := BucketConfig{Bucket: bucket, History: 1}
		change(&c)
		if err := CreateBucket(j, c, done); err != nil {
			done(nil, err)
		}
	})
}

// AddOrigin lets an aggregate gather from one bucket more (ADR-58).
func AddOrigin(j *js.JetStream, bucket string, origin Origin, done func(error)) error {
	source, err := origin.gathered(bucket)
	if err != nil {
		return err
	}
	return bucketInfo(j, bucket, func(info dict.Dict, err error) {
		if err == nil {
			old, _ := info.Path("config").(dict.Dict)
			config := slices.Clone(old)
			sources, _ := old.Path("sources").([]any)
			config.Set("sources", append(slices.Clone(sources), source))
			err = updateStream(j, bucket, old, config, func(_ *Bucket, err error) { done(err) })
		}
		if err != nil {
			done(err)
		}
	})
}

// Config reads a bucket's configuration: CreateBucket makes the same of it.
func (b *Bucket) Config(done func(BucketConfig, error)) error {
	return bucketInfo(b.js, b.name, func(info dict.Dict, err error) {
		config, _ := info.Path("config").(dict.Dict)
		done(bucketConfig(config), err)
	})
}

// BindBucket returns a bucket that is there. ErrBucketNotFound also where the stream
// keeps no history by subject.
func BindBucket(j *js.JetStream, bucket string, done func(*Bucket, error)) error {
	return bucketInfo(j, bucket, func(info dict.Dict, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(newBucket(j, bucket, info), nil)
	})
}

// bucketInfo is the info of a bucket's stream. ErrBucketNotFound as of BindBucket.
func bucketInfo(j *js.JetStream, bucket string, done func(dict.Dict, error)) error {
	if err := js.CheckBucketName(bucket); err != nil {
		return err
	}
	return j.StreamInfo(streamPrefix+bucket, func(info dict.Dict, err error) {
		if fault.CodeOf(err) == fault.StreamNotFound {
			err = errBucketNotFound(bucket)
		} else if err == nil && !isBucket(info) {
			err = errBucketNotFound(bucket)
		}
		done(info, err)
	})
}

// isBucket tells whether a stream keeps a history by subject.
func isBucket(info dict.Dict) bool {
	n, _ := strconv.ParseInt(info.Text("config", "max_msgs_per_subject"), 10, 64)
	return n >= 1
}

// DeleteBucket deletes a bucket with all that is in it.
func DeleteBucket(j *js.JetStream, bucket string, done func(error)) error {
	if err := js.CheckBucketName(bucket); err != nil {
		return err
	}
	return j.DeleteStream(streamPrefix+bucket, func(err error) {
		if fault.CodeOf(err) == fault.StreamNotFound {
			err = errBucketNotFound(bucket)
		}
		done(err)
	})
}

// EmptyBucket removes all messages, and returns how many went; where the leader changes meanwhile they may have been more.
// Revisions go on counting.
func EmptyBucket(j *js.JetStream, bucket string, done func(uint64, error)) error {
	if err := js.CheckBucketName(bucket); err != nil {
		return err
	}
	return j.PurgeStream(streamPrefix+bucket, nil, func(n uint64, _ bool, err error) {
		if fault.CodeOf(err) == fault.StreamNotFound {
			err = fault.New(fault.StreamNotFound, "Bucket "+bucket+" not found")
		}
		done(n, err)
	})
}

// Buckets returns the names of all buckets.
func Buckets(j *js.JetStream, done func([]string, error)) error {
	return j.StreamNames("", func(streams []string, err error) {
		names := []string{}
		for _, s := range streams {
			if bucket, ok := bucketOf(s); ok {
				names = append(names, bucket)
			}
		}
		done(names, err)
	})
}

// Statuses returns what Status returns, of all buckets.
func Statuses(j *js.JetStream, done func([]dict.Dict, error)) error {
	return j.StreamList("", func(streams []dict.Dict, err error) {
		statuses := []dict.Dict{}
		for _, info := range streams {
			if bucket, ok := bucketOf(info.Text("config", "name")); ok {
				statuses = append(statuses, statusOf(bucket, info))
			}
		}
		done(statuses, err)
	})
}

// bucketOf is the name of a stream's bucket, and whether it is one.
func bucketOf(stream string) (string, bool) {
	bucket, ok := strings.CutPrefix(stream, streamPrefix)
	return bucket, ok && js.CheckBucketName(bucket) == nil
}
