// SPDX-License-Identifier: Apache-2.0

package micro_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	native "github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/micro"
	"natstcl/kv/server"
	"natstcl/kv/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// start is a server with our connection and one of Go's client.
func start(t *testing.T) (*wire.Conn, *nats.Conn) {
	t.Helper()
	s := jstest.StartServer(t, server.Options{})
	return jstest.Dial(t, s.URL()), jstest.Native(t, s.URL())
}

func calculator(t *testing.T, conn *wire.Conn) *micro.Service {
	t.Helper()
	s, err := micro.Start(conn, micro.Config{
		Name: "calc", Version: "1.2.3", Description: "adds", Metadata: dict.Dict{{Key: "a", Value: "b"}},
		Data: func(e *micro.Endpoint, answer func([]byte)) { answer([]byte(`{"of":"` + e.Name() + `"}`)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	flush(t, conn)
	return s
}

func endpoint(t *testing.T, s *micro.Service, name string, o micro.EndpointOptions, handle func(*micro.Request)) {
	t.Helper()
	if _, err := s.AddEndpoint(name, o, handle); err != nil {
		t.Fatal(err)
	}
}

// flush waits until the server has seen all that went before.
func flush(t *testing.T, conn *wire.Conn) { natstest.Do(t, conn.Flush) }

// echo answers with the request's data, or with an error where that is "bad".
func echo(r *micro.Request) {
	r.Begin()
	if string(r.Msg.Data) == "bad" {
		_ = r.Error("400", "bad", []byte("more of it"), nats.Header{"X": {"y"}})
	} else {
		_ = r.Respond(r.Msg.Data, nats.Header{"X": {"y"}})
	}
	r.Done()
}

// keys are the keys of a JSON object, in their order.
func keys(t *testing.T, text []byte) string {
	t.Helper()
	v, err := dict.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, f := range v.(dict.Dict) {
		names = append(names, f.Key)
	}
	return strings.Join(names, " ")
}

func TestMonitoringAnswersAsGoDoes(t *testing.T) {
	conn, nc := start(t)
	ours := calculator(t, conn)
	endpoint(t, ours, "add", micro.EndpointOptions{}, echo)
	flush(t, conn)
	theirs, err := native.AddService(nc, native.Config{
		Name: "calc", Version: "1.2.3", Description: "adds", Metadata: map[string]string{"a": "b"},
		StatsHandler: func(e *native.Endpoint) any { return map[string]string{"of": e.Name} },
		Endpoint:     nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = theirs.Stop() }()
	if err := theirs.AddEndpoint("add", native.HandlerFunc(func(r native.Request) { _ = r.Respond(r.Data()) })); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		var texts [2]map[string]any
		var order [2]string
		for i, id := range []string{ours.ID(), theirs.Info().ID} {
			m, err := nc.Request("$SRV."+verb+".calc."+id, nil, natstest.Patience)
			if err != nil {
				t.Fatal(verb, err)
			}
			if err := json.Unmarshal(m.Data, &texts[i]); err != nil {
				t.Fatal(verb, err)
			}
			order[i] = keys(t, m.Data)
			delete(texts[i], "id")
			if started, ok := texts[i]["started"].(string); ok {
				if at, err := time.Parse(time.RFC3339Nano, started); err != nil || at.Location() != time.UTC || time.Since(at) > time.Hour {
					t.Errorf("started %s", started)
				}
				delete(texts[i], "started")
			}
		}
		mine, _ := json.Marshal(texts[0])
		its, _ := json.Marshal(texts[1])
		if string(mine) != string(its) || order[0] != order[1] {
			t.Errorf("%s:\n%s\n%s\n%s\n%s", verb, mine, its, order[0], order[1])
		}
	}
	// Those without anything to say have the same shape too.
	bare, err := micro.Start(conn, micro.Config{Name: "bare", Version: "0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	flush(t, conn)
	m, err := nc.Request("$SRV.INFO.bare", nil, natstest.Patience)
	want := `{"name":"bare","id":"` + bare.ID() + `","version":"0.0.1","metadata":{},"type":"io.nats.micro.v1.info_response","description":"","endpoints":[]}`
	if err != nil || string(m.Data) != want {
		t.Errorf("%v\n%s\n%s", err, m.Data, want)
	}
}

// numbers are those of the first endpoint of the calculator.
func numbers(t *testing.T, nc *nats.Conn) *native.EndpointStats {
	t.Helper()
	m, err := nc.Request("$SRV.STATS.calc", nil, natstest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	var stats native.Stats
	if err := json.Unmarshal(m.Data, &stats); err != nil {
		t.Fatal(err)
	}
	return stats.Endpoints[0]
}

func TestRequestsAreAnsweredAndCounted(t *testing.T) {
	conn, nc := start(t)
	s := calculator(t, conn)
	endpoint(t, s, "echo", micro.EndpointOptions{}, echo)
	flush(t, conn)
	for range 3 {
		m, err := nc.Request("echo", []byte("hello"), natstest.Patience)
		if err != nil || string(m.Data) != "hello" || m.Header.Get("X") != "y" {
			t.Fatalf("%v %v", m, err)
		}
	}
	m, err := nc.Request("echo", []byte("bad"), natstest.Patience)
	if err != nil || string(m.Data) != "more of it" || m.Header.Get("X") != "y" ||
		m.Header.Get(native.ErrorHeader) != "bad" || m.Header.Get(native.ErrorCodeHeader) != "400" {
		t.Fatalf("%v %v", m, err)
	}
	n := numbers(t, nc)
	if n.NumRequests != 4 || n.NumErrors != 1 || n.LastError != "400:bad" || n.ProcessingTime <= 0 ||
		n.AverageProcessingTime != n.ProcessingTime/4 || n.QueueGroup != "q" || string(n.Data) != `{"of":"echo"}` {
		t.Errorf("%+v", n)
	}
	s.Reset()
	if n := numbers(t, nc); n.NumRequests != 0 || n.NumErrors != 0 || n.LastError != "" || n.Name != "echo" {
		t.Errorf("%+v", n)
	}
}

// What a handler had before a reset does not count behind it, so that the numbers fit together.
func TestResetWhileARequestIsUnderWay(t *testing.T) {
	conn, nc := start(t)
	taken := make(chan *micro.Request, 1)
	s, err := micro.Start(conn, micro.Config{Name: "calc", Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddEndpoint("echo", micro.EndpointOptions{}, func(r *micro.Request) {
		r.Begin()
		taken <- r
	}); err != nil {
		t.Fatal(err)
	}
	flush(t, conn)
	ask := func() chan error {
		answered := make(chan error, 1)
		go func() {
			_, err := nc.Request("echo", nil, natstest.Patience)
			answered <- err
		}()
		return answered
	}
	first := ask()
	r := <-taken
	s.Reset()
	second := ask()
	if err := r.Error("500", "late", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	n := numbers(t, nc)
	r = <-taken
	if n.NumRequests > 1 || n.NumErrors != 0 || n.ProcessingTime != 0 {
		t.Errorf("%+v", n)
	}
	if err := r.Respond(nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
}

// The other side of both: their service, asked and called from here.
func TestServiceOfTheGoClientIsAskedAndCalled(t *testing.T) {
	conn, nc := start(t)
	theirs, err := native.AddService(nc, native.Config{Name: "theirs", Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = theirs.Stop() }()
	err = theirs.AddEndpoint("echo", native.HandlerFunc(func(r native.Request) {
		if string(r.Data()) == "bad" {
			_ = r.Error("404", "not there", []byte("data"))
			return
		}
		_ = r.Respond(r.Data())
	}))
	if err != nil {
		t.Fatal(err)
	}
	calculator(t, conn)
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ask := func(q micro.Question) (names []string) {
		for _, d := range natstest.Wait(t, func(done func([]dict.Dict, error)) error { return micro.Ask(conn, q, done) }) {
			names = append(names, d.Text("name"))
		}
		slices.Sort(names)
		return names
	}
	if got := ask(micro.Question{Verb: micro.Ping, Timeout: natstest.Patience, Stall: time.Second}); !slices.Equal(got, []string{"calc", "theirs"}) {
		t.Errorf("got %v", got)
	}
	if got := ask(micro.Question{Verb: micro.Info, Name: "theirs", ID: theirs.Info().ID, Timeout: natstest.Patience}); !slices.Equal(got, []string{"theirs"}) {
		t.Errorf("got %v", got)
	}
	if got := ask(micro.Question{Verb: micro.Stats, Name: "nobody", Timeout: natstest.Patience}); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	call := func(data string) (*nats.Msg, error) {
		return natstest.Await(t, func(done func(*nats.Msg, error)) error {
			_, err := micro.Call(conn, &nats.Msg{Subject: "echo", Data: []byte(data)}, natstest.Patience, done)
			return err
		})
	}
	if m, err := call("x"); err != nil || string(m.Data) != "x" {
		t.Errorf("%v %v", m, err)
	}
	_, err = call("bad")
	var told *fault.Error
	if !errors.As(err, &told) || told.Code != "ErrService" || !slices.Equal(told.Words, []string{"404", "data"}) || told.Text != "not there" {
		t.Errorf("got %#v", err)
	}
}

// nats.go: TestCustomQueueGroup, TestDisableQueueGroup, TestGroups.
func TestQueueGroupsAndPrefixesAreInherited(t *testing.T) {
	conn, _ := start(t)
	text := func(s string) *string { return &s }
	for _, test := range []struct {
		service, group, endpoint *string
		want                     string
	}{
		{nil, nil, nil, "q"},
		{text("s"), nil, nil, "s"},
		{text("s"), text("g"), nil, "g"},
		{text("s"), text("g"), text("e"), "e"},
		{nil, nil, text("e"), "e"},
		{text(""), nil, nil, ""},
		{text(""), text("g"), nil, "g"},
		{text("s"), text(""), nil, ""},
		{text("s"), text("g"), text(""), ""},
	} {
		s, err := micro.Start(conn, micro.Config{Name: "s", Version: "1.0.0", Queue: test.service})
		if err != nil {
			t.Fatal(err)
		}
		outer, err := s.Group("outer", test.group)
		if err != nil {
			t.Fatal(err)
		}
		inner, err := outer.Group("", nil)
		if err != nil {
			t.Fatal(err)
		}
		inner, err = inner.Group("inner", nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := inner.AddEndpoint("e", micro.EndpointOptions{Queue: test.endpoint, Subject: "x.*"}, echo)
		if err != nil {
			t.Fatal(err)
		}
		if e.Queue() != test.want || e.Subject() != "outer.inner.x.*" {
			t.Errorf("%q %q, want %q", e.Subject(), e.Queue(), test.want)
		}
		s.Close()
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	conn, _ := start(t)
	for name, c := range map[string]micro.Config{
		"name":    {Name: "a b", Version: "1.0.0"},
		"empty":   {Version: "1.0.0"},
		"version": {Name: "a", Version: "1.0"},
		"zeros":   {Name: "a", Version: "01.0.0"},
	} {
		if _, err := micro.Start(conn, c); fault.CodeOf(err) != "ErrInvalidArg" {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := "a b"
	if _, err := micro.Start(conn, micro.Config{Name: "a", Version: "1.0.0", Queue: &bad}); fault.CodeOf(err) != "ErrBadQueueName" {
		t.Error(err)
	}
	s := calculator(t, conn)
	if _, err := s.AddEndpoint("a.b", micro.EndpointOptions{}, echo); fault.CodeOf(err) != "ErrInvalidArg" {
		t.Error(err)
	}
	for _, subject := range []string{"a b", "a..b", "a.>.b", "a\r\nPUB"} {
		if _, err := s.AddEndpoint("a", micro.EndpointOptions{Subject: subject}, echo); fault.CodeOf(err) != "ErrBadSubject" {
			t.Errorf("%q: %v", subject, err)
		}
	}
	if got := s.Info().Path("endpoints").([]any); len(got) != 0 {
		t.Errorf("what was refused is there: %v", got)
	}
	for _, q := range []micro.Question{{Verb: "SCHEMA"}, {Verb: micro.Ping, ID: "x"}} {
		if err := micro.Ask(conn, q, func([]dict.Dict, error) {}); fault.CodeOf(err) != "ErrInvalidArg" {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// Stop waits for what has come, and nothing comes any more.
func TestStopDrains(t *testing.T) {
	conn, nc := start(t)
	ended := make(chan struct{})
	s, err := micro.Start(conn, micro.Config{Name: "s", Version: "1.0.0", Ended: func() { close(ended) }})
	if err != nil {
		t.Fatal(err)
	}
	kept := make(chan *micro.Request, 10)
	endpoint(t, s, "later", micro.EndpointOptions{}, func(r *micro.Request) { kept <- r })
	flush(t, conn)
	inbox, err := nc.SubscribeSync("answers")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := nc.PublishRequest("later", "answers", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	first := <-kept
	stopped := make(chan error, 1)
	s.Stop(natstest.Patience, func(err error) { stopped <- err })
	for _, r := range []*micro.Request{first, <-kept, <-kept} {
		select {
		case <-stopped:
			t.Fatal("it has stopped, and a request waits")
		default:
		}
		if err := r.Respond([]byte("x"), nil); err != nil {
			t.Error(err)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	<-ended
	for range 3 {
		if _, err := inbox.NextMsg(natstest.Patience); err != nil {
			t.Error(err)
		}
	}
	if _, err := nc.Request("later", nil, natstest.Patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("got %v", err)
	}
	if _, err := nc.Request("$SRV.PING.s", nil, natstest.Patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("got %v", err)
	}
	if _, err := s.AddEndpoint("more", micro.EndpointOptions{}, echo); fault.CodeOf(err) != "ErrInvalidArg" {
		t.Errorf("got %v", err)
	}
	again := make(chan error, 1)
	s.Stop(0, func(err error) { again <- err })
	if err := <-again; err != nil {
		t.Error(err)
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	conn, nc := start(t)
	s := calculator(t, conn)
	came := make(chan struct{})
	endpoint(t, s, "never", micro.EndpointOptions{}, func(*micro.Request) { close(came) })
	flush(t, conn)
	if err := nc.PublishRequest("never", "nobody", nil); err != nil {
		t.Fatal(err)
	}
	<-came
	stopped := make(chan error, 1)
	s.Stop(50*time.Millisecond, func(err error) { stopped <- err })
	if err := <-stopped; fault.CodeOf(err) != "ErrTimeout" {
		t.Errorf("got %v", err)
	}
}

func TestServiceEndsWithItsConnection(t *testing.T) {
	conn, _ := start(t)
	ended := make(chan struct{})
	s, err := micro.Start(conn, micro.Config{Name: "s", Version: "1.0.0", Ended: func() { close(ended) }})
	if err != nil {
		t.Fatal(err)
	}
	<-conn.Disconnect()
	select {
	case <-ended:
	case <-time.After(natstest.Patience):
		t.Fatal("it lives")
	}
	if !s.Stopped() {
		t.Error("it is not stopped")
	}
	s.Close()
	if _, err := micro.Start(conn, micro.Config{Name: "s", Version: "1.0.0"}); fault.CodeOf(err) != "ErrConnectionClosed" {
		t.Errorf("got %v", err)
	}
}

// What waits over the limit is dropped, told once, and counted; then it goes on.
func TestSlowHandlerDropsRequests(t *testing.T) {
	conn, nc := start(t)
	failed := make(chan string, 10)
	s, err := micro.Start(conn, micro.Config{
		Name: "s", Version: "1.0.0", Failed: func(subject string, why *fault.Error) { failed <- subject + " " + why.Code },
	})
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan *micro.Request, 10)
	endpoint(t, s, "slow", micro.EndpointOptions{PendingMessages: 2}, func(r *micro.Request) { waiting <- r })
	flush(t, conn)
	for range 5 {
		if err := nc.PublishRequest("slow", "nobody", nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-failed; got != "slow ErrSlowConsumer" {
		t.Errorf("got %s", got)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	flush(t, conn)
	if len(waiting) != 2 || len(failed) != 0 {
		t.Errorf("%d wait, %d more are told", len(waiting), len(failed))
	}
	for range 2 {
		r := <-waiting
		r.Begin()
		r.Drop()
	}
	if err := nc.PublishRequest("slow", "nobody", nil); err != nil {
		t.Fatal(err)
	}
	(<-waiting).Drop()
}

// A service that may not listen to its subject is told so, and goes on.
func TestRefusedEndpointIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server.conf")
	config := `authorization { users: [ {user: a, password: a, permissions: {subscribe: {deny: "forbidden"}}} ] }`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := jstest.StartServer(t, server.Options{ConfigFile: file})
	conn := jstest.Dial(t, strings.Replace(s.URL(), "//", "//a:a@", 1))
	failed := make(chan string, 10)
	service, err := micro.Start(conn, micro.Config{
		Name: "s", Version: "1.0.0", Failed: func(subject string, why *fault.Error) { failed <- subject + " " + why.Code },
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint(t, service, "forbidden", micro.EndpointOptions{}, echo)
	select {
	case got := <-failed:
		if got != "forbidden ErrPermissions" {
			t.Errorf("got %s", got)
		}
	case <-time.After(natstest.Patience):
		t.Fatal("nobody is told")
	}
	stats := natstest.Wait(t, func(done func(dict.Dict, error)) error {
		service.Stats(func(d dict.Dict) { done(d, nil) })
		return nil
	})
	first := stats.Path("endpoints").([]any)[0].(dict.Dict)
	if n, _ := first.Get("num_errors"); n != int64(1) || !strings.Contains(first.Text("last_error"), "forbidden") {
		t.Errorf("got %v", first)
	}
}

// A connection that ends while a service begins ends the service, whichever is first.
func TestServicesThatBeginWhileTheConnectionEnds(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	for range 30 {
		conn := jstest.Dial(t, s.URL())
		ended := make(chan (<-chan struct{}))
		go func() { ended <- conn.Disconnect() }()
		service, err := micro.Start(conn, micro.Config{Name: "calc", Version: "1.2.3"})
		<-<-ended
		if err != nil {
			if fault.CodeOf(err) != fault.ConnectionClosed {
				t.Fatal(err)
			}
			continue
		}
		natstest.Eventually(t, "the end of the service", service.Stopped)
	}
}
