// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// parsed is what a parser tells of a stream that comes in pieces of a size.
type parsed struct {
	infos, errs, messages []string
	rest                  []byte // what is for nats.go
	err                   error
}

func parseInPieces(stream string, size int) (out parsed) {
	p := parser{
		onInfo: func(json []byte) { out.infos = append(out.infos, string(json)) },
		onErr:  func(text string) error { out.errs = append(out.errs, text); return nil },
		onMessage: func(a *arrival, body []byte, _ bool) {
			out.messages = append(out.messages, fmt.Sprintf("%s %d %s %d %q", a.subject, a.sid, a.reply, a.header, body))
		},
	}
	for piece := range slices.Chunk([]byte(stream), size) {
		for len(piece) > 0 && p.space() != nil {
			n := copy(p.space(), piece)
			p.filled(n)
			piece = piece[n:]
		}
		kept, err := p.parse(slices.Clone(piece))
		out.rest = append(out.rest, kept...)
		if out.err = err; err != nil {
			break
		}
	}
	return out
}

// However the stream is cut into pieces, the parser sees messages, INFO and -ERR, and leaves the rest.
func TestTheParserSeesLinesInAnyPieces(t *testing.T) {
	large := strings.Repeat("MSG x 1 2\r\n", 2000)
	stream := "INFO {\"a\":1}\r\nMSG a 1 12\r\n-ERR 'no'\r\n\r\r\n+OK\r\n-ERR 'Permissions Violation'\r\nPING\r\n" +
		"HMSG a 12 10 14\r\nNATS/1.0\r\nINFO\r\nINFO {\"b\":2}\r\nMSG b 2 0\r\n\r\n-ERR\r\n" +
		fmt.Sprintf("MSG large 3 reply.y %d\r\n%s\r\n", len(large), large) +
		"HMSG a.b 1 reply.x 34 36\r\nNATS/1.0 503\r\nnocolon\r\nx\r\nk: v\r\n\r\nhi\r\nPONG\r\n"
	want := fmt.Sprint(parsed{
		infos: []string{`{"a":1}`, `{"b":2}`},
		errs:  []string{"Permissions Violation", ""},
		messages: []string{
			`a 1  0 "-ERR 'no'\r\n\r"`, `a 12  10 "NATS/1.0\r\nINFO"`, `b 2  0 ""`,
			fmt.Sprintf(`large 3 reply.y 0 %q`, large), `a.b 1 reply.x 34 "NATS/1.0 503\r\nnocolon\r\nx\r\nk: v\r\n\r\nhi"`,
		},
		rest: []byte("INFO {\"a\":1}\r\n+OK\r\nPING\r\nINFO {\"b\":2}\r\nPONG\r\n"),
	})
	for size := 1; size <= len(stream); size += 1 + size/100 {
		if got := fmt.Sprint(parseInPieces(stream, size)); got != want {
			t.Fatalf("in pieces of %d: %.2000s", size, got)
		}
	}
}

// A line of a header without a colon is passed over; what is no header at all is told.
func TestAHeaderIsReadLineByLine(t *testing.T) {
	for raw, want := range map[string]string{
		"NATS/1.0\r\nk: v\r\n\r\n":                             "map[k:[v]] true",
		"NATS/1.0 503 No one\r\nnocolon\r\nx\r\nk:  v\r\n\r\n": "map[Description:[No one] Status:[503] k:[v]] true",
		"NATS/1.0\r\n\r\n":                                     "map[] true",
		"NATS/1.0\r\n:no key\r\nk:v\r\nk:w\r\n\r\n":            "map[k:[v w]] true",
		"HTTP/1.0\r\nk: v\r\n\r\n":                             "map[] false",
		"NATS/1.0\r\nk: v":                                     "map[] false",
		"":                                                     "map[] false",
		"NATS/1.0\r\n" + strings.Repeat("a:\r\n", 10000) + "\r\n": "map[] false",
	} {
		h, ok := receivedHeader([]byte(raw))
		if got := fmt.Sprint(map[string][]string(h), " ", ok); got != want {
			t.Errorf("%.50q: %s, want %s", raw, got, want)
		}
	}
}

func FuzzParser(f *testing.F) {
	f.Add([]byte("INFO {}\r\nMSG a 1 2\r\nhi\r\n-ERR 'x'\r\n"), uint8(3))
	f.Add([]byte("HMSG a 1 19 20\r\nNATS/1.0\r\nbad\r\n\r\nx\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole, pieces := parseInPieces(string(stream), len(stream)+1), parseInPieces(string(stream), int(size)+1)
		if whole.err == nil && fmt.Sprint(whole) != fmt.Sprint(pieces) {
			t.Fatalf("in pieces %v, as a whole %v", pieces, whole)
		}
		for _, raw := range whole.messages {
			receivedHeader([]byte(raw))
		}
	})
}
