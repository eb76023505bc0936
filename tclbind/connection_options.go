// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// connectionOptions are those of configure.
var connectionOptions = option.Table{
	{Name: "servers", Kind: option.List, Default: []string{}, Shown: wire.Redacted, About: "the pool: a list of URLs, see below"},
	{Name: "in_process", Kind: option.Text, Default: "", About: "a nats::server object of this interpreter, which is connected to without a network; replaces -servers"},
	{Name: "proxy", Kind: proxyURL, Default: "", Shown: wire.Redacted, About: "the proxy through which servers are dialled: `socks5://host:port` or `http://host:port`, perhaps with user:password@"},
	{Name: "ws_headers", Kind: wsHeaders, Default: dict.Dict{}, Shown: nothingOf, About: "headers that are sent when a WebSocket is opened, such as cookies, or a token for a proxy"},
	{Name: "discover", Kind: option.Bool, Default: true, About: "servers that a server announces join the pool"},
	{Name: "name", Kind: option.Nonempty, Default: "", About: "the connection's name in the log and at the server; by default that of the constructor"},
	{Name: "pedantic", Kind: option.Bool, Default: false, About: "the server checks more, a setting of the protocol"},
	{Name: "verbose", Kind: option.Bool, Default: false, About: "the server confirms each line, a setting of the protocol"},
	{Name: "randomize", Kind: option.Bool, Default: true, About: "the pool is shuffled, and each server is in it once"},
	{Name: "connect_timeout", Kind: option.Millis, Default: 2 * time.Second, About: "how long one server's whole handshake may take, up to the answer to the first PING"},
	{Name: "reconnect_time_wait", Kind: option.Millis, Default: 2 * time.Second, About: "how long to wait after a failed attempt at a server before the next one at the same server"},
	{Name: "reconnect_jitter", Kind: option.Millis, Default: time.Duration(0), About: "up to this time is added at random to -reconnect_time_wait, so that many clients do not come back at once"},
	{Name: "reconnect_jitter_tls", Kind: option.Millis, Default: time.Duration(0), About: "the same where TLS is demanded, because its handshakes cost more"},
	{Name: "reconnect", Kind: option.Bool, Default: true, About: "whether a lost connection comes back; false: it is closed"},
	{Name: "max_reconnect_attempts", Kind: option.Int, Default: dict.Number("60"), About: "how many attempts in a row may fail at a server before it leaves the pool; -1: no limit"},
	{Name: "custom_reconnect_delay", Kind: option.Prefix, Default: "", Empty: true, About: "called as `cmd server` with the server's dict; returns the wait in ms, in place of -reconnect_time_wait"},
	{Name: "reconnect_to_server", Kind: option.Prefix, Default: "", Empty: true, About: "called as `cmd servers info` to choose the server of the next attempt; returns a server of the pool and how many ms to wait before, or nothing for the next one in turn"},
	{Name: "status_callback", Kind: option.Prefix, Default: "", Empty: true, About: "called as `cmd status last_error` at each change of the status"},
	{Name: "lame_duck_callback", Kind: option.Prefix, Default: "", Empty: true, About: "called as `cmd info` when the server says that it will stop soon"},
	{Name: "auth_callback", Kind: option.Prefix, Default: "", Empty: true, About: "called as `cmd server nonce` at each attempt; returns a dict with the login, see Credentials"},
	{Name: "auth_error_abort", Kind: option.Bool, Default: false, About: "ends the reconnecting when one server has refused the login in the same way twice in a row"},
	{Name: "ping_interval", Kind: option.Millis, Default: 2 * time.Minute, About: "the time between two PINGs to a server"},
	{Name: "max_outstanding_pings", Kind: option.Natural, Default: dict.Number("2"), About: "how many PINGs may be without an answer before the server counts as lost"},
	{Name: "echo", Kind: option.Bool, Default: true, About: "a subscription also gets messages that this connection has published"},
	{Name: "tls_opts", Kind: pairs, Default: dict.Dict{}, Shown: withoutPassword, About: "see TLS"},
	{Name: "user", Kind: option.Text, Default: "", About: "the user's name, for servers whose URL has no credentials"},
	{Name: "password", Kind: option.Text, Default: "", About: "the password of -user"},
	{Name: "token", Kind: option.Text, Default: "", About: "a token, used where neither the URL nor -user with -password gives a login"},
	{Name: "credentials", Kind: option.Text, Default: "", About: "a file with a user's JWT and seed, as nsc makes it"},
	{Name: "jwt", Kind: option.Text, Default: "", About: "a user's JWT itself, in place of a file"},
	{Name: "nkey", Kind: option.Text, Default: "", About: "the seed itself, in place of a file: with -jwt that of its user, alone a login by NKey"},
	{Name: "nkey_seed", Kind: option.Text, Default: "", About: "a file with the seed, in place of -nkey"},
	{Name: "secure", Kind: option.Bool, Default: false, About: "true: TLS is demanded, whatever the URL says. false, set explicitly: TLS is not demanded because of certificates in -tls_opts"},
	{Name: "tls_first", Kind: option.Bool, Default: false, About: "TLS is demanded, and begins before the server's INFO: for servers with handshake_first"},
	{Name: "check_subjects", Kind: option.Bool, Default: true, About: "subjects are checked: they consist of the characters below"},
	{Name: "dictmsg", Kind: option.Bool, Default: false, About: "messages come as dicts"},
	{Name: "utf8_convert", Kind: option.Bool, Default: false, About: "payloads are text: UTF-8 on the wire, characters in Tcl. Without the option they are bytes, and of a character above U+00FF only the low eight bits are sent; the first such value of a connection is a warning in the log"},
	{Name: "request_timeout", Kind: option.Millis, Default: 10 * time.Second, About: "how long requests wait for a reply; 0: no limit"},
	{Name: "pending_out", Kind: option.Natural, Default: dict.Number(strconv.Itoa(wire.DefaultMaxWaiting)), About: "how many bytes of what is published may wait while the server is slow or frozen, or while there is none; more is ErrBufferExceeded; 0: no limit"},
	{Name: "reconnect_buf_size", Kind: option.Int, Default: dict.Number("-1"), About: "how many of these bytes publish and publish_msg may add while there is no server; 0: they throw ErrConnectionClosed then; below 0: only -pending_out limits them"},
	{Name: "context", Kind: option.Nonempty, Default: "", About: "the name of a NATS context, see [contexts](contexts.md), which sets servers, login, TLS and so on; options in the same call override it"},
	{Name: "inbox_prefix", Kind: subject, Default: wire.DefaultInboxPrefix, About: "what the subjects that replies go to begin with"},
}

// settings are a connection's options as the script set them. A Value among them
// (the command prefix) is retained.
type settings struct {
	values      option.Values
	utf8Convert bool // of values; read for each payload
	saidSecure  bool // -secure was set by the script
}

func defaultSettings(name string) settings {
	s := settings{values: &option.Set{}}
	for _, o := range connectionOptions {
		s.values.Put(o.Name, o.Default)
	}
	s.values.Put("name", name)
	return s
}

// read returns an option as the script sees it.
func (s *settings) read(name string) any {
	if d, ok := s.values.Get(name).(time.Duration); ok {
		return d.Milliseconds()
	}
	return s.values.Get(name)
}

// with returns a copy in which the given options have changed, to defaults or to what the script
// said. The receiver stays as it is until the change is certain.
func (s settings) with(given option.Values, defaults bool) settings {
	next := settings{values: &option.Set{}}
	for k, v := range s.values.All() {
		next.values.Put(k, v)
	}
	for k, v := range given.All() {
		next.values.Put(k, v)
	}
	next.utf8Convert = next.values.Bool("utf8_convert")
	next.saidSecure = s.saidSecure
	if given.Has("secure") {
		next.saidSecure = !defaults
	}
	return next
}

// retain keeps the prefixes that have come with given, and lets go of those before.
func (s *settings) retain(before settings, given option.Values) {
	for name, v := range given.All() {
		if connectionOptions.Row(name).Kind != option.Prefix {
			continue
		}
		if old, ok := before.values.Get(name).(bridge.Value); ok {
			old.Release()
		}
		if now, ok := v.(bridge.Value); ok {
			s.values.Put(name, now.Retain())
		}
	}
}

func (s *settings) releaseAll() {
	for _, v := range s.values.All() {
		if prefix, ok := v.(bridge.Value); ok {
			prefix.Release()
		}
	}
}

// has tells whether an option that is a command prefix is set.
func (s *settings) has(name string) bool { _, ok := s.values.Get(name).(bridge.Value); return ok }

// wire turns the settings into the core's options.
func (s *settings) wire(p *bridge.Package, c *connection) wire.Options {
	v := s.values
	out := wire.DefaultOptions()
	out.Gather = p.Speaking() // Package.OnGathered has it sent
	out.HandOver = p.TakeNotes
	out.Acknowledged = true // see changeStatus
	out.Name = v.Text("name")
	out.Pedantic, out.Verbose, out.Secure = v.Bool("pedantic"), v.Bool("verbose"), v.Bool("secure")
	out.TLSFirst = v.Bool("tls_first")
	out.Echo, out.Randomize, out.CheckSubjects = v.Bool("echo"), v.Bool("randomize"), v.Bool("check_subjects")
	out.ConnectTimeout = v.Duration("connect_timeout")
	out.ReconnectTimeWait = v.Duration("reconnect_time_wait")
	out.MaxReconnectAttempts = int(v.Int("max_reconnect_attempts"))
	out.ReconnectJitter, out.ReconnectJitterTLS = v.Duration("reconnect_jitter"), v.Duration("reconnect_jitter_tls")
	out.NoReconnect, out.NoDiscover, out.AuthErrorAbort = !v.Bool("reconnect"), !v.Bool("discover"), v.Bool("auth_error_abort")
	out.CustomReconnectDelay = s.has("custom_reconnect_delay")
	if s.has("reconnect_to_server") {
		out.ChooseServer = c.chooseServer(p)
	}
	if s.has("auth_callback") {
		out.Login = c.askLogin(p)
	}
	out.PingInterval = v.Duration("ping_interval")
	out.MaxOutstandingPings = int(v.Int("max_outstanding_pings"))
	out.RequestTimeout = v.Duration("request_timeout")
	out.MaxWaiting, out.MaxKept = int(v.Int("pending_out")), int(v.Int("reconnect_buf_size"))
	out.Proxy = v.Text("proxy")
	out.WebSocketHeaders = http.Header{}
	for _, f := range dictOf(v, "ws_headers") {
		out.WebSocketHeaders.Set(f.Key, f.Value.(string))
	}
	out.InboxPrefix = v.Text("inbox_prefix")
	out.Language, out.Version = "Tcl", Version
	out.User, out.Password, out.Token = v.Text("user"), v.Text("password"), v.Text("token")
	out.Credentials, out.JWT, out.NKey, out.NKeySeed = v.Text("credentials"), v.Text("jwt"), v.Text("nkey"), v.Text("nkey_seed")
	out.TLS = tlsOptions(p, dictOf(v, "tls_opts"))
	if !s.saidSecure && (out.TLS.CAFile != "" || out.TLS.CADir != "" || out.TLS.CertFile != "") {
		// Who names certificates wants them looked at, before there is a password to be read.
		out.Secure = true
	}
	// Go has its own copy of the environment, made when the process or the library
	// began: what the script has set since is not in it.
	out.TLS.SystemFile = p.Host.Getenv("SSL_CERT_FILE")
	out.ReadFile = p.ReadFile
	out.FileName = p.FileName
	return out
}

// tlsOptions reads the dict by the names of tls::import. -command, its callback for
// progress and verification, is accepted and not called (docs/connection.md "TLS").
func tlsOptions(p *bridge.Package, d dict.Dict) wire.TLSOptions {
	out := wire.TLSOptions{Require: true}
	truth := func(name, text string) bool {
		b, ok := bridge.Boolean(text)
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
			out.AskPassword = func() (string, error) { return askPassword(p, text) }
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

// cmdConfigure reads all options, or sets some; a call that is refused changes nothing. (To read
// one is cget's.)
func cmdConfigure(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	if len(args) == 0 {
		all := dict.Dict{}
		for _, o := range connectionOptions {
			all = append(all, dict.Field{Key: o.Name, Value: c.settings.read(o.Name)})
		}
		return all, nil
	}
	given, err := connectionOptions.ParseGiven(args)
	if err != nil {
		return nil, err
	}
	given, said, err := withContext(p, given)
	if err != nil {
		return nil, err
	}
	if err := c.change(p, given, false); err != nil {
		var e *fault.Error
		if said != nil && c.status != wire.Closed && errors.As(err, &e) && e.Help != "" {
			e.Help = "a context sets the servers: call disconnect first"
		}
		return nil, err
	}
	if said != nil {
		c.domain, c.apiPrefix = said.Domain, said.APIPrefix
	}
	return nil, nil
}

// change takes new settings over, in the core too, or leaves everything as it was. They are
// defaults, or what the script said.
func (c *connection) change(p *bridge.Package, given option.Values, defaults bool) error {
	dial, err := c.inPlace(p, given)
	if err != nil {
		return err
	}
	before := c.settings
	next := before.with(given, defaults)
	wired := next.wire(p, c)
	c.wire.Configure(wired)
	if given.Has("servers") {
		switch urls := given.List("servers"); {
		case dial != nil:
			err = c.wire.SetInProcess(dial)
		case len(urls) > 0:
			err = c.wire.SetServers(urls)
		default:
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

// inPlace sees to it that -servers and -in_process replace each other. It returns how a server in the process is
// connected to; nil: it is none.
func (c *connection) inPlace(p *bridge.Package, given option.Values) (dial func() (net.Conn, error), err error) {
	server := given.Text("in_process")
	switch {
	case server != "" && len(given.List("servers")) > 0:
		return nil, invalid("Options servers and in_process are mutually exclusive")
	case server != "":
		if dial, err = inProcess(p, server); err != nil {
			return nil, err
		}
		given.Put("servers", []string{})
	case given.Has("in_process") && c.settings.values.Text("in_process") != "" && !given.Has("servers"):
		given.Put("servers", []string{})
	case given.Has("servers"):
		given.Put("in_process", "")
	}
	return dial, nil
}

func cmdCget(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	name := args[0].Text()
	if name != "" && name[0] == '-' {
		name = name[1:]
	}
	if connectionOptions.Row(name) == nil {
		return nil, noOption(args[0].Text(), name)
	}
	return c.settings.read(name), nil
}

// noOption is the error of cget and reset.
func noOption(written, name string) error {
	return &fault.Error{Code: fault.InvalidArg, Text: "Invalid option " + written, Help: connectionOptions.Instead(name)}
}

func cmdReset(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	given := &option.Set{}
	for _, a := range args {
		name := a.Text()
		if name != "" && name[0] == '-' {
			name = name[1:]
		}
		o := connectionOptions.Row(name)
		if o == nil {
			return nil, noOption(a.Text(), name)
		}
		given.Put(name, o.Default)
	}
	if err := c.change(p, given, true); err != nil {
		return nil, err
	}
	if given.Has("context") {
		c.domain, c.apiPrefix = "", ""
	}
	return nil, nil
}
