// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// engine is one nats.Conn: one attempt at one server, and the connection that it
// became. nats.go's own reconnecting is off: the pool, its counters, the statuses
// and errors (docs/connection.md "Reconnecting") need a machine of our own around it.
type engine struct {
	conn     *Conn
	server   *server
	options  Options
	login    login
	shown    dict.Dict       // what CONNECT says of the login in place of that: of Options.Login
	secured  dict.Dict       // how the connection is encrypted; nil: it is not
	tls      *tls.Config     // nil where TLS is not demanded, until the server wants it
	ctx      context.Context // ends with the attempt, or with the connection
	cancel   context.CancelFunc
	deadline time.Time // of the handshake
	nc       *nats.Conn
	socket   *socket
	tap      *tap        // between the two
	out      *outgoing   // what is published; nil where nats.go alone can write
	full     bool        // was told of: as much waits as may; guarded by conn.mu, as what follows
	lost     bool        // it has ended: Conn.lost was called
	since    time.Time   // when it was handed over
	restored bool        // it came by reconnecting
	settling *time.Timer // forgets the failures of its server
	letGo    func() bool // the end of ctx does not close the socket any more
	info     dict.Dict   // the first INFO

	// turn is held while something is delivered, and by inTurn. Conn.mu may be taken with it, and not the other way round.
	turn    sync.Mutex
	done    bool          // nothing more is delivered; guarded by turn, as is lent
	lent    Lent          // the message that is delivered
	drained chan struct{} // closed when done is true

	mu      sync.RWMutex
	subs    map[int]*Sub // by their number on the wire
	lastSid int
	cause   *fault.Error // why it ended; the first one counts
	up      bool         // the handshake is over
	over    bool         // nats.go has closed it
}

// inTurn has do called behind the deliveries that came before, and not at the same time as one. What is last ends them.
func (e *engine) inTurn(do func(), last bool) {
	e.turn.Lock()
	defer e.turn.Unlock()
	if e.done {
		return
	}
	if last {
		e.done = true
		defer close(e.drained)
		defer e.forget()
	}
	e.conn.Guarded(do)
}

// forget lets go of the subscriptions of an engine that has ended.
func (e *engine) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.subs)
}

// attempt connects to one server; it blocks until that has succeeded or failed.
func attempt(ctx context.Context, c *Conn, s *server, o Options) (*engine, *fault.Error) {
	if failure := o.TLS.unknown(); failure != nil {
		return nil, failure
	}
	// Before the connection: the server does not wait long for what it has asked for, and
	// the script may take its time to read a file.
	login, failure := o.login(s)
	if failure != nil {
		return nil, failure
	}
	e := &engine{
		conn: c, server: s, options: o, login: login,
		deadline: time.Now().Add(o.ConnectTimeout),
		drained:  make(chan struct{}),
		subs:     map[int]*Sub{},
	}
	if o.demandsTLS(s) {
		// Likewise: the script may be asked for the password of a key.
		var err error
		if e.tls, err = o.TLS.config(s.tlsName(), o); err != nil {
			return nil, e.handshakeError(err)
		}
		e.deadline = time.Now().Add(o.ConnectTimeout)
	}
	e.ctx, e.cancel = context.WithCancel(ctx)
	no := e.engineOptions()
	err := login.into(&no)
	var nc *nats.Conn
	if err == nil {
		nc, err = no.Connect()
	}
	if err != nil {
		e.cancel()
		if ctx.Err() != nil {
			return nil, errDisconnected
		}
		return nil, e.because(e.handshakeError(err))
	}
	e.nc = nc
	e.mu.Lock()
	e.up = true
	over := e.over
	e.mu.Unlock()
	if over {
		e.cancel()
		return nil, e.because(fault.New(fault.BrokenSocket, "Server "+s.address()+" closed the connection"))
	}
	e.letGo() // from here on close flushes first
	return e, nil
}

// engineOptions are those of nats.go's for one connection that it does not make anew by itself. (Server and login are
// the engine's.)
func (e *engine) engineOptions() nats.Options {
	o := &e.options
	return nats.Options{
		Url:                     "nats://" + e.server.address(),
		Name:                    o.Name,
		Verbose:                 o.Verbose,
		Pedantic:                o.Pedantic,
		NoEcho:                  !o.Echo,
		AllowReconnect:          false,
		NoRandomize:             true,
		IgnoreDiscoveredServers: true,
		SkipHostLookup:          true,
		Timeout:                 max(o.ConnectTimeout, time.Millisecond),
		PingInterval:            o.PingInterval,
		MaxPingsOut:             e.mostPings(),
		FlusherTimeout:          0,
		CustomDialer:            dialer{e},
		AsyncErrorCB: func(_ *nats.Conn, _ *nats.Subscription, err error) {
			e.conn.Guarded(func() { e.conn.Logf(LogDebug, "%v", err) }) // without this function it would be printed
		},
		ClosedCB:        func(nc *nats.Conn) { e.conn.Guarded(func() { e.closed(nc) }) },
		WriteBufferSize: 1, // outgoing gathers
	}
}

// mostPings is how many PINGs may be unanswered. nats.go takes 0 for its own default; the least
// that it can do is one.
func (e *engine) mostPings() int { return max(1, e.options.MaxOutstandingPings) }

// because keeps the first cause of the end, and returns it.
func (e *engine) because(err *fault.Error) *fault.Error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cause == nil {
		e.cause = err
	}
	return e.cause
}

// handshakeError finds the error of ours for what ended an attempt.
func (e *engine) handshakeError(err error) *fault.Error {
	var ours *fault.Error
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, nats.ErrTimeout):
		return fault.New(fault.ConnectionTimeout, "Connection timeout for "+e.server.address())
	case isCut(err):
		return e.broken(err)
	case errors.Is(err, nats.ErrNkeysNotSupported):
		return fault.New(fault.Authorization, "Server "+e.server.address()+" does not support NKeys")
	}
	return fault.New(fault.Protocol, strings.TrimPrefix(err.Error(), "nats: "))
}

// dialer connects the socket for nats.go, and does what has to be seen or said
// before nats.go takes over: TLS, a WebSocket, and the server's INFO.
type dialer struct{ e *engine }

func (dialer) SkipTLSHandshake() bool { return true }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	e := d.e
	ctx, cancel := context.WithDeadline(e.ctx, e.deadline)
	defer cancel()
	raw, err := e.dial(ctx, network, address)
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, e.because(fault.New(fault.ConnectionTimeout, "Connection timeout for "+e.server.address()))
		}
		return nil, e.because(fault.New(fault.ConnectionRefused, "Failed to connect to "+e.server.address()+": "+reason(err)))
	}
	s := newSocket(raw, e.options.mostWaiting(), e.conn)
	e.socket = s
	// A disconnect in the middle of the handshake ends it by closing the socket.
	e.letGo = context.AfterFunc(e.ctx, func() { e.conn.Guarded(func() { s.Close() }) })
	_ = s.SetReadDeadline(e.deadline)
	conn, err := d.greet(s)
	if err != nil {
		e.letGo()
		s.Close()
		return nil, e.because(e.handshakeError(err))
	}
	return conn, nil
}

// dial makes the connection beneath all else.
func (e *engine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	switch {
	case e.server.inProcess != nil:
		return e.server.inProcess()
	case e.options.Proxy != "":
		return e.conn.dialBy(ctx, e.options.Proxy, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// reason is the end of an error's chain: "connection refused" without the address
// that the message has already.
func reason(err error) string {
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return lookup.Err
	}
	var system *os.SyscallError
	if errors.As(err, &system) {
		return system.Err.Error()
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// greet reads the server's INFO and secures the connection, if either side wants it: before
// INFO where the scheme or Options.TLSFirst says so, or else behind it.
func (d dialer) greet(s *socket) (net.Conn, error) {
	e := d.e
	var conn net.Conn = s
	var err error
	address, webSocket := e.server.address(), e.server.webSocket()
	wanted := e.options.demandsTLS(e.server)
	first := webSocket && wanted || !webSocket && e.options.TLSFirst
	if first {
		conn, err = e.encrypt(s)
		var plain tls.RecordHeaderError
		if webSocket && errors.As(err, &plain) {
			err = noTLS(address)
		}
		if err != nil {
			return nil, e.notEncrypted(err)
		}
	}
	if webSocket {
		if conn, err = e.upgrade(conn); err != nil {
			return nil, err
		}
	}
	conn, line, err := readLine(conn)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(line, "INFO ")
	if !ok {
		return nil, fault.New(fault.Protocol, "Server "+address+" did not send INFO but: "+strings.TrimSpace(line[:min(len(line), 80)]))
	}
	info, err := dict.Parse([]byte(text))
	if err != nil {
		return nil, fault.New(fault.Protocol, "Server "+address+" sent an "+err.Error())
	}
	e.info, _ = info.(dict.Dict)
	isTrue := func(field string) bool { b, _ := e.info.Path(field).(bool); return b }
	if required := isTrue("tls_required"); !first && !webSocket && (required || wanted) {
		if !required && !isTrue("tls_available") && !isTrue("tls_verify") {
			return nil, noTLS(address)
		}
		if conn, err = e.encrypt(conn); err != nil {
			return nil, e.notEncrypted(err)
		}
	}
	if err := e.askLogin(); err != nil {
		return nil, err
	}
	return newTap(e, conn, line), e.wantsCredentials(isTrue("auth_required"))
}

func noTLS(address string) *fault.Error {
	return fault.New(fault.SecureConnWanted, "Server "+address+" does not provide TLS")
}

// demandsTLS tells whether a server without TLS is refused.
func (o *Options) demandsTLS(s *server) bool {
	return o.Secure || s.scheme == "tls" || s.scheme == "wss"
}

// encrypt does the TLS handshake.
func (e *engine) encrypt(c net.Conn) (net.Conn, error) {
	if e.tls == nil {
		var err error
		if e.tls, err = e.options.TLS.config(e.server.tlsName(), e.options); err != nil {
			return nil, err
		}
	}
	secured := tls.Client(c, e.tls)
	err := secured.HandshakeContext(e.ctx)
	if err == nil {
		e.secured = tlsState(secured.ConnectionState(), e.options.TLS.Require)
	}
	return secured, err
}

// notEncrypted is the error of a handshake that has failed, or was not begun.
func (e *engine) notEncrypted(err error) error {
	var ours *fault.Error
	if errors.As(err, &ours) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return tlsFailure(e.server.address(), err)
}

// wantsCredentials is the error where the server wants some and the client has none.
func (e *engine) wantsCredentials(required bool) error {
	if required && e.login.none() && len(e.shown) == 0 && e.options.TLS.CertFile == "" {
		return fault.New(fault.Authorization, "No credentials known for NATS server at "+e.server.address())
	}
	return nil
}

// serverError sorts the server's -ERR lines; what it returns ends the connection.
func (e *engine) serverError(text string) error {
	if text == "" {
		text = "Server " + e.server.address() + " sent an error without a text"
	}
	lower := strings.ToLower(text)
	switch code := fault.OfServer(lower); code {
	case fault.Permissions:
		e.conn.Guarded(func() { e.conn.refused(text) })
		return nil
	case fault.BadSubject:
		e.conn.ReportAsync(fault.New(code, text))
		return nil
	case fault.StaleConnection, fault.Server:
		return fault.New(code, text)
	case fault.Authorization, fault.AuthExpired, fault.AuthRevoked, fault.AccountAuthExpired:
		e.conn.refusedLogin(e.server, code)
		return fault.New(code, lower)
	default:
		return fault.New(code, lower)
	}
}

// closed is called once by nats.go, when the connection has ended for whatever reason.
func (e *engine) closed(nc *nats.Conn) {
	e.mu.Lock()
	e.over = true
	up := e.up
	e.mu.Unlock()
	if !up {
		return // a failed attempt: attempt tells
	}
	e.out.end()
	e.conn.handOver() // or nobody would, with the timer
	address := e.server.address()
	switch err := nc.LastError(); {
	case errors.Is(err, nats.ErrStaleConnection):
		e.because(fault.New(fault.StaleConnection, "The server did not respond to "+
			strconv.Itoa(e.mostPings())+" PINGs"))
	case err != nil && !errors.Is(err, net.ErrClosed):
		// Where the socket has failed that is the cause already: it is what nats.go has read.
		e.because(fault.New(fault.Protocol, strings.TrimPrefix(err.Error(), "nats: ")))
	}
	cause := e.because(fault.New(fault.BrokenSocket, "Server "+address+" closed the connection"))
	// Behind all that has come: a reply that made it is no reply lost.
	e.inTurn(func() { e.conn.lost(e, cause) }, true)
	e.cancel()
}

// received delivers a message, in the order of the wire; a panic above must not take the process, or the connection, with it.
func (e *engine) received(a *arrival, body []byte, owned bool) {
	defer func() {
		if r := recover(); r != nil {
			e.conn.Logf(LogError, "panic in a delivery: %v\n%s", r, debug.Stack())
		}
	}()
	e.conn.traffic.came(len(body))
	e.mu.RLock()
	s := e.subs[a.sid]
	e.mu.RUnlock()
	if s == nil || s.stopped.Load() {
		return
	}
	l := &e.lent
	*l = Lent{Msg: nats.Msg{Subject: view(a.subject), Reply: view(a.reply), Data: body[a.header:]}, of: s.subject, owned: owned}
	if a.header > 0 {
		var ok bool
		if l.Header, ok = receivedHeader(body[:a.header]); !ok {
			e.conn.ReportAsync(fault.New(fault.BadHeaderMsg, "A message with an invalid header came on "+s.subject))
		}
	}
	s.take(l)
	*l = Lent{} // it holds memory of others
}

// subscribe brings a subscription to the server. left is how many messages it may
// still have, 0 for no limit.
func (e *engine) subscribe(s *Sub, left int) error {
	e.mu.Lock()
	e.lastSid++
	sid := e.lastSid
	e.subs[sid] = s
	e.mu.Unlock()
	s.engine, s.sid, s.told, s.before, s.quiet = e, sid, 0, s.received.Load(), false
	line := make([]byte, 0, 64)
	line = append(append(line, "SUB "...), s.subject...)
	if s.queue != "" {
		line = append(append(line, ' '), s.queue...)
	}
	line = strconv.AppendInt(append(line, ' '), int64(sid), 10)
	if line = append(line, lineEnd...); !e.out.say(line) {
		e.unsubscribe(sid, false)
		return nats.ErrConnectionClosed
	}
	s.tellMost(left)
	return nil
}

// unsubscribe takes a subscription back. tell: the server has to know.
func (e *engine) unsubscribe(sid int, tell bool) {
	e.mu.Lock()
	delete(e.subs, sid)
	e.mu.Unlock()
	if tell {
		e.out.say(unsub(sid, 0)) // where the connection has ended nobody has to know
	}
}

// unsub is what ends a subscription on a server, at once or behind most messages.
func unsub(sid, most int) []byte {
	line := strconv.AppendInt([]byte("UNSUB "), int64(sid), 10)
	if most > 0 {
		line = strconv.AppendInt(append(line, ' '), int64(most), 10)
	}
	return append(line, lineEnd...)
}

// closeFlushed flushes what was published, as long as ctx lasts, and closes the connection; false: the server may not have
// taken all. It blocks. What was received before it began is delivered.
func (e *engine) closeFlushed(ctx context.Context) bool {
	err := e.nc.FlushWithContext(ctx)
	e.nc.Close()
	<-e.drained
	e.cancel()
	return err == nil
}

// flushTimeout bounds how long the end of a connection waits for its server.
const flushTimeout = 2 * time.Second
