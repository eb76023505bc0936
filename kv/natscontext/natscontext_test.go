// SPDX-License-Identifier: Apache-2.0

package natscontext_test

import (
	"slices"
	"strings"
	"testing"

	"natstcl/kv/fault"
	"natstcl/kv/natscontext"
)

func env(name string) string {
	return map[string]string{"HOME": "/home/me", "KEYS": "/keys"}[name]
}

func TestWhereContextsAre(t *testing.T) {
	if got := natscontext.Dir(env); got != "/home/me/.config/nats" {
		t.Error(got)
	}
	if got := natscontext.Dir(func(name string) string { return "/" + name }); got != "/XDG_CONFIG_HOME/nats" {
		t.Error(got)
	}
	if got := natscontext.Dir(func(string) string { return "" }); got != "" {
		t.Error(got)
	}
}

// As the command writes it: every field is there.
const written = `{
  "description": "for tests", "url": "nats://a:4222, nats://b:4222", "socks_proxy": "", "token": "t", "user": "", "password": "",
  "creds": "~/me.creds", "nkey": "$KEYS/seed", "cert": "${KEYS}/cert.pem", "key": "/k", "ca": "", "nsc": "",
  "jetstream_domain": "hub", "jetstream_api_prefix": "$JS.x.API", "jetstream_event_prefix": "", "inbox_prefix": "_MY",
  "user_jwt": "", "color_scheme": "", "tls_first": true, "windows_cert_store": "", "windows_ca_certs_match": null
}`

func TestContextAsTheCommandWritesIt(t *testing.T) {
	c, err := natscontext.Parse("x", []byte(written), env)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Servers, []string{"nats://a:4222", "nats://b:4222"}) || c.Credentials != "/home/me/me.creds" || c.NKeySeed != "" || c.Token != "" ||
		c.CertFile != "/keys/cert.pem" || c.Domain != "hub" || c.APIPrefix != "" || c.InboxPrefix != "_MY" || !c.TLSFirst {
		t.Errorf("%+v", c)
	}
	if c.Said.Text("nkey") != "/keys/seed" || c.Said.Text("description") != "for tests" {
		t.Errorf("%v", c.Said)
	}
}

func TestOneLoginCounts(t *testing.T) {
	for text, want := range map[string]string{
		`{"user":"u","password":"p","creds":"c","token":"t"}`: "u p     ",
		`{"password":"p","creds":"c","nkey":"n","token":"t"}`: "  c    ",
		`{"nkey":"n","user_jwt":"j","token":"t"}`:             "   n   ",
		`{"user_jwt":"j","user_seed":"s","token":"t"}`:        "    j s ",
		`{"token":"t"}`: "      t",
		`{}`:            "      ",
	} {
		c, err := natscontext.Parse("x", []byte(text), env)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join([]string{c.User, c.Password, c.Credentials, c.NKeySeed, c.JWT, c.Seed, c.Token}, " ")
		if got != want {
			t.Errorf("%s: %q", text, got)
		}
		if !slices.Equal(c.Servers, []string{natscontext.DefaultURL}) {
			t.Errorf("%v", c.Servers)
		}
	}
}

func TestBrokenContextsSayWhy(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                          "The context x is broken: invalid JSON",
		`[]`:                         "The context x is broken: it is no JSON object",
		`{"url":1}`:                  "The context x is broken: url is no text",
		`{"tls_first":"yes"}`:        "The context x is broken: tls_first is neither true nor false",
		`{"creds":"$NOSUCH/x"}`:      "The context x is broken: creds has $NOSUCH, which is not set",
		`{"nsc":"nsc://o/a/u"}`:      "The context x cannot be used here: nsc names",
		`{"creds":"op://vault/x"}`:   "The context x cannot be used here: creds is kept by another program (op)",
		`{"windows_cert_store":"u"}`: "The context x cannot be used here: windows_cert_store",
	} {
		_, err := natscontext.Parse("x", []byte(text), env)
		if fault.CodeOf(err) != "ErrInvalidArg" || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, name := range []string{"", "..", "a/b", `a\b`, "a\x00"} {
		if fault.CodeOf(natscontext.CheckName(name)) != "ErrInvalidArg" {
			t.Errorf("%q", name)
		}
	}
}
