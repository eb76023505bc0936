// SPDX-License-Identifier: Apache-2.0

package js

import (
	"slices"
	"sync"
	"testing"
	"time"

	"natstcl/kv/fault"
)

// slowly is who is told of errors, and takes time for the first.
type slowly struct {
	begun, goOn chan bool
	mu          sync.Mutex
	told        []string
}

func (s *slowly) hear(e *fault.Error) {
	if e.Text == "trouble" {
		close(s.begun)
		<-s.goOn
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, e.Text)
}

// endsLast has a trouble told, and in the middle of that the end, which has to wait.
func endsLast(t *testing.T, s *slowly, l *lifetime, fail, end func(*fault.Error)) {
	t.Helper()
	var both sync.WaitGroup
	both.Go(func() { fail(fault.New(fault.Timeout, "trouble")) })
	<-s.begun
	both.Go(func() { end(fault.New(fault.ConnectionClosed, "stopped")) })
	for stopped := false; !stopped; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		stopped = l.stopped
		l.mu.Unlock()
	}
	time.Sleep(20 * time.Millisecond) // in which it must not be told
	close(s.goOn)
	both.Wait()
	fail(fault.New(fault.Timeout, "too late"))
	if want := []string{"trouble", "stopped"}; !slices.Equal(s.told, want) {
		t.Errorf("%q", s.told)
	}
}

func TestTheEndOfAReadingIsToldLast(t *testing.T) {
	s := &slowly{begun: make(chan bool), goOn: make(chan bool)}
	r := &reading{failed: s.hear, ended: s.hear}
	endsLast(t, s, &r.lifetime, r.failOnce, r.end)
}

func TestTheEndOfAnOrderedConsumerIsToldLast(t *testing.T) {
	s := &slowly{begun: make(chan bool), goOn: make(chan bool)}
	c := &OrderedConsumer{created: true, config: OrderedConfig{Failed: s.hear}}
	endsLast(t, s, &c.lifetime, c.fail, c.end)
}
