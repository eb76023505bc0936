// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// tap is the connection as nats.go sees it. It hands the INFO out again that greet
// has read, looks at what comes, and says why the connection ended.
type tap struct {
	net.Conn
	e      *engine
	ahead  string // the INFO line
	parser parser
	failed error                       // the error of Read, for when all that came before is returned
	unsent atomic.Pointer[fault.Error] // the first error of Write
}

func newTap(e *engine, c net.Conn, infoLine string) *tap {
	t := &tap{Conn: c, e: e, ahead: infoLine}
	e.tap = t
	e.out = &outgoing{conn: e.conn, write: t.send, gather: e.options.Gather, handOver: e.options.HandOver}
	t.parser.onErr = e.serverError
	t.parser.onMessage = e.received
	t.parser.onInfo = func(json []byte) {
		v, err := dict.Parse(json)
		info, ok := v.(dict.Dict)
		if err == nil && ok {
			e.conn.serverInfo(e, info)
			return
		}
		// The connection lives, as nats.go's does: what an INFO tells is news of the cluster.
		e.conn.ReportAsync(fault.New(fault.Protocol, "Server "+e.server.address()+" sent an INFO that cannot be read: "+string(json[:min(len(json), 80)])))
	}
	return t
}

// Read is called by a goroutine of nats.go's, as Write may be.
func (t *tap) Read(b []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			t.failed = t.e.because(t.e.conn.recovered(r))
			n, err = 0, t.failed
		}
	}()
	if t.ahead != "" {
		n := copy(b, t.ahead)
		t.ahead = t.ahead[n:]
		return n, nil
	}
	for t.failed == nil {
		n, large, err := t.readSome(b)
		var kept []byte
		var refusal error
		if !large {
			kept, refusal = t.parse(b[:n])
		}
		switch {
		case refusal != nil:
			t.failed = t.e.because(refusal.(*fault.Error))
		case errors.Is(err, net.ErrClosed) && t.unsent.Load() == nil:
			t.failed = err // by us: there is another cause, or none
		case err != nil:
			t.failed = t.e.because(t.readError(err))
		}
		if t.failed != nil {
			t.parser.body, t.parser.missing = nil, 0 // whoever keeps the engine need not keep a message that broke off
		}
		if len(kept) > 0 {
			return len(kept), nil // nats.go looks at nothing that comes with an error
		}
	}
	return 0, t.failed
}

// readSome reads into b, or the middle of a large message to where it belongs.
func (t *tap) readSome(b []byte) (n int, large bool, err error) {
	space := t.parser.space()
	if space == nil {
		n, err = t.Conn.Read(b)
		return n, false, err
	}
	n, err = t.Conn.Read(space)
	t.parser.filled(n)
	return n, true, err
}

// parse delivers what has come, and returns what is for nats.go.
func (t *tap) parse(b []byte) ([]byte, error) {
	t.e.turn.Lock()
	defer t.e.turn.Unlock()
	if t.e.done {
		return nil, nil
	}
	t.e.conn.read.Store(int64(Now()))
	return t.parser.parse(b)
}

func (t *tap) readError(err error) *fault.Error {
	if unsent := t.unsent.Load(); unsent != nil && !isAlert(err) {
		return unsent
	}
	return t.e.broken(err)
}

// broken is the error of a connection that could not be read from.
func (e *engine) broken(err error) *fault.Error {
	address := e.server.address()
	switch {
	case isAlert(err):
		return tlsFailure(address, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.New(fault.ConnectionTimeout, "Connection timeout for "+address)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), saidGoodbye(err):
		return fault.New(fault.BrokenSocket, "Server "+address+" closed the connection")
	}
	return fault.New(fault.BrokenSocket, "Connection to "+address+" broken - "+reason(err))
}

// isAlert tells whether the other side has refused to go on with TLS.
func isAlert(err error) bool {
	var alert tls.AlertError
	var op *net.OpError
	return errors.As(err, &alert) || errors.As(err, &op) && op.Op == "remote error"
}

func (t *tap) Write(b []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, t.e.because(t.e.conn.recovered(r))
		}
	}()
	if !bytes.HasPrefix(b, []byte("CONNECT ")) {
		return t.e.out.Write(b)
	}
	said := b
	if language := t.e.options.Language; language != "" {
		// nats.go says of itself what the server tells its operators of the client.
		said = bytes.Replace(b, speaks(nats.LangString, nats.Version), speaks(language, t.e.options.Version), 1)
	}
	if len(t.e.shown) > 0 {
		said = t.e.shownIn(said)
	}
	if _, err := t.e.out.Write(said); err != nil {
		return 0, err
	}
	return len(b), nil
}

// speaks is how a CONNECT says what a client is written in.
func speaks(language, version string) []byte {
	return fmt.Appendf(nil, `"lang":%q,"version":%q`, language, version)
}

// send never fails by itself: what the server said before it closed the connection (an
// -ERR, an alert of TLS) is still to be read, and tells more. There is not much time for
// that.
func (t *tap) send(b []byte) {
	if _, err := t.Conn.Write(b); err != nil && !errors.Is(err, net.ErrClosed) {
		t.cannotSend(err)
	}
}

func (t *tap) cannotSend(err error) {
	failure := fault.New(fault.BrokenSocket, "Failed to send data to "+t.e.server.address()+": "+reason(err))
	if t.unsent.CompareAndSwap(nil, failure) {
		_ = t.e.socket.SetReadDeadline(time.Now().Add(lastWords))
	}
}

// endIfStuck ends the connection where the server takes nothing for a while. taken is what it had
// taken until now.
func (e *engine) endIfStuck(taken uint64) {
	look := func() {
		switch waiting, now := e.socket.waiting(); {
		case waiting == 0 || e.ctx.Err() != nil:
		case now == taken:
			e.tap.cannotSend(errTakesNothing)
		default:
			e.endIfStuck(now)
		}
	}
	time.AfterFunc(patienceWhenFull, func() { e.conn.Guarded(look) })
}

// lastWords is how long a server's explanation is waited for when it takes no data any more.
const lastWords = time.Second

// Close closes the socket beneath: with TLS, saying goodbye first would wait for a
// server that is frozen.
func (t *tap) Close() error { return t.e.socket.Close() }

// The handshake has one deadline, from the first moment on.
func (t *tap) SetDeadline(d time.Time) error {
	if !d.IsZero() {
		d = t.e.deadline
	}
	return t.e.socket.SetReadDeadline(d)
}

func (t *tap) SetWriteDeadline(time.Time) error { return nil }
