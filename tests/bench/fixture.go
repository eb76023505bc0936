// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What the hosts' programs find on the server; cases.tcl and native.go use the same names.
const (
	benchBucket   = "bench"   // for what is put and got
	createdBucket = "created" // is empty before a run of create
	ackStream     = "ACKS"    // takes the subject acks, and is empty before a run
	msgStream     = "MSGS"    // takes the subject msgs, and holds that many:
	messages      = 100000
	echoSubject   = "echo" // what is requested there comes back
)

// value is what most cases put and publish, large what some do.
var (
	value = bytes.Repeat([]byte("x"), 128)
	large = bytes.Repeat([]byte("x"), 65536)
)

// The keys in benchBucket.
func key(i int) string      { return "k" + strconv.Itoa(i) }
func largeKey(i int) string { return "large" + strconv.Itoa(i) }

// A fixture is the server, a process of its own, and what the cases need there.
type fixture struct {
	ctx    context.Context
	dir    string // temporary; goes with the fixture
	server *exec.Cmd
	url    string
	nc     *nats.Conn
	js     jetstream.JetStream
	filled string          // the bucket that is there of those that fillBucket makes
	done   map[string]bool // what once has done
}

// A stream's queue is longer than by default (10,000), so that 10,000 in flight are never
// refused, and it may have more consumers than 1,000, so that the watchers of a process that
// has ended just now are in nobody's way.
const serverConfig = `
listen: "127.0.0.1:-1"
ports_file_dir: %[1]q
jetstream {
	store_dir: %[1]q
	max_buffered_msgs: 100000
	limits { default_max_consumers: -1 }
}
`

// newFixture starts the server. It ends with the context, or with close.
func newFixture(ctx context.Context, program string) (*fixture, error) {
	dir, err := os.MkdirTemp("", "nats-bench-")
	if err != nil {
		return nil, err
	}
	f := &fixture{ctx: ctx, dir: dir, done: map[string]bool{}}
	if err := f.start(program); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *fixture) start(program string) error {
	config := filepath.Join(f.dir, "server.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, serverConfig, f.dir), 0o600); err != nil {
		return err
	}
	server := exec.CommandContext(f.ctx, program, "-c", config, "-l", filepath.Join(f.dir, "server.log"))
	if err := server.Start(); err != nil {
		return err
	}
	f.server = server
	var err error
	if f.url, err = f.listening(server.Process.Pid); err != nil {
		return err
	}
	if f.nc, err = nats.Connect(f.url); err != nil {
		return err
	}
	f.js, err = jetstream.New(f.nc, jetstream.WithPublishAsyncMaxPending(10000))
	if err != nil {
		return err
	}
	return f.furnish()
}

// listening waits for the file in which the server tells its port.
func (f *fixture) listening(pid int) (string, error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(f.dir, fmt.Sprintf("*_%d.ports", pid)))
		if len(files) == 0 {
			continue
		}
		text, err := os.ReadFile(files[0])
		var ports struct{ Nats []string }
		if err == nil && json.Unmarshal(text, &ports) == nil && len(ports.Nats) > 0 {
			return ports.Nats[0], nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(f.dir, "server.log"))
	return "", fmt.Errorf("nats-server does not listen: %s", log)
}

// furnish makes what all hosts use, and answers their requests.
func (f *fixture) furnish() error {
	for _, bucket := range []string{benchBucket, createdBucket} {
		if _, err := f.js.CreateKeyValue(f.ctx, jetstream.KeyValueConfig{Bucket: bucket, Storage: jetstream.MemoryStorage}); err != nil {
			return err
		}
	}
	for stream, subject := range map[string]string{ackStream: "acks", msgStream: "msgs"} {
		_, err := f.js.CreateStream(f.ctx, jetstream.StreamConfig{
			Name: stream, Subjects: []string{subject}, Storage: jetstream.MemoryStorage})
		if err != nil {
			return err
		}
	}
	if err := f.furnishMany(); err != nil {
		return err
	}
	_, err := f.nc.Subscribe(echoSubject, func(m *nats.Msg) { m.Respond(m.Data) })
	if err != nil {
		return err
	}
	return f.nc.Flush()
}

func (f *fixture) close() {
	if f.nc != nil {
		f.nc.Close()
	}
	if f.server != nil {
		f.server.Process.Kill()
		f.server.Wait()
	}
	os.RemoveAll(f.dir)
}

func emptyBucket(f *fixture, _ *benchCase) error { return f.purge("KV_" + createdBucket) }

func emptyAcks(f *fixture, _ *benchCase) error { return f.purge(ackStream) }

func (f *fixture) purge(stream string) error {
	s, err := f.js.Stream(f.ctx, stream)
	if err != nil {
		return err
	}
	return s.Purge(f.ctx)
}

func fillMessages(f *fixture, _ *benchCase) error {
	return f.once("messages", messages, value, func(int) string { return "msgs" })
}

// What is got is there before.
func fillSmall(f *fixture, c *benchCase) error {
	return f.once("small", c.n, value, func(i int) string { return "$KV." + benchBucket + "." + key(i) })
}

// fillGot is that for the keys of get_many.
func fillGot(f *fixture, _ *benchCase) error {
	return f.once("got", 1000, value, func(i int) string { return "$KV." + benchBucket + "." + key(i) })
}

func fillLarge(f *fixture, c *benchCase) error {
	return f.once("large", c.n, large, func(i int) string { return "$KV." + benchBucket + "." + largeKey(i) })
}

// once publishes n values, unless what has that name has been published before.
func (f *fixture) once(name string, n int, value []byte, subject func(int) string) error {
	if f.done[name] {
		return nil
	}
	f.done[name] = true
	return f.publish(n, value, subject)
}

// fillBucket makes a bucket of the case's size, once for all cases and hosts that use it;
// the one before it goes.
func fillBucket(f *fixture, c *benchCase) error {
	bucket := fmt.Sprintf("keys%d", c.size)
	if f.filled == bucket {
		return nil
	}
	if f.filled != "" {
		if err := f.js.DeleteKeyValue(f.ctx, f.filled); err != nil {
			return err
		}
	}
	f.filled = bucket
	_, err := f.js.CreateKeyValue(f.ctx, jetstream.KeyValueConfig{Bucket: bucket, Storage: jetstream.MemoryStorage})
	if err != nil {
		return err
	}
	return f.publish(c.size, value, func(i int) string { return fmt.Sprintf("$KV.%s.key.%07d", bucket, i) })
}

// publish publishes n values, and waits until all are stored.
func (f *fixture) publish(n int, value []byte, subject func(int) string) error {
	futures := make([]jetstream.PubAckFuture, n)
	for i := range futures {
		var err error
		if futures[i], err = f.js.PublishAsync(subject(i), value, jetstream.WithStallWait(time.Minute)); err != nil {
			return err
		}
	}
	return settled(futures)
}

// settled waits for the acknowledgements of all.
func settled(futures []jetstream.PubAckFuture) error {
	deadline := time.After(time.Minute)
	for _, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return err
		case <-deadline:
			return errors.New("acknowledgements are missing")
		}
	}
	return nil
}
