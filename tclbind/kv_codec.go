// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"cmp"
	"errors"
	"strings"

	"natstcl/kv"
	"natstcl/kv/codec"
	"natstcl/kv/fault"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// coded is what a key_value object's keys and values are when they are stored. It is shared with
// its watchers, and used in the interpreter's thread alone. nil: they are stored as they are.
type coded struct {
	keys, values codec.Codec // nil: as they are
	prefixes     []bridge.Value
	users        int
}

// codedBy makes what -key_codec and -value_codec say, nil for neither.
func codedBy(p *bridge.Package, o option.Values) *coded {
	if !o.Has("key_codec") && !o.Has("value_codec") {
		return nil
	}
	c := &coded{}
	c.keys = c.chain(p, o.List("key_codec"))
	c.values = c.chain(p, o.List("value_codec"))
	return c
}

// checkCodecs refuses codecs that there are not, before anything is sent. A command may be one that Tcl loads when it is
// needed, by a script that destroys the jet_stream.
func (j *jetStream) checkCodecs(p *bridge.Package, o option.Values) error {
	for _, name := range []string{"key_codec", "value_codec"} {
		for _, word := range o.List(name) {
			if codec.Named(word) != nil {
				continue
			}
			if there, err := isCommand(p, word); err != nil || !there {
				return cmp.Or(err, noCodec(name, word, o.List(name)))
			}
		}
	}
	if !p.Alive(j) {
		return fault.New(fault.ConnectionClosed, "The jet_stream was destroyed by its codec")
	}
	return nil
}

// isCommand tells whether a command prefix begins with a command, as its calls will find it.
func isCommand(p *bridge.Package, prefix string) (bool, error) {
	v := p.Host.NewValue(prefix)
	defer v.Release()
	words, err := v.List()
	if err != nil || len(words) == 0 {
		return false, nil
	}
	question := p.Host.NewValue("::nats::core::is_command")
	defer question.Release()
	there, err := p.Host.Invoke(question, words[0].Text())
	if err != nil {
		return false, err
	}
	defer there.Release()
	return there.Text() == "1", nil
}

func noCodec(name, word string, words []string) error {
	help := "a command prefix of several words is one element of the list: {{" + strings.Join(words, " ") + "}}"
	if near := option.Near(word, codec.Names); len(near) > 0 {
		help = "did you mean " + near[0] + "?"
	} else if len(words) == 1 {
		help = "the command has to be there already, or be known to auto_load"
	}
	return &fault.Error{Code: fault.InvalidArg, Text: "Invalid codec " + word + " of -" + name + ": it is neither base64 nor path, and no command", Help: help}
}

// chain makes one codec of a list of names and command prefixes.
func (c *coded) chain(p *bridge.Package, words []string) codec.Codec {
	if len(words) == 0 {
		return nil
	}
	var all codec.Chain
	for _, word := range words {
		one := codec.Named(word)
		if one == nil {
			prefix := p.Host.NewValue(word)
			c.prefixes = append(c.prefixes, prefix)
			one = commandCodec{p, prefix}
		}
		all = append(all, one)
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

func (c *coded) retain() *coded {
	if c != nil {
		c.users++
	}
	return c
}

// beginCoded is bridge.Begin for an operation whose result has keys or values: the codec is held until then, as the
// object may be destroyed meanwhile. letGo is called as that of bridge.BeginHolding; nil: there is nothing more to let go of.
func beginCoded[T any](p *bridge.Package, c *coded, letGo func(), start func(done func(T, error)) error, finish func(T) (any, error)) (any, error) {
	if c == nil {
		return bridge.BeginHolding(p, letGo, start, finish)
	}
	c.retain()
	return bridge.BeginHolding(p, func() {
		if letGo != nil {
			letGo()
		}
		c.release()
	}, start, func(v T) (any, error) {
		result, err := finish(v)
		if err == nil {
			c.release()
		}
		return result, err
	})
}

func (c *coded) release() {
	if c == nil {
		return
	}
	if c.users--; c.users > 0 {
		return
	}
	for _, prefix := range c.prefixes {
		prefix.Release()
	}
	c.prefixes, c.keys, c.values = nil, nil, nil
}

// hold retains the elements of a list while the codec is at work, and returns their release: a command of it may turn the list
// into something else, which frees them.
func (c *coded) hold(list []bridge.Value) func() {
	if c == nil {
		return func() {}
	}
	for _, v := range list {
		v.Retain()
	}
	return func() {
		for _, v := range list {
			v.Release()
		}
	}
}

// What encodes and decodes holds the codec: a command of it may destroy the object that uses it.
func (c *coded) encodeKey(key string) (string, error) {
	if c == nil || c.keys == nil {
		return key, nil
	}
	defer c.retain().release()
	stored, err := c.keys.EncodeKey(key)
	return stored, refused("Invalid key name "+key, err)
}

func (c *coded) encodeFilter(pattern string) (string, error) {
	if c == nil || c.keys == nil {
		return pattern, nil
	}
	defer c.retain().release()
	stored, err := c.keys.EncodeFilter(pattern)
	return stored, refused("Invalid key filter "+pattern, err)
}

// decodeKeys leaves out what the codec has not made, as orbit.go does.
func (c *coded) decodeKeys(stored []string) []string {
	if c == nil {
		return stored
	}
	defer c.retain().release()
	keys := make([]string, 0, len(stored))
	for _, s := range stored {
		if key, err := c.decodeKey(s); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

func (c *coded) decodeKey(stored string) (string, error) {
	if c == nil || c.keys == nil {
		return stored, nil
	}
	defer c.retain().release()
	key, err := c.keys.DecodeKey(stored)
	return key, refused("Key "+stored+" is none that the codec has made", err)
}

func (c *coded) encodeValue(value []byte) ([]byte, error) {
	if c == nil || c.values == nil {
		return value, nil
	}
	defer c.retain().release()
	stored, err := c.values.EncodeValue(value)
	return stored, refused("Invalid value", err)
}

// named has an error call a key as the script does, where it has the name by which the key is stored.
func named(err error, stored, key string) error {
	var e *fault.Error
	if stored == key || !errors.As(err, &e) {
		return err
	}
	other := *e
	for _, text := range []*string{&other.Text, &other.Help} {
		for _, word := range []string{"Key ", "key "} {
			for _, end := range []string{" ", ":"} {
				*text = strings.Replace(*text, word+stored+end, word+key+end, 1)
			}
		}
	}
	if other.Text == e.Text && other.Help == e.Help {
		return err
	}
	return &other
}

// decode turns an entry's key and value into the script's.
func (c *coded) decode(e *kv.Entry) error {
	if c == nil {
		return nil
	}
	defer c.retain().release()
	key, err := c.decodeKey(e.Key)
	if err != nil {
		return err
	}
	if c.values != nil && e.Operation == kv.Put {
		value, err := c.values.DecodeValue(e.Value)
		if err != nil {
			return refused("The value of key "+key+" is none that the codec has made", err)
		}
		e.Value = value
	}
	e.Key = key
	return nil
}

// refused is an error of a codec; one of a script's is thrown as it is.
func refused(text string, err error) error {
	if _, scripts := err.(bridge.ScriptError); err == nil || scripts {
		return err
	}
	return fault.New(fault.InvalidArg, text+": "+err.Error())
}

// commandCodec is a command prefix: it is called with encode, decode or filter and a text, and returns a
// text. Values are bytes both ways.
type commandCodec struct {
	p      *bridge.Package
	prefix bridge.Value
}

func (c commandCodec) text(word, text string) (string, error) {
	v, err := c.p.Host.Invoke(c.prefix, word, text)
	if err != nil {
		return "", err
	}
	defer v.Release()
	return v.Text(), nil
}

func (c commandCodec) bytes(word string, data []byte) ([]byte, error) {
	v, err := c.p.Host.Invoke(c.prefix, word, data)
	if err != nil {
		return nil, err
	}
	defer v.Release()
	return v.Bytes(), nil
}

func (c commandCodec) EncodeKey(key string) (string, error) { return c.text("encode", key) }

func (c commandCodec) DecodeKey(stored string) (string, error) { return c.text("decode", stored) }

func (c commandCodec) EncodeFilter(pattern string) (string, error) { return c.text("filter", pattern) }

func (c commandCodec) EncodeValue(value []byte) ([]byte, error) { return c.bytes("encode", value) }

func (c commandCodec) DecodeValue(stored []byte) ([]byte, error) { return c.bytes("decode", stored) }

// What a key_value object's commands encode. A command of the codec may destroy the object: then nothing is sent.

func (b *bucket) encodeKey(key string) (string, error) {
	stored, err := b.coded.encodeKey(key)
	return stored, b.lives(err)
}

func (b *bucket) encodeFilter(pattern string) (string, error) {
	stored, err := b.coded.encodeFilter(pattern)
	return stored, b.lives(err)
}

func (b *bucket) encodeValue(value bridge.Value) ([]byte, error) {
	stored, err := b.coded.encodeValue(b.j.c.outgoing(value))
	return stored, b.lives(err)
}

func (b *bucket) lives(err error) error {
	if err == nil && b.name == nil {
		return fault.New(fault.ConnectionClosed, "The bucket was destroyed by its codec")
	}
	return err
}
