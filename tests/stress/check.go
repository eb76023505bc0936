// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"natstcl/kv/fault"
)

// A check holds what the workers say against what the server has. What it finds is in faults, in words.
type check struct {
	kv, published *stream
	orphans       map[string]bool   // workers whose durable consumer a server has removed by itself
	digests       map[string]string // object -> the digest of what is stored, computed from it
	timeout       time.Duration     // of each request
	margin        time.Duration     // that a busy machine may take longer
	faults        []string
	counts        map[string]int
}

func (c *check) failf(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// all checks the whole of a round.
func (c *check) all(histories map[string][]*event) {
	byKey := map[string][]*event{}
	objects := map[string][]*event{}
	for worker, events := range histories {
		c.watched(worker, events)
		c.consumed(worker, events)
		for _, e := range events {
			c.ended(e)
			c.stored(e)
			switch {
			case e.what == "object":
				objects[e.key] = append(objects[e.key], e)
			case strings.HasPrefix(e.key, "l") && e.what != "direct" && e.isCall():
				byKey[e.key] = append(byKey[e.key], e)
			}
		}
	}
	for _, value := range append(c.kv.twice, c.published.twice...) {
		c.failf("stored twice: %s", value)
	}
	for key, events := range byKey {
		c.linear(key, events)
	}
	for object, events := range objects {
		c.object(object, events)
	}
	c.pairs()
}

// The longest that a call may wait, in requests: one after the other, each with the timeout.
var requests = map[string]int{"create": 4, "object": 6}

var documented = func() map[string]bool {
	codes := map[string]bool{}
	for _, row := range fault.Table {
		codes["NATS "+row.Code] = true
	}
	return codes
}()

// ended checks that a call has ended in time, as it should.
func (c *check) ended(e *event) {
	if !e.ok() && !documented[e.code] {
		c.failf("an error that is not documented: %s", e)
	}
	if e.what == "bgerror" {
		c.failf("an error in the background: %s", e)
	}
	if !e.isCall() {
		return
	}
	c.counts[e.what+" "+e.code]++
	limit := time.Duration(max(1, requests[e.what]))*c.timeout + c.margin
	if took := time.Duration(e.end-e.begin) * time.Microsecond; took > limit {
		c.failf("took %v, where %v is the limit: %s", took, limit, e)
	}
}

// stored checks that what was acknowledged is where it was said to be, and what was refused is not there.
func (c *check) stored(e *event) {
	switch e.what {
	case "put", "create", "update":
		place, there := c.kv.places[e.key][e.value]
		switch {
		case e.ok() && place != e.revision():
			c.failf("acknowledged, and the stream has it at %d: %s", place, e)
		case e.code == refused && there:
			c.failf("refused, and the stream has it at %d: %s", place, e)
		}
		c.acknowledged(e, 1)
	case "atomic":
		c.acknowledged(e, 2)
		for i, end := range []string{".x", ".y"} {
			place, there := c.kv.places[e.key+end][e.value]
			if words := strings.Fields(e.result); e.ok() && (len(words) != 2 || number(words[i]) != place) {
				c.failf("acknowledged, and the stream has %s at %d: %s", end, place, e)
			}
			if e.code == refused && there {
				c.failf("refused, and the stream has it at %d: %s", place, e)
			}
		}
	case "put_many":
		c.many(e)
	case "publish":
		c.acknowledged(e, 1)
		if place := c.published.places["s."+e.worker][e.value]; e.ok() && place != e.revision() {
			c.failf("acknowledged, and the stream has it at %d: %s", place, e)
		}
	case "direct":
		if words := strings.Fields(e.result); e.ok() && (len(words) != 2 || c.kv.places[e.key][words[1]] != number(words[0])) {
			c.failf("this was never so: %s", e)
		}
	case "request":
		if e.ok() && e.result != e.value {
			c.failf("another answer: %s", e)
		}
	}
}

func (c *check) many(e *event) {
	if !e.ok() {
		return
	}
	revisions := strings.Split(e.result, ",")
	if uint64(len(revisions)) != e.expected {
		c.failf("%d revisions of %d values: %s", len(revisions), e.expected, e)
		return
	}
	for i, text := range revisions {
		if revision := number(text); revision > 0 {
			c.acknowledged(e, 1)
			if place := c.kv.places[fmt.Sprintf("m%d", i)][fmt.Sprintf("%s.%d", e.value, i)]; place != revision {
				c.failf("acknowledged number %d at %d, and the stream has it at %d: %s %s", i, revision, place, e.worker, e.value)
			}
		}
	}
}

// acknowledged counts writes.
func (c *check) acknowledged(e *event, n int) {
	if e.ok() {
		c.counts["acknowledged writes"] += n
	}
}

// pairs checks that keys that are written together change together.
func (c *check) pairs() {
	for key, places := range c.kv.places {
		if pair, isX := strings.CutSuffix(key, ".x"); isX || strings.HasSuffix(key, ".y") {
			other := pair + ".y"
			if !isX {
				other = strings.TrimSuffix(key, ".y") + ".x"
			}
			for value := range places {
				if _, there := c.kv.places[other][value]; !there {
					c.failf("half of a batch: %s is %s, %s never was", key, value, other)
				}
			}
		}
	}
}

// watched checks what watchers saw: in the stream's order, none twice, none left out behind the first data, the last
// value of each key; and that their arrays are the bucket.
func (c *check) watched(worker string, events []*event) {
	last := map[string]uint64{}   // watcher -> what it saw last
	current := map[string]int64{} // watcher -> when it was told that its first data is complete
	arrays := map[string]map[string]string{"cache": {}, "cache2": {}}
	finals := map[string]map[string]uint64{"1": {}, "2": {}}
	for _, e := range events {
		switch e.what {
		case "current":
			if _, twice := current[e.result]; twice {
				c.failf("%s: watcher %s was told twice that its first data is complete", worker, e.result)
			}
			current[e.result] = e.begin
		case "seen":
			c.saw(e, last, current)
			finals[watcherOf(e)][e.key] = e.expected
		case "cache", "cache2":
			arrays[e.what][e.key] = e.value
		}
	}
	for key, place := range c.kv.final {
		for watcher, final := range finals {
			if final[key] != place {
				c.failf("%s: watcher %s saw %s at %d last, the stream has it at %d", worker, watcher, key, final[key], place)
			}
		}
	}
	for name, array := range arrays {
		c.isBucket(worker, name, array)
	}
}

// watcherOf is which of a worker's watchers saw it: the field stands where the call's begin does.
func watcherOf(e *event) string { return fmt.Sprint(e.begin) }

// saw checks one entry that a watcher was given.
func (c *check) saw(e *event, last map[string]uint64, current map[string]int64) {
	watcher := watcherOf(e)
	before := last[watcher]
	last[watcher] = e.expected
	m, there := c.kv.messages[e.expected]
	value := m.value
	if m.marker || value == "" {
		value = "-"
	}
	switch {
	case e.expected <= before:
		c.failf("behind %d, or twice: %s", before, e)
	case !there || m.key != e.key || value != e.value:
		c.failf("the stream has %+v there: %s", m, e)
	}
	// What is written while watch is called may be replaced before the watcher is there.
	if since, complete := current[watcher]; complete {
		for missing := before + 1; missing < e.expected; missing++ {
			if m, there := c.kv.messages[missing]; there && m.stored > since {
				c.failf("not seen before it, %d of %s: %s", missing, m.key, e)
				return
			}
		}
	}
	c.counts["entries seen by watchers"]++
}

func (c *check) isBucket(worker, name string, array map[string]string) {
	n := 0
	for key, place := range c.kv.final {
		m := c.kv.messages[place]
		value, there := array[key]
		if there == m.marker || there && value != m.value {
			c.failf("%s: the array %s has %q for %s, the stream %+v", worker, name, value, key, m)
		}
		if !m.marker {
			n++
		}
	}
	if n != len(array) {
		c.failf("%s: the array %s has %d keys, the bucket %d", worker, name, len(array), n)
	}
}

// consumed checks that a consumer got every message of its stream, as it is.
func (c *check) consumed(worker string, events []*event) {
	got := map[uint64]bool{}
	for _, e := range events {
		if e.what == "unread" {
			c.counts["consumers that a server ended"]++
			if !c.orphans[worker] {
				c.failf("its consumer ended though no server had removed it: %s", e)
			}
		}
		if e.what == "consumed" {
			got[e.expected] = true
			if c.published.messages[e.expected].value != e.value {
				c.failf("the stream has %+v: %s", c.published.messages[e.expected], e)
			}
		}
	}
	for sequence, m := range c.published.messages {
		if !got[sequence] {
			c.failf("%s: its consumer never got %d, %+v", worker, sequence, m)
		}
	}
	c.counts["messages consumed"] += len(got)
}

// object checks that an object's content is that of its last put that was acknowledged, or of one behind it whose answer
// did not come.
func (c *check) object(name string, events []*event) {
	digest, stored := c.digests[name]
	var may []string
	there := false // it has to be
	for _, e := range events {
		c.acknowledged(e, 1)
		if !e.ok() {
			may = append(may, digestOf(contentOf(e.value)))
			continue
		}
		may, there = []string{e.result}, true
		if e.result != digestOf(contentOf(e.value)) {
			c.failf("another digest than that of the content: %s", e)
		}
	}
	if there && !stored {
		c.failf("the object %s is not there", name)
	}
	if stored && !slices.Contains(may, digest) {
		c.failf("the object %s has the digest %s, none of %v", name, digest, may)
	}
}

// linear checks the calls of one key.
func (c *check) linear(key string, events []*event) {
	deleted := 0
	for _, e := range events {
		if e.what == "delete" && e.ok() {
			deleted++
		}
	}
	if markers := len(c.kv.markers[key]); markers < deleted {
		c.failf("%s: %d deletions were acknowledged, the stream has %d", key, deleted, markers)
	}
	history := keyHistory(events, c.kv, key)
	c.counts["calls checked to be linear"] += len(history)
	switch result, next := linear(history); result {
	case porcupine.Illegal:
		c.failf("%s: its %d calls are in no order that explains them; next were %v", key, len(history), next)
	case porcupine.Unknown:
		c.counts["keys whose check took too long"]++
	}
}
