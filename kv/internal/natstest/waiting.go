// SPDX-License-Identifier: Apache-2.0

// Package natstest is what the tests of the core share: servers, a proxy before them, and waiting for what shall be.
// It knows nothing of the core, so that every package can be tested with it; what makes connections is package jstest.
package natstest

import (
	"errors"
	"testing"
	"time"
)

// Patience bounds everything that a test waits for. It is generous: it only matters where something is wrong.
const Patience = 60 * time.Second

// Await starts an operation of the core's, and returns what it calls done with.
func Await[T any](t testing.TB, start func(done func(T, error)) error) (T, error) {
	t.Helper()
	type result struct {
		value T
		err   error
	}
	ended := make(chan result, 1)
	if err := start(func(v T, err error) { ended <- result{v, err} }); err != nil {
		return *new(T), err
	}
	timer := time.NewTimer(Patience)
	defer timer.Stop()
	select {
	case r := <-ended:
		return r.value, r.err
	case <-timer.C:
		return *new(T), errors.New("it has not ended in " + Patience.String())
	}
}

// Wait is Await for what must not fail.
func Wait[T any](t testing.TB, start func(done func(T, error)) error) T {
	t.Helper()
	v, err := Await(t, start)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Plain makes of an operation without a result one that Await takes.
func Plain(start func(done func(error)) error) func(func(struct{}, error)) error {
	return func(done func(struct{}, error)) error {
		return start(func(err error) { done(struct{}{}, err) })
	}
}

// Ended is Await for an operation without a result.
func Ended(t testing.TB, start func(done func(error)) error) error {
	t.Helper()
	_, err := Await(t, Plain(start))
	return err
}

// Do is Wait for an operation without a result.
func Do(t testing.TB, start func(done func(error)) error) {
	t.Helper()
	Wait(t, Plain(start))
}

// Eventually waits until something holds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time: " + what)
		}
	}
}
