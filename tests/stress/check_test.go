// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

// bucketOf makes a stream of messages "key value", or "key -" for a deletion.
func bucketOf(messages ...string) *stream {
	s := newStream()
	for i, text := range messages {
		key, value, _ := strings.Cut(text, " ")
		s.add(uint64(i+1), message{key: key, value: strings.TrimPrefix(value, "-"), marker: value == "-", stored: int64(10 * (i + 1))})
	}
	return s
}

// checked holds a history, of lines with blanks for tabs, against a bucket.
func checked(t *testing.T, bucket *stream, lines ...string) *check {
	t.Helper()
	c := &check{kv: bucket, published: newStream(), digests: map[string]string{}, timeout: time.Second, margin: time.Second, counts: map[string]int{}}
	var events []*event
	for _, line := range lines {
		e, err := parse("w", strings.ReplaceAll(strings.ReplaceAll(line, " ", "\t"), "~", " "))
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	byKey := map[string][]*event{}
	for _, e := range events {
		c.ended(e)
		c.stored(e)
		if e.isCall() && strings.HasPrefix(e.key, "l") {
			byKey[e.key] = append(byKey[e.key], e)
		}
	}
	for key, list := range byKey {
		c.linear(key, list)
	}
	c.pairs()
	return c
}

func TestWhatIsRightPasses(t *testing.T) {
	bucket := bucketOf("l1 a", "l1 b", "l1 -", "l1 c")
	bucket.replicas = true
	c := checked(t, bucket,
		"put 10 20 l1 a 0 ok 1",
		"get 21 25 l1 - 0 ok 1~a",
		"update 30 40 l1 b 1 ok 2",
		"update 41 42 l1 x 1 NATS~ErrWrongLastSequence no",
		"delete 50 60 l1 - 0 ok 0",
		"get 61 62 l1 - 0 NATS~ErrKeyNotFound no",
		"create 70 80 l1 c 0 NATS~ErrTimeout no", // it was done all the same
		"get 90 95 l1 - 0 ok 4~c",
		// The leader has proposed the first one, and refuses by it.
		"update 100 120 l1 y 4 NATS~ErrTimeout no",
		"update 110 115 l1 z 4 NATS~ErrWrongLastSequence no")
	if len(c.faults) > 0 {
		t.Error(c.faults)
	}
}

func TestWhatIsWrongIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		bucket *stream
		lines  []string
		want   string
	}{
		"a lost write":           {bucketOf("l1 b"), []string{"put 10 20 l1 a 0 ok 1"}, "acknowledged"},
		"another place":          {bucketOf("l1 b", "l1 a"), []string{"put 10 20 l1 a 0 ok 1"}, "acknowledged"},
		"refused and stored":     {bucketOf("l1 a"), []string{"create 10 20 l1 a 0 NATS~ErrWrongLastSequence no"}, "refused"},
		"a stale read":           {bucketOf("l1 a", "l1 b"), []string{"put 10 20 l1 a 0 ok 1", "put 30 40 l1 b 0 ok 2", "get 50 60 l1 - 0 ok 1~a"}, "no order"},
		"a refusal without need": {bucketOf("l1 a"), []string{"put 10 20 l1 a 0 ok 1", "update 30 40 l1 b 1 NATS~ErrWrongLastSequence no"}, "no order"},
		"writes in wrong order":  {bucketOf("l1 b", "l1 a"), []string{"put 10 20 l1 a 0 ok 2", "put 30 40 l1 b 0 ok 1"}, "no order"},
		"two creates":            {bucketOf("l1 a", "l1 b"), []string{"create 10 20 l1 a 0 ok 1", "create 30 40 l1 b 0 ok 2"}, "no order"},
		"a lost deletion":        {bucketOf("l1 a"), []string{"put 10 20 l1 a 0 ok 1", "delete 30 40 l1 - 0 ok 0"}, "deletions"},
		"half of a batch":        {bucketOf("p1.x a"), []string{"atomic 10 20 p1 a 0 NATS~ErrTimeout no"}, "half"},
		"a late end":             {bucketOf(), []string{"request 10 9000010 e a 0 NATS~ErrTimeout no"}, "took"},
		"an unknown error":       {bucketOf(), []string{"request 10 20 e a 0 NONE no"}, "not documented"},
		"another answer":         {bucketOf(), []string{"request 10 20 e a 0 ok b"}, "another answer"},
		"one of many is lost":    {bucketOf("m0 a.0"), []string{"put_many 10 20 m a 2 ok 1,2"}, "number 1"},
	} {
		t.Run(name, func(t *testing.T) {
			if found := strings.Join(checked(t, test.bucket, test.lines...).faults, "\n"); !strings.Contains(found, test.want) {
				t.Errorf("found %q", found)
			}
		})
	}
}

func TestWatchersAreHeldAgainstTheStream(t *testing.T) {
	right := []string{"current 1 0 - - 0 ok 1", "current 1 0 - - 0 ok 2", "seen 1 0 a x 1 ok PUT", "seen 1 0 a y 2 ok PUT", "seen 1 0 b z 3 ok PUT",
		"seen 2 0 a x 1 ok PUT", "seen 2 0 a y 2 ok PUT", "seen 2 0 b z 3 ok PUT",
		"cache 0 0 a y 0 ok 0", "cache 0 0 b z 0 ok 0", "cache2 0 0 a y 0 ok 0", "cache2 0 0 b z 0 ok 0"}
	for name, test := range map[string]struct {
		change map[int]string // line -> what stands there instead
		want   string
	}{
		"right":        {nil, ""},
		"twice":        {map[int]string{3: "seen 1 0 a x 1 ok PUT"}, "twice"},
		"left out":     {map[int]string{3: ""}, "not seen before it"},
		"final":        {map[int]string{4: ""}, "saw b at 0 last"},
		"wrong value":  {map[int]string{2: "seen 1 0 a y 1 ok PUT"}, "the stream has"},
		"told twice":   {map[int]string{1: "current 1 0 - - 0 ok 1"}, "told twice"},
		"array behind": {map[int]string{8: "cache 0 0 a x 0 ok 0"}, "the array cache"},
		"array more":   {map[int]string{9: "cache 0 0 c z 0 ok 0"}, "the array cache"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &check{kv: bucketOf("a x", "a y", "b z"), published: newStream(), counts: map[string]int{}}
			var events []*event
			for i, line := range right {
				if other, changed := test.change[i]; changed {
					line = other
				}
				if line == "" {
					continue
				}
				e, err := parse("w", strings.ReplaceAll(line, " ", "\t"))
				if err != nil {
					t.Fatal(err)
				}
				events = append(events, e)
			}
			c.watched("w", events)
			if found := strings.Join(c.faults, "\n"); (test.want == "") != (found == "") || !strings.Contains(found, test.want) {
				t.Errorf("found %q", found)
			}
		})
	}
}
