package tclbind

import (
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// connectionOptions is the contract's table (core-nats.md, Options).
var connectionOptions = []option{
	{name: "servers", kind: words, fallback: []string{}, shown: wire.Redacted, about: "the pool: URLs, see below"},
	{name: "name", kind: nonempty, fallback: "", about: "in the log, and what the server calls the connection; by default that of the constructor"},
	{name: "pedantic", kind: truth, fallback: false, about: "of the protocol: the server checks more"},
	{name: "verbose", kind: truth, fallback: false, about: "of the protocol: the server confirms each line"},
	{name: "randomize", kind: truth, fallback: true, about: "the pool is shuffled, and each server is in it once"},
	{name: "connect_timeout", kind: millis, fallback: 2 * time.Second, about: "one server's whole handshake, up to the answer to the first PING"},
	{name: "reconnect_time_wait", kind: millis, fallback: 2 * time.Second, about: "between a failed attempt at a server and the next one at the same server"},
	{name: "max_reconnect_attempts", kind: whole, fallback: dict.Number("60"), about: "for each server, then it leaves the pool; -1: without end"},
	{name: "custom_reconnect_delay", kind: prefix, fallback: "", empty: true, about: "in place of -reconnect_time_wait: called as `cmd server` with the server's dict, returns ms"},
	{name: "ping_interval", kind: millis, fallback: 2 * time.Minute, about: "between two PINGs to a server"},
	{name: "max_outstanding_pings", kind: natural, fallback: dict.Number("2"), about: "without an answer, then the server counts as lost"},
	{name: "echo", kind: truth, fallback: true, about: "own messages come to own subscriptions"},
	{name: "tls_opts", kind: pairs, fallback: dict.Dict{}, shown: withoutPassword, about: "see TLS"},
	{name: "user", kind: anyText, fallback: "", about: "where the URL has no credentials"},
	{name: "password", kind: anyText, fallback: "", about: "of -user"},
	{name: "token", kind: anyText, fallback: "", about: "where neither the URL nor -user has credentials"},
	{name: "credentials", kind: anyText, fallback: "", about: "a file with a user's JWT and seed, as nsc makes it"},
	{name: "jwt", kind: anyText, fallback: "", about: "a user's JWT by value"},
	{name: "nkey", kind: anyText, fallback: "", about: "the seed by value: with -jwt that of its user, alone a login by NKey"},
	{name: "nkey_seed", kind: anyText, fallback: "", about: "a file with the seed, in place of -nkey"},
	{name: "secure", kind: truth, fallback: false, about: "TLS is demanded, whatever the URL says"},
	{name: "tls_first", kind: truth, fallback: false, about: "TLS is demanded, and begins before INFO: for servers with handshake_first"},
	{name: "check_subjects", kind: truth, fallback: true, about: "subjects consist of the characters below"},
	{name: "dictmsg", kind: truth, fallback: false, about: "messages come as dicts"},
	{name: "utf8_convert", kind: truth, fallback: false, about: "payloads are text: UTF-8 outside, characters in Tcl"},
	{name: "request_timeout", kind: millis, fallback: 10 * time.Second, about: "of requests; 0: without end"},
	{name: "inbox_prefix", kind: subject, fallback: wire.DefaultInboxPrefix, about: "of the subjects that replies go to"},
}

// settings are a connection's options as the script set them. A Value among them
// (the command prefix) is retained.
type settings struct {
	values      options
	utf8Convert bool // of values; read for each payload
	saidSecure  bool // -secure was set by the script
}

func defaultSettings(name string) settings {
	s := settings{values: options{}}
	for _, o := range connectionOptions {
		s.values[o.name] = o.fallback
	}
	s.values["name"] = name
	return s
}

// read returns an option as the script sees it.
func (s *settings) read(name string) any {
	if d, ok := s.values[name].(time.Duration); ok {
		return d.Milliseconds()
	}
	return s.values[name]
}

// with returns a copy in which the given options have changed, to defaults or to what the script
// said. The receiver stays as it is until the change is certain.
func (s settings) with(given options, defaults bool) settings {
	next := settings{values: make(options, len(s.values))}
	for k, v := range s.values {
		next.values[k] = v
	}
	for k, v := range given {
		next.values[k] = v
	}
	next.utf8Convert = next.values.bool("utf8_convert")
	next.saidSecure = s.saidSecure
	if given.has("secure") {
		next.saidSecure = !defaults
	}
	return next
}

// retain keeps the prefix that has come with given, and lets go of the one before.
func (s *settings) retain(before settings, given options) {
	if v, ok := given["custom_reconnect_delay"]; ok {
		if old, ok := before.values["custom_reconnect_delay"].(Value); ok {
			old.Release()
		}
		if now, ok := v.(Value); ok {
			s.values["custom_reconnect_delay"] = now.Retain()
		}
	}
}

func (s *settings) releaseAll() { (&settings{}).retain(*s, options{"custom_reconnect_delay": ""}) }

// wire turns the settings into the core's options.
func (s *settings) wire(p *Package) wire.Options {
	v := s.values
	out := wire.DefaultOptions()
	out.Gather = true // Package.flush
	out.Name = v.text("name")
	out.Pedantic, out.Verbose, out.Secure = v.bool("pedantic"), v.bool("verbose"), v.bool("secure")
	out.TLSFirst = v.bool("tls_first")
	out.Echo, out.Randomize, out.CheckSubjects = v.bool("echo"), v.bool("randomize"), v.bool("check_subjects")
	out.ConnectTimeout = v.duration("connect_timeout")
	out.ReconnectTimeWait = v.duration("reconnect_time_wait")
	out.MaxReconnectAttempts = int(v.int("max_reconnect_attempts"))
	_, out.CustomReconnectDelay = v["custom_reconnect_delay"].(Value)
	out.PingInterval = v.duration("ping_interval")
	out.MaxOutstandingPings = int(v.int("max_outstanding_pings"))
	out.RequestTimeout = v.duration("request_timeout")
	out.InboxPrefix = v.text("inbox_prefix")
	out.User, out.Password, out.Token = v.text("user"), v.text("password"), v.text("token")
	out.Credentials, out.JWT, out.NKey, out.NKeySeed = v.text("credentials"), v.text("jwt"), v.text("nkey"), v.text("nkey_seed")
	out.TLS = p.tlsOptions(v.dict("tls_opts"))
	if !s.saidSecure && (out.TLS.CAFile != "" || out.TLS.CADir != "" || out.TLS.CertFile != "") {
		// Who names certificates wants them looked at, before there is a password to be read.
		out.Secure = true
	}
	// Go has its own copy of the environment, made when the process or the library
	// began: what the script has set since is not in it.
	out.TLS.SystemFile = p.host.Getenv("SSL_CERT_FILE")
	out.ReadFile = p.readFile
	out.FileName = p.fileName
	return out
}

// tlsOptions reads the dict by the names of tls::import. -command, its callback for
// progress and verification, is accepted and called for nothing, by the contract.
func (p *Package) tlsOptions(d dict.Dict) wire.TLSOptions {
	out := wire.TLSOptions{Require: true}
	truth := func(name, text string) bool {
		b, ok := boolean(text)
		if !ok {
			out.Unknown = append(out.Unknown, name)
		}
		return b
	}
	for _, f := range d {
		text, _ := f.Value.(string)
		switch f.Key {
		case "-cafile", "cafile":
			out.CAFile = text
		case "-cadir", "cadir":
			out.CADir = text
		case "-certfile", "certfile":
			out.CertFile = text
		case "-keyfile", "keyfile":
			out.KeyFile = text
		case "-servername", "servername":
			out.ServerName = text
		case "-require", "require":
			out.Require = truth(f.Key, text)
		case "-verifyhost", "verifyhost":
			out.AnyHost = !truth(f.Key, text)
		case "-password", "password":
			out.Password = text
			out.AskPassword = func() (string, error) { return p.askPassword(text) }
		case "-command", "command":
		default:
			out.Unknown = append(out.Unknown, f.Key)
		}
	}
	return out
}

// withoutPassword is a -tls_opts that is no dict, up to its password.
func withoutPassword(text string) string {
	before, _, there := strings.Cut(text, "password")
	if !there {
		return text
	}
	return before + "password xxxxx"
}

// cmdConfigure reads all options, reads one, or sets some; a call that is refused
// changes nothing.
func cmdConfigure(p *Package, c *connection, args []Value) (any, error) {
	switch len(args) {
	case 0:
		all := dict.Dict{}
		for _, o := range connectionOptions {
			all = append(all, dict.Field{Key: o.name, Value: c.settings.read(o.name)})
		}
		return all, nil
	case 1:
		return c.cget(args[0].Text())
	}
	given, err := parseGiven(args, connectionOptions, false)
	if err != nil {
		return nil, err
	}
	return nil, c.change(p, given, false)
}

// change takes new settings over, in the core too, or leaves everything as it was. They are
// defaults, or what the script said.
func (c *connection) change(p *Package, given options, defaults bool) error {
	before := c.settings
	next := before.with(given, defaults)
	wired := next.wire(p)
	c.wire.Configure(wired)
	if given.has("servers") {
		var err error
		if urls := given.list("servers"); len(urls) > 0 {
			err = c.wire.SetServers(urls)
		} else {
			err = c.wire.ResetServers()
		}
		if err != nil {
			c.wire.Configure(c.options)
			return err
		}
	}
	next.retain(before, given)
	c.settings, c.options = next, wired
	return nil
}

func cmdCget(_ *Package, c *connection, args []Value) (any, error) {
	return c.cget(args[0].Text())
}

func (c *connection) cget(option string) (any, error) {
	name := option
	if name != "" && name[0] == '-' {
		name = name[1:]
	}
	if optionOf(connectionOptions, name) == nil {
		return nil, invalid("Invalid option " + option)
	}
	return c.settings.read(name), nil
}

func cmdReset(p *Package, c *connection, args []Value) (any, error) {
	given := options{}
	for _, a := range args {
		name := a.Text()
		if name != "" && name[0] == '-' {
			name = name[1:]
		}
		o := optionOf(connectionOptions, name)
		if o == nil {
			return nil, invalid("Invalid option " + a.Text())
		}
		given[name] = o.fallback
	}
	return nil, c.change(p, given, true)
}
