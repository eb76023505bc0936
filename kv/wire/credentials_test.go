// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"natstcl/kv/internal/natstest"
)

// newUser makes the seed and the public key of a user.
func newUser(t *testing.T) (seed, public string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	s, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	public, err = pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return string(s), public
}

func TestALoginByNKeyReadsItsFileAtEachAttempt(t *testing.T) {
	seed, public := newUser(t)
	other, _ := newUser(t)
	s := natstest.StartServer(t, func(o *natsd.Options) { o.Nkeys = []*natsd.NkeyUser{{Nkey: public}} })
	file := filepath.Join(t.TempDir(), "user.nk")
	url := "nats://127.0.0.1:" + strconv.Itoa(natstest.Port(s))
	options := DefaultOptions()
	options.NKeySeed = file
	expect(t, connectError(t, options, url), "ErrAuthorization", "Cannot read nkey_seed "+file+": open "+file+": no such file or directory")
	for _, attempt := range []struct{ text, failure string }{
		{other, "authorization violation"},
		{"", "No seed in nkey_seed " + file},
		{seed, ""},
	} {
		if err := os.WriteFile(file, []byte(attempt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if attempt.failure != "" {
			expect(t, connectError(t, options, url), "ErrAuthorization", attempt.failure)
		}
	}
	c, _ := connected(t, options, url)
	c.Disconnect()
}

// What is nearest to the server counts: its URL; then what is most particular.
func TestWhichLoginCounts(t *testing.T) {
	seed, public := newUser(t)
	all := Options{JWT: "a.b.c", NKey: seed, NKeySeed: "nosuch", User: "me", Password: "pw", Token: "t"}
	name := func(l login) string {
		key := ""
		if l.key != nil {
			key, _ = l.key.PublicKey()
		}
		return l.user + "," + l.password + "," + l.token + "," + l.jwt + "," + key
	}
	for _, test := range []struct {
		url    string
		change func(*Options)
		want   string
	}{
		{"u:p@a", nil, "u,p,,,"},
		{"k@a", nil, ",,k,,"},
		{"a", nil, ",,,a.b.c," + public},
		{"a", func(o *Options) { o.NKey, o.NKeySeed = "", "" }, ",,,a.b.c,"},
		{"a", func(o *Options) { o.JWT = "" }, ",,,," + public},
		{"a", func(o *Options) { o.JWT, o.NKey, o.NKeySeed = "", "", "" }, "me,pw,,,"},
		{"a", func(o *Options) { o.JWT, o.NKey, o.NKeySeed, o.User = "", "", "", "" }, ",,t,,"},
		{"a", func(o *Options) { *o = Options{User: "me", Token: "t"} }, ",,t,,"},
		{"a", func(o *Options) { *o = Options{User: "me"} }, "me,,,,"},
		{"k:@a", nil, ",,k,,"},
		{"a", func(o *Options) { *o = Options{} }, ",,,,"},
	} {
		options := all
		if test.change != nil {
			test.change(&options)
		}
		s, err := parseServer(test.url)
		if err != nil {
			t.Fatal(err)
		}
		l, failure := options.login(s)
		if failure != nil || name(l) != test.want || l.none() != (test.want == ",,,,") {
			t.Errorf("%s: got %q, %v, want %q", test.url, name(l), failure, test.want)
		}
	}
}
