// SPDX-License-Identifier: Apache-2.0

package kv_test

import (
	"fmt"
	"testing"

	"natstcl/kv"
	"natstcl/kv/internal/jstest"
)

// Whoever is told the outcomes may use the memory of the pairs anew. (The race detector sees who still reads it.)
func TestThePairsOfPutManyAreTheCallersAgain(t *testing.T) {
	b := newBucket(t, jstest.Start(t), 1)
	value, other := []byte("v"), make([]byte, 200<<10)
	pairs := make([]kv.KeyValue, 3)
	for range 100 {
		for i := range pairs {
			pairs[i] = kv.KeyValue{Key: fmt.Sprint("k", i), Value: value}
		}
		ended := make(chan struct{})
		b.PutMany(pairs, kv.ManyOptions{}, func([]kv.Outcome) {
			for i := range pairs {
				pairs[i].Value = other
			}
			close(ended)
		})
		<-ended
	}
}
