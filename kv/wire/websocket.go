// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"strings"

	"github.com/coder/websocket"
	"natstcl/kv/fault"
)

// upgrade makes a connection to a server's WebSocket port the stream that any other is. It is
// not left to nats.go, which keeps the stream to itself: INFO as it was sent, and an -ERR that ends
// nothing, are seen in it.
func (e *engine) upgrade(conn net.Conn) (net.Conn, error) {
	// The scheme is that of a connection whose TLS is done, if it has any.
	url := "ws://" + e.server.address() + e.server.path
	ws, response, err := websocket.Dial(e.ctx, url, &websocket.DialOptions{
		HTTPHeader: e.options.WebSocketHeaders.Clone(),
		Host:       e.options.WebSocketHeaders.Get("Host"),
		HTTPClient: &http.Client{
			Transport:     upgrader{conn},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	switch {
	case err == nil:
		// Not e.ctx: at its end what was published is still to be flushed.
		return websocket.NetConn(context.WithoutCancel(e.ctx), ws, websocket.MessageBinary), nil
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, e.noWebSocket(response.Status)
	case isCut(err):
		return nil, err
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	text := err.Error()
	return nil, e.noWebSocket(text[:min(len(text), 100)])
}

// CheckWebSocketHeader is the reason why a header cannot be sent when a WebSocket is asked for; "": it can.
func CheckWebSocketHeader(name, value string) string {
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r) }):
		return "it is no name of a header"
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return "its value has a control character"
	case canonical == "Connection", canonical == "Upgrade", canonical == "Content-Length", canonical == "Transfer-Encoding",
		strings.HasPrefix(canonical, "Sec-Websocket-"):
		return "it is one of the protocol's own"
	}
	return ""
}

func (e *engine) noWebSocket(why string) *fault.Error {
	return fault.New(fault.Protocol, "Server "+e.server.address()+" does not speak WebSocket: "+why)
}

// isCut tells whether it is the connection that has failed, and not what was said.
func isCut(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// upgrader makes the one HTTP request on a connection that is there. (http.Transport would
// write to the standard log when a server that speaks no HTTP speaks first.)
type upgrader struct{ net.Conn }

func (u upgrader) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := request.Write(u.Conn); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(u.Conn)
	response, err := http.ReadResponse(reader, request)
	if err == nil && response.StatusCode == http.StatusSwitchingProtocols {
		response.Body = struct {
			io.Reader
			io.WriteCloser
		}{reader, u.Conn}
	}
	return response, err
}

// saidGoodbye tells whether the server has closed a WebSocket with a message about it.
func saidGoodbye(err error) bool { return websocket.CloseStatus(err) != -1 }
