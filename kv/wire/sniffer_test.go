// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"
)

// However the stream is cut into pieces, the sniffer sees INFO and -ERR, and takes -ERR out.
func TestTheSnifferSeesLinesInAnyPieces(t *testing.T) {
	stream := "INFO {\"a\":1}\r\nMSG a 1 12\r\n-ERR 'no'\r\n\r\r\n+OK\r\n-ERR 'Permissions Violation'\r\nPING\r\n" +
		"HMSG a 1 10 14\r\nNATS/1.0\r\nINFO\r\nINFO {\"b\":2}\r\nMSG b 2 0\r\n\r\n" +
		"HMSG a.b 1 reply.x 34 36\r\nNATS/1.0 503\r\nnocolon\r\nx\r\nk: v\r\n\r\nhi\r\nPONG\r\n"
	want := strings.NewReplacer("-ERR 'Permissions Violation'\r\n", "", "nocolon", ":ocolon", "x\r\nk", ":\r\nk").Replace(stream)
	for size := 1; size < len(stream); size++ {
		var infos, errs []string
		var sizes []int
		s := sniffer{
			onInfo:    func(json []byte) { infos = append(infos, string(json)) },
			onMessage: func(size int) { sizes = append(sizes, size) },
			onErr:     func(text string) error { errs = append(errs, text); return nil },
		}
		var out []byte
		for rest := stream; rest != ""; {
			piece := make([]byte, maxHeld+size)
			held := s.takeHeld(piece)
			n := copy(piece[held:held+size], rest)
			rest = rest[n:]
			kept, err := s.filter(piece[:held+n])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, kept...)
		}
		if string(out) != want || fmt.Sprint(infos) != `[{"a":1} {"b":2}]` || fmt.Sprint(errs) != "[Permissions Violation]" ||
			fmt.Sprint(sizes) != "[12 14 0 36]" {
			t.Fatalf("in pieces of %d: %q %q %q %v", size, out, infos, errs, sizes)
		}
	}
}

func FuzzSniffer(f *testing.F) {
	f.Add([]byte("INFO {}\r\nMSG a 1 2\r\nhi\r\n-ERR 'x'\r\n"), uint8(3))
	f.Add([]byte("HMSG a 1 19 20\r\nNATS/1.0\r\nbad\r\n\r\nx\r\n"), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		whole := sniffer{onInfo: func([]byte) {}, onMessage: func(int) {}, onErr: func(string) error { return nil }}
		want, err := whole.filter(append([]byte(nil), stream...))
		pieces := sniffer{onInfo: func([]byte) {}, onMessage: func(int) {}, onErr: func(string) error { return nil }}
		var got []byte
		for rest := stream; len(rest) > 0 && err == nil; {
			n := min(int(size)+1, len(rest))
			piece := make([]byte, maxHeld+n)
			held := pieces.takeHeld(piece)
			kept, failed := pieces.filter(append(piece[:held], rest[:n]...))
			if failed != nil {
				return
			}
			got = append(got, kept...)
			rest = rest[n:]
		}
		if err == nil && string(got) != string(want) {
			t.Fatalf("in pieces %q, as a whole %q", got, want)
		}
	})
}
