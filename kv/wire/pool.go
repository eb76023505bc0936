// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// server is one server of the pool.
type server struct {
	scheme         string // "nats", "tls", "ws" or "wss"
	host           string // IPv6 without brackets
	path           string // of a WebSocket, with a query; "" where it has none
	knownAs        string // whose certificate one has that is discovered by its IP; "" for none
	port           int
	user, password string
	token          string
	withPassword   bool   // the URL had user:password
	url            string // as given
	discovered     bool
	reconnects     int                      // failed attempts since it was last connected
	lastAttempt    time.Time                // of the last failed one; zero: none
	luck           float64                  // from 0 to 1: how much of the jitter the next wait has
	refusals       int                      // of the login, in the same way and one after another
	refusedWith    string                   // its code
	inProcess      func() (net.Conn, error) // connects without a network; nil: by address
}

// defaultPorts are those of the schemes.
var defaultPorts = map[string]int{"nats": 4222, "tls": 4222, "ws": 80, "wss": 443}

// urlRule says what a URL of a server is.
const urlRule = "one is nats://host:4222, tls://user:password@host:4222, ws://host:80/path or wss://host; a host alone is one, too"

// parseServer reads the URL of a server. The credentials in it are taken literally: nothing in
// them is escaped.
func parseServer(text string) (*server, error) {
	bad := &fault.Error{Code: fault.InvalidArg, Text: "Invalid URL " + Redacted(text), Help: urlRule}
	s := &server{scheme: "nats", url: text}
	rest := text
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		s.scheme, rest = strings.ToLower(scheme), after
	}
	known := false
	if s.port, known = defaultPorts[s.scheme]; !known {
		return nil, bad
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		credentials := rest[:i]
		rest = rest[i+1:]
		if credentials == "" {
			return nil, bad
		}
		s.user, s.password, _ = strings.Cut(credentials, ":")
		if s.withPassword = s.password != ""; !s.withPassword {
			s.user, s.token = "", s.user
		}
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 && s.webSocket() {
		rest, s.path = rest[:i], rest[i:]
		if !validPath(s.path) {
			return nil, bad
		}
	}
	rest = strings.TrimSuffix(rest, "/")
	port := ""
	if strings.HasPrefix(rest, "[") {
		end := strings.IndexByte(rest, ']')
		if end < 0 || net.ParseIP(rest[1:end]) == nil {
			return nil, bad
		}
		s.host, rest = rest[1:end], rest[end+1:]
		if rest != "" && rest[0] != ':' {
			return nil, bad
		}
		port = rest
	} else if i := strings.IndexByte(rest, ':'); i >= 0 {
		s.host, port = rest[:i], rest[i:]
	} else {
		s.host = rest
	}
	if s.host == "" || strings.ContainsAny(s.host, "/ \t\r\n?#[]@") {
		return nil, bad
	}
	if len(port) > 1 { // behind a colon alone it is the default
		n, err := strconv.ParseUint(port[1:], 10, 16)
		if err != nil || n == 0 {
			return nil, bad
		}
		s.port = int(n)
	}
	return s, nil
}

// concealed stands where a secret was.
const concealed = "xxxxx"

// Redacted is a URL as texts may repeat it: without its password or token. The user's name stays.
func Redacted(text string) string {
	begin := 0
	if i := strings.Index(text, "://"); i >= 0 {
		begin = i + len("://")
	}
	end := strings.LastIndexByte(text, '@')
	if end <= begin {
		return text
	}
	user, password, _ := strings.Cut(text[begin:end], ":")
	if password == "" {
		return text[:begin] + concealed + text[end:]
	}
	return text[:begin] + user + ":" + concealed + text[end:]
}

// validPath tells whether the path and query of a WebSocket can be asked for.
func validPath(path string) bool {
	for _, c := range []byte(path) {
		if c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	_, err := url.Parse("http://host" + path)
	return err == nil
}

func (s *server) webSocket() bool { return s.scheme == "ws" || s.scheme == "wss" }

// tlsName is the name that the server's certificate has to be for.
func (s *server) tlsName() string {
	if s.knownAs != "" {
		return s.knownAs
	}
	return s.host
}

// address is HOST:PORT, as messages have it and as it is dialled.
func (s *server) address() string {
	if s.inProcess != nil {
		return s.host
	}
	return net.JoinHostPort(s.host, strconv.Itoa(s.port))
}

// dict is the server as all_servers has it.
func (s *server) dict() dict.Dict {
	d := dict.Dict{
		{Key: "scheme", Value: s.scheme},
		{Key: "host", Value: s.host},
		{Key: "port", Value: s.port},
		{Key: "discovered", Value: s.discovered},
		{Key: "reconnects", Value: s.reconnects},
		{Key: "last_attempt", Value: s.lastAttemptMillis()},
	}
	if s.path != "" {
		d.Set("path", s.path)
	}
	switch {
	case s.withPassword:
		d.Set("user", s.user)
		d.Set("password", s.password)
	case s.token != "":
		d.Set("auth_token", s.token)
	}
	return d
}

func (s *server) lastAttemptMillis() int64 {
	if s.lastAttempt.IsZero() {
		return 0
	}
	return s.lastAttempt.UnixMilli()
}

// pool is a queue of servers: the next to try first, the current one last. It is
// guarded by the Conn's lock.
type pool []*server

func newPool(urls []string, randomize bool) (pool, error) {
	var p pool
	seen := map[string]bool{}
	for _, url := range urls {
		s, err := parseServer(url)
		if err != nil {
			return nil, err
		}
		if randomize && seen[s.address()] {
			continue
		}
		seen[s.address()] = true
		p = append(p, s)
	}
	if randomize {
		rand.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
	}
	return p, nil
}

// mostServers bounds what a pool grows to by what servers tell.
const mostServers = 20_000

// discover adds the addresses of an INFO's connect_urls, once each, at the front: the last one first.
// They speak as the server that told of them, and want the same credentials. It returns how many found
// no room.
func (p *pool) discover(addresses []any, teller *server) (left int) {
	known := make(map[string]bool, len(*p))
	for _, s := range *p {
		known[s.address()] = true
	}
	var found pool
	for _, a := range addresses {
		text, _ := a.(string)
		s, err := parseServer(text)
		if err != nil || known[s.address()] {
			continue
		}
		if len(*p)+len(found) >= mostServers {
			left++
			continue
		}
		known[s.address()] = true
		s.scheme, s.discovered = teller.scheme, true
		s.user, s.password, s.token, s.withPassword = teller.user, teller.password, teller.token, teller.withPassword
		if name := teller.tlsName(); net.ParseIP(s.host) != nil && net.ParseIP(name) == nil {
			s.knownAs = name
		}
		s.url = s.scheme + "://" + s.address()
		found = append(found, s)
	}
	slices.Reverse(found)
	*p = append(found, *p...)
	return left
}

// toBack makes s the last one to be tried, if it is there: the pool may have been replaced.
func (p *pool) toBack(s *server) {
	if p.remove(s) {
		*p = append(*p, s)
	}
}

func (p *pool) remove(s *server) bool {
	for i, other := range *p {
		if other == s {
			*p = append((*p)[:i:i], (*p)[i+1:]...)
			return true
		}
	}
	return false
}

// HasServer tells whether a server is in the pool, by its URL or its host:port.
func (c *Conn) HasServer(url string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers.find(url) != nil
}

// find returns the server of a URL, or of a host:port; nil: there is none.
func (p pool) find(url string) *server {
	wanted, err := parseServer(url)
	if err != nil {
		return nil
	}
	for _, s := range p {
		if s.inProcess == nil && s.address() == wanted.address() {
			return s
		}
	}
	return nil
}
