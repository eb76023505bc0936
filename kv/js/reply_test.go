// SPDX-License-Identifier: Apache-2.0

package js

import (
	"encoding/base64"
	"fmt"
	"testing"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// Whatever answers: an error that says so, or a reply that has what was wanted.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		`{"type":"x","config":{},"state":{"subjects":{"a":1}},"total":1,"streams":["a"]}`,
		`{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`,
		`{"message":{"subject":"s","seq":1,"time":"2026-01-01T00:00:00Z","hdrs":"TkFUUy8xLjANCkE6IDENCg0K","data":"eA=="}}`,
		`{"success":true,"purged":5,"stream":"S","seq":1,"paused":false}`,
	} {
		f.Add([]byte(s))
	}
	wants := []want{anObject("config"), aCount("total"), aText("stream"), aBool("paused"), success}
	f.Fuzz(func(t *testing.T, data []byte) {
		for i := range wants {
			reply, err := parseReply("subject", data, wants[i])
			if err != nil {
				if reply != nil || fault.CodeOf(err) == "" || err.Error() == "" {
					t.Fatalf("%q: %v, %v", data, reply, err)
				}
				continue
			}
			if !wants[i].is(reply.Path(wants[i].path)) {
				t.Fatalf("%q: has no %s", data, wants[i].path)
			}
		}
		reply, err := parseReply("subject", data)
		if err != nil {
			return
		}
		if m, ok := storedMessage(reply); ok == (m == nil) {
			t.Fatalf("%q: %v, %v", data, m, ok)
		}
		if names, err := texts("subject", reply, "streams"); err == nil && len(names) > 0 {
			if _, ok := reply.Path("streams").([]any); !ok {
				t.Fatalf("%q: %v", data, names)
			}
		}
		_, _ = subjectCounts("subject", reply)
	})
}

func TestAReplyThatLacksWhatIsWantedIsRefused(t *testing.T) {
	for text, want := range map[string]want{
		`{"total":"1"}`: aCount("total"), `{"total":-1}`: aCount("total"), `{"total":1.0}`: aCount("total"), `{"total":null}`: aCount("total"),
		`{"a":{"b":"1"}}`: aCount("a.b"), `{"a":5}`: aCount("a.b"), `{"config":[]}`: anObject("config"), `{"name":""}`: aText("name"),
		`{"success":false}`: success, `{"success":"true"}`: success, `{"paused":1}`: aBool("paused"),
	} {
		if _, err := parseReply("S", []byte(text), want); fault.CodeOf(err) != "ErrProtocol" {
			t.Errorf("%s: %v", text, err)
		}
	}
	reply, err := parseReply("S", []byte(`{"type":"t","total":18446744073709551615}`), aCount("total"))
	if err != nil || count(reply, "total") != 1<<64-1 || len(reply) != 1 {
		t.Errorf("got %v, %v", reply, err)
	}
}

// An acknowledgement that is read without parsing it says the same as one that is parsed.
func FuzzPlainAck(f *testing.F) {
	for text, plain := range map[string]bool{
		`{"stream":"S","seq":1}`: true, `{"stream":"A_b-9","seq":1234567890123456789}`: true,
		`{"stream":"S", "seq":1}`: false, `{"stream":"","seq":1}`: false, `{"stream":"S","seq":}`: false, `{"stream":"S","seq":01}`: false,
		`{"stream":"S","seq":-1}`: false, `{"stream":"S","seq":1.0}`: false, `{"stream":"S","seq":12345678901234567890}`: false,
		`{"stream":"S","seq":1`: false, `{"stream":"S\u0041","seq":1}`: false, `{"stream":"S","seq":1,"duplicate":true}`: false,
		`{"stream":"S","domain":"d","seq":1}`: false, `{"stream":"S","seq":1}}`: false, `{"error":{"code":400},"stream":"S","seq":1}`: false, ``: false,
	} {
		if _, _, ok := plainAck([]byte(text)); ok != plain {
			f.Errorf("%s: %v", text, ok)
		}
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, ack []byte) {
		stream, seq, ok := plainAck(ack)
		if !ok {
			return
		}
		parsed, err := parseReply("S", ack, aText("stream"), aCount("seq"))
		if err != nil || len(parsed) != 2 || parsed.Text("stream") != string(stream) || count(parsed, "seq") != seq {
			t.Fatalf("%s: %s %d, parsed %v, %v", ack, stream, seq, parsed, err)
		}
	})
}

// What is no consumer's reply subject is told, and the numbers of one are in it.
func FuzzMetadata(f *testing.F) {
	for _, s := range []string{"$JS.ACK.S.C.1.2.3.4.5", "$JS.ACK.D.H.S.C.1.2.3.4.5", "$JS.ACK._.H.S.C.1.2.3.4.5.T", "$JS.ACK", "", "$JS.ACK........."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		m, ok := ParseMetadata(reply)
		if !ok && m != (Metadata{}) {
			t.Fatalf("%q: %v of what is none", reply, m)
		}
	})
}

// A server keeps the header that it was given, however many lines that has: of those of a message that is
// delivered no more are read, either.
func TestTheLinesOfAStoredHeaderHaveABound(t *testing.T) {
	lines := "NATS/1.0\r\n"
	for i := range 20_000 {
		lines += fmt.Sprintf("k%d: v\r\n", i)
	}
	m, ok := storedMessage(dict.Dict{{Key: "message", Value: dict.Dict{
		{Key: "subject", Value: "s"}, {Key: "time", Value: "2026-01-02T03:04:05Z"},
		{Key: "hdrs", Value: base64.StdEncoding.EncodeToString([]byte(lines + "\r\n"))},
	}}})
	if !ok || len(m.Header) != 10_000 {
		t.Fatalf("%v, %d keys", ok, len(m.Header))
	}
}
