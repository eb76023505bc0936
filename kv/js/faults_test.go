// SPDX-License-Identifier: Apache-2.0

package js_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"natstcl/kv"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
	"natstcl/kv/server"
	"natstcl/kv/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// fill makes a stream in memory of the subject "s", and publishes the numbers from 1 to n.
func fill(t *testing.T, j *js.JetStream, n int) {
	t.Helper()
	natstest.Wait(t, func(done func(dict.Dict, error)) error {
		return j.AddStream("S", dict.Dict{{Key: "subjects", Value: []any{"s"}}, {Key: "storage", Value: "memory"}}, done)
	})
	publish(t, j, 1, n)
}

func publish(t *testing.T, j *js.JetStream, first, last int) {
	t.Helper()
	var acked sync.WaitGroup
	for i := first; i <= last; i++ {
		acked.Add(1)
		_, err := j.Publish(&nats.Msg{Subject: "s", Data: []byte(strconv.Itoa(i))}, natstest.Patience, wire.DefaultRetry, func(_ js.Ack, err error) {
			if err != nil {
				t.Error(err)
			}
			acked.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	acked.Wait()
}

// reader takes what a consumer delivers, in a goroutine of its own as an interpreter does.
type reader struct {
	queue chan *nats.Msg
	mu    sync.Mutex
	got   []int
}

func newReader(t *testing.T, taken func(*nats.Msg)) *reader {
	r := &reader{queue: make(chan *nats.Msg, 1<<20)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for m := range r.queue {
			n, _ := strconv.Atoi(string(m.Data))
			r.mu.Lock()
			r.got = append(r.got, n)
			r.mu.Unlock()
			taken(m)
		}
	}()
	t.Cleanup(func() { close(r.queue); <-ended })
	return r
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// inOrder tells where the numbers from 1 on are no longer in order, 0: nowhere.
func (r *reader) inOrder() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, n := range r.got {
		if n != i+1 {
			return n
		}
	}
	return 0
}

// follow makes an ordered consumer of S, read by a reader. It counts its
// ErrConsumerSequenceMismatch.
func follow(t *testing.T, j *js.JetStream) (*js.OrderedConsumer, *reader, *atomic.Int64) {
	t.Helper()
	var mismatches atomic.Int64
	var c *js.OrderedConsumer
	made := make(chan struct{})
	r := newReader(t, func(*nats.Msg) { <-made; c.Taken() })
	c = natstest.Wait(t, func(done func(*js.OrderedConsumer, error)) error {
		return j.OrderedConsumer("S", js.OrderedConfig{
			IdleHeartbeat: 100 * time.Millisecond,
			Deliver:       func(_ *js.OrderedConsumer, m *wire.Lent, _ js.Metadata) { r.queue <- m.Keep() },
			Failed: func(e *fault.Error) {
				if e.Code == "ErrConsumerSequenceMismatch" {
					mismatches.Add(1)
				}
			},
		}, done)
	})
	close(made)
	t.Cleanup(c.Stop)
	return c, r, &mismatches
}

func TestAnOrderedConsumerMakesUpForEachMessageThatIsLost(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), 5*time.Second)
	fill(t, direct, 3000)
	random := rand.New(rand.NewPCG(1, 2))
	var lost atomic.Int64
	p := natstest.StartLossyProxy(t, s.URL(), func(subject string) bool {
		lose := subject == "s" && random.IntN(300) == 0
		if lose {
			lost.Add(1)
		}
		return lose
	})
	_, r, mismatches := follow(t, jstest.Connect(t, p.URL(), 5*time.Second))
	natstest.Eventually(t, "3000 messages", func() bool { return r.count() >= 3000 })
	publish(t, direct, 3001, 3100)
	natstest.Eventually(t, "3100 messages", func() bool { return r.count() >= 3100 })
	if n := r.inOrder(); n != 0 || r.count() != 3100 {
		t.Fatalf("%d messages, out of order at %d", r.count(), n)
	}
	if lost.Load() == 0 || mismatches.Load() == 0 {
		t.Fatalf("%d were lost, %d were noticed", lost.Load(), mismatches.Load())
	}
}

func TestAnOrderedConsumerThatIsDeletedAndCutAllTheTime(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), 5*time.Second)
	fill(t, direct, 0)
	p := natstest.StartProxy(t, s.URL())
	c, r, _ := follow(t, jstest.Connect(t, p.URL(), 5*time.Second))
	stop := make(chan struct{})
	var trouble sync.WaitGroup
	trouble.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(70 * time.Millisecond):
			}
			if name := c.Name(); name != "" && i%3 != 0 {
				_ = direct.DeleteConsumer("S", name, func(error) {})
			} else if i%3 == 0 {
				p.Cut()
			}
			c.Info()
		}
	})
	const rounds, each = 20, 500
	for i := range rounds {
		publish(t, direct, i*each+1, (i+1)*each)
		time.Sleep(30 * time.Millisecond)
	}
	close(stop)
	trouble.Wait()
	natstest.Eventually(t, "all messages", func() bool { return r.count() >= rounds*each })
	if n := r.inOrder(); n != 0 || r.count() != rounds*each {
		t.Fatalf("%d messages, out of order at %d", r.count(), n)
	}
}

func TestAnOrderedConsumerMakesNoTryWhileThereIsNoServer(t *testing.T) {
	t.Cleanup(js.SetRetryAfter(50 * time.Millisecond))
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), 5*time.Second)
	fill(t, direct, 10)
	p := natstest.StartProxy(t, s.URL())
	j := jstest.Connect(t, p.URL(), 2*time.Second)
	told := make(chan string, 100)
	r := newReader(t, func(*nats.Msg) {})
	c := natstest.Wait(t, func(done func(*js.OrderedConsumer, error)) error {
		return j.OrderedConsumer("S", js.OrderedConfig{
			IdleHeartbeat: 100 * time.Millisecond,
			Deliver: func(c *js.OrderedConsumer, m *wire.Lent, _ js.Metadata) {
				c.Taken()
				r.queue <- m.Keep()
			},
			Failed: func(e *fault.Error) { told <- e.Code },
		}, done)
	})
	t.Cleanup(c.Stop)
	natstest.Eventually(t, "10 messages", func() bool { return r.count() == 10 })
	p.Down()
	next := func() string {
		select {
		case code := <-told:
			return code
		case <-time.After(natstest.Patience):
			return "nothing in time"
		}
	}
	if first, second := next(), next(); first != "ErrConsumerNotActive" || second != "ErrTimeout" {
		t.Fatal(first, second)
	}
	time.Sleep(500 * time.Millisecond) // ten times the wait between tries
	if len(told) > 0 {
		t.Fatal("meanwhile", <-told)
	}
	p.Up(t)
	if third := next(); third != "ErrConsumerNotActive" {
		t.Fatal(third)
	}
	publish(t, direct, 11, 20)
	natstest.Eventually(t, "20 messages", func() bool { return r.count() >= 20 })
	if n := r.inOrder(); n != 0 {
		t.Fatalf("out of order at %d", n)
	}
}

func TestOrderedConsumersThatAreStoppedAtAnyTimeLeaveNothing(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	j := jstest.Connect(t, s.URL(), natstest.Patience)
	fill(t, j, 200)
	var made sync.WaitGroup
	for i := range 200 {
		made.Add(1)
		err := j.OrderedConsumer("S", js.OrderedConfig{
			IdleHeartbeat: 100 * time.Millisecond,
			Deliver: func(c *js.OrderedConsumer, _ *wire.Lent, _ js.Metadata) {
				c.Taken()
				if i%3 == 0 {
					c.Stop()
				}
			},
		}, func(c *js.OrderedConsumer, err error) {
			defer made.Done()
			if err != nil {
				if fault.CodeOf(err) != "ErrConnectionClosed" { // stopped by its first message
					t.Error(err)
				}
				return
			}
			if i%3 == 1 {
				c.Stop()
			} else {
				time.AfterFunc(time.Duration(i)*time.Millisecond, c.Stop)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	made.Wait()
	natstest.Eventually(t, "no consumers", func() bool {
		return len(natstest.Wait(t, func(done func([]string, error)) error { return j.ConsumerNames("S", done) })) == 0
	})
}

// The initial data may become complete when a new start was decided, and is not yet sent: what was sent for it meanwhile
// is what counts.
func TestAStartThatIsDecidedGivesWayToThatOfComplete(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), natstest.Patience)
	fill(t, direct, 5)
	var found atomic.Bool
	p := natstest.StartLossyProxy(t, s.URL(), func(subject string) bool { return subject == "s" && !found.Load() })
	j := jstest.Connect(t, p.URL(), natstest.Patience)
	r := newReader(t, func(*nats.Msg) {})
	consumers := func() int {
		return len(natstest.Wait(t, func(done func([]string, error)) error { return direct.ConsumerNames("S", done) }))
	}
	var held atomic.Pointer[js.OrderedConsumer]
	c := natstest.Wait(t, func(done func(*js.OrderedConsumer, error)) error {
		return j.OrderedConsumer("S", js.OrderedConfig{
			FilterSubject: "s",
			DeliverPolicy: "last_per_subject",
			IdleHeartbeat: 200 * time.Millisecond,
			Deliver: func(c *js.OrderedConsumer, m *wire.Lent, _ js.Metadata) {
				c.Taken()
				r.queue <- m.Keep()
			},
			Failed: func(*fault.Error) { // the heartbeat tells that a message is missing, and it is started anew
				if c := held.Load(); c != nil && found.CompareAndSwap(false, true) {
					c.Complete(3)
					natstest.Eventually(t, "the other start", func() bool { return consumers() == 2 })
				}
			},
		}, done)
	})
	held.Store(c)
	t.Cleanup(c.Stop)
	natstest.Eventually(t, "the last message", func() bool { return r.count() > 0 && c.Name() != "" })
	publish(t, direct, 6, 6)
	natstest.Eventually(t, "another message", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.got[len(r.got)-1] == 6
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.got, []int{4, 5, 6}) {
		t.Error(r.got)
	}
}

// A server that stores messages while it makes a consumer of the last ones has them among these, and sends all from the
// last on that it had before: the consumer's own numbers go on.
func TestWhatAServerSendsAgainBehindTheLastMessagesIsLeftOut(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), natstest.Patience)
	natstest.Wait(t, func(done func(dict.Dict, error)) error {
		return direct.AddStream("S", dict.Dict{{Key: "subjects", Value: []any{"s.>"}}, {Key: "storage", Value: "memory"}}, done)
	})
	put := func(subject string) {
		natstest.Wait(t, func(done func(js.Ack, error)) error {
			_, err := direct.Publish(&nats.Msg{Subject: subject}, natstest.Patience, wire.DefaultRetry, done)
			return err
		})
	}
	for _, subject := range []string{"s.1", "s.2", "s.3"} {
		put(subject)
	}
	// They belong to the one goroutine of the proxy that reads what the server sends.
	var sent [][]byte
	number := 0
	place := regexp.MustCompile(`(\$JS\.ACK\.S\.[^.]+\.\d+\.\d+\.)\d+`)
	renumbered := func(message []byte) []byte {
		number++
		return place.ReplaceAll(message, []byte("${1}"+strconv.Itoa(number)))
	}
	p := natstest.StartEditingProxy(t, s.URL(), func(subject string, message []byte) []byte {
		if !strings.HasPrefix(subject, "s.") {
			return message
		}
		sent = append(sent, message)
		message = renumbered(message)
		if len(sent) == 3 {
			message = slices.Concat(message, renumbered(sent[1]), renumbered(sent[2]))
		}
		return message
	})
	j := jstest.Connect(t, p.URL(), natstest.Patience)
	came := make(chan string, 10)
	var idle atomic.Bool
	c := natstest.Wait(t, func(done func(*js.OrderedConsumer, error)) error {
		return j.OrderedConsumer("S", js.OrderedConfig{
			FilterSubject: "s.>",
			DeliverPolicy: "last_per_subject",
			IdleHeartbeat: time.Hour,
			Deliver: func(c *js.OrderedConsumer, m *wire.Lent, _ js.Metadata) {
				c.Taken()
				came <- strings.Clone(m.Subject)
			},
			Idle:   func() { idle.Store(true) },
			Failed: func(e *fault.Error) { t.Error(e) },
		}, done)
	})
	t.Cleanup(c.Stop)
	// Before there is more: the last of those that come again tells so.
	natstest.Eventually(t, "nothing more is pending", idle.Load)
	put("s.4")
	for _, want := range []string{"s.1", "s.2", "s.3", "s.4"} {
		if got := <-came; got != want {
			t.Fatalf("%s came in place of %s", got, want)
		}
	}
}

func TestAPullConsumerOverCutsLosesNothing(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), 5*time.Second)
	fill(t, direct, 3000)
	natstest.Wait(t, func(done func(dict.Dict, error)) error {
		return direct.AddConsumer("S", dict.Dict{
			{Key: "durable_name", Value: "C"}, {Key: "ack_policy", Value: "explicit"}, {Key: "ack_wait", Value: int64(time.Second)},
		}, done)
	})
	p := natstest.StartProxy(t, s.URL())
	j := jstest.Connect(t, p.URL(), 5*time.Second)
	const most = 50
	var open, widest atomic.Int64
	var c *js.PullConsumer
	made := make(chan struct{})
	r := newReader(t, func(m *nats.Msg) {
		<-made
		_ = j.Conn().Publish(&nats.Msg{Subject: m.Reply, Data: []byte("+ACK")})
		open.Add(-1)
		c.Taken(m)
	})
	c = natstest.Wait(t, func(done func(*js.PullConsumer, error)) error {
		return j.PullConsumer("S", "C", js.PullConfig{
			MaxMessages: most, Threshold: most / 2, Expires: time.Second, IdleHeartbeat: 100 * time.Millisecond,
			Deliver: func(m *nats.Msg) {
				widest.Store(max(widest.Load(), open.Add(1)))
				r.queue <- m
			},
			Failed: func(e *fault.Error) { t.Log(e.Code, e.Text) },
			Ended:  func(*fault.Error) {},
		}, done)
	})
	close(made)
	t.Cleanup(c.Stop)
	cuts := int64(0)
	for ; r.count() < 2500; cuts++ {
		before := r.count()
		natstest.Eventually(t, "more messages", func() bool { return r.count() > before+100 })
		p.Cut()
	}
	natstest.Eventually(t, "all acknowledged", func() bool {
		info := natstest.Wait(t, func(done func(dict.Dict, error)) error { return direct.ConsumerInfo("S", "C", done) })
		return info.Text("ack_floor", "stream_seq") == "3000"
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.got)
	if seen := slices.Compact(r.got); len(seen) != 3000 {
		t.Fatalf("%d different messages", len(seen))
	}
	// A request that the server still has when the connection is back comes on top.
	if widest.Load() > most*(1+cuts) {
		t.Fatalf("%d were open", widest.Load())
	}
}

func TestManyFetchesAtOnceShareWhatThereIs(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	j := jstest.Connect(t, s.URL(), 5*time.Second)
	fill(t, j, 1000)
	natstest.Wait(t, func(done func(dict.Dict, error)) error {
		return j.AddConsumer("S", dict.Dict{{Key: "durable_name", Value: "C"}, {Key: "ack_policy", Value: "none"}}, done)
	})
	var mu sync.Mutex
	seen := map[string]int{}
	var ended sync.WaitGroup
	for i := range 110 {
		if i == 100 {
			ended.Wait() // the server gives one message to each request that waits, in turn
		}
		ended.Add(1)
		var once sync.Once
		f, err := j.Fetch("S", "C", js.FetchConfig{Batch: 10, Timeout: 2 * time.Second},
			func(m *nats.Msg) {
				mu.Lock()
				seen[string(m.Data)]++
				mu.Unlock()
			},
			func(*nats.Msg, error) { once.Do(ended.Done) })
		if err != nil {
			t.Fatal(err)
		}
		if i >= 100 { // nothing is left for these
			f.Cancel()
			f.Cancel()
			once.Do(ended.Done)
		}
	}
	ended.Wait()
	if len(seen) != 1000 {
		t.Fatalf("%d different messages", len(seen))
	}
}

func TestKeysAndHistoryMakeUpForWhatIsLost(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), 5*time.Second)
	bucket := natstest.Wait(t, func(done func(*kv.Bucket, error)) error {
		return kv.CreateBucket(direct, kv.BucketConfig{Bucket: "b", History: 3, Storage: "memory"}, done)
	})
	const keys = 500
	for i := range 3 * keys {
		natstest.Wait(t, func(done func(uint64, error)) error { return bucket.Put("k"+strconv.Itoa(i%keys), []byte("v"), done) })
	}
	var n atomic.Int64
	p := natstest.StartLossyProxy(t, s.URL(), func(subject string) bool {
		return strings.HasPrefix(subject, "$KV.b.") && slices.Contains([]int64{100, 350, 700, 1000, 1500}, n.Add(1))
	})
	lossy := natstest.Wait(t, func(done func(*kv.Bucket, error)) error {
		return kv.BindBucket(jstest.Connect(t, p.URL(), 5*time.Second), "b", done)
	})
	names := natstest.Wait(t, lossy.Keys)
	if slices.Sort(names); len(slices.Compact(names)) != keys || len(names) != keys {
		t.Fatalf("%d keys", len(names))
	}
	entries := natstest.Wait(t, func(done func([]kv.Entry, error)) error { return lossy.History(">", done) })
	if len(entries) != 3*keys {
		t.Fatalf("%d entries", len(entries))
	}
	for i, e := range entries {
		if e.Revision != uint64(i+1) {
			t.Fatalf("revision %d at %d", e.Revision, i)
		}
	}
	if n.Load() < 1500 {
		t.Fatal("not all were lost that should be")
	}
}

// A connection that ends while consumers begin ends them, whichever is first.
func TestConsumersThatBeginWhileTheConnectionEnds(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	direct := jstest.Connect(t, s.URL(), 5*time.Second)
	fill(t, direct, 10)
	natstest.Wait(t, func(done func(dict.Dict, error)) error {
		return direct.AddConsumer("S", dict.Dict{{Key: "durable_name", Value: "C"}, {Key: "ack_policy", Value: "explicit"}}, done)
	})
	for range 30 {
		j := jstest.Connect(t, s.URL(), 5*time.Second)
		told := make(chan error, 2)
		begun := make(chan struct{})
		go func() {
			<-begun
			<-j.Conn().Disconnect()
		}()
		begin := func(start func() error) {
			if err := start(); err != nil {
				told <- err
			}
		}
		close(begun)
		begin(func() error {
			return j.OrderedConsumer("S", js.OrderedConfig{
				IdleHeartbeat: time.Minute,
				Deliver:       func(c *js.OrderedConsumer, _ *wire.Lent, _ js.Metadata) { c.Taken() },
				Ended:         func(e *fault.Error) { told <- e },
			}, func(_ *js.OrderedConsumer, err error) {
				if err != nil {
					told <- err
				}
			})
		})
		begin(func() error {
			return j.PullConsumer("S", "C", js.PullConfig{
				MaxMessages: 1, Expires: time.Minute, Deliver: func(*nats.Msg) {}, Failed: func(*fault.Error) {},
				Ended: func(e *fault.Error) { told <- e },
			}, func(_ *js.PullConsumer, err error) {
				if err != nil {
					told <- err
				}
			})
		})
		for range 2 {
			select {
			case <-told:
			case <-time.After(natstest.Patience):
				t.Fatal("a consumer has not heard that the connection ended")
			}
		}
	}
}
