// SPDX-License-Identifier: Apache-2.0

package js

import (
	"strings"
	"time"
)

// Metadata is what a consumer's message tells in its reply subject.
type Metadata struct {
	Domain, Stream, Consumer string
	Delivered                uint64 // how often
	StreamSeq, ConsumerSeq   uint64
	Time                     time.Time
	Pending                  uint64 // matching messages that are still to come
}

// ackPrefix begins both forms of the reply subject.
const ackPrefix = "$JS.ACK."

// ParseMetadata reads a reply subject: 9 tokens, or 11 and more with domain and account
// hash (ADR-15). false: the message is not from a consumer. It allocates nothing, for it
// is read for each message.
func ParseMetadata(reply string) (m Metadata, ok bool) {
	rest, ok := strings.CutPrefix(reply, ackPrefix)
	if !ok {
		return m, false
	}
	dots := strings.Count(rest, ".")
	token := func() string {
		t, after, _ := strings.Cut(rest, ".")
		rest = after
		return t
	}
	switch {
	case dots == 6:
	case dots >= 8:
		if m.Domain = token(); m.Domain == "_" {
			m.Domain = ""
		}
		token() // the account's hash
	default:
		return m, false
	}
	m.Stream, m.Consumer = token(), token()
	var nanos uint64
	for _, field := range [...]*uint64{&m.Delivered, &m.StreamSeq, &m.ConsumerSeq, &nanos, &m.Pending} {
		if *field, ok = decimal(token()); !ok {
			return Metadata{}, false
		}
	}
	m.Time = time.Unix(0, int64(nanos))
	return m, true
}

func decimal(s string) (n uint64, ok bool) {
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 || n > (1<<64-1)/10 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return n, s != ""
}
