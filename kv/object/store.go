// SPDX-License-Identifier: Apache-2.0

// Package object is NATS object stores for Go programs and for the Tcl packages alike (ADR-20):
// objects of any size in a stream, in chunks, with an info for each name.
//
// Nothing here blocks. A call that returns an error has sent nothing; otherwise its
// request is on its way when it returns, and done is called once, by a goroutine of
// the connection, that must not be held up.
package object

import (
	"strconv"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

const (
	streamPrefix  = "OBJ_"
	subjectPrefix = "$O."
	chunkPart     = ".C."
	infoPart      = ".M."
)

// Store is an object store as bound. It holds nothing, and any goroutine may use it.
type Store struct {
	js     *js.JetStream
	name   string
	stream string
	direct *js.Direct
}

// Name of the store.
func (s *Store) Name() string { return s.name }

func bound(j *js.JetStream, name string, info dict.Dict) *Store {
	config, _ := info.Path("config").(dict.Dict)
	return &Store{js: j, name: name, stream: streamPrefix + name, direct: js.DirectOf(config)}
}

func invalid(text string) error { return fault.New(fault.InvalidArg, text) }

func errBucketNotFound(name string) error {
	return fault.New(fault.BucketNotFound, "Bucket "+name+" not found")
}

// told makes an error of a stream's one of the store's, where it means that the store is gone.
func (s *Store) told(err error, done func(error)) {
	s.js.Missing(s.stream, err, wire.Now(), func(missing bool, _ *js.StreamState) {
		if missing {
			err = errBucketNotFound(s.name)
		}
		done(err)
	})
}

// Config says what a store is to be like. A field that is nil is not given: the default holds for a new
// store, and one that is there keeps what it has.
type Config struct {
	Description *string
	TTL         *time.Duration // how long objects stay; 0: for ever
	MaxBytes    *int64         // of all objects with their infos; -1: no limit
	Storage     *string        // "file", the default, or "memory"; it cannot be changed
	Replicas    *int64
	Placement   dict.Dict // cluster, tags, preferred; empty: anywhere
	Compression *string   // "none" or "s2"
	Metadata    dict.Dict
}

// apply writes what is given into a stream's config.
func (c *Config) apply(d *dict.Dict) {
	if c.Description != nil {
		d.Set("description", *c.Description)
	}
	if c.TTL != nil {
		d.Set("max_age", int64(*c.TTL))
		// The server refuses to remember message IDs longer than messages.
		window, err := strconv.ParseInt(d.Text("duplicate_window"), 10, 64)
		if err == nil && *c.TTL > 0 && window > int64(*c.TTL) {
			d.Set("duplicate_window", int64(*c.TTL))
		}
	}
	if c.MaxBytes != nil {
		d.Set("max_bytes", *c.MaxBytes)
	}
	if c.Storage != nil {
		d.Set("storage", *c.Storage)
	}
	if c.Replicas != nil {
		d.Set("num_replicas", max(*c.Replicas, 1))
	}
	switch {
	case c.Placement == nil:
	case len(c.Placement) == 0:
		*d = d.Without("placement")
	default:
		d.Set("placement", c.Placement)
	}
	if c.Compression != nil {
		d.Set("compression", *c.Compression)
	}
	if c.Metadata != nil {
		d.Set("metadata", c.Metadata)
	}
}

// fresh is the config of the stream of a new store (ADR-20, Streams).
func (c *Config) fresh(name string) dict.Dict {
	d := dict.Dict{
		{Key: "subjects", Value: []string{subjectPrefix + name + chunkPart + ">", subjectPrefix + name + infoPart + ">"}},
		{Key: "retention", Value: "limits"},
		{Key: "max_consumers", Value: -1},
		{Key: "max_msgs", Value: -1},
		{Key: "max_bytes", Value: -1},
		{Key: "discard", Value: "new"},
		{Key: "max_age", Value: 0},
		{Key: "storage", Value: "file"},
		{Key: "num_replicas", Value: 1},
		{Key: "allow_rollup_hdrs", Value: true},
		{Key: "allow_direct", Value: true},
	}
	c.apply(&d)
	return d
}

// Create makes a store; one of the same configuration may be there already.
func Create(j *js.JetStream, name string, c Config, done func(*Store, error)) error {
	if err := js.CheckBucketName(name); err != nil {
		return err
	}
	return j.AddStream(streamPrefix+name, c.fresh(name), func(info dict.Dict, err error) {
		bindTo(j, name, info, err, done)
	})
}

// Update changes what is given of a store's configuration, and leaves the rest as it is.
// ErrBucketNotFound: there is none.
func Update(j *js.JetStream, name string, c Config, done func(*Store, error)) error {
	return reconfigure(j, name, c.apply, done)
}

// CreateOrUpdate is Update, or Create where there is none.
func CreateOrUpdate(j *js.JetStream, name string, c Config, done func(*Store, error)) error {
	return Update(j, name, c, func(s *Store, err error) {
		if fault.CodeOf(err) == fault.BucketNotFound {
			if err = Create(j, name, c, done); err == nil {
				return
			}
		}
		done(s, err)
	})
}

// reconfigure reads the config of a store's stream, and writes it changed: settings that are not
// known here stay.
func reconfigure(j *js.JetStream, name string, change func(*dict.Dict), done func(*Store, error)) error {
	if err := js.CheckBucketName(name); err != nil {
		return err
	}
	stream := streamPrefix + name
	return j.StreamInfo(stream, func(info dict.Dict, err error) {
		if err != nil {
			bindTo(j, name, nil, err, done)
			return
		}
		config, _ := info.Path("config").(dict.Dict)
		config = config.Without() // a copy
		change(&config)
		err = j.UpdateStream(stream, config, func(info dict.Dict, err error) { bindTo(j, name, info, err, done) })
		if err != nil {
			done(nil, err)
		}
	})
}

func bindTo(j *js.JetStream, name string, info dict.Dict, err error, done func(*Store, error)) {
	if fault.CodeOf(err) == fault.StreamNotFound {
		err = errBucketNotFound(name)
	}
	if err != nil {
		done(nil, err)
		return
	}
	done(bound(j, name, info), nil)
}

// Bind returns a store that is there. ErrBucketNotFound: there is none.
func Bind(j *js.JetStream, name string, done func(*Store, error)) error {
	if err := js.CheckBucketName(name); err != nil {
		return err
	}
	return j.StreamInfo(streamPrefix+name, func(info dict.Dict, err error) { bindTo(j, name, info, err, done) })
}

// Delete deletes a store with all that is in it. ErrBucketNotFound: there is none.
func Delete(j *js.JetStream, name string, done func(error)) error {
	if err := js.CheckBucketName(name); err != nil {
		return err
	}
	return j.DeleteStream(streamPrefix+name, func(err error) {
		if fault.CodeOf(err) == fault.StreamNotFound {
			err = errBucketNotFound(name)
		}
		done(err)
	})
}

// Names returns the names of all stores.
func Names(j *js.JetStream, done func([]string, error)) error {
	return j.StreamNames(subjectPrefix+"*"+chunkPart+">", func(streams []string, err error) {
		names := []string{}
		for _, s := range streams {
			if name, ok := strings.CutPrefix(s, streamPrefix); ok && js.CheckBucketName(name) == nil {
				names = append(names, name)
			}
		}
		done(names, err)
	})
}

// Statuses returns the status of each store.
func Statuses(j *js.JetStream, done func([]dict.Dict, error)) error {
	return Names(j, func(names []string, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		statuses(j, names, []dict.Dict{}, done)
	})
}

// statuses asks for one after another. A store may have gone in between.
func statuses(j *js.JetStream, names []string, known []dict.Dict, done func([]dict.Dict, error)) {
	if len(names) == 0 {
		done(known, nil)
		return
	}
	s := &Store{js: j, name: names[0], stream: streamPrefix + names[0]}
	err := s.Status(func(status dict.Dict, err error) {
		switch fault.CodeOf(err) {
		case "":
			if err != nil {
				done(nil, err)
				return
			}
			known = append(known, status)
		case fault.BucketNotFound:
		default:
			done(nil, err)
			return
		}
		statuses(j, names[1:], known, done)
	})
	if err != nil {
		done(nil, err)
	}
}

// Status tells of a store: bucket, description, ttl (ns), storage, replicas, sealed (0 or 1), size (bytes of all
// that is in it), backing_store, metadata, is_compressed (0 or 1), stream_config (durations in ns), stream_state.
func (s *Store) Status(done func(dict.Dict, error)) error {
	return s.js.StreamInfo(s.stream, func(info dict.Dict, err error) {
		if err != nil {
			s.told(err, func(err error) { done(nil, err) })
			return
		}
		config, _ := info.Path("config").(dict.Dict)
		state, _ := info.Path("state").(dict.Dict)
		metadata, _ := config.Path("metadata").(dict.Dict)
		done(dict.Dict{
			{Key: "bucket", Value: s.name},
			{Key: "description", Value: config.Text("description")},
			{Key: "ttl", Value: orZero(config.Path("max_age"))},
			{Key: "storage", Value: config.Text("storage")},
			{Key: "replicas", Value: orZero(config.Path("num_replicas"))},
			{Key: "sealed", Value: oneIf(config.Path("sealed") == true)},
			{Key: "size", Value: orZero(state.Path("bytes"))},
			{Key: "backing_store", Value: "JetStream"},
			{Key: "metadata", Value: metadata},
			{Key: "is_compressed", Value: oneIf(config.Text("compression") != "" && config.Text("compression") != "none")},
			{Key: "stream_config", Value: config},
			{Key: "stream_state", Value: state},
		}, nil)
	})
}

// orZero is a number of a reply, 0 where there is none.
func orZero(v any) any {
	if n, ok := v.(dict.Number); ok {
		return n
	}
	return 0
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Seal ends all change of a store, for good: what puts, deletes or renames is refused by the server
// from then on, with ErrJSResponse 400 10109.
func (s *Store) Seal(done func(error)) error {
	seal := func(config *dict.Dict) { config.Set("sealed", true) }
	return reconfigure(s.js, s.name, seal, func(_ *Store, err error) { done(err) })
}
