// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The cases as a Go program has them: the host that the others are measured against.

// A native is the state of that program.
type native struct {
	ctx     context.Context
	url     string
	nc      *nats.Conn
	js      jetstream.JetStream
	kv      jetstream.KeyValue // benchBucket
	created jetstream.KeyValue // createdBucket

	connections []*nats.Conn // for memory-connection
	watchers    int          // for memory-watcher, that many there are
	kept        []any        // for memory-peak
}

// serveNative is a worker: see there what it reads and writes.
func serveNative(url string) {
	p := &native{ctx: context.Background(), url: url}
	if err := p.connect(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var name string
		var n, size int
		_, err := fmt.Sscan(lines.Text(), &name, &n, &size)
		var figures []float64
		if err == nil {
			figures, err = p.serve(name, n, size)
		}
		if err != nil {
			fmt.Println("error", err)
			continue
		}
		fmt.Print("ok")
		for _, f := range figures {
			fmt.Print(" ", f)
		}
		fmt.Println()
	}
}

func (p *native) connect() error {
	var err error
	if p.nc, err = nats.Connect(p.url); err != nil {
		return err
	}
	if p.js, err = jetstream.New(p.nc, jetstream.WithPublishAsyncMaxPending(10000), jetstream.WithDefaultTimeout(time.Minute)); err != nil {
		return err
	}
	if p.kv, err = p.js.KeyValue(p.ctx, benchBucket); err != nil {
		return err
	}
	p.created, err = p.js.KeyValue(p.ctx, createdBucket)
	return err
}

func (p *native) serve(name string, n, size int) ([]float64, error) {
	switch name {
	case "put":
		return p.put(n, key, value)
	case "get":
		return p.get(n, key, len(value))
	case "create":
		return p.create(n)
	case "update":
		return p.update(n)
	case "request":
		return p.request(n)
	case "coroutines":
		return p.goroutines(n)
	case "put64k":
		return p.put(n, largeKey, large)
	case "get64k":
		return p.get(n, largeKey, len(large))
	case "acks":
		return p.acks(n)
	case "pubsub":
		return p.pubsub(n)
	case "fetch":
		return p.fetch(n)
	case "ordered":
		return p.ordered()
	case "notify":
		return p.notify(n)
	case "keys":
		return p.keys(n, size)
	case "history":
		return p.history(n, size)
	case "watch":
		return p.watch(n, size)
	case "array":
		return p.array(n, size)
	case "watchers":
		return p.fan(n, size)
	case "connected":
		return nil, nil
	case "memory-connection":
		return nil, p.idleConnections(n)
	case "memory-watcher":
		return nil, p.idleWatchers(n)
	case "memory-peak":
		return nil, p.listAndCache(size)
	}
	return p.serveMany(name, n, size)
}

// each is the time since then for each of n, in µs.
func each(began time.Time, n int) []float64 { return perOne(time.Since(began), n) }

func perOne(d time.Duration, n int) []float64 {
	return []float64{float64(d) / float64(time.Microsecond) / float64(n)}
}

func wrong(what string, got, want int) error {
	return fmt.Errorf("%s: %d instead of %d", what, got, want)
}

func (p *native) put(n int, key func(int) string, value []byte) ([]float64, error) {
	last := uint64(0)
	began := time.Now()
	for i := range n {
		revision, err := p.kv.Put(p.ctx, key(i), value)
		if err != nil {
			return nil, err
		}
		if revision <= last {
			return nil, wrong("revision", int(revision), int(last)+1)
		}
		last = revision
	}
	return each(began, n), nil
}

func (p *native) get(n int, key func(int) string, length int) ([]float64, error) {
	began := time.Now()
	for i := range n {
		entry, err := p.kv.Get(p.ctx, key(i))
		if err != nil {
			return nil, err
		}
		if len(entry.Value()) != length {
			return nil, wrong("bytes", len(entry.Value()), length)
		}
	}
	return each(began, n), nil
}

func (p *native) create(n int) ([]float64, error) {
	began := time.Now()
	for i := range n {
		if _, err := p.created.Create(p.ctx, key(i), value); err != nil {
			return nil, err
		}
	}
	return each(began, n), nil
}

func (p *native) update(n int) ([]float64, error) {
	revision, err := p.kv.Put(p.ctx, "updated", value)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for range n {
		if revision, err = p.kv.Update(p.ctx, "updated", value, revision); err != nil {
			return nil, err
		}
	}
	return each(began, n), nil
}

func (p *native) request(n int) ([]float64, error) {
	began := time.Now()
	for range n {
		reply, err := p.nc.Request(echoSubject, value, 10*time.Second)
		if err != nil {
			return nil, err
		}
		if len(reply.Data) != len(value) {
			return nil, wrong("bytes", len(reply.Data), len(value))
		}
	}
	return each(began, n), nil
}

// The same number of goroutines here and of coroutines in Tcl.
const concurrent = 64

// goroutines puts and gets, n operations in all, half of each.
func (p *native) goroutines(n int) ([]float64, error) {
	pairs := max(n/2/concurrent, 1)
	failed := make([]error, concurrent)
	var all sync.WaitGroup
	began := time.Now()
	for id := range concurrent {
		all.Go(func() { failed[id] = p.putAndGet(id, pairs) })
	}
	all.Wait()
	return each(began, 2*pairs*concurrent), errors.Join(failed...)
}

func (p *native) putAndGet(id, pairs int) error {
	for i := range pairs {
		key := fmt.Sprintf("w%d.%d", id, i)
		if _, err := p.kv.Put(p.ctx, key, value); err != nil {
			return err
		}
		entry, err := p.kv.Get(p.ctx, key)
		if err != nil {
			return err
		}
		if len(entry.Value()) != len(value) {
			return wrong("bytes", len(entry.Value()), len(value))
		}
	}
	return nil
}

func (p *native) acks(n int) ([]float64, error) {
	futures := make([]jetstream.PubAckFuture, n)
	began := time.Now()
	for i := range futures {
		var err error
		if futures[i], err = p.js.PublishAsync("acks", value, jetstream.WithStallWait(time.Minute)); err != nil {
			return nil, err
		}
	}
	if err := settled(futures); err != nil {
		return nil, err
	}
	return each(began, n), nil
}

func (p *native) pubsub(n int) ([]float64, error) {
	received := 0
	all := make(chan struct{})
	subscription, err := p.nc.Subscribe("own", func(m *nats.Msg) {
		if received++; received == n {
			close(all)
		}
	})
	if err != nil {
		return nil, err
	}
	defer subscription.Unsubscribe()
	began := time.Now()
	for range n {
		if err := p.nc.Publish("own", value); err != nil {
			return nil, err
		}
	}
	<-all
	return each(began, n), nil
}

func (p *native) fetch(n int) ([]float64, error) {
	consumer, err := p.js.CreateConsumer(p.ctx, msgStream, jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		return nil, err
	}
	defer p.js.DeleteConsumer(p.ctx, msgStream, consumer.CachedInfo().Name)
	received := 0
	began := time.Now()
	for received < n {
		batch, err := consumer.Fetch(100)
		if err != nil {
			return nil, err
		}
		before := received
		for m := range batch.Messages() {
			if len(m.Data()) != len(value) {
				return nil, wrong("bytes", len(m.Data()), len(value))
			}
			received++
		}
		if received == before {
			return nil, wrong("messages", received, n)
		}
	}
	return each(began, received), nil
}

// ordered is jetstream.OrderedConsumer, which pulls.
func (p *native) ordered() ([]float64, error) {
	received, total := 0, 0
	all := make(chan struct{})
	began := time.Now()
	consumer, err := p.js.OrderedConsumer(p.ctx, msgStream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		total += len(m.Data())
		if received++; received == messages {
			close(all)
		}
	})
	if err != nil {
		return nil, err
	}
	<-all
	figures := each(began, messages)
	consuming.Stop()
	if total != messages*len(value) {
		return nil, wrong("bytes", total, messages*len(value))
	}
	return figures, nil
}

// notify is the time from a put to the callback of a watcher on another connection, median
// and 99th percentile.
func (p *native) notify(n int) ([]float64, error) {
	other := &native{ctx: p.ctx, url: p.url}
	if err := other.connect(); err != nil {
		return nil, err
	}
	defer other.nc.Close()
	watcher, err := other.kv.Watch(p.ctx, "notified", jetstream.UpdatesOnly())
	if err != nil {
		return nil, err
	}
	defer watcher.Stop()
	var sent time.Time
	latencies := make([]float64, 0, n)
	noticed := make(chan struct{})
	go func() {
		for range watcher.Updates() {
			latencies = append(latencies, float64(time.Since(sent))/float64(time.Microsecond))
			noticed <- struct{}{}
		}
	}()
	for range n {
		sent = time.Now()
		if _, err := p.kv.Put(p.ctx, "notified", value); err != nil {
			return nil, err
		}
		<-noticed
	}
	slices.Sort(latencies)
	return []float64{latencies[n/2], latencies[n*99/100]}, nil
}

func (p *native) sized(size int) (jetstream.KeyValue, error) {
	return p.js.KeyValue(p.ctx, fmt.Sprintf("keys%d", size))
}

func (p *native) keys(n, size int) ([]float64, error) {
	kv, err := p.sized(size)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for range n {
		keys, err := kv.Keys(p.ctx)
		if err != nil {
			return nil, err
		}
		if len(keys) != size {
			return nil, wrong("keys", len(keys), size)
		}
	}
	return each(began, n*size), nil
}

func (p *native) history(n, size int) ([]float64, error) {
	kv, err := p.sized(size)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for range n {
		entries, err := kv.History(p.ctx, ">")
		if err != nil {
			return nil, err
		}
		if len(entries) != size {
			return nil, wrong("entries", len(entries), size)
		}
	}
	return each(began, n*size), nil
}

// watched is the time in which the current entries of a bucket come, n times.
func (p *native) watched(n, size int, entered func(jetstream.KeyValueEntry), check func() error) ([]float64, error) {
	kv, err := p.sized(size)
	if err != nil {
		return nil, err
	}
	var spent time.Duration
	for range n {
		began := time.Now()
		watcher, err := kv.WatchAll(p.ctx)
		if err != nil {
			return nil, err
		}
		for entry := range watcher.Updates() {
			if entry == nil {
				break
			}
			entered(entry)
		}
		spent += time.Since(began)
		watcher.Stop()
		if err := check(); err != nil {
			return nil, err
		}
	}
	return perOne(spent, n*size), nil
}

func (p *native) watch(n, size int) ([]float64, error) {
	total := 0
	return p.watched(n, size, func(entry jetstream.KeyValueEntry) {
		total += len(entry.Value())
	}, func() error {
		got := total
		total = 0
		if got != size*len(value) {
			return wrong("bytes", got, size*len(value))
		}
		return nil
	})
}

func (p *native) array(n, size int) ([]float64, error) {
	cache := map[string][]byte{}
	return p.watched(n, size, func(entry jetstream.KeyValueEntry) {
		cache[entry.Key()] = entry.Value()
	}, func() error {
		got := len(cache)
		cache = map[string][]byte{}
		if got != size {
			return wrong("keys", got, size)
		}
		return nil
	})
}

// fan is a change that reaches all of size watchers, n times.
func (p *native) fan(n, size int) ([]float64, error) {
	var reached atomic.Int64
	all := make(chan struct{})
	for range size {
		watcher, err := p.kv.Watch(p.ctx, "fan", jetstream.UpdatesOnly())
		if err != nil {
			return nil, err
		}
		defer watcher.Stop()
		go func() {
			for range watcher.Updates() {
				if reached.Add(1) == int64(size) {
					all <- struct{}{}
				}
			}
		}()
	}
	began := time.Now()
	for range n {
		reached.Store(0)
		if _, err := p.kv.Put(p.ctx, "fan", value); err != nil {
			return nil, err
		}
		<-all
	}
	return each(began, n*size), nil
}

func (p *native) idleConnections(n int) error {
	for len(p.connections) < n {
		nc, err := nats.Connect(p.url)
		if err != nil {
			return err
		}
		p.connections = append(p.connections, nc)
	}
	return nil
}

func (p *native) idleWatchers(n int) error {
	for ; p.watchers < n; p.watchers++ {
		watcher, err := p.kv.Watch(p.ctx, "idle.>", jetstream.UpdatesOnly())
		if err != nil {
			return err
		}
		go func() {
			for range watcher.Updates() {
			}
		}()
	}
	return nil
}

func (p *native) listAndCache(size int) error {
	kv, err := p.sized(size)
	if err != nil {
		return err
	}
	keys, err := kv.Keys(p.ctx)
	if err != nil {
		return err
	}
	cache := map[string][]byte{}
	_, err = p.watched(1, size, func(entry jetstream.KeyValueEntry) {
		cache[entry.Key()] = entry.Value()
	}, func() error { return nil })
	if err == nil && (len(keys) != size || len(cache) != size) {
		err = wrong("keys", min(len(keys), len(cache)), size)
	}
	p.kept = append(p.kept, keys, cache)
	return err
}
