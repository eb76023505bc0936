// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
)

// What follows from a reply, for one who waits for the end, does not wait for more to say: a touch took
// three times as long as its two requests.
func TestWhatIsSaidForOneWhoWaitsGoesOutAtOnce(t *testing.T) {
	var speaking atomic.Bool
	o := &outgoing{conn: &Conn{}, write: func([]byte) {}, gather: &speaking}
	defer o.end()
	publish := func() { o.publish(&nats.Msg{Subject: "x"}, nil) }
	speaking.Store(true)
	publish()
	publish()
	speaking.Store(false)
	o.send()
	for i := range 3 {
		if publish(); o.gathered() > 0 {
			t.Errorf("message %d waits", i)
		}
	}
}
