// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// Conn is one connection, over all its attempts and servers: a state machine closed →
// connecting → connected → reconnecting. All its methods may be called by any
// goroutine.
type Conn struct {
	obs   Observer
	inbox string // prefix of the replies' subjects, with a dot at its end

	mu      sync.Mutex
	options Options
	status  Status
	shown   Status       // the one that calls go by: see Options.Acknowledged
	untold  *fault.Error // the end of a connection whose owner does not know of it yet: what is pending gets it
	servers pool
	current *server
	info    dict.Dict
	secured dict.Dict // how the current server's connection is, or was, encrypted; nil: it is not
	engine  *engine   // while connected
	// Closed when the connection that Reconnect has left is gone; nil: it has left none.
	leaving <-chan struct{}
	// Subscriptions are refused: Drain has been called, Disconnect not yet.
	draining bool

	maxPayload int64 // of info, 0 where no server has told one yet
	headers    bool  // of info: the server takes headers
	// Ends what goes on for one connect: attempts, waits between them, the
	// connection. Not nil unless closed.
	cancel context.CancelFunc
	nudge  chan struct{} // tells who waits between two attempts that options, the pool or hurried changed
	// The next attempt waits no longer than it must: Reconnect was called meanwhile.
	hurried bool

	kept      []*nats.Msg // published while there was no server
	keptBytes int
	subs      map[int]*Sub      // those with an ID
	internal  map[*Sub]struct{} // and those without
	lastID    int
	pings     map[*ping]struct{}
	watchers  map[int]func(Status)
	lastWatch int
	refusals  map[int]func(Refusal) // by the same numbers as watchers

	pending pendings
	traffic traffic
}

// What pending requests get when the connection ends, by Disconnect or for good.
var (
	errDisconnected = fault.New(fault.ConnectionClosed, "Connection closed")
	errLost         = fault.New(fault.Timeout, "Connection lost")
)

// DefaultOptions are those of docs/connection.md "Options".
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
	}
	c.pending.init(c)
	return c
}

// silent observes for one who does not care.
type silent struct{}

func (silent) Status(Status)                                          {}
func (silent) LastError(*fault.Error)                                 {}
func (silent) ServerInfo(dict.Dict)                                   {}
func (silent) Log(Level, string)                                      {}
func (silent) ReconnectDelay(_ dict.Dict, answer func(time.Duration)) { answer(0) }

// Options returns those in force.
func (c *Conn) Options() Options {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options
}

// Configure replaces the options. Those of the connection count from the next attempt
// on, also in the middle of reconnecting, those of a call from the next call on.
func (c *Conn) Configure(options Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if options.InboxPrefix != c.options.InboxPrefix {
		// Requests that wait go on listening below the old one.
		c.inbox, c.pending.mux = newInbox(options.InboxPrefix)+".", nil
	}
	c.options = options
	if c.engine != nil {
		c.engine.socket.allow(options.mostWaiting())
	}
	c.nudgeLocked()
}

// nudgeLocked has who waits between two attempts look again at what holds.
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

// ResetServers empties the pool, under the same conditions.
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

// Servers returns the pool: the next to try first.
func (c *Conn) Servers() []dict.Dict {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []dict.Dict{}
	for _, s := range c.servers {
		out = append(out, s.dict())
	}
	return out
}

// CurrentServer returns the server that is connected, or was until a reconnect began.
func (c *Conn) CurrentServer() (host string, port int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() || c.current == nil {
		return "", 0, NoConnection()
	}
	return c.current.host, c.current.port, nil
}

// NoConnection is the error of a call that needs a connection, of a Conn that is closed.
func NoConnection() error {
	return &fault.Error{Code: fault.ConnectionClosed, Text: "No connection to NATS server", Help: "call connect first"}
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

// OnState has f called at each change of the status, in order with the deliveries as
// far as the end of a connection goes. f is called under the Conn's lock, and must
// not call it.
func (c *Conn) OnState(f func(Status)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastWatch++
	n := c.lastWatch
	c.watchers[n] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, n)
	}
}

// setStatusLocked changes the status, and tells the observer where it is another one. c.mu is held, as in all that
// follows with "Locked" in its name.
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

// closedLocked tells whether calls find the connection closed.
func (c *Conn) closedLocked() bool { return c.status == Closed && c.untold == nil }

// Acknowledge says that the owner has shown a status (Options.Acknowledged). After the end of a
// connection, what was called in the meantime ends here, as if it had been called before.
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

// ReportAsync tells an asynchronous error: a warning, and last_error.
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

// Connect tries each server of the pool once. done gets nil once one is connected, or
// why none could be.
func (c *Conn) Connect(done func(error)) error { return c.connect(c.connectFirst, done) }

// ConnectRetrying goes on as reconnecting does, with its waits and its counting, where no server can be
// connected at first. The status is Connecting until one is.
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
	c.shown = Connecting // the caller knows
	c.setStatusLocked(Connecting)
	// Ends with success, with the last server, or with ctx.
	go c.Guarded(func() { done(c.attempts(ctx, run)) })
	return nil
}

// Pedantic tells whether the server was asked to be (Options.Pedantic).
func (c *Conn) Pedantic() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.options.Pedantic
}

func errEmptyPool() *fault.Error {
	return &fault.Error{Code: fault.NoServers, Text: "Server pool is empty",
		Help: "no server is named: " + fault.Option("servers") + " takes URLs, such as nats://127.0.0.1:4222"}
}

// Guarded runs f, and keeps a panic in it from ending the process: for the goroutines and
// timers of the Conn and of what stands on it.
func (c *Conn) Guarded(f func()) {
	defer func() {
		if r := recover(); r != nil {
			_ = c.recovered(r)
		}
	}()
	f()
}

// recovered writes the stack of a panic to the log, and makes an error of it. A deferred function
// calls it.
func (c *Conn) recovered(r any) *fault.Error {
	text := fmt.Sprint("panic in a connection: ", r)
	c.obs.Log(LogError, text+"\n"+string(debug.Stack()))
	return fault.New(fault.Internal, text)
}

// attempts runs what makes the attempts of a connect or a reconnect; a panic in it ends them.
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

// connectFirst is the goroutine of Connect: it tries each server once.
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

// try makes one attempt at one server. On failure the server goes to the end of the
// queue, or with counting out of it when it has failed too often.
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

// upLocked hands the new engine what there is to do: subscriptions first, then what
// was kept, then pings.
func (c *Conn) upLocked(e *engine) *fault.Error {
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
	// After it, or the answers to what was kept could be told before the status is.
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

// serverInfo is called by an engine's reader at each INFO after the first. The second one often
// comes before the engine is handed over.
func (c *Conn) serverInfo(e *engine, info dict.Dict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine == e {
		c.infoLocked(info)
	} else {
		e.info = info
	}
}

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

// closeLocked is the way into the status closed; requests and pings that are pending
// get why, once the owner knows. What it returns is to be called without the lock.
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

// forgetLocked ends all that the connection has left.
func (c *Conn) forgetLocked(why *fault.Error) (end func()) {
	c.untold = nil
	if n := len(c.kept); n > 0 {
		c.obs.Log(LogWarn, fmt.Sprintf("%d messages that were waiting to be sent are discarded", n))
	}
	c.kept, c.keptBytes = nil, 0
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

// Disconnect closes the connection: closed when it returns. What was published is
// flushed meanwhile, for two seconds at most; the channel is closed after that.
// Pending requests and pings get ErrConnectionClosed. What had been received is
// delivered.
func (c *Conn) Disconnect() <-chan struct{} {
	ended := make(chan struct{})
	c.mu.Lock()
	c.shown = Closed // the caller knows
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
	// Ends with the flush and the socket, after flushTimeout at the latest.
	go c.Guarded(func() {
		defer close(ended)
		e.close()
	})
	return ended
}
