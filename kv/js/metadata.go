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
	var place [mostTokens]string
	tokens := place[:0]
	for more := true; more && len(tokens) < mostTokens; {
		var token string
		token, rest, more = strings.Cut(rest, ".")
		tokens = append(tokens, token)
	}
	switch {
	case len(tokens) == 7:
	case len(tokens) == mostTokens:
		if m.Domain = tokens[0]; m.Domain == "_" {
			m.Domain = ""
		}
		tokens = tokens[2:] // without the account's hash
	default:
		return m, false
	}
	m.Stream, m.Consumer = tokens[0], tokens[1]
	var nanos uint64
	for i, field := range [...]*uint64{&m.Delivered, &m.StreamSeq, &m.ConsumerSeq, &nanos, &m.Pending} {
		if *field, ok = decimal(tokens[2+i]); !ok {
			return Metadata{}, false
		}
	}
	m.Time = time.Unix(0, int64(nanos))
	return m, true
}

// mostTokens are those of the longer form that mean something, behind ackPrefix.
const mostTokens = 9

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
