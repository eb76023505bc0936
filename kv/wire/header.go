// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// headerVersion begins a message's header (ADR-4).
const headerVersion = "NATS/1.0\r\n"

// oneLine keeps a value on its line.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// encodeHeader is the header as it goes over the wire, keys sorted; nil for none.
func encodeHeader(h nats.Header) []byte {
	if len(h) == 0 {
		return nil
	}
	var few [8]string
	keys := few[:0]
	for key := range h {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	b := make([]byte, 0, 128)
	b = append(b, headerVersion...)
	for _, key := range keys {
		for _, value := range h[key] {
			b = append(b, oneLine.Replace(key)...)
			b = append(b, ": "...)
			b = append(b, oneLine.Replace(value)...)
			b = append(b, "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// ParseHeader reads a header as encodeHeader writes it, and as servers keep it: they keep what they
// were given. A line that is no key and value is passed over, for the message is none the worse.
// What does not begin as a header does is none: ok is false. Behind maxHeaderLines it reads no further,
// as of a message that is delivered.
func ParseHeader(raw string) (header nats.Header, ok bool) {
	version, lines, _ := strings.Cut(raw, "\r\n")
	if version != "" && !strings.HasPrefix(version, strings.TrimSpace(headerVersion)) {
		return nil, false
	}
	n := 0
	for line := range strings.SplitSeq(lines, "\r\n") {
		if n++; n > maxHeaderLines {
			break
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok || key == "" {
			continue
		}
		if header == nil {
			header = nats.Header{}
		}
		header[key] = append(header[key], strings.TrimLeft(value, " \t"))
	}
	return header, true
}
