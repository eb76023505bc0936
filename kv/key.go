// SPDX-License-Identifier: Apache-2.0

// Package kv is NATS key-value buckets for Go programs and for the Tcl packages alike:
// management, entries and watchers, of the form that ADR-8 has and docs/key-value.md tells of.
//
// Nothing here blocks. A call that returns an error has sent nothing; otherwise its
// request is on its way when it returns, and done is called once, by a goroutine of
// the connection, that must not be held up. Await is for programs that want to wait.
package kv

import (
	"strings"

	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

func invalid(text string) error { return fault.New(fault.InvalidArg, text) }

// keyRule is the rule in words.
const keyRule = "a key consists of ASCII letters, digits and - / _ = . with no dot at either end, and does not begin with _kv"

// checkKey is the rule for keys (docs/key-value.md "Entries", ADR-6).
func checkKey(key string) error {
	bad := key == "" || key[0] == '.' || key[len(key)-1] == '.' || strings.HasPrefix(key, "_kv")
	for i := 0; i < len(key) && !bad; i++ {
		c := key[i]
		bad = !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
			c == '-' || c == '/' || c == '_' || c == '=' || c == '.')
	}
	if bad {
		return &fault.Error{Code: fault.InvalidArg, Text: "Invalid key name " + key, Help: keyRule + "; " + fault.Option("key_codec") + " base64 takes any text"}
	}
	if strings.Contains(key, "..") {
		return wire.BadSubject(key, false)
	}
	return nil
}

const (
	streamPrefix  = "KV_"
	subjectPrefix = "$KV."
)

func errBucketNotFound(bucket string) error {
	return fault.New(fault.BucketNotFound, "Bucket "+bucket+" not found")
}

// errBucketGone is what status, watch, keys and history say, as the pure-Tcl client does.
func errBucketGone(bucket string) error {
	return fault.New(fault.BucketGone, "Bucket "+bucket+" not found")
}
