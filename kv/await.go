// SPDX-License-Identifier: Apache-2.0

package kv

import "context"

// Await starts an operation and waits for its end, or for ctx: the operation goes on
// then, and its result is dropped. It must not be called by a goroutine of the
// connection (in a handler or a done function), which has the result to bring.
func Await[T any](ctx context.Context, start func(done func(T, error)) error) (T, error) {
	type result struct {
		value T
		err   error
	}
	ch := make(chan result, 1)
	if err := start(func(v T, err error) { ch <- result{v, err} }); err != nil {
		var none T
		return none, err
	}
	select {
	case r := <-ch:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
