// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
)

// The native side of many.tcl. What nats.go has no call for is done in the fastest way that it
// offers.

func (p *native) serveMany(name string, n, size int) ([]float64, error) {
	switch name {
	case "put-many":
		return p.publishedKeys(benchBucket, n, size)
	case "get-many":
		return p.getMany(n, size)
	case "atomic":
		return p.publishedKeys(batchBucket, n, size)
	case "touch":
		return p.touch(n)
	case "filter-keys":
		return p.filterKeys(n, size)
	case "filter-watch":
		return p.filterWatch(n, size)
	case "object":
		return p.object(n)
	case "service":
		return p.service(n)
	case "fast", "fast-wide":
		return p.fast(n)
	case "counter":
		return p.counter(n)
	case "subscriptions":
		return p.subscriptions(n, size)
	case "threads":
		return p.threads(n, size)
	}
	return nil, errors.New("no case is called " + name)
}

// publishedKeys puts size keys without waiting for each, n times: for put_many, and for atomic, where all
// are stored or none, which nats.go has no call for.
func (p *native) publishedKeys(bucket string, n, size int) ([]float64, error) {
	futures, subjects := make([]jetstream.PubAckFuture, size), make([]string, size)
	for i := range subjects {
		subjects[i] = "$KV." + bucket + "." + key(i)
	}
	began := time.Now()
	for range n {
		for i := range futures {
			var err error
			if futures[i], err = p.js.PublishAsync(subjects[i], value, jetstream.WithStallWait(time.Minute)); err != nil {
				return nil, err
			}
		}
		if err := settled(futures); err != nil {
			return nil, err
		}
	}
	return each(began, n*size), nil
}

// getMany gets the keys one after another.
func (p *native) getMany(n, size int) ([]float64, error) {
	began := time.Now()
	for range n {
		if _, err := p.get(size, key, len(value)); err != nil {
			return nil, err
		}
	}
	return each(began, n*size), nil
}

// touch reads a value, and writes it again with a time to live, on condition that it is the same still.
func (p *native) touch(n int) ([]float64, error) {
	kv, err := p.js.KeyValue(p.ctx, lifeBucket)
	if err != nil {
		return nil, err
	}
	if _, err := kv.Put(p.ctx, "touched", value); err != nil {
		return nil, err
	}
	began := time.Now()
	for range n {
		entry, err := kv.Get(p.ctx, "touched")
		if err != nil {
			return nil, err
		}
		_, err = p.js.Publish(p.ctx, "$KV."+lifeBucket+".touched", entry.Value(),
			jetstream.WithExpectLastSequencePerSubject(entry.Revision()), jetstream.WithMsgTTL(time.Hour))
		if err != nil {
			return nil, err
		}
	}
	return each(began, n), nil
}

func (p *native) grouped(size int) (jetstream.KeyValue, error) {
	return p.js.KeyValue(p.ctx, groupBucket(size))
}

func (p *native) filterKeys(n, size int) ([]float64, error) {
	kv, err := p.grouped(size)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for range n {
		lister, err := kv.ListKeysFiltered(p.ctx, "g7.*")
		if err != nil {
			return nil, err
		}
		keys := 0
		for range lister.Keys() {
			keys++
		}
		if keys != groupSize {
			return nil, wrong("keys", keys, groupSize)
		}
	}
	return each(began, n), nil
}

func (p *native) filterWatch(n, size int) ([]float64, error) {
	kv, err := p.grouped(size)
	if err != nil {
		return nil, err
	}
	var spent time.Duration
	for range n {
		began := time.Now()
		watcher, err := kv.Watch(p.ctx, "g7.*")
		if err != nil {
			return nil, err
		}
		total := 0
		for entry := range watcher.Updates() {
			if entry == nil {
				break
			}
			total += len(entry.Value())
		}
		spent += time.Since(began)
		watcher.Stop()
		if total != groupSize*len(value) {
			return nil, wrong("bytes", total, groupSize*len(value))
		}
	}
	return perOne(spent, n), nil
}

// object puts and gets one of n chunks.
func (p *native) object(n int) ([]float64, error) {
	store, err := p.js.ObjectStore(p.ctx, objectBucket)
	if err != nil {
		return nil, err
	}
	data := bytes.Repeat([]byte("x"), n*objectChunk)
	began := time.Now()
	if _, err := store.PutBytes(p.ctx, "large", data); err != nil {
		return nil, err
	}
	put := each(began, n)
	began = time.Now()
	got, err := store.GetBytes(p.ctx, "large")
	if err == nil && len(got) != len(data) {
		err = wrong("bytes", len(got), len(data))
	}
	return append(put, each(began, n)...), err
}

func (p *native) service(n int) ([]float64, error) {
	service, err := micro.AddService(p.nc, micro.Config{Name: "bench", Version: "1.0.0"})
	if err != nil {
		return nil, err
	}
	defer service.Stop()
	err = service.AddEndpoint("bench-echo", micro.HandlerFunc(func(r micro.Request) { r.Respond(r.Data()) }))
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for range n {
		reply, err := p.nc.Request("bench-echo", value, 10*time.Second)
		if err != nil {
			return nil, err
		}
		if len(reply.Data) != len(value) {
			return nil, wrong("bytes", len(reply.Data), len(value))
		}
	}
	return each(began, n), nil
}

// fast publishes with an acknowledgement of each, for nats.go has no fast publisher.
func (p *native) fast(n int) ([]float64, error) {
	futures := make([]jetstream.PubAckFuture, n)
	began := time.Now()
	for i := range futures {
		var err error
		if futures[i], err = p.js.PublishAsync("fast", value, jetstream.WithStallWait(time.Minute)); err != nil {
			return nil, err
		}
	}
	if err := settled(futures); err != nil {
		return nil, err
	}
	return each(began, n), nil
}

// counter adds to one, and reads its value from the acknowledgement, which nats.go hands on as it came.
func (p *native) counter(n int) ([]float64, error) {
	last := 0
	began := time.Now()
	for i := range n {
		m := nats.NewMsg("counts.bench")
		m.Header.Set("Nats-Incr", "1")
		reply, err := p.nc.RequestMsg(m, 10*time.Second)
		if err != nil {
			return nil, err
		}
		var ack struct{ Val string }
		if err := json.Unmarshal(reply.Data, &ack); err != nil {
			return nil, err
		}
		value, err := strconv.Atoi(ack.Val)
		if err == nil && i > 0 && value != last+1 {
			err = wrong("value", value, last+1)
		}
		if err != nil {
			return nil, err
		}
		last = value
	}
	return each(began, n), nil
}

// subscriptions is n messages to size of them in turn.
func (p *native) subscriptions(n, size int) ([]float64, error) {
	var received atomic.Int64
	all := make(chan struct{})
	for i := range size {
		subscription, err := p.nc.Subscribe(fmt.Sprintf("many.%d", i), func(*nats.Msg) {
			if received.Add(1) == int64(n) {
				close(all)
			}
		})
		if err != nil {
			return nil, err
		}
		defer subscription.Unsubscribe()
	}
	began := time.Now()
	for i := range n {
		if err := p.nc.Publish(fmt.Sprintf("many.%d", i%size), value); err != nil {
			return nil, err
		}
	}
	<-all
	return each(began, n), nil
}

// threads are size goroutines that put n values in all, each on a connection of its own.
func (p *native) threads(n, size int) ([]float64, error) {
	count := max(n/size, 1)
	others := make([]*native, size)
	for i := range others {
		others[i] = &native{ctx: p.ctx, url: p.url}
		if err := others[i].connect(); err != nil {
			return nil, err
		}
		defer others[i].nc.Close()
	}
	failed := make([]error, size)
	var all sync.WaitGroup
	began := time.Now()
	for i, other := range others {
		all.Go(func() {
			_, failed[i] = other.put(count, func(k int) string { return fmt.Sprintf("t%d.%d", i, k) }, value)
		})
	}
	all.Wait()
	return each(began, count*size), errors.Join(failed...)
}
