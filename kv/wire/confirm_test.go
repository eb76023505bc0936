// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"testing"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"natstcl/kv/internal/natstest"
)

// A server refuses a subscription as soon as it has read it, which can be before Confirm is called. What it has
// said by then counts, for the subscription that is meant and for no other.
func TestConfirmKnowsARefusalThatCameBefore(t *testing.T) {
	s := natstest.StartServer(t, func(o *natsd.Options) {
		o.Users = []*natsd.User{{Username: "u", Password: "p", Permissions: &natsd.Permissions{
			Subscribe: &natsd.SubjectPermission{Allow: []string{"ok.>", "shared q"}},
		}}}
	})
	o := DefaultOptions()
	o.User, o.Password = "u", "p"
	c, _ := connected(t, o, s.ClientURL())
	const refused = `Permissions Violation for Subscription to "`
	for _, test := range []struct{ subject, queue, code, text string }{
		{"ok.1", "", "", ""},
		{"bad", "", "ErrPermissions", refused + `bad"`},
		{"shared", "q", "", ""},
		{"shared", "", "ErrPermissions", refused + `shared"`},
		{"shared", "other", "ErrPermissions", refused + `shared" using queue "other"`},
	} {
		sub, err := c.Subscribe(test.subject, test.queue, 0, func(*nats.Msg) {})
		if err != nil {
			t.Fatal(err)
		}
		// Its answer comes behind the refusal, if there is one.
		if err := natstest.Ended(t, func(done func(error)) error { return c.Ping(natstest.Patience, done) }); err != nil {
			t.Fatal(err)
		}
		err = natstest.Ended(t, func(done func(error)) error { return sub.Confirm(natstest.Patience, done) })
		if test.code != "" {
			expect(t, err, test.code, test.text)
		} else if err != nil {
			t.Errorf("%s %s: %v", test.subject, test.queue, err)
		}
		if alive := sub.Alive(); alive != (test.code == "") {
			t.Errorf("%s %s: alive %v", test.subject, test.queue, alive)
		}
	}
}
