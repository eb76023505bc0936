// SPDX-License-Identifier: Apache-2.0

// Package codec lets a bucket's keys and values be other texts than those that are stored (ADR-54, proposed;
// docs/key-value.md, Codecs). Base64 and Path are those of orbit.go's kvcodec: what one of the two has written the other
// reads.
package codec

import (
	"encoding/base64"
	"strings"
)

// Codec turns the keys and values that a program uses into those that are stored, and back. A value is bytes.
type Codec interface {
	EncodeKey(key string) (string, error)
	DecodeKey(stored string) (string, error)
	// EncodeFilter is EncodeKey for a pattern, whose wildcards stay. It fails where the codec cannot do that.
	EncodeFilter(pattern string) (string, error)
	EncodeValue(value []byte) ([]byte, error)
	DecodeValue(stored []byte) ([]byte, error)
}

// Names are those of the codecs that Named returns.
var Names = []string{"base64", "path"}

// Named returns the codec of that name, nil where there is none.
func Named(name string) Codec {
	switch name {
	case "base64":
		return Base64{}
	case "path":
		return Path{}
	}
	return nil
}

// Base64 lets keys have any characters: each token between dots is encoded by itself (RFC 4648, URL alphabet,
// no padding), so wildcards of whole tokens stay what they are.
type Base64 struct{}

func (Base64) EncodeKey(key string) (string, error) {
	return eachToken(key, func(t string) (string, error) { return base64.RawURLEncoding.EncodeToString([]byte(t)), nil })
}

func (Base64) DecodeKey(stored string) (string, error) {
	return eachToken(stored, func(t string) (string, error) {
		b, err := base64.RawURLEncoding.DecodeString(t)
		return string(b), err
	})
}

func (Base64) EncodeFilter(pattern string) (string, error) {
	return eachToken(pattern, func(t string) (string, error) {
		if t == "*" || t == ">" {
			return t, nil
		}
		return base64.RawURLEncoding.EncodeToString([]byte(t)), nil
	})
}

func (Base64) EncodeValue(value []byte) ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, value), nil
}

func (Base64) DecodeValue(stored []byte) ([]byte, error) {
	return base64.RawURLEncoding.AppendDecode(nil, stored)
}

func eachToken(key string, turn func(string) (string, error)) (string, error) {
	tokens := strings.Split(key, ".")
	for i, t := range tokens {
		var err error
		if tokens[i], err = turn(t); err != nil {
			return "", err
		}
	}
	return strings.Join(tokens, "."), nil
}

// Path lets keys be paths: a slash is a dot in the stored key. A leading slash is kept, as a first token of its own;
// a trailing one is dropped.
type Path struct{}

// root is the token that stands for a leading slash.
const root = "_root_"

func (Path) EncodeKey(key string) (string, error) {
	if key == "/" {
		return root, nil
	}
	if rest, absolute := strings.CutPrefix(key, "/"); absolute {
		key = root + "." + rest
	}
	return strings.ReplaceAll(strings.TrimSuffix(key, "/"), "/", "."), nil
}

func (Path) DecodeKey(stored string) (string, error) {
	if stored == root {
		return "/", nil
	}
	rest, absolute := strings.CutPrefix(stored, root+".")
	path := strings.ReplaceAll(rest, ".", "/")
	if absolute {
		path = "/" + path
	}
	return path, nil
}

func (p Path) EncodeFilter(pattern string) (string, error) { return p.EncodeKey(pattern) }

func (Path) EncodeValue(value []byte) ([]byte, error) { return value, nil }

func (Path) DecodeValue(stored []byte) ([]byte, error) { return stored, nil }

// Chain is several codecs as one: the first encodes first, and decodes last.
type Chain []Codec

func (c Chain) EncodeKey(key string) (string, error) { return forth(c, key, Codec.EncodeKey) }

func (c Chain) DecodeKey(stored string) (string, error) { return back(c, stored, Codec.DecodeKey) }

func (c Chain) EncodeFilter(pattern string) (string, error) {
	return forth(c, pattern, Codec.EncodeFilter)
}

func (c Chain) EncodeValue(value []byte) ([]byte, error) { return forth(c, value, Codec.EncodeValue) }

func (c Chain) DecodeValue(stored []byte) ([]byte, error) { return back(c, stored, Codec.DecodeValue) }

func forth[T any](c Chain, v T, turn func(Codec, T) (T, error)) (T, error) {
	var err error
	for _, codec := range c {
		if v, err = turn(codec, v); err != nil {
			break
		}
	}
	return v, err
}

func back[T any](c Chain, v T, turn func(Codec, T) (T, error)) (T, error) {
	var err error
	for i := len(c) - 1; i >= 0 && err == nil; i-- {
		v, err = turn(c[i], v)
	}
	return v, err
}
