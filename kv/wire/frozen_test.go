// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net"
	"strings"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/natstest"
)

// frozenServer is one that greets and then reads nothing until it is thawed.
func frozenServer(t *testing.T) (p *natstest.Proxy, url string) {
	t.Helper()
	s := natstest.StartServer(t, func(o *natsd.Options) { o.MaxPending = 1 << 30 })
	p = natstest.StartProxy(t, s.ClientURL())
	return p, p.URL()
}

func longPatience(t *testing.T, d time.Duration) {
	before := patienceWhenFull
	patienceWhenFull = d
	t.Cleanup(func() { patienceWhenFull = before })
}

// A server that takes nothing: publishing is refused at the limit, last_error tells so once, and all
// that was taken arrives when the server goes on.
func TestWhatAFrozenServerDoesNotTakeHasALimit(t *testing.T) {
	longPatience(t, time.Hour)
	p, url := frozenServer(t)
	o := DefaultOptions()
	o.MaxWaiting = 4 << 20
	c, r := connected(t, o, url)
	got := make(chan struct{}, 1<<16)
	if _, err := c.Subscribe("x", "", 0, func(*nats.Msg) { got <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, func(done func(error)) error { return c.Ping(natstest.Patience, done) }); err != nil {
		t.Fatal(err)
	}
	p.Freeze()
	taken, refused := 0, 0
	for range 2000 {
		switch err := c.Publish(&nats.Msg{Subject: "x", Data: make([]byte, 60_000)}); {
		case err == nil:
			taken++
		case fault.CodeOf(err) == "ErrBufferExceeded":
			refused++
			expect(t, err, "ErrBufferExceeded", "More than 4194304 bytes are waiting to be sent")
		default:
			t.Fatal(err)
		}
	}
	if refused == 0 || taken < 4<<20/60_000-1 {
		t.Errorf("%d taken, %d refused", taken, refused)
	}
	_, err := c.Request(&nats.Msg{Subject: "x", Data: make([]byte, 60_000)}, time.Minute, func(*nats.Msg, error) { t.Error("called") })
	expect(t, err, "ErrBufferExceeded", "More than 4194304 bytes are waiting to be sent")
	if n := strings.Count(strings.Join(r.all(), "\n"), "error ErrBufferExceeded Server "); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	p.Thaw()
	for range taken {
		<-got
	}
	if c.Status() != Connected {
		t.Error(c.Status())
	}
	if err := c.Publish(&nats.Msg{Subject: "x"}); err != nil {
		t.Error(err)
	}
}

// Where nothing moves for long the connection counts as broken, and the log tells what is lost.
func TestAServerThatStaysFrozenIsLeft(t *testing.T) {
	longPatience(t, 50*time.Millisecond)
	p, url := frozenServer(t)
	o := DefaultOptions()
	o.MaxWaiting = 1 << 20
	o.ReconnectTimeWait = 10 * time.Millisecond
	c, r := connected(t, o, url)
	p.Freeze()
	for c.Publish(&nats.Msg{Subject: "x", Data: make([]byte, 60_000)}) == nil {
	}
	r.await(t, "status reconnecting")
	r.awaitTrue(t, "its cause", func() bool {
		all := strings.Join(r.events, "\n")
		return strings.Contains(all, "error ErrBufferExceeded Server ") && strings.Contains(all, "error ErrBrokenSocket Failed to send data to ")
	})
	r.awaitTrue(t, "what is lost", func() bool {
		return strings.Contains(strings.Join(r.logs, "\n"), " bytes that were waiting to be sent to ")
	})
	p.Thaw()
	r.awaitTrue(t, "connected again", func() bool { return r.events[len(r.events)-1] == "status connected" })
}

// What is kept while there is no server has the same limit; 0 is none.
func TestWhatIsKeptHasTheSameLimit(t *testing.T) {
	p, url := frozenServer(t)
	o := DefaultOptions()
	o.MaxWaiting = 100_000
	c, r := connected(t, o, url)
	p.Down()
	r.await(t, "status reconnecting")
	publish := func() error { return c.Publish(&nats.Msg{Subject: "x", Data: make([]byte, 60_000)}) }
	if err := publish(); err != nil {
		t.Error(err)
	}
	expect(t, publish(), "ErrBufferExceeded", "More than 100000 bytes are waiting to be sent")
	o.MaxWaiting = 0
	c.Configure(o)
	for range 100 {
		if err := publish(); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever reads for the connection is not held up by what it publishes, as long as the server takes a
// little now and then; Hold is.
func TestPublishingNeverWaits(t *testing.T) {
	longPatience(t, time.Hour)
	p, url := frozenServer(t)
	c, _ := connected(t, DefaultOptions(), url)
	p.Freeze()
	c.mu.Lock()
	s := c.engine.socket
	c.mu.Unlock()
	for waiting, _ := s.waiting(); waiting <= softLimit; waiting, _ = s.waiting() {
		if err := c.Publish(&nats.Msg{Subject: "x", Data: make([]byte, 1<<20)}); err != nil {
			t.Fatal(err)
		}
	}
	stop, moved := make(chan struct{}), make(chan struct{})
	go func() { // as if it did
		defer close(moved)
		for {
			select {
			case <-stop:
				return
			case <-time.After(stallPatience / 20):
				s.mu.Lock()
				s.taken++
				s.mu.Unlock()
			}
		}
	}()
	held := make(chan struct{})
	go func() { c.Hold(); close(held) }()
	published := make(chan error)
	go func() {
		_ = c.Publish(&nats.Msg{Subject: "x"})
		_, err := c.Request(&nats.Msg{Subject: "x"}, natstest.Patience, func(*nats.Msg, error) {})
		published <- err
	}()
	select {
	case err := <-published:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(natstest.Patience):
		t.Error("it waits")
	}
	close(stop)
	<-moved
	<-held
	p.Thaw()
}

// A wake-up does not come between a look at the queue and the wait: Hold returns where nothing moves.
func TestHoldDoesNotWaitForAServerThatTakesNothing(t *testing.T) {
	mine, theirs := net.Pipe()
	defer theirs.Close()
	defer mine.Close()
	for range 200 {
		s := newSocket(mine, 1<<30, nil)
		s.queue, s.writing = make([]byte, softLimit+1), true
		ended := make(chan struct{})
		go func() { s.backpressure(); close(ended) }()
		go s.wake()
		select {
		case <-ended:
		case <-time.After(natstest.Patience):
			t.Fatal("it waits")
		}
	}
}

// panics is a connection whose Write does.
type panics struct{ net.Conn }

func (panics) Write([]byte) (int, error) { panic("a fault") }

// A panic in a goroutine of nats.go's that runs our code is the end of the connection, not of the
// process.
func TestAPanicBelowIsAnError(t *testing.T) {
	url := startSpeaker(t, &speaker{said: func(string) string { return "INFO {\"headers\":true,\"again\":1}\r\n" }})
	r := newRecord()
	c := New(DefaultOptions(), &faulty{record: r})
	t.Cleanup(func() { <-c.Disconnect() })
	if err := c.SetServers([]string{url}); err != nil {
		t.Fatal(err)
	}
	if err := natstest.Ended(t, c.Connect); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe("x", "", 0, func(*nats.Msg) {}); err != nil { // now the INFO comes
		t.Fatal(err)
	}
	r.await(t, "error ErrInternal panic in a connection: a fault")
	r.await(t, "status reconnecting")
	r.awaitTrue(t, "the stack", func() bool {
		return strings.Contains(strings.Join(r.logs, "\n"), "error panic in a connection: a fault\ngoroutine ")
	})
}

// faulty panics at an INFO that says so.
type faulty struct{ *record }

func (f *faulty) ServerInfo(d dict.Dict) {
	if _, again := d.Get("again"); again {
		panic("a fault")
	}
	f.record.ServerInfo(d)
}

func TestAPanicOfTheSocketIsAnError(t *testing.T) {
	c := New(DefaultOptions(), nil)
	s := newSocket(panics{}, 1<<20, c)
	if _, err := s.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, "its end", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.err != nil && !s.writing
	})
	if _, err := s.Write([]byte("x")); fault.CodeOf(err) != "ErrInternal" {
		t.Error(err)
	}
}

// A panic in an attempt ends the connect, or the reconnect, that it belongs to.
func TestAPanicInAnAttemptIsAnError(t *testing.T) {
	o := DefaultOptions()
	o.Credentials = "x"
	o.ReadFile = func(string, int) ([]byte, error) { panic("a fault") }
	s := natstest.StartServer(t, nil)
	expect(t, connectError(t, o, s.ClientURL()), "ErrInternal", "panic in a connection: a fault")

	p := natstest.StartProxy(t, s.ClientURL())
	o.ReadFile = nil
	o.Credentials = ""
	c, r := connected(t, o, p.URL())
	o.Credentials = "x"
	o.ReadFile = func(string, int) ([]byte, error) { panic("a fault") }
	c.Configure(o)
	p.Cut()
	r.await(t, "error ErrInternal panic in a connection: a fault")
	r.await(t, "status closed")
}
