// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// How long the workers may take to become ready, and to come to rest when all is mended.
const patience = 2 * time.Minute

// A round is one cluster, on which all workers work for a while under faults, and what is checked then.
type round struct {
	*settings
	number int
	size   int
	random *rand.Rand
	check  check

	bucket  string
	cluster *cluster
	js      jetstream.JetStream
	workers []*worker
}

// A worker is a process that works; it is told what to do by lines.
type worker struct {
	name    string
	file    string
	process *exec.Cmd
	in      io.WriteCloser
	answers chan string // closed when it has ended
}

func (r *round) run(ctx context.Context) {
	defer r.close()
	if err := r.steps(ctx); err != nil {
		r.check.failf("the round could not go on: %v", err)
	}
}

func (r *round) steps(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Servers that start at the same time have been seen to elect nobody for minutes.
	for range 3 {
		if r.cluster, err = newCluster(ctx, r.server, r.size); err == nil {
			break
		}
		r.cluster.close()
	}
	if err != nil {
		return fmt.Errorf("starting the servers: %w", err)
	}
	nc, js, err := r.cluster.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	r.js, r.bucket = js, fmt.Sprintf("round%d", r.number)
	if err := r.furnish(ctx); err != nil {
		return fmt.Errorf("making the streams: %w", err)
	}
	if err := r.startWorkers(ctx); err != nil {
		return err
	}
	if err := r.torment(ctx); err != nil {
		return err
	}
	if err := r.tell("stop", "stopped"); err != nil {
		return err
	}
	return r.examine(ctx)
}

func (r *round) close() {
	for _, w := range r.workers {
		w.in.Close()
		_ = w.process.Process.Kill()
		for range w.answers {
		}
	}
	if r.keep && len(r.check.faults) > 0 {
		fmt.Println("kept:", r.cluster.dir)
		r.cluster.dir = ""
	}
	r.cluster.close()
}

func (r *round) streams() []string {
	return []string{"KV_" + r.bucket, "OBJ_" + r.bucket, "S_" + r.bucket}
}

// furnish makes what the workers use. The bucket's stream keeps every revision: what was written has to be found.
func (r *round) furnish(ctx context.Context) error {
	replicas := len(r.cluster.nodes)
	for _, config := range []jetstream.StreamConfig{
		{Name: "KV_" + r.bucket, Subjects: []string{"$KV." + r.bucket + ".>"}, Replicas: replicas, MaxMsgsPerSubject: 1 << 30,
			AllowRollup: true, DenyDelete: true, AllowDirect: true, AllowAtomicPublish: true, Discard: jetstream.DiscardNew},
		{Name: "S_" + r.bucket, Subjects: []string{"s.>"}, Replicas: replicas},
	} {
		err := eventually(ctx, patience, func(ctx context.Context) error {
			_, err := r.js.CreateStream(ctx, config)
			return err
		})
		if err != nil {
			return err
		}
	}
	for host := range r.hosts {
		if err := r.createConsumer(ctx, host); err != nil {
			return err
		}
	}
	return eventually(ctx, patience, func(ctx context.Context) error {
		_, err := r.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: r.bucket, Replicas: replicas})
		return err
	})
}

// createConsumer makes the durable consumer of a worker.
func (r *round) createConsumer(ctx context.Context, host string) error {
	err := eventually(ctx, patience, func(ctx context.Context) error {
		_, err := r.js.CreateConsumer(ctx, "S_"+r.bucket, jetstream.ConsumerConfig{Durable: host, AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: 2 * time.Second, Replicas: len(r.cluster.nodes)})
		return err
	})
	if errors.Is(err, jetstream.ErrConsumerExists) {
		return nil
	}
	return err
}

// restoreConsumers makes the durable consumers anew that the cluster has lost: the workers find them again.
func (r *round) restoreConsumers(ctx context.Context) error {
	for host := range r.hosts {
		err := eventually(ctx, patience, func(ctx context.Context) error {
			_, err := r.js.Consumer(ctx, "S_"+r.bucket, host)
			if errors.Is(err, jetstream.ErrConsumerNotFound) {
				r.check.counts["durables that a cluster lost"]++
				return r.createConsumer(ctx, host)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// orphans are the workers whose durable consumer a server has removed as one that is not in the cluster's log, as it
// knew that log when it had just been started.
func (r *round) orphans() (map[string]bool, error) {
	found := map[string]bool{}
	for _, n := range r.cluster.nodes {
		log, err := os.ReadFile(n.config + ".log")
		if err != nil {
			return nil, err
		}
		for host := range r.hosts {
			if strings.Contains(string(log), "orphaned durable consumer '$G > S_"+r.bucket+" > "+host+"'") {
				found[host] = true
			}
		}
	}
	return found, nil
}

func (r *round) startWorkers(ctx context.Context) error {
	var urls []string
	for _, n := range r.cluster.nodes {
		urls = append(urls, "nats://"+n.proxy.address)
	}
	for name, command := range r.hosts {
		w := &worker{name: name, file: filepath.Join(r.cluster.dir, name+".history"), answers: make(chan string, 10)}
		w.process = program(ctx, command, name, strings.Join(urls, " "), r.bucket, fmt.Sprint(r.random.IntN(1<<30)), w.file,
			fmt.Sprint(r.timeout.Milliseconds()))
		var err error
		if w.in, err = w.process.StdinPipe(); err != nil {
			return err
		}
		out, err := w.process.StdoutPipe()
		if err != nil {
			return err
		}
		if err := w.process.Start(); err != nil {
			return err
		}
		r.workers = append(r.workers, w)
		go w.read(out)
	}
	return r.await("ready")
}

func (w *worker) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		w.answers <- lines.Text()
	}
	_ = w.process.Wait()
	close(w.answers)
}

// tell says a line to all workers, and waits until each has answered.
func (r *round) tell(line, answer string) error {
	for _, w := range r.workers {
		if _, err := fmt.Fprintln(w.in, line); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return r.await(answer)
}

func (r *round) await(answer string) error {
	late := time.After(patience)
	for _, w := range r.workers {
		select {
		case line, alive := <-w.answers:
			if !alive {
				return fmt.Errorf("%s: the process has ended: %v", w.name, w.process.ProcessState)
			}
			if line != answer {
				return fmt.Errorf("%s said %q, not %s", w.name, line, answer)
			}
		case <-late:
			// It tells what it waits for, if its event loop runs. A program of Go's then writes what each goroutine does,
			// and ends.
			_, _ = fmt.Fprintln(w.in, "why")
			time.Sleep(2 * time.Second)
			_ = w.process.Process.Signal(syscall.SIGQUIT)
			time.Sleep(2 * time.Second)
			return fmt.Errorf("%s did not say %s in %v", w.name, answer, patience)
		}
	}
	return nil
}

// torment makes faults for the time of a round.
func (r *round) torment(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.round)
	defer cancel()
	c := &chaos{ctx: ctx, cluster: r.cluster, streams: r.streams(), random: r.random, counts: map[string]int{}}
	if r.calm {
		<-ctx.Done()
	} else {
		c.run()
	}
	for name, n := range c.counts {
		r.check.counts["faults"] += n
		r.check.counts["fault: "+name] += n
	}
	return c.err
}

// examine waits until all is mended and the workers have seen it, and holds it against what they were told.
func (r *round) examine(ctx context.Context) error {
	if err := r.cluster.whole(ctx, r.js, r.streams()); err != nil {
		return fmt.Errorf("waiting for the replicas: %w", err)
	}
	// On a busy machine nats.go may not have its answers in time.
	err := eventually(ctx, patience, func(ctx context.Context) (err error) {
		r.check.kv, err = readStream(ctx, r.js, "KV_"+r.bucket, "$KV."+r.bucket+".")
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the bucket: %w", err)
	}
	err = eventually(ctx, patience, func(ctx context.Context) (err error) {
		r.check.published, err = readStream(ctx, r.js, "S_"+r.bucket, "")
		return err
	})
	if err != nil {
		return fmt.Errorf("reading what was published: %w", err)
	}
	if r.check.digests, err = r.objects(ctx); err != nil {
		return fmt.Errorf("reading the objects: %w", err)
	}
	if err := r.restoreConsumers(ctx); err != nil {
		return fmt.Errorf("looking for the durable consumers: %w", err)
	}
	settled := r.tell(fmt.Sprintf("settle %d %d", r.check.kv.last, len(r.check.published.messages)), "settled")
	if settled != nil {
		r.check.failf("%v; %s", settled, r.consumers(ctx))
	}
	histories := map[string][]*event{}
	for _, w := range r.workers {
		if histories[w.name], err = readHistory(w.name, w.file); err != nil {
			return err
		}
	}
	if r.check.orphans, err = r.orphans(); err != nil {
		return err
	}
	r.check.all(histories)
	return nil
}

// consumers says how far the workers' consumers have come on the server, which may have lost one.
func (r *round) consumers(ctx context.Context) string {
	var all []string
	for host := range r.hosts {
		c, err := r.js.Consumer(ctx, "S_"+r.bucket, host)
		if err != nil {
			all = append(all, fmt.Sprintf("%s: %v", host, err))
			continue
		}
		info := c.CachedInfo()
		all = append(all, fmt.Sprintf("%s: %d of %d, %d wait for acks, %d requests wait", host, info.Delivered.Stream,
			info.Delivered.Stream+info.NumPending, info.NumAckPending, info.NumWaiting))
	}
	return "the consumers have delivered: " + strings.Join(all, "; ")
}

// readTries is how often an object is read before the check says that it cannot be. On a busy machine a read of nats.go's
// may time out, or may find another digest for an object whose chunks are all there.
const readTries = 3

// objects reads all objects, and returns the digest of each.
func (r *round) objects(ctx context.Context) (map[string]string, error) {
	digests := map[string]string{}
	store, err := r.js.ObjectStore(ctx, r.bucket)
	if err != nil {
		return nil, err
	}
	list, err := r.listed(ctx, store)
	if err != nil {
		return nil, err
	}
	for _, info := range list {
		data, err := store.GetBytes(ctx, info.Name)
		for try := 1; err != nil && try < readTries; try++ {
			r.check.counts["objects read again by nats.go"]++
			data, err = store.GetBytes(ctx, info.Name)
		}
		if err != nil {
			r.check.failf("the object %s cannot be read: %v", info.Name, err)
			continue
		}
		digests[info.Name] = digestOf(data)
	}
	return digests, nil
}

// listed are the infos of all objects. nats.go's list ends where a replica announces no more, and one that is behind
// announces too little: the leader is asked how many there are.
func (r *round) listed(ctx context.Context, store jetstream.ObjectStore) (list []*jetstream.ObjectInfo, err error) {
	err = eventually(ctx, patience, func(ctx context.Context) error {
		stream, err := r.js.Stream(ctx, "OBJ_"+r.bucket)
		if err != nil {
			return err
		}
		leaders, err := stream.Info(ctx, jetstream.WithSubjectFilter("$O."+r.bucket+".M.>"))
		if err != nil {
			return err
		}
		list, err = store.List(ctx)
		if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
			return err
		}
		if there := len(leaders.State.Subjects); len(list) < there {
			r.check.counts["lists of objects that ended early"]++
			return fmt.Errorf("%d of %d objects are listed", len(list), there)
		}
		return nil
	})
	return list, err
}

// contentOf is the content of the object that a worker has put under a value.
func contentOf(value string) []byte { return []byte(strings.Repeat(value+"|", 20000)) }

// digestOf is a digest as object stores have it.
func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "SHA-256=" + base64.URLEncoding.EncodeToString(sum[:])
}
