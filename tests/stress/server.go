// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A node is one nats-server, a process of its own with a store of its own, which can be killed and
// comes up again with what it has stored. Clients reach it by its proxy alone.
type node struct {
	name    string
	program string
	config  string
	port    int
	process *exec.Cmd // nil while it is down
	proxy   *proxy
}

// A cluster is all nodes of a run, one or three.
type cluster struct {
	dir   string
	nodes []*node
}

const nodeConfig = `
server_name: %[1]s
listen: "127.0.0.1:%[2]d"
client_advertise: %[3]q
jetstream { store_dir: %[4]q, max_buffered_msgs: 100000, max_mem: 64MB, max_file: 8GB }
`

const clusterConfig = `
cluster { name: stress, listen: "127.0.0.1:%d", routes: [%s] }
`

// freePorts returns ports that nothing listens on now.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// newCluster starts so many nodes in a directory of their own. Where it fails, what it returns is to be closed, too.
func newCluster(ctx context.Context, program string, size int) (*cluster, error) {
	c := &cluster{}
	dir, err := os.MkdirTemp("", "nats-stress-")
	if err != nil {
		return c, err
	}
	c.dir = dir
	ports, err := freePorts(2 * size)
	if err != nil {
		return c, err
	}
	var routes []string
	for _, port := range ports[size:] {
		routes = append(routes, fmt.Sprintf("%q", fmt.Sprintf("nats://127.0.0.1:%d", port)))
	}
	for i, port := range ports[:size] {
		n := &node{name: fmt.Sprintf("n%d", i+1), program: program, port: port}
		if n.proxy, err = startProxy(fmt.Sprintf("127.0.0.1:%d", port)); err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, n)
		n.config = filepath.Join(dir, n.name+".conf")
		text := fmt.Sprintf(nodeConfig, n.name, port, n.proxy.address, filepath.Join(dir, n.name))
		if size > 1 {
			text += fmt.Sprintf(clusterConfig, ports[size+i], strings.Join(routes, ","))
		}
		if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
			return c, err
		}
		if err := n.start(); err != nil {
			return c, err
		}
	}
	return c, c.ready(ctx)
}

// start runs the node's server. It belongs to this process: it is killed where this one dies.
func (n *node) start() error {
	process := exec.Command(n.program, "-c", n.config, "-l", n.config+".log")
	process.SysProcAttr = ownChild()
	if err := process.Start(); err != nil {
		return err
	}
	n.process = process
	return nil
}

// end ends it by a signal, and waits until it is gone.
func (n *node) end(signal syscall.Signal) {
	if n.process != nil {
		_ = n.process.Process.Signal(signal)
		_ = n.process.Wait()
		n.process = nil
	}
}

func (n *node) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.port) }

// connect returns a connection to the nodes themselves, past the proxies.
func (c *cluster) connect() (*nats.Conn, jetstream.JetStream, error) {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, n.url())
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.IgnoreDiscoveredServers(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.RetryOnFailedConnect(true))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	return nc, js, err
}

// ready waits until streams of as many replicas as there are nodes can be made.
func (c *cluster) ready(ctx context.Context) error {
	nc, js, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	return eventually(ctx, 45*time.Second, func(ctx context.Context) error {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ready", Replicas: len(c.nodes)})
		if err == nil {
			_ = js.DeleteStream(ctx, "ready")
		}
		return err
	})
}

// whole waits until every replica of the streams is up and has all that its leader has.
func (c *cluster) whole(ctx context.Context, js jetstream.JetStream, streams []string) error {
	for _, name := range streams {
		err := eventually(ctx, 2*time.Minute, func(ctx context.Context) error {
			stream, err := js.Stream(ctx, name)
			if err != nil {
				return err
			}
			info := stream.CachedInfo()
			if len(c.nodes) == 1 {
				return nil
			}
			if info.Cluster == nil || info.Cluster.Leader == "" {
				return errors.New(name + " has no leader")
			}
			for _, replica := range info.Cluster.Replicas {
				if replica.Offline || !replica.Current || replica.Lag > 0 {
					return fmt.Errorf("%s: replica %s is behind", name, replica.Name)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eventually tries again until it goes well, or the time is over: the last error then.
func eventually(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	end := time.Now().Add(limit)
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := try(attempt)
		cancel()
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (c *cluster) close() {
	for _, n := range c.nodes {
		n.end(syscall.SIGKILL)
		n.proxy.close()
	}
	_ = os.RemoveAll(c.dir)
}
