// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"natstcl/kv"
	"natstcl/kv/client"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/server"
)

// A program that puts a value and reads it.
func Example() {
	s, err := server.Start(server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	defer cancel()
	c, err := client.Connect(ctx, s.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	bucket, err := c.Create(ctx, kv.BucketConfig{Bucket: "config", History: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	revision, err := bucket.Put(ctx, "greeting", []byte("hello"))
	fmt.Println(revision, err)
	entry, err := bucket.Get(ctx, "greeting")
	fmt.Printf("%s %v\n", entry.Value, err)
	_, err = bucket.Get(ctx, "farewell")
	fmt.Println(errors.Is(err, fault.New(fault.KeyNotFound, "")))
	// Output:
	// 1 <nil>
	// hello <nil>
	// true
}

// A program that follows a bucket.
func ExampleBucket_Watch() {
	s, err := server.Start(server.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	defer cancel()
	c, err := client.Connect(ctx, s.URL())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	bucket, err := c.Create(ctx, kv.BucketConfig{Bucket: "config", History: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := bucket.Put(ctx, "color", []byte("red")); err != nil {
		fmt.Println(err)
	}
	for entry, err := range bucket.Watch(ctx, ">", kv.WatchOptions{}) {
		switch {
		case err != nil:
			fmt.Println(err)
		case entry == nil:
			fmt.Println("that was what there is; what follows are changes")
			if _, err := bucket.Put(ctx, "color", []byte("blue")); err != nil {
				fmt.Println(err)
			}
			continue
		default:
			fmt.Printf("%s is %s\n", entry.Key, entry.Value)
			if entry.Revision < 2 {
				continue
			}
		}
		break
	}
	// Output:
	// color is red
	// that was what there is; what follows are changes
	// color is blue
}

func start(t *testing.T) (context.Context, *client.Client) {
	t.Helper()
	s := jstest.StartServer(t, server.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	t.Cleanup(cancel)
	c, err := client.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return ctx, c
}

func TestEachCallReturnsItsResultOrItsError(t *testing.T) {
	ctx, c := start(t)
	if _, err := c.Open(ctx, "b"); fault.CodeOf(err) != fault.BucketNotFound {
		t.Fatalf("a bucket that is not there: %v", err)
	}
	b, err := c.Create(ctx, kv.BucketConfig{Bucket: "b", History: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(ctx, "b"); err != nil || b.Name() != "b" {
		t.Fatal(err)
	}
	first, err := b.Create(ctx, "k", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(ctx, "k", nil); fault.CodeOf(err) != fault.WrongLastSequence {
		t.Errorf("create of a key that is there: %v", err)
	}
	second, err := b.Update(ctx, "k", []byte("2"), first)
	if err != nil || second <= first {
		t.Errorf("update: %d, %v", second, err)
	}
	if old, err := b.GetRevision(ctx, "k", first); err != nil || string(old.Value) != "1" {
		t.Errorf("the first revision: %+v, %v", old, err)
	}
	if err := b.Delete(ctx, "k", first); fault.CodeOf(err) != fault.WrongLastSequence {
		t.Errorf("delete of an old revision: %v", err)
	}
	if keys, err := b.Keys(ctx); err != nil || len(keys) != 1 {
		t.Errorf("keys: %v, %v", keys, err)
	}
	if err := b.Delete(ctx, "k", second); err != nil {
		t.Error(err)
	}
	if entries, err := b.History(ctx, "k"); err != nil || len(entries) != 3 || entries[2].Operation != kv.Delete {
		t.Errorf("history: %+v, %v", entries, err)
	}
	if err := b.Purge(ctx, "k"); err != nil {
		t.Error(err)
	}
	if status, err := b.Status(ctx); err != nil || status.Text("bucket") != "b" {
		t.Errorf("status: %v, %v", status, err)
	}
	if names, err := c.Buckets(ctx); err != nil || len(names) != 1 || names[0] != "b" {
		t.Errorf("buckets: %v, %v", names, err)
	}
	if err := c.Delete(ctx, "b"); err != nil {
		t.Error(err)
	}
}

func TestAContextEndsACallAndAWatch(t *testing.T) {
	ctx, c := start(t)
	b, err := c.Create(ctx, kv.BucketConfig{Bucket: "b", History: 1})
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.Get(over, "k"); !errors.Is(err, context.Canceled) && fault.CodeOf(err) != fault.KeyNotFound {
		t.Errorf("a call whose context is over: %v", err)
	}
	watched, stop := context.WithCancel(ctx)
	defer stop()
	var last error
	for entry, err := range b.Watch(watched, ">", kv.WatchOptions{}) {
		if last = err; err == nil && entry == nil {
			stop()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the watch ended with %v", last)
	}
	for _, err := range b.Watch(ctx, "", kv.WatchOptions{}) {
		last = err
	}
	if fault.CodeOf(last) != fault.BadSubject && fault.CodeOf(last) != fault.InvalidArg {
		t.Errorf("a watch of nothing: %v", last)
	}
}
