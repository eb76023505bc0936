// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strconv"

	"natstcl/kv"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// cmdAtomic does all of a list of changes or none. Each is a list of a word and what the method of that
// name takes.
func cmdAtomic(p *bridge.Package, b *bucket, args []bridge.Value) (any, error) {
	list, err := args[0].List()
	if err != nil {
		return nil, invalid("atomic takes a list of changes")
	}
	defer b.coded.hold(list)()
	changes := make([]kv.Change, len(list))
	for i, v := range list {
		if changes[i], err = b.changeOf(i, v); err != nil {
			return nil, err
		}
	}
	return b.call(p, callOptions, args[1:], func(core *kv.Bucket, _ option.Values) (any, error) {
		return bridge.Begin(p, func(done func([]uint64, error)) error {
			return core.Atomic(changes, done)
		}, func(revisions []uint64) (any, error) {
			out := make([]any, len(revisions))
			for i, r := range revisions {
				out[i] = r
			}
			return out, nil
		})
	})
}

// changeForms are the arguments behind the key: how many at least and at most.
var changeForms = map[string]struct {
	usage       string
	least, most int
}{
	"put": {"put key value", 1, 1}, "create": {"create key value", 1, 1}, "update": {"update key value revision", 2, 2},
	"delete": {"delete key ?revision?", 0, 1}, "purge": {"purge key ?revision?", 0, 1},
}

func (b *bucket) changeOf(i int, v bridge.Value) (kv.Change, error) {
	words, err := v.List()
	if err != nil || len(words) == 0 {
		return kv.Change{}, invalid("change " + strconv.Itoa(i+1) + " is no list of a word, a key and what belongs to it")
	}
	defer b.coded.hold(words)()
	what := words[0].Text()
	form, known := changeForms[what]
	if known && len(words) == 1 && i == 0 {
		return kv.Change{}, invalid("change 1 should be: " + form.usage + "; atomic takes a list of changes, such as {{put a 1} {delete b}}")
	}
	if !known {
		return kv.Change{}, invalid("change " + strconv.Itoa(i+1) + ": " + what + " is not one of put, create, update, delete, purge")
	}
	if n := len(words) - 2; n < form.least || n > form.most {
		return kv.Change{}, invalid("change " + strconv.Itoa(i+1) + " should be: " + form.usage)
	}
	c := kv.Change{What: what}
	if c.Key, err = b.encodeKey(words[1].Text()); err != nil {
		return c, err
	}
	rest := words[2:]
	if form.least > 0 {
		if c.Value, err = b.encodeValue(rest[0]); err != nil {
			return c, err
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		n, err := revision(rest[0])
		if err != nil {
			return c, err
		}
		c.Revision = &n
	}
	return c, nil
}
