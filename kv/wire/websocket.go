package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/coder/websocket"
)

// upgrade makes a connection to a server's WebSocket port the stream that any other is. It is
// not left to nats.go, which keeps the stream to itself: INFO as it was sent, and an -ERR that ends
// nothing, are seen in it (core-nats.md, serverInfo and Asynchronous errors).
func (e *engine) upgrade(conn net.Conn) (net.Conn, error) {
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	// The scheme is that of a connection whose TLS is done, if it has any.
	url := "ws://" + e.server.address() + e.server.path
	ws, response, err := websocket.Dial(e.ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	var network *net.OpError
	switch {
	case err == nil:
		return websocket.NetConn(e.ctx, ws, websocket.MessageBinary), nil
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, e.noWebSocket(response.Status)
	case errors.As(err, &network), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF):
		return nil, err
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	text := err.Error()
	return nil, e.noWebSocket(text[:min(len(text), 100)])
}

func (e *engine) noWebSocket(why string) *Error {
	return Fail("ErrProtocol", "Server "+e.server.address()+" does not speak WebSocket: "+why)
}

// saidGoodbye tells whether the server has closed a WebSocket with a message about it.
func saidGoodbye(err error) bool { return websocket.CloseStatus(err) != -1 }
