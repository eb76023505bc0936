// SPDX-License-Identifier: Apache-2.0

// Package natscontext reads NATS contexts as the nats command writes them (ADR-21): files that say
// by a name how to connect.
package natscontext

import (
	"os"
	"path"
	"strings"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// DefaultURL is that of a context that names no server.
const DefaultURL = "nats://127.0.0.1:4222"

// Context is what a file says. Empty fields are not said.
type Context struct {
	Name    string
	Servers []string

	// The login: one of these at most, in this order of precedence.
	User, Password string
	Credentials    string // name of a file with a user's JWT and seed
	NKeySeed       string // name of a file with a seed
	JWT, Seed      string // by value
	Token          string

	CertFile, KeyFile, CAFile string
	TLSFirst                  bool
	Proxy                     string // a URL
	InboxPrefix               string
	Domain, APIPrefix         string // of JetStream; the domain counts where both are said
	Description               string

	Said dict.Dict // all fields of the file, names of files expanded
}

// Dir is the directory with the contexts: the file NAME.json in its folder context for each, and the name of the one that is
// selected in context.txt. getenv reads the environment. Empty: nobody knows.
func Dir(getenv func(string) string) string {
	if config := getenv("XDG_CONFIG_HOME"); config != "" {
		return path.Join(config, "nats")
	}
	if home := getenv("HOME"); home != "" {
		return path.Join(home, ".config", "nats")
	}
	return ""
}

// CheckName tells whether a context can have this name. ErrInvalidArg.
func CheckName(name string) error {
	if name == "" || strings.Contains(name, "..") || strings.ContainsAny(name, `/\`+"\x00") {
		return fault.New(fault.InvalidArg, "Invalid context name "+name)
	}
	return nil
}

// Parse reads a context's file. Names of files in it may begin with ~ and have $VARs. ErrInvalidArg: the file is
// broken, or says what cannot be done; the text tells which context, and what.
func Parse(name string, text []byte, getenv func(string) string) (*Context, error) {
	bad := func(why string) error { return fault.New(fault.InvalidArg, "The context "+name+" is broken: "+why) }
	v, err := dict.Parse(text)
	if err != nil {
		return nil, bad(err.Error())
	}
	d, ok := v.(dict.Dict)
	if !ok {
		return nil, bad("it is no JSON object")
	}
	c := &Context{Name: name, Said: d.Without()}
	for _, f := range c.fields() {
		value, there := d.Get(f.key)
		if !there || value == nil {
			continue
		}
		text, ok := value.(string)
		if !ok {
			return nil, bad(f.key + " is no text")
		}
		if f.file {
			var unknown string
			if text, unknown = expand(text, getenv); unknown != "" {
				return nil, bad(f.key + " has $" + unknown + ", which is not set")
			}
			c.Said.Set(f.key, text)
		}
		*f.to = text
	}
	if value, there := d.Get("tls_first"); there && value != nil {
		if c.TLSFirst, ok = value.(bool); !ok {
			return nil, bad("tls_first is neither true nor false")
		}
	}
	c.Servers = servers(d.Text("url"))
	if why := impossible(d, c.Credentials); why != "" {
		return nil, fault.New(fault.InvalidArg, "The context "+name+" cannot be used here: "+why)
	}
	c.one()
	return c, nil
}

// field is one text of the file.
type field struct {
	key  string
	to   *string
	file bool // it names a file
}

func (c *Context) fields() []field {
	var url string // read by itself
	return []field{
		{"description", &c.Description, false},
		{"url", &url, false},
		{"socks_proxy", &c.Proxy, false},
		{"token", &c.Token, false},
		{"user", &c.User, false},
		{"password", &c.Password, false},
		{"creds", &c.Credentials, true},
		{"nkey", &c.NKeySeed, true},
		{"cert", &c.CertFile, true},
		{"key", &c.KeyFile, true},
		{"ca", &c.CAFile, true},
		{"jetstream_domain", &c.Domain, false},
		{"jetstream_api_prefix", &c.APIPrefix, false},
		{"inbox_prefix", &c.InboxPrefix, false},
		{"user_jwt", &c.JWT, false},
		{"user_seed", &c.Seed, false},
	}
}

func servers(list string) []string {
	var out []string
	for url := range strings.SplitSeq(list, ",") {
		if url = strings.TrimSpace(url); url != "" {
			out = append(out, url)
		}
	}
	if out == nil {
		return []string{DefaultURL}
	}
	return out
}

// impossible is what of a context needs another program or another system.
func impossible(d dict.Dict, credentials string) string {
	for key, what := range map[string]string{
		"nsc":                    "nsc names keys that the command nsc keeps; write their file to creds",
		"windows_cert_store":     "windows_cert_store is for Windows' own TLS; write files to cert and key",
		"windows_cert_match":     "windows_cert_match is for Windows' own TLS; write files to cert and key",
		"windows_cert_match_by":  "windows_cert_match_by is for Windows' own TLS; write files to cert and key",
		"windows_ca_certs_match": "windows_ca_certs_match is for Windows' own TLS; write a file to ca",
	} {
		switch v := d.Path(key).(type) {
		case string:
			if v != "" {
				return what
			}
		case []any:
			if len(v) > 0 {
				return what
			}
		}
	}
	if scheme, _, isURL := strings.Cut(credentials, "://"); isURL {
		return "creds is kept by another program (" + scheme + "); write the name of a file"
	}
	return ""
}

// one keeps the login that has precedence, and forgets the others.
func (c *Context) one() {
	switch {
	case c.User != "":
		c.Credentials, c.NKeySeed, c.JWT, c.Seed, c.Token = "", "", "", "", ""
	case c.Credentials != "":
		c.NKeySeed, c.JWT, c.Seed, c.Token = "", "", "", ""
	case c.NKeySeed != "":
		c.JWT, c.Seed, c.Token = "", "", ""
	case c.JWT != "" || c.Seed != "":
		c.Token = ""
	}
	if c.User == "" {
		c.Password = ""
	}
	if c.Domain != "" {
		c.APIPrefix = ""
	}
}

// expand puts the home directory in the place of ~, and variables in that of $VAR and ${VAR}; unknown is one that
// is not set.
func expand(file string, getenv func(string) string) (out, unknown string) {
	if file == "~" || strings.HasPrefix(file, "~/") {
		file = "${HOME}" + file[1:]
	}
	out = os.Expand(file, func(name string) string {
		value := getenv(name)
		if value == "" && unknown == "" {
			unknown = name
		}
		return value
	})
	return out, unknown
}
