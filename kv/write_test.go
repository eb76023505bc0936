// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv"
	"natstcl/kv/fault"
	"natstcl/kv/internal/jstest"
	"natstcl/kv/internal/natstest"
	"natstcl/kv/js"
	"natstcl/kv/server"
)

// try is wait for operations that may fail.
func try[T any](start func(done func(T, error)) error) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	defer cancel()
	return kv.Await(ctx, start)
}

func createKey(b *kv.Bucket, key, value string, options ...kv.WriteOption) (uint64, error) {
	return try(func(done func(uint64, error)) error { return b.Create(key, []byte(value), done, options...) })
}

func TestAKeyWithATimeToLiveGoesAndLeavesAMarkerThatSaysWhy(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test", LimitMarkerTTL: time.Minute})
	if _, err := createKey(b, "k", "v", kv.WithTTL(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := createKey(b, "k", "w"); fault.CodeOf(err) != "ErrWrongLastSequence" {
		t.Errorf("got %v", err)
	}
	natstest.Eventually(t, "the end of the key", func() bool { _, err := get(b, "k"); return fault.CodeOf(err) == "ErrKeyNotFound" })
	var marker kv.Entry
	natstest.Eventually(t, "the marker", func() bool {
		var err error
		marker, err = try(func(done func(kv.Entry, error)) error { return b.Read("k", kv.ReadOptions{Deleted: true}, done) })
		return err == nil
	})
	if marker.Operation != kv.Purge || marker.Reason != "MaxAge" {
		t.Errorf("got %+v", marker)
	}
	if _, err := createKey(b, "k", "again"); err != nil {
		t.Errorf("after the marker: %v", err)
	}
}

func TestATimeToLiveIsRefusedWhereItWouldNotDoWhatItSays(t *testing.T) {
	j := jstest.Start(t)
	plain := create(t, j, kv.BucketConfig{Bucket: "plain"})
	if _, err := createKey(plain, "k", "v", kv.WithTTL(time.Minute)); fault.CodeOf(err) != "ErrNotSupported" {
		t.Errorf("got %v", err)
	}
	deep := create(t, j, kv.BucketConfig{Bucket: "deep", History: 2, LimitMarkerTTL: time.Minute})
	_, err := try(func(done func(uint64, error)) error { return deep.Put("k", nil, done, kv.WithTTL(time.Minute)) })
	if fault.CodeOf(err) != "ErrInvalidArg" {
		t.Errorf("got %v", err)
	}
	if _, err := createKey(deep, "k", "v", kv.WithTTL(time.Millisecond)); fault.CodeOf(err) != "ErrInvalidArg" {
		t.Errorf("got %v", err)
	}
	// It is asked for again: the bucket may have been changed since it was bound.
	if err := update(j, "plain", func(c *kv.BucketConfig) { c.LimitMarkerTTL = time.Minute }); err != nil {
		t.Fatal(err)
	}
	if _, err := createKey(plain, "k", "v", kv.WithTTL(kv.Forever)); err != nil {
		t.Error(err)
	}
}

func TestTouchKeepsTheValueAndItsHeaders(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test", LimitMarkerTTL: time.Minute})
	if _, err := createKey(b, "k", "v", kv.WithTTL(time.Hour), kv.WithHeader(nats.Header{"Who": {"me"}})); err != nil {
		t.Fatal(err)
	}
	for _, want := range []time.Duration{time.Hour, time.Minute} {
		var options []kv.WriteOption
		if want != time.Hour {
			options = append(options, kv.WithTTL(want))
		}
		revision := natstest.Wait(t, func(done func(uint64, error)) error { return b.Touch("k", done, options...) })
		e, err := get(b, "k")
		if err != nil || e.Revision != revision || string(e.Value) != "v" || e.TTL != want || e.Header.Get("Who") != "me" {
			t.Errorf("got %+v, %v", e, err)
		}
	}
	if _, err := try(func(done func(uint64, error)) error { return b.Touch("none", done) }); fault.CodeOf(err) != "ErrKeyNotFound" {
		t.Errorf("got %v", err)
	}
}

// Many touch and count at once: what one wrote is in what the other touches.
func TestTouchLosesNoWriteThatComesInBetween(t *testing.T) {
	j := jstest.Start(t)
	b := create(t, j, kv.BucketConfig{Bucket: "test"})
	put(t, b, "k", "0")
	ended := make(chan error, 40)
	for i := range 40 {
		var err error
		if i%2 == 0 {
			err = b.Touch("k", func(_ uint64, err error) { ended <- err })
		} else {
			err = b.Put("k", []byte{byte(i)}, func(_ uint64, err error) { ended <- err })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 40 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if e, err := get(b, "k"); err != nil || len(e.Value) != 1 || e.Value[0] != 39 {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestAPurgeMayDependOnARevision(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 5)
	revision := put(t, b, "k", "v")
	purge := func(revision uint64) error {
		_, err := try(natstest.Plain(func(done func(error)) error { return b.Purge("k", done, kv.WithRevision(revision)) }))
		return err
	}
	if err := purge(revision + 1); fault.CodeOf(err) != "ErrWrongLastSequence" {
		t.Errorf("got %v", err)
	}
	if err := purge(revision); err != nil {
		t.Error(err)
	}
	if err := purge(1 << 63); fault.CodeOf(err) != "ErrInvalidArg" {
		t.Errorf("got %v", err)
	}
}

func TestHeadersOfTheBucketsOwnAreRefused(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	for _, name := range []string{"Nats-TTL", "nats-msg-id", "KV-Operation"} {
		_, err := try(func(done func(uint64, error)) error {
			return b.Put("k", nil, done, kv.WithHeader(nats.Header{name: {"x"}}))
		})
		if fault.CodeOf(err) != "ErrInvalidArg" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyValuesArePutInOrderAndEachIsToldOf(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	pairs := make([]kv.KeyValue, 5000)
	for i := range pairs {
		pairs[i] = kv.KeyValue{Key: fmt.Sprintf("k%d", i), Value: []byte("v")}
	}
	pairs[17].Key = "no key!"
	told := 0
	outcomes := natstest.Wait(t, func(done func([]kv.Outcome, error)) error {
		b.PutMany(pairs, kv.ManyOptions{InFlight: 100, Progress: func(done, total int) bool { told++; return total == len(pairs) }},
			func(out []kv.Outcome) { done(out, nil) })
		return nil
	})
	last := uint64(0)
	for i, o := range outcomes {
		switch {
		case i == 17:
			if fault.CodeOf(o.Err) != "ErrInvalidArg" {
				t.Errorf("got %+v", o)
			}
		case o.Err != nil || o.Revision != last+1 || o.Key != pairs[i].Key:
			t.Fatalf("%d: got %+v after %d", i, o, last)
		default:
			last = o.Revision
		}
	}
	if told != len(pairs) {
		t.Errorf("progress was told %d times", told)
	}
}

// Of large values fewer are under way than may wait for a server, whether it takes them or not.
func TestManyLargeValuesArePutAFewAtATime(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	proxy := natstest.StartProxy(t, s.URL())
	j := jstest.Connect(t, proxy.URL(), natstest.Patience)
	b := newBucket(t, j, 1)
	const size, most, window = 300 << 10, 64 << 20, 4 << 20
	pairs := make([]kv.KeyValue, most/size+20)
	for i := range pairs {
		pairs[i] = kv.KeyValue{Key: fmt.Sprintf("k%d", i), Value: make([]byte, size)}
	}
	proxy.Freeze()
	ended := make(chan []kv.Outcome, 1)
	b.PutMany(pairs, kv.ManyOptions{}, func(out []kv.Outcome) { ended <- out })
	if n := j.Conn().Buffered(); n > window+size {
		t.Errorf("%d bytes wait", n)
	}
	proxy.Thaw()
	for _, o := range <-ended {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
}

// However many may be under way.
func TestManyPutsEndWithAnyWindow(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	pairs := make([]kv.KeyValue, 20)
	for i := range pairs {
		pairs[i] = kv.KeyValue{Key: fmt.Sprintf("k%d", i), Value: make([]byte, i*50<<10)}
	}
	for _, window := range []int{1, 2, 7, 1 << 20, math.MaxInt32, math.MaxInt} {
		outcomes := natstest.Wait(t, func(done func([]kv.Outcome, error)) error {
			b.PutMany(pairs, kv.ManyOptions{InFlight: window}, func(out []kv.Outcome) { done(out, nil) })
			return nil
		})
		for _, o := range outcomes {
			if o.Err != nil {
				t.Errorf("%d: %v", window, o.Err)
			}
		}
	}
}

func TestManyPutsStopWhereTheyAreCanceledOrTheBucketIsGone(t *testing.T) {
	j := jstest.Start(t)
	b := newBucket(t, j, 1)
	pairs := make([]kv.KeyValue, 1000)
	for i := range pairs {
		pairs[i].Key = fmt.Sprintf("k%d", i)
	}
	run := func(o kv.ManyOptions) map[string]int {
		outcomes := natstest.Wait(t, func(done func([]kv.Outcome, error)) error {
			b.PutMany(pairs, o, func(out []kv.Outcome) { done(out, nil) })
			return nil
		})
		codes := map[string]int{}
		for _, o := range outcomes {
			codes[fault.CodeOf(o.Err)]++
		}
		return codes
	}
	codes := run(kv.ManyOptions{InFlight: 10, Progress: func(done, _ int) bool { return done < 50 }})
	if codes[""] < 50 || codes["ErrCanceled"] < 800 {
		t.Errorf("canceled: %v", codes)
	}
	natstest.Do(t, func(done func(error)) error { return kv.DeleteBucket(j, "test", done) })
	codes = run(kv.ManyOptions{InFlight: 10})
	if codes["ErrBucketNotFound"] == 0 || codes["ErrBucketNotFound"]+codes["ErrCanceled"] != len(pairs) {
		t.Errorf("gone: %v", codes)
	}
}

// A refusal alone does not say that the key exists: its deletion may have left a marker. Where nobody answers what is there,
// create and atomic say that, and updates alone that they were refused.
func TestACreateWhoseReasonIsUnknownDoesNotSayThatTheKeyExists(t *testing.T) {
	s := jstest.StartServer(t, server.Options{})
	b := create(t, jstest.Connect(t, s.URL(), natstest.Patience), kv.BucketConfig{Bucket: "test", AllowAtomic: true})
	natstest.Wait(t, func(done func(uint64, error)) error { return b.Put("k", []byte("v"), done) })
	natstest.Do(t, func(done func(error)) error { return b.Delete("k", 0, done) })
	other := jstest.Native(t, s.URL())
	if _, err := other.Subscribe("mute.>", func(m *nats.Msg) {
		subject := strings.TrimPrefix(m.Subject, "mute.")
		if strings.HasPrefix(subject, "STREAM.MSG.GET.") {
			return
		}
		if !strings.HasPrefix(subject, "$KV.") {
			subject = "$JS.API." + subject
		}
		_ = other.PublishMsg(&nats.Msg{Subject: subject, Reply: m.Reply, Header: m.Header, Data: m.Data})
	}); err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	// As long as the rest of it needs on a busy machine.
	j, err := js.New(jstest.Dial(t, s.URL()), js.Options{Timeout: 2 * time.Second, APIPrefix: "mute"})
	if err != nil {
		t.Fatal(err)
	}
	mute := natstest.Wait(t, func(done func(*kv.Bucket, error)) error { return kv.BindBucket(j, "test", done) })
	revision := uint64(1)
	creates, updates := kv.Change{What: "create", Key: "k"}, kv.Change{What: "update", Key: "k", Revision: &revision}
	for _, test := range []struct {
		name, code string
		start      func(done func(error)) error
	}{
		{"create", "ErrTimeout", func(done func(error)) error {
			return mute.Create("k", nil, func(_ uint64, err error) { done(err) })
		}},
		{"atomic create", "ErrTimeout", func(done func(error)) error {
			return mute.Atomic([]kv.Change{creates}, func(_ []uint64, err error) { done(err) })
		}},
		{"atomic update", "ErrWrongLastSequence", func(done func(error)) error {
			return mute.Atomic([]kv.Change{updates}, func(_ []uint64, err error) { done(err) })
		}},
	} {
		if err := natstest.Ended(t, test.start); fault.CodeOf(err) != test.code {
			t.Errorf("%s: got %s %v, want %s", test.name, fault.CodeOf(err), err, test.code)
		}
	}
}
