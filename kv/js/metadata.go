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
	tokens, ok := strings.CutPrefix(reply, ackPrefix)
	if !ok {
		return m, false
	}
	if rest, ok := m.read(tokens); ok && rest == "" {
		return m, true
	}
	domain, tokens, _ := strings.Cut(tokens, ".")
	_, tokens, _ = strings.Cut(tokens, ".")
	if rest, ok := m.read(tokens); !ok || rest != "" && rest[0] != '.' {
		return Metadata{}, false
	}
	if domain != "_" {
		m.Domain = domain
	}
	return m, true
}

// read reads the tokens that both forms have, and returns what is behind them.
func (m *Metadata) read(tokens string) (rest string, ok bool) {
	m.Stream, rest, _ = strings.Cut(tokens, ".")
	m.Consumer, rest, _ = strings.Cut(rest, ".")
	var nanos uint64
	for i, field := range [...]*uint64{&m.Delivered, &m.StreamSeq, &m.ConsumerSeq, &nanos, &m.Pending} {
		if i > 0 {
			if rest == "" || rest[0] != '.' {
				return rest, false
			}
			rest = rest[1:]
		}
		if *field, rest, ok = digits(rest); !ok {
			return rest, false
		}
	}
	m.Time = time.Unix(0, int64(nanos))
	return rest, true
}

func decimal(s string) (n uint64, ok bool) {
	n, rest, ok := digits(s)
	return n, ok && rest == ""
}

// digits reads the number that s begins with, and returns what is behind it. It is not ok where there is none, or one that is
// too great.
func digits(s string) (n uint64, rest string, ok bool) {
	i := 0
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			break
		}
		if n > (1<<64-1)/10 {
			return 0, s, false
		}
		n = n*10 + uint64(c)
	}
	return n, s[i:], i > 0
}
