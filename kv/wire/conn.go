// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// Conn is a connection to one of several servers, which lives on when a server is lost. It is a state machine, closed →
// connecting → connected → reconnecting, and makes a new engine for each attempt at a server. Any goroutine may call
// its methods.
type Conn struct {
	obs   Observer
	inbox string // what the subjects of replies begin with, with a dot at its end

	talkers atomic.Int32 // goroutines between Gather and Ungather
	pressed atomic.Bool  // more waits for the server than softLimit: its socket says so, for Hold

	mu      sync.Mutex
	options Options
	status  Status
	shown   Status       // the status that calls go by, see Options.Acknowledged
	untold  *fault.Error // why the connection has ended, if its owner does not know yet; pending calls fail with it then
	servers pool
	current *server
	info    dict.Dict
	secured dict.Dict // how the current server's connection is, or was, encrypted; nil: it is not
	engine  *engine   // nil unless connected
	// leaving is closed when the connection that Reconnect has left has ended; nil: Reconnect has left none.
	leaving <-chan struct{}
	// draining is true between Drain and Disconnect: subscriptions are refused.
	draining bool

	maxPayload int64 // max_payload of info; 0 if no server has told one yet
	headers    bool  // headers of info: the server takes messages with headers
	// cancel ends all that one connect has begun: the attempts, the waits between them, the
	// connection. It is nil if the status is closed.
	cancel context.CancelFunc
	nudge  chan struct{} // wakes a wait between two attempts when options, the pool or hurried have changed
	// hurried is true when Reconnect was called between two attempts: the wait is cut short.
	hurried bool

	kept      []*nats.Msg // messages that were published while there was no server
	keptBytes int
	subs      map[int]*Sub      // the subscriptions that have an ID
	internal  map[*Sub]struct{} // the subscriptions that have none
	lastID    int
	pings     map[*ping]struct{}
	watchers  map[int]func(Status) // what OnState was given, by a number
	lastWatch int
	refusals  map[int]func(Refusal)           // what OnRefusal was given, by numbers of the same series
	farewells map[int]func(*Farewell, func()) // what OnDisconnect was given, likewise

	pending pendings
	traffic traffic

	read atomic.Int64 // the Instant at which something was last read
}

// LastRead is when the connection has last read anything. For what is being delivered it is the time at which that came, without
// a look at the clock for each message.
func (c *Conn) LastRead() Instant { return Instant(c.read.Load()) }

// Pending requests fail with the first of these after Disconnect, and with the second when no server is left.
var (
	errDisconnected = fault.New(fault.ConnectionClosed, "Connection closed")
	errLost         = fault.New(fault.Timeout, "Connection lost")
)

// DefaultOptions returns the defaults of docs/connection.md "Options".
func DefaultOptions() Options {
	return Options{
		Echo: true, Randomize: true, CheckSubjects: true,
		ConnectTimeout:       2 * time.Second,
		ReconnectTimeWait:    2 * time.Second,
		MaxReconnectAttempts: 60,
		PingInterval:         2 * time.Minute,
		MaxOutstandingPings:  2,
		RequestTimeout:       10 * time.Second,
		MaxWaiting:           DefaultMaxWaiting,
		MaxKept:              -1,
		TLS:                  TLSOptions{Require: true},
	}
}

// New makes a connection that is closed and has no servers. obs may be nil.
func New(options Options, obs Observer) *Conn {
	if obs == nil {
		obs = silent{}
	}
	c := &Conn{
		obs: obs, options: options, status: Closed, shown: Closed, inbox: newInbox(options.InboxPrefix) + ".",
		subs: map[int]*Sub{}, internal: map[*Sub]struct{}{},
		pings: map[*ping]struct{}{}, watchers: map[int]func(Status){}, refusals: map[int]func(Refusal){},
		farewells: map[int]func(*Farewell, func()){},
	}
	c.pending.init(c)
	return c
}

// silent is the Observer of a Conn that was made without one.
type silent struct{}

func (silent) Status(Status)                                          {}
func (silent) LastError(*fault.Error)                                 {}
func (silent) ServerInfo(dict.Dict)                                   {}
func (silent) Log(Level, string)                                      {}
func (silent) ReconnectDelay(_ dict.Dict, answer func(time.Duration)) { answer(0) }

// Options returns the options that are in force.
func (c *Conn) Options() Options {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options
}

// Configure replaces the options. Options of the connection are used from the next attempt on, also while it is
// reconnecting. Options of calls are used from the next call on.
func (c *Conn) Configure(options Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if options.InboxPrefix != c.options.InboxPrefix {
		// Requests that wait still get their replies below the old prefix.
		c.inbox, c.pending.mux = newInbox(options.InboxPrefix)+".", nil
	}
	c.options = options
	if c.engine != nil {
		c.engine.socket.allow(options.mostWaiting())
	}
	c.nudgeLocked()
}

// nudgeLocked wakes a wait between two attempts, so that it looks at the options and the pool again.
func (c *Conn) nudgeLocked() {
	if c.nudge != nil {
		select {
		case c.nudge <- struct{}{}:
		default:
		}
	}
}

// SetServers replaces the pool, all or nothing. ErrInvalidArg: a bad URL, or the
// connection is not closed.
func (c *Conn) SetServers(urls []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closedLocked() {
		return errConfigured()
	}
	p, err := newPool(urls, c.options.Randomize)
	if err != nil {
		return err
	}
	c.servers = p
	return nil
}

func errConfigured() error {
	return &fault.Error{Code: fault.InvalidArg, Text: "Cannot configure servers when already connected",
		Help: "set_servers replaces the pool at any time, without disconnect"}
}

// ResetServers empties the pool. The errors are those of SetServers.
func (c *Conn) ResetServers() error { return c.SetServers(nil) }

// ServerURLs returns the pool's URLs in the order in which they will be tried.
func (c *Conn) ServerURLs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	urls := []string{}
	for _, s := range c.servers {
		urls = append(urls, s.url)
	}
	return urls
}

// Servers returns the pool. The server to try next comes first.
func (c *Conn) Servers() []dict.Dict {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []dict.Dict{}
	for _, s := range c.servers {
		out = append(out, s.dict())
	}
	return out
}

// CurrentServer returns the server of the connection; while reconnecting the one that was lost. ErrConnectionClosed:
// there is no connection.
func (c *Conn) CurrentServer() (host string, port int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() || c.current == nil {
		return "", 0, c.noServerLocked()
	}
	return c.current.host, c.current.port, nil
}

// NoConnection is the error of a call that needs a connection, of a Conn that is closed.
func NoConnection() error {
	return &fault.Error{Code: fault.ConnectionClosed, Text: "No connection to NATS server", Help: "call connect first"}
}

// nowhere says what connect cannot mend: it was called already.
const nowhere = "there is no connection to a NATS server at the moment"

// noServerLocked is NoConnection of a Conn that may be connecting or reconnecting.
func (c *Conn) noServerLocked() error {
	if c.closedLocked() {
		return NoConnection()
	}
	return &fault.Error{Code: fault.ConnectionClosed, Text: NoConnection().Error(), Help: nowhere}
}

// Info returns the last INFO as it was sent; it is kept after a disconnect.
func (c *Conn) Info() dict.Dict {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info
}

// Status returns the status.
func (c *Conn) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// OnState has f called at each change of the status, until stop is called. The end of a connection is told after the
// deliveries that came before. If the connection has ended and its owner does not know yet (Options.Acknowledged), f is
// told that end at once, for what begins now ends with it. f is called under the Conn's lock, so it must not call the Conn.
func (c *Conn) OnState(f func(Status)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stop = enlistLocked(c, c.watchers, f)
	if c.untold != nil {
		f(Closed)
	}
	return stop
}

// enlistLocked puts a function into a table of the Conn, until stop is called.
func enlistLocked[F any](c *Conn, table map[int]F, f F) (stop func()) {
	c.lastWatch++
	n := c.lastWatch
	table[n] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(table, n)
	}
}

// setStatusLocked changes the status, and tells the observer and the functions of OnState if it is a new one. The caller
// holds c.mu, as for every function whose name ends in "Locked".
func (c *Conn) setStatusLocked(s Status) {
	if c.status == s {
		return
	}
	c.status = s
	if !c.options.Acknowledged {
		c.shown = s
	}
	c.obs.Status(s)
	for _, f := range c.watchers {
		f(s)
	}
}

// closedLocked returns true if calls have to fail because the connection is closed, and its owner knows that.
func (c *Conn) closedLocked() bool { return c.status == Closed && c.untold == nil }

// Acknowledge is called by an owner that has shown a status (Options.Acknowledged). If the connection has ended, the
// calls fail that were made before the owner knew it.
func (c *Conn) Acknowledge(s Status) {
	end := func() {}
	c.mu.Lock()
	c.shown = s
	if s == Closed && c.untold != nil {
		end = c.forgetLocked(c.untold)
	}
	c.mu.Unlock()
	end()
}

// ReportAsync reports an error that no call returns: as a warning in the log, and as the last error.
func (c *Conn) ReportAsync(e *fault.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reportLocked(e)
}

func (c *Conn) reportLocked(e *fault.Error) {
	c.obs.Log(LogWarn, e.Text)
	c.obs.LastError(e)
}

// Logf writes to the connection's log.
func (c *Conn) Logf(level Level, format string, args ...any) {
	c.obs.Log(level, fmt.Sprintf(format, args...))
}

// Connect tries each server of the pool once. done is called with nil when one is connected, and otherwise with the
// reason: that of the only server, or ErrNoServers if there are several. If the status is not closed, done is called
// with nil at once.
func (c *Conn) Connect(done func(error)) error { return c.connect(c.connectFirst, done) }

// ConnectRetrying is Connect that tries the servers again and again, as reconnecting does, with the same waits and
// counters. The status is Connecting until a server is connected.
func (c *Conn) ConnectRetrying(done func(error)) error { return c.connect(c.reconnect, done) }

func (c *Conn) connect(run func(context.Context) error, done func(error)) error {
	c.mu.Lock()
	if !c.closedLocked() {
		c.mu.Unlock()
		done(nil)
		return nil
	}
	defer c.mu.Unlock()
	if len(c.servers) == 0 {
		e := errEmptyPool()
		c.obs.Log(LogError, e.Text)
		return e
	}
	for _, s := range c.servers {
		s.reconnects, s.lastAttempt, s.refusals = 0, time.Time{}, 0
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.nudge = make(chan struct{}, 1)
	c.obs.LastError(nil)
	c.shown = Connecting // the caller knows it, and need not acknowledge it
	c.setStatusLocked(Connecting)
	// The goroutine ends when a server is connected, when none is left to try, or when ctx is canceled.
	go c.Guarded(func() { done(c.attempts(ctx, run)) })
	return nil
}

// Pedantic returns Options.Pedantic.
func (c *Conn) Pedantic() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.Pedantic
}

func errEmptyPool() *fault.Error {
	return &fault.Error{Code: fault.NoServers, Text: "Server pool is empty",
		Help: "no server is named: " + fault.Option("servers") + " takes URLs, such as nats://127.0.0.1:4222"}
}

// Guarded runs f. A panic in f is written to the log and does not end the process. All goroutines and timers of the Conn,
// and of the packages that use it, run in it.
func (c *Conn) Guarded(f func()) {
	defer func() {
		if r := recover(); r != nil {
			_ = c.recovered(r)
		}
	}()
	f()
}

// recovered writes the stack of a panic to the log, and returns the panic as an error. It is called by a deferred
// function.
func (c *Conn) recovered(r any) *fault.Error {
	text := fmt.Sprint("panic in a connection: ", r)
	c.obs.Log(LogError, text+"\n"+string(debug.Stack()))
	return fault.New(fault.Internal, text)
}

// attempts runs the function that makes the attempts of a connect or a reconnect. A panic in it closes the connection.
func (c *Conn) attempts(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			failure := c.recovered(r)
			c.ReportAsync(failure)
			c.giveUp(ctx, failure)
			err = failure
		}
	}()
	return run(ctx)
}

// connectFirst tries each server once, for Connect, in a goroutine of its own.
func (c *Conn) connectFirst(ctx context.Context) error {
	c.mu.Lock()
	todo := append(pool(nil), c.servers...)
	c.mu.Unlock()
	var last *fault.Error
	for _, s := range todo {
		if last = c.try(ctx, s, false); last == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fault.New(fault.NoServers, "No servers available for connection")
		}
	}
	none := fault.New(fault.NoServers, "No servers available for connection")
	c.giveUp(ctx, none)
	if len(todo) == 1 {
		return last
	}
	return none
}

// try makes one attempt at one server. If it fails, the server becomes the last of the pool. With counting, a server
// that has failed too often leaves the pool.
func (c *Conn) try(ctx context.Context, s *server, counting bool) *fault.Error {
	c.mu.Lock()
	if ctx.Err() != nil {
		c.mu.Unlock()
		return errDisconnected
	}
	options := c.options
	c.hurried = false
	c.obs.Log(LogInfo, "Connecting to the server at "+s.address())
	c.mu.Unlock()

	e, failure := attempt(ctx, c, s, options)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		if e != nil {
			go c.Guarded(e.close)
		}
		return errDisconnected
	}
	if failure == nil {
		failure = c.upLocked(e)
	}
	if failure == nil {
		return nil
	}
	c.failedLocked(s, counting)
	c.reportLocked(failure)
	return failure
}

// upLocked makes the connection of an engine the current one. It sends the subscriptions, then the messages that were
// kept, and then the pings that wait.
func (c *Conn) upLocked(e *engine) *fault.Error {
	if e.lost { // since its handshake, which lost could not tell
		return e.because(errLost)
	}
	c.talkers.Add(1) // for many subscriptions are one write
	defer e.out.send()
	defer c.talkers.Add(-1)
	for _, s := range c.allSubsLocked() {
		if err := s.restore(e); err != nil {
			go c.Guarded(e.close)
			return e.because(fault.New(fault.BrokenSocket, "Connection to "+e.server.address()+" broken - "+err.Error()))
		}
	}
	s := e.server
	c.servers.toBack(s)
	c.current, c.engine, c.secured = s, e, e.secured
	s.refusals = 0
	c.settleLocked(e)
	c.infoLocked(e.info)
	if c.status == Reconnecting {
		c.traffic.reconnects.Add(1)
	}
	c.obs.Log(LogInfo, "Connected to the server at "+s.address())
	c.obs.LastError(nil)
	c.setStatusLocked(Connected)
	// The status was told before, so that no answer to one of the kept messages is delivered while it is still another.
	kept := c.kept
	c.kept, c.keptBytes = nil, 0
	for i, m := range kept {
		if err := c.sendLocked(e, m); err != nil {
			if err == nats.ErrConnectionClosed {
				c.kept = append(c.kept, kept[i:]...)
				for _, m := range c.kept {
					c.keptBytes += keptSize(m)
				}
				break
			}
			c.reportLocked(c.publishErrorLocked(err))
		}
	}
	for p := range c.pings {
		p.sendOn(e)
	}
	return nil
}

// serverInfo is called by an engine's reader at each INFO after the first. The second one often comes before the engine
// is the current one (upLocked), and is then kept in the engine.
func (c *Conn) serverInfo(e *engine, info dict.Dict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine == e {
		c.infoLocked(info)
	} else {
		e.info = info
	}
}

// infoLocked takes over an INFO: the limits of the server, and the servers that it announces.
func (c *Conn) infoLocked(info dict.Dict) {
	c.info = info
	c.maxPayload = maxPayload(info)
	c.headers, _ = info.Path("headers").(bool)
	if urls, ok := info.Path("connect_urls").([]any); ok && !c.options.NoDiscover && c.current.inProcess == nil {
		if left := c.servers.discover(urls, c.current); left > 0 {
			c.obs.Log(LogWarn, fmt.Sprintf("%d servers that %s told of are left out: the pool has %d", left, c.current.address(), len(c.servers)))
		}
	}
	c.obs.ServerInfo(info)
}

// giveUp ends a connect or a reconnect that has failed.
func (c *Conn) giveUp(ctx context.Context, why *fault.Error) {
	c.mu.Lock()
	if ctx.Err() != nil {
		c.mu.Unlock()
		return
	}
	c.obs.Log(LogError, why.Text)
	end := c.closeLocked(errLost)
	c.mu.Unlock()
	end()
}

// closeLocked changes the status to closed. Pending requests and pings fail with why, when the owner knows of the end.
// The caller calls the returned function after it has released the lock.
func (c *Conn) closeLocked(why *fault.Error) (end func()) {
	c.cancel()
	if c.engine != nil {
		c.engine.settling.Stop()
	}
	c.cancel, c.nudge, c.engine, c.draining, c.hurried = nil, nil, nil, false, false
	c.setStatusLocked(Closed)
	if c.shown != Closed {
		c.untold = why
		return func() {}
	}
	return c.forgetLocked(why)
}

// forgetLocked discards the kept messages and the subscriptions of a connection that has ended. The returned function,
// which is called without the lock, has the pending requests and pings fail.
func (c *Conn) forgetLocked(why *fault.Error) (end func()) {
	c.untold = nil
	if n := len(c.kept); n > 0 {
		c.obs.Log(LogWarn, fmt.Sprintf("%d messages that were waiting to be sent are discarded", n))
	}
	c.kept, c.keptBytes = nil, 0
	c.leftLocked()
	clear(c.subs)
	clear(c.internal)
	c.pending.mux = nil
	pings := c.pings
	c.pings = map[*ping]struct{}{}
	requests := c.pending.takeAll()
	return func() {
		for p := range pings {
			p.finish(0, errDisconnected)
		}
		for _, p := range requests {
			p.finish(nil, why)
		}
	}
}

// Disconnect closes the connection: the status is closed when it returns. Pending requests and pings fail with
// ErrConnectionClosed, and messages that had been received are still delivered. What was published is sent in the
// background, and what OnDisconnect was given is called, for two seconds at most; then the returned channel is closed.
func (c *Conn) Disconnect() <-chan struct{} {
	c.handOver()
	ended := make(chan struct{})
	c.mu.Lock()
	c.shown = Closed // the caller knows it, and need not acknowledge it
	if c.status == Closed {
		end := func() {}
		if c.untold != nil {
			c.obs.LastError(nil)
			end = c.forgetLocked(errDisconnected)
		}
		c.mu.Unlock()
		end()
		close(ended)
		return ended
	}
	e := c.engine
	farewells := maps.Clone(c.farewells)
	clear(c.farewells)
	if e != nil {
		c.obs.Log(LogInfo, "Closing connection to "+e.server.address())
	}
	c.obs.LastError(nil)
	end := c.closeLocked(errDisconnected)
	leaving := c.leaving
	c.mu.Unlock()
	end()
	switch {
	case e == nil && leaving != nil:
		return leaving
	case e == nil:
		close(ended)
		return ended
	}
	// The goroutine ends when what was published is sent and the socket is closed, after flushTimeout at the latest.
	last := e.leave(farewells)
	go c.Guarded(func() {
		defer close(ended)
		last.end()
	})
	return ended
}
