// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"natstcl/kv"
	"natstcl/kv/client"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/micro"
	"natstcl/kv/object"
	"natstcl/kv/wire"
)

// A goClient does what worker.tcl does, with the core and without Tcl.
type goClient struct {
	name    string
	prefix  string // of the bucket's own subjects
	timeout time.Duration
	client  *client.Client
	js      *js.JetStream
	bucket  *kv.Bucket
	store   *object.Store
	number  atomic.Uint64
	stopped atomic.Bool
	tasks   sync.WaitGroup

	mu       sync.Mutex
	log      *bufio.Writer
	known    map[string]uint64         // key -> the last revision that was read or written here
	arrays   map[int]map[string]string // watcher -> what its array would be
	seen     map[int]uint64            // watcher -> its last revision
	consumed map[uint64]bool
}

// native runs it: the arguments are those of worker.tcl.
func native(args []string) error {
	seed, _ := strconv.ParseUint(args[3], 10, 64)
	ms, _ := strconv.Atoi(args[5])
	file, err := os.Create(args[4])
	if err != nil {
		return err
	}
	c := &goClient{name: args[0], prefix: args[2], timeout: time.Duration(ms) * time.Millisecond, log: bufio.NewWriter(file),
		known: map[string]uint64{}, arrays: map[int]map[string]string{1: {}, 2: {}}, seen: map[int]uint64{}, consumed: map[uint64]bool{}}
	if err := c.connect(strings.Fields(args[1]), args[2]); err != nil {
		return err
	}
	tasks := []struct {
		n    int
		work func(*rand.Rand)
	}{{4, c.linear}, {1, c.direct}, {1, c.both}, {1, c.many}, {1, c.objects}, {2, c.publishes}, {1, c.requests}}
	for _, task := range tasks {
		for range task.n {
			random := rand.New(rand.NewPCG(seed, c.number.Add(1)))
			c.tasks.Go(func() {
				for !c.stopped.Load() {
					task.work(random)
				}
			})
		}
	}
	fmt.Println("ready")
	return c.obey()
}

// obey does what the driver says, until it says nothing more.
func (c *goClient) obey() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if words[0] == "stop" {
			c.stopped.Store(true)
			c.tasks.Wait()
			for !c.sent() {
				time.Sleep(20 * time.Millisecond)
			}
			fmt.Println("stopped")
			continue
		}
		for !c.current(number(words[1]), int(number(words[2]))) {
			time.Sleep(20 * time.Millisecond)
		}
		c.mu.Lock()
		for watcher, name := range map[int]string{1: "cache", 2: "cache2"} {
			for _, key := range slices.Sorted(maps.Keys(c.arrays[watcher])) {
				c.noteLocked(name, 0, 0, key, c.arrays[watcher][key], 0, "ok", "0")
			}
		}
		err := c.log.Flush()
		c.mu.Unlock()
		if err != nil {
			return err
		}
		fmt.Println("settled")
	}
	return nil
}

// sent tells whether all that was kept for a connection has gone out, so that who reads behind it has it.
func (c *goClient) sent() bool {
	conn := c.client.Conn()
	if conn.Status() != wire.Connected {
		return false
	}
	_, err := await(func(done func(time.Duration, error)) error { return conn.RTT(c.timeout, done) })
	if err == nil {
		_, err = await(func(done func(js.StreamState, error)) error { return c.js.StreamState("KV_"+c.prefix, "", done) })
	}
	return err == nil
}

func (c *goClient) connect(urls []string, bucket string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o := wire.DefaultOptions()
	o.MaxReconnectAttempts, o.ReconnectTimeWait, o.PingInterval, o.ConnectTimeout = -1, 100*time.Millisecond, 500*time.Millisecond, time.Second
	// On a busy machine a server may not answer in time.
	err := eventually(ctx, patience, func(ctx context.Context) (err error) {
		c.client, err = client.ConnectWith(ctx, o, urls...)
		return err
	})
	if err != nil {
		return err
	}
	if c.js, err = js.New(c.client.Conn(), js.Options{Timeout: c.timeout}); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) (err error) {
			c.bucket, err = kv.Await(ctx, func(done func(*kv.Bucket, error)) error { return kv.BindBucket(c.js, bucket, done) })
			return err
		},
		func(ctx context.Context) (err error) {
			c.store, err = kv.Await(ctx, func(done func(*object.Store, error)) error { return object.Bind(c.js, bucket, done) })
			return err
		},
		func(ctx context.Context) error { return c.watch(ctx, 1) },
		func(ctx context.Context) error { return c.watch(ctx, 2) },
		c.consume,
	} {
		if err := eventually(ctx, patience, step); err != nil {
			return err
		}
	}
	return c.serve()
}

func (c *goClient) watch(ctx context.Context, watcher int) error {
	// The handler may be called before the watcher is known here.
	known := make(chan struct{})
	var w *kv.Watcher
	entries := make(chan *kv.Entry, 1<<20)
	var err error
	w, err = kv.Await(ctx, func(done func(*kv.Watcher, error)) error {
		return c.bucket.Watch(">", kv.WatchOptions{IdleHeartbeat: time.Second}, func(e *kv.Entry) { entries <- e }, done)
	})
	close(known)
	if err != nil {
		return err
	}
	go func() {
		<-known
		for e := range entries {
			c.changed(watcher, e)
			if e != nil {
				w.Taken()
			}
		}
	}()
	return nil
}

func (c *goClient) changed(watcher int, e *kv.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e == nil {
		c.noteLocked("current", time.Now().UnixMicro(), 0, "-", "-", 0, "ok", strconv.Itoa(watcher))
		return
	}
	value := string(e.Value)
	if e.Operation == kv.Put {
		c.arrays[watcher][e.Key] = value
	} else {
		delete(c.arrays[watcher], e.Key)
		value = "-"
	}
	c.seen[watcher] = e.Revision
	c.noteLocked("seen", int64(watcher), 0, e.Key, value, e.Revision, "ok", string(e.Operation))
}

func (c *goClient) consume(ctx context.Context) error {
	messages := make(chan *nats.Msg, 1<<16)
	consumer, err := kv.Await(ctx, func(done func(*js.PullConsumer, error)) error {
		return c.js.PullConsumer("S_"+c.prefix, c.name, js.PullConfig{MaxMessages: 500, Threshold: 250, Expires: 2 * time.Second,
			IdleHeartbeat: time.Second, Deliver: func(m *nats.Msg) { messages <- m }, Failed: func(*fault.Error) {},
			Ended: func(why *fault.Error) { go c.consumeAgain(why) }}, done)
	})
	if err != nil {
		return err
	}
	go func() {
		for m := range messages {
			if metadata, ok := js.ParseMetadata(m.Reply); ok {
				c.took(metadata.StreamSeq, string(m.Data))
				_ = c.client.Conn().Publish(&nats.Msg{Subject: m.Reply, Data: []byte("+ACK")})
			}
			consumer.Taken(m)
		}
	}()
	return nil
}

// consumeAgain reads the consumer that a server has removed, when it is there again.
func (c *goClient) consumeAgain(why *fault.Error) {
	c.mu.Lock()
	c.noteLocked("unread", 0, 0, "-", "-", 0, "ok", why.Text)
	c.mu.Unlock()
	for c.consume(context.Background()) != nil && c.client.Conn().Status() != wire.Closed {
		time.Sleep(500 * time.Millisecond)
	}
}

func (c *goClient) took(sequence uint64, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.consumed[sequence] {
		c.consumed[sequence] = true
		c.noteLocked("consumed", 0, 0, "-", value, sequence, "ok", "0")
	}
}

func (c *goClient) serve() error {
	service, err := micro.Start(c.client.Conn(), micro.Config{Name: "echo", Version: "1.0.0"})
	if err != nil {
		return err
	}
	_, err = service.AddEndpoint("echo", micro.EndpointOptions{Subject: c.prefix + ".echo"}, func(r *micro.Request) {
		_ = r.Respond(r.Msg.Data, nil)
	})
	return err
}

// current tells whether watchers and consumer have come so far.
func (c *goClient) current(revision uint64, messages int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[1] >= revision && c.seen[2] >= revision && len(c.consumed) >= messages
}

func (c *goClient) noteLocked(what string, begin, end int64, key, value string, expected uint64, code, result string) {
	fmt.Fprintf(c.log, "%s\t%d\t%d\t%s\t%s\t%d\t%s\t%s\n", what, begin, end, key, value, expected, code,
		strings.NewReplacer("\t", " ", "\n", " ").Replace(result))
}

// call does one call, and notes it.
func (c *goClient) call(what, key, value string, expected uint64, do func() (string, error)) {
	begin := time.Now().UnixMicro()
	result, err := do()
	end := time.Now().UnixMicro()
	code := "ok"
	if err != nil {
		code, result = "NONE", err.Error()
		var known *fault.Error
		if errors.As(err, &known) {
			code = "NATS " + known.Code
		}
	}
	c.mu.Lock()
	c.noteLocked(what, begin, end, key, value, expected, code, result)
	word, _, _ := strings.Cut(result, " ")
	if revision := number(word); err == nil && revision > 0 && strings.HasPrefix(key, "l") {
		c.known[key] = revision
	}
	c.mu.Unlock()
	if err != nil && code != refused && code != notFound {
		time.Sleep(20 * time.Millisecond)
	}
}

// value is one that nobody else writes.
func (c *goClient) value() string { return c.name + "-" + strconv.FormatUint(c.number.Add(1), 10) }

// await waits for an operation of the core, which ends by its own timeout.
func await[T any](start func(done func(T, error)) error) (T, error) {
	return kv.Await(context.Background(), start)
}

// revised makes a result of a revision.
func revised(revision uint64, err error) (string, error) {
	return strconv.FormatUint(revision, 10), err
}

func (c *goClient) linear(random *rand.Rand) {
	key := "l" + strconv.Itoa(random.IntN(24))
	value := c.value()
	c.mu.Lock()
	expected := max(1, c.known[key])
	c.mu.Unlock()
	switch random.IntN(10) {
	case 0, 1, 2:
		c.call("put", key, value, 0, func() (string, error) {
			return revised(await(func(done func(uint64, error)) error { return c.bucket.Put(key, []byte(value), done) }))
		})
	case 3:
		c.call("create", key, value, 0, func() (string, error) {
			return revised(await(func(done func(uint64, error)) error { return c.bucket.Create(key, []byte(value), done) }))
		})
	case 4, 5:
		c.call("update", key, value, expected, func() (string, error) {
			return revised(await(func(done func(uint64, error)) error { return c.bucket.Update(key, []byte(value), expected, done) }))
		})
	case 6:
		c.call("delete", key, "-", 0, func() (string, error) {
			_, err := await(func(done func(struct{}, error)) error {
				return c.bucket.Delete(key, 0, func(err error) { done(struct{}{}, err) })
			})
			return "0", err
		})
	default:
		c.call("get", key, "-", 0, func() (string, error) { return c.read(key, kv.ReadOptions{Leader: true}) })
	}
}

func (c *goClient) read(key string, o kv.ReadOptions) (string, error) {
	entry, err := await(func(done func(kv.Entry, error)) error { return c.bucket.Read(key, o, done) })
	return fmt.Sprintf("%d %s", entry.Revision, entry.Value), err
}

func (c *goClient) direct(random *rand.Rand) {
	key := "l" + strconv.Itoa(random.IntN(24))
	c.call("direct", key, "-", 0, func() (string, error) { return c.read(key, kv.ReadOptions{}) })
	time.Sleep(5 * time.Millisecond)
}

func (c *goClient) both(random *rand.Rand) {
	pair, value := "p"+strconv.Itoa(random.IntN(4)), c.value()
	c.call("atomic", pair, value, 0, func() (string, error) {
		revisions, err := await(func(done func([]uint64, error)) error {
			return c.bucket.Atomic([]kv.Change{{What: "put", Key: pair + ".x", Value: []byte(value)},
				{What: "put", Key: pair + ".y", Value: []byte(value)}}, done)
		})
		return strings.Trim(fmt.Sprint(revisions), "[]"), err
	})
	time.Sleep(200 * time.Millisecond) // the server syncs its files for each, and all else waits
}

func (c *goClient) many(*rand.Rand) {
	value := c.value()
	pairs := make([]kv.KeyValue, 200)
	for i := range pairs {
		pairs[i] = kv.KeyValue{Key: fmt.Sprintf("m%d", i), Value: fmt.Appendf(nil, "%s.%d", value, i)}
	}
	c.call("put_many", "m", value, uint64(len(pairs)), func() (string, error) {
		outcomes, _ := await(func(done func([]kv.Outcome, error)) error {
			c.bucket.PutMany(pairs, kv.ManyOptions{}, func(outcomes []kv.Outcome) { done(outcomes, nil) })
			return nil
		})
		revisions := make([]string, len(outcomes))
		for i, outcome := range outcomes {
			revisions[i] = strconv.FormatUint(outcome.Revision, 10)
		}
		return strings.Join(revisions, ","), nil
	})
	time.Sleep(10 * time.Millisecond)
}

func (c *goClient) objects(random *rand.Rand) {
	name, value := fmt.Sprintf("o%d-%s", random.IntN(5), c.name), c.value()
	c.call("object", name, value, 0, func() (string, error) {
		info, err := await(func(done func(*object.Info, error)) error {
			return c.store.PutBytes(object.Meta{Name: name}, contentOf(value), object.PutOptions{}, done)
		})
		if err != nil {
			return "", err
		}
		return info.Digest, nil
	})
	time.Sleep(100 * time.Millisecond)
}

func (c *goClient) publishes(*rand.Rand) {
	subject, value := "s."+c.name, c.value()
	c.call("publish", subject, value, 0, func() (string, error) {
		ack, err := await(func(done func(js.Ack, error)) error {
			_, err := c.js.Publish(&nats.Msg{Subject: subject, Data: []byte(value)}, c.timeout, wire.DefaultRetry, done)
			return err
		})
		if err != nil {
			return "", err
		}
		return fmt.Sprint(ack.Seq), nil
	})
	time.Sleep(2 * time.Millisecond)
}

func (c *goClient) requests(*rand.Rand) {
	value := c.value()
	c.call("request", "echo", value, 0, func() (string, error) {
		reply, err := await(func(done func(*nats.Msg, error)) error {
			_, err := c.client.Conn().Request(&nats.Msg{Subject: c.prefix + ".echo", Data: []byte(value)}, c.timeout, done)
			return err
		})
		if err != nil {
			return "", err
		}
		return string(reply.Data), nil
	})
	time.Sleep(10 * time.Millisecond)
}
