// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
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

// receivedHeader reads the header of a message that has come. A line without a colon is passed over, for which nats.go drops
// the whole header. ok is false where it is none, or has too many lines.
func receivedHeader(raw []byte) (h nats.Header, ok bool) {
	if bytes.Count(raw, []byte("\n")) > maxHeaderLines {
		return nil, false
	}
	h, err := nats.DecodeHeadersMsg(raw)
	if err == nil {
		return h, true
	}
	fixed := make([]byte, 0, len(raw))
	for line := range bytes.Lines(raw) {
		text := bytes.TrimRight(line, "\r\n")
		if len(fixed) == 0 || len(text) == 0 || bytes.IndexByte(text, ':') >= 0 {
			fixed = append(fixed, line...)
		}
	}
	h, err = nats.DecodeHeadersMsg(fixed)
	return h, err == nil
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
