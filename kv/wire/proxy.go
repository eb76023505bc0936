// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/proxy"
	"natstcl/kv/fault"
)

// defaultProxyPorts are those of the schemes of Options.Proxy.
var defaultProxyPorts = map[string]string{"socks5": "1080", "socks5h": "1080", "http": "80"}

// CheckProxy looks at the URL of a proxy: socks5://host:port or http://host:port, perhaps with user:password@ before the
// host, in which %XX stand for characters. Servers are looked up by the proxy (socks5h is the same).
// ErrInvalidArg.
func CheckProxy(text string) error {
	_, err := parseProxy(text)
	return err
}

func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, badProxy(text)
	}
	port, known := defaultProxyPorts[u.Scheme]
	if !known {
		return nil, badProxy(text)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	if _, err := net.ResolveTCPAddr("tcp", ":"+port); err != nil || port == "0" {
		return nil, badProxy(text)
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u, nil
}

func badProxy(text string) error {
	return fault.New(fault.InvalidArg, "Invalid proxy "+Redacted(text)+": socks5://host:port or http://host:port is one")
}

// dialBy connects to an address through a proxy. It ends with ctx, which has a deadline.
func (c *Conn) dialBy(ctx context.Context, by, address string) (net.Conn, error) {
	u, err := parseProxy(by)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, proxyFailure(u, err)
	}
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	ended := context.AfterFunc(ctx, func() { c.Guarded(func() { conn.Close() }) })
	if u.Scheme == "http" {
		err = tunnel(conn, u, address)
	} else {
		err = socks(ctx, conn, u, address)
	}
	ended()
	if err != nil {
		conn.Close()
		return nil, proxyFailure(u, err)
	}
	_ = conn.SetDeadline(time.Time{})
	return conn, nil
}

func proxyFailure(u *url.URL, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	why := reason(err)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "socks connect" {
		why = strings.TrimPrefix(op.Err.Error(), "unknown error ")
	}
	return fmt.Errorf("proxy %s: %s", u.Host, why)
}

// fixed is a connection that is there already, for one who wants to dial it.
type fixed struct{ net.Conn }

func (f fixed) Dial(string, string) (net.Conn, error) { return f.Conn, nil }

func (f fixed) DialContext(context.Context, string, string) (net.Conn, error) { return f.Conn, nil }

// socks asks a SOCKS proxy (RFC 1928) for the way to an address. What the library returns is not used: the
// connection beneath can be written to without waiting.
func socks(ctx context.Context, conn net.Conn, u *url.URL, address string) error {
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", u.Host, auth, fixed{conn})
	if err == nil {
		_, err = dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
	}
	return err
}

// mostOfTunnel bounds what a proxy may say before the server speaks.
const mostOfTunnel = 16 << 10

// tunnel asks an HTTP proxy for the way to an address (RFC 9110, 9.3.6).
func tunnel(conn net.Conn, u *url.URL, address string) error {
	request := "CONNECT " + address + " HTTP/1.1\r\nHost: " + address + "\r\n"
	if u.User != nil {
		password, _ := u.User.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)) + "\r\n"
	}
	if _, err := conn.Write([]byte(request + "\r\n")); err != nil {
		return err
	}
	// One byte after another: what follows is the server's.
	var said []byte
	for one := make([]byte, 1); !bytes.HasSuffix(said, []byte("\r\n\r\n")); {
		if _, err := conn.Read(one); err != nil {
			return err
		}
		if said = append(said, one[0]); len(said) > mostOfTunnel {
			return errors.New("it does not speak HTTP")
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(said)), &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil:
		return errors.New("it does not speak HTTP")
	case response.StatusCode/100 != 2:
		return errors.New(strings.TrimSpace(response.Status))
	}
	return nil
}
