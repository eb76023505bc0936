// SPDX-License-Identifier: Apache-2.0

// Package client is package kv for programs that wait: each call returns its result, or ends with
// its context. It is thin: what is done, and which errors there are, is told in kv.
package client

import (
	"context"
	"time"

	"natstcl/kv"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

// Client is a connection to NATS, with JetStream. Any goroutine may use it.
type Client struct {
	conn *wire.Conn
	js   *js.JetStream
}

// requestTimeout ends a request whose context has no earlier end: it is that of nats::jet_stream.
const requestTimeout = 5 * time.Second

// Connect makes a connection to the first of the servers that can be reached, within ctx. It
// reconnects by itself until Close.
//
// Its errors are those of wire.Conn's Connect, ErrNoServers for instance.
func Connect(ctx context.Context, servers ...string) (*Client, error) {
	return ConnectWith(ctx, wire.DefaultOptions(), servers...)
}

// ConnectWith is Connect with options.
func ConnectWith(ctx context.Context, options wire.Options, servers ...string) (*Client, error) {
	conn := wire.New(options, nil)
	if err := conn.SetServers(servers); err != nil {
		return nil, err
	}
	if err := await(ctx, conn.Connect); err != nil {
		<-conn.Disconnect()
		return nil, err
	}
	j, err := js.New(conn, js.Options{Timeout: requestTimeout})
	if err != nil {
		<-conn.Disconnect()
		return nil, err
	}
	return &Client{conn, j}, nil
}

// Conn is the connection beneath.
func (c *Client) Conn() *wire.Conn { return c.conn }

// JetStream is what buckets stand on.
func (c *Client) JetStream() *js.JetStream { return c.js }

// Close sends what was published, for two seconds at most, and ends the connection. Calls that wait
// get ErrConnectionClosed.
func (c *Client) Close() { <-c.conn.Disconnect() }

// Open finds a bucket that is there. ErrBucketNotFound: there is none.
func (c *Client) Open(ctx context.Context, name string) (*Bucket, error) {
	return c.bucket(ctx, func(done func(*kv.Bucket, error)) error { return kv.BindBucket(c.js, name, done) })
}

// Create makes a bucket. One of the same configuration may be there already.
func (c *Client) Create(ctx context.Context, config kv.BucketConfig) (*Bucket, error) {
	return c.bucket(ctx, func(done func(*kv.Bucket, error)) error { return kv.CreateBucket(c.js, config, done) })
}

func (c *Client) bucket(ctx context.Context, start func(func(*kv.Bucket, error)) error) (*Bucket, error) {
	b, err := kv.Await(ctx, start)
	if err != nil {
		return nil, err
	}
	return &Bucket{b}, nil
}

// Delete removes a bucket with all its keys.
func (c *Client) Delete(ctx context.Context, name string) error {
	return await(ctx, func(done func(error)) error { return kv.DeleteBucket(c.js, name, done) })
}

// Buckets are the names of all buckets.
func (c *Client) Buckets(ctx context.Context) ([]string, error) {
	return kv.Await(ctx, func(done func([]string, error)) error { return kv.Buckets(c.js, done) })
}

// await is kv.Await for an operation that only succeeds or fails.
func await(ctx context.Context, start func(done func(error)) error) error {
	_, err := kv.Await(ctx, func(done func(struct{}, error)) error {
		return start(func(err error) { done(struct{}{}, err) })
	})
	return err
}
