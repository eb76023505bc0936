// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"encoding/json"
	"math/big"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv"
	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// The methods of a key_value object that read and write single keys.

// callOptions are those of every method of a bucket that waits.
var callOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, About: "how long to wait; by default the jet_stream's -timeout; 0: no limit"},
	{Name: "callback", Kind: option.Prefix, Empty: true, About: "called as `cmd error result` when the operation has ended; the method returns a number at once, which `cancel` takes"},
}

// lifetime is a time to live: ms, or never. It is a time.Duration.
var lifetime = &option.Kind{Word: "timeout", Takes: "ms or never", Wants: lifetimeRule, Parse: func(r *option.Row, v bridge.Value) (any, error) {
	text := v.Text()
	if text == "never" {
		return kv.Forever, nil
	}
	n, ok := bridge.BigInteger(text)
	if !ok || n.Sign() <= 0 {
		return nil, r.Refuse(v)
	}
	return option.FromMillis(new(big.Int).Set(n)), nil
}}

var (
	ttlOption    = option.Row{Name: "ttl", Kind: lifetime, About: "how long the value lives, 1000 at least, rounded up to whole seconds; the bucket needs -limit_marker_ttl"}
	headerOption = option.Row{Name: "header", Kind: headers, About: "headers of the message: keys with lists of values"}

	expiresOption = option.Row{Name: "expires", Kind: option.Bool, Default: false, About: "true: what could not be sent within its time, because there was no connection, is never sent. false: it is sent when there is a connection again, so that a write that timed out may still happen"}

	writeOptions  = slices.Concat(option.Table{ttlOption, headerOption, expiresOption}, callOptions)
	touchOptions  = slices.Concat(option.Table{ttlOption}, callOptions)
	deleteOptions = slices.Concat(option.Table{{Name: "revision", Kind: option.Natural, About: "as the revision behind the key: deletes only if this is the key's last one, else ErrWrongLastSequence; 0: no condition"}}, callOptions)
	purgeOptions  = slices.Concat(option.Table{ttlOption, {Name: "revision", Kind: option.Natural, About: "purges only if this is the key's last revision, else ErrWrongLastSequence"}}, callOptions)
	getOptions    = slices.Concat(option.Table{{Name: "revision", Kind: option.Int, About: "reads this revision in place of the last one"}}, readOptions, callOptions)
	readOptions   = option.Table{
		{Name: "leader", Kind: option.Bool, About: "asks the leader of the bucket, which has every acknowledged write; other replicas and mirrors may be behind"},
		{Name: "deleted", Kind: option.Bool, About: "a key that was deleted or purged is not an error: the method returns its marker"},
		{Name: "headers", Kind: option.Bool, About: "the entry has the field header"},
	}
)

// call begins a method of the bucket: with -timeout for that long, with -callback without a
// script that waits for it.
func (b *bucket) call(p *bridge.Package, table option.Table, args []bridge.Value, begin func(*kv.Bucket, option.Values) (any, error)) (any, error) {
	if len(args) == 0 {
		return begin(b.kv, nil)
	}
	o, err := table.Parse(args)
	if err != nil {
		return nil, err
	}
	return b.callWith(p, o, begin, nil)
}

// callWith is call for options that are parsed; canceled is called where the script takes the callback back.
func (b *bucket) callWith(p *bridge.Package, o option.Values, begin func(*kv.Bucket, option.Values) (any, error), canceled func()) (any, error) {
	core := b.kv
	if o.Has("timeout") {
		core = core.WithTimeout(o.Duration("timeout"))
	}
	id, err := begin(core, o)
	if callback, given := o.Get("callback").(bridge.Value); err == nil && given {
		return p.Tell(id, b.j.c, callback, canceled)
	}
	return id, err
}

// cmdCancel takes the callback of an operation back. What has been sent is not undone; an
// operation on many keys begins no more of them.
func cmdCancel(p *bridge.Package, _ *bucket, args []bridge.Value) (any, error) {
	id, err := bridge.Integer(args[0])
	if err != nil || !p.Forget(id) {
		return nil, invalid("Invalid operation " + args[0].Text())
	}
	return nil, nil
}

// revision reads a revision that stands as an argument.
func revision(v bridge.Value) (uint64, error) {
	row := option.Row{Name: "revision", Kind: option.Natural}
	n, err := row.Parse(v)
	if err != nil {
		return 0, err
	}
	return revisionOf(n)
}

func revisionOf(n any) (uint64, error) {
	text, _ := n.(json.Number)
	big, ok := new(big.Int).SetString(string(text), 10)
	if !ok || !big.IsInt64() {
		return 0, invalid("Invalid revision " + string(text))
	}
	return big.Uint64(), nil
}

// errNoRevision is the error of reading a revision below 1.
func errNoRevision() error {
	return &fault.Error{Code: fault.InvalidArg, Text: "Invalid request", Help: "a revision is 1 or more"}
}

// getEntry begins a get; finish turns the entry into the result.
func getEntry(p *bridge.Package, b *bucket, args []bridge.Value, finish func(*kv.Entry, option.Values) any) (any, error) {
	name := args[0].Text()
	key, err := b.encodeKey(name)
	if err != nil {
		return nil, err
	}
	return b.call(p, getOptions, args[1:], func(core *kv.Bucket, o option.Values) (any, error) {
		wanted := o.Int("revision")
		if o.Has("revision") && wanted < 1 {
			return nil, errNoRevision()
		}
		read := kv.ReadOptions{Revision: uint64(wanted), Leader: o.Bool("leader"), Deleted: o.Bool("deleted")}
		return beginCoded(p, b.coded, nil, func(done func(kv.Entry, error)) error {
			return core.Read(key, read, func(e kv.Entry, err error) { done(e, named(err, key, name)) })
		}, func(e kv.Entry) (any, error) {
			if err := b.coded.decode(&e); err != nil {
				return nil, err
			}
			return finish(&e, o), nil
		})
	})
}

func cmdGet(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return getEntry(p, b, args, func(e *kv.Entry, o option.Values) any {
		r := b.entry(e)
		r.headers = o.Bool("headers")
		return r
	})
}

func cmdGetValue(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return getEntry(p, b, args, func(e *kv.Entry, _ option.Values) any { return b.j.c.incoming(e.Value) })
}

// refinements are the options of one write.
func refinements(o option.Values) []kv.WriteOption {
	var out []kv.WriteOption
	if ttl, given := o.Get("ttl").(time.Duration); given {
		out = append(out, kv.WithTTL(ttl))
	}
	if h, given := o.Get("header").(nats.Header); given {
		out = append(out, kv.WithHeader(h))
	}
	return out
}

// write begins the write of a value; options are those that stand behind it.
func (b *bucket) write(p *bridge.Package, key, value bridge.Value, options []bridge.Value,
	start func(core *kv.Bucket, key string, value []byte, done func(uint64, error), refined []kv.WriteOption) error) (any, error) {
	name := key.Text()
	stored, err := b.encodeKey(name)
	if err != nil {
		return nil, err
	}
	data, err := b.encodeValue(value)
	if err != nil {
		return nil, err
	}
	return b.call(p, writeOptions, options, func(core *kv.Bucket, o option.Values) (any, error) {
		if o.Bool("expires") {
			core = core.Expiring()
		}
		return bridge.Begin(p, func(done func(uint64, error)) error {
			return start(core, stored, data, func(revision uint64, err error) { done(revision, named(err, stored, name)) }, refinements(o))
		}, bridge.Plain)
	})
}

func cmdPut(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return b.write(p, args[0], args[1], args[2:],
		func(core *kv.Bucket, key string, value []byte, done func(uint64, error), refined []kv.WriteOption) error {
			return core.Put(key, value, done, refined...)
		})
}

func cmdCreate(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return b.write(p, args[0], args[1], args[2:],
		func(core *kv.Bucket, key string, value []byte, done func(uint64, error), refined []kv.WriteOption) error {
			return core.Create(key, value, done, refined...)
		})
}

func cmdUpdate(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	expected, err := revision(args[2])
	if err != nil {
		return nil, err
	}
	return b.write(p, args[0], args[1], args[3:],
		func(core *kv.Bucket, key string, value []byte, done func(uint64, error), refined []kv.WriteOption) error {
			return core.Update(key, value, expected, done, refined...)
		})
}

// onKey begins an operation on one key that has no value; called gives its errors the script's name of the key.
func (b *bucket) onKey(p *bridge.Package, table option.Table, key bridge.Value, options []bridge.Value,
	begin func(core *kv.Bucket, key string, o option.Values, called func(error) error) (any, error)) (any, error) {
	name := key.Text()
	stored, err := b.encodeKey(name)
	if err != nil {
		return nil, err
	}
	return b.call(p, table, options, func(core *kv.Bucket, o option.Values) (any, error) {
		return begin(core, stored, o, func(err error) error { return named(err, stored, name) })
	})
}

func cmdDelete(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	var expected uint64
	if args[1].Text() != "" {
		var err error
		if expected, err = revision(args[1]); err != nil {
			return nil, err
		}
	}
	positional := args[1].Text() != ""
	return b.onKey(p, deleteOptions, args[0], args[2:], func(core *kv.Bucket, key string, o option.Values, called func(error) error) (any, error) {
		if o.Has("revision") {
			if positional {
				return nil, invalid("The revision is given twice: behind the key, and by -revision")
			}
			var err error
			if expected, err = revisionOf(o.Get("revision")); err != nil {
				return nil, err
			}
		}
		return bridge.BeginPlain(p, nil, func(done func(error)) error {
			return core.Delete(key, expected, func(err error) { done(called(err)) })
		})
	})
}

func cmdPurge(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return b.onKey(p, purgeOptions, args[0], args[1:], func(core *kv.Bucket, key string, o option.Values, called func(error) error) (any, error) {
		refined := refinements(o)
		if o.Has("revision") {
			expected, err := revisionOf(o.Get("revision"))
			if err != nil {
				return nil, err
			}
			refined = append(refined, kv.WithRevision(expected))
		}
		return bridge.BeginPlain(p, nil, func(done func(error)) error {
			return core.Purge(key, func(err error) { done(called(err)) }, refined...)
		})
	})
}

func cmdTouch(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	return b.onKey(p, touchOptions, args[0], args[1:], func(core *kv.Bucket, key string, o option.Values, called func(error) error) (any, error) {
		return bridge.Begin(p, func(done func(uint64, error)) error {
			return core.Touch(key, func(revision uint64, err error) { done(revision, called(err)) }, refinements(o)...)
		}, bridge.Plain)
	})
}

func cmdRevert(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	if n, ok := bridge.BigInteger(args[1].Text()); ok && n.Sign() < 1 {
		return nil, errNoRevision()
	}
	wanted, err := revision(args[1])
	if err != nil {
		return nil, err
	}
	return b.onKey(p, callOptions, args[0], args[2:], func(core *kv.Bucket, key string, _ option.Values, called func(error) error) (any, error) {
		return bridge.Begin(p, func(done func(uint64, error)) error {
			return core.Revert(key, wanted, func(revision uint64, err error) { done(revision, called(err)) })
		}, bridge.Plain)
	})
}
