// SPDX-License-Identifier: Apache-2.0

package js_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
)

// The acknowledgements that make room may all come between a TryAdd, which has found none, and the Add that
// follows. No other one comes then, and without a timeout nobody asks the server either.
func TestAnAddSeesTheRoomThatHasComeBeforeIt(t *testing.T) {
	j := jstest.Start(t)
	natstest.Wait(t, func(done func(dict.Dict, error)) error {
		return j.AddStream("F", dict.Dict{{Key: "subjects", Value: []any{"f"}}, {Key: "storage", Value: "memory"}, {Key: "allow_batched", Value: true}}, done)
	})
	f, err := j.FastPublisher(js.FastConfig{Flow: 10, Outstanding: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	add := func(done func(error)) error { return f.Add(&nats.Msg{Subject: "f"}, done) }
	natstest.Do(t, add)
	for added := true; added; {
		if added, err = f.TryAdd(&nats.Msg{Subject: "f"}); err != nil {
			t.Fatal(err)
		}
	}
	natstest.Eventually(t, "all messages are acknowledged", func() bool { return f.Acked() == f.Sent() })
	before := f.Sent()
	natstest.Do(t, add)
	if sent := f.Sent(); sent != before+1 {
		t.Errorf("%d messages are sent, %d before", sent, before)
	}
}
