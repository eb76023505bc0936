// SPDX-License-Identifier: Apache-2.0

package js

import (
	"errors"
	"testing"
	"time"

	"natstcl/kv/fault"
)

func TestMetadataOfBothForms(t *testing.T) {
	want := Metadata{Stream: "S", Consumer: "C", Delivered: 1, StreamSeq: 2, ConsumerSeq: 3, Time: time.Unix(0, 4), Pending: 5}
	for reply, domain := range map[string]string{
		"$JS.ACK.S.C.1.2.3.4.5": "", "$JS.ACK._.hash.S.C.1.2.3.4.5": "", "$JS.ACK.D.hash.S.C.1.2.3.4.5.random": "D",
		"$JS.ACK.D.hash.S.C.1.2.3.4.5.random.future": "D",
	} {
		w := want
		w.Domain = domain
		if got, ok := ParseMetadata(reply); !ok || got != w {
			t.Errorf("%s: %+v %v", reply, got, ok)
		}
	}
	for _, reply := range []string{"", "_INBOX.x", "$JS.ACK.", "$JS.ACK.S.C.1.2.3.4", "$JS.ACK.S.C.1.2.3.4.5.6", "$JS.ACK.S.C.x.2.3.4.5",
		"$JS.ACK.S.C.1.2.3.4.", "$JS.ACK.S.C.1.2.3.4.99999999999999999999999"} {
		if _, ok := ParseMetadata(reply); ok {
			t.Errorf("%q was read", reply)
		}
	}
}

func TestReadingMetadataAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { ParseMetadata("$JS.ACK.S.C.1.2.3.4.5") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestErrorsOfTheAPI(t *testing.T) {
	for reply, want := range map[string]string{
		`{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`: "ErrStreamNotFound []",
		`{"error":{"code":400,"err_code":10071,"description":"x"}}`:                "ErrWrongLastSequence []",
		`{"error":{"code":400,"err_code":10164,"description":"x"}}`:                "ErrWrongLastSequence []",
		`{"error":{"code":500,"err_code":12345,"description":"x"}}`:                "ErrJSResponse [500 12345]",
		`{"error":{"code":500}}`: "ErrJSResponse [500 0]",
		`no json`:                "ErrProtocol []",
		`[1]`:                    "ErrProtocol []",
		`{"error":{`:             "ErrProtocol []",
	} {
		_, err := parseReply("subject", []byte(reply))
		var e *fault.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", reply, err)
			continue
		}
		words := "["
		for i, w := range e.Words {
			if i > 0 {
				words += " "
			}
			words += w
		}
		if got := e.Code + " " + words + "]"; got != want {
			t.Errorf("%s: %s, want %s", reply, got, want)
		}
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add("$JS.ACK.S.C.1.2.3.4.5")
	f.Fuzz(func(t *testing.T, reply string) { ParseMetadata(reply) })
}
