// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"container/heap"
	"time"
)

// deadlines are the requests that have one, in a queue for each timeout. Requests of one timeout end in the order in
// which they began, so that to enter one or to take it out needs no look at the others. Which queue is next is looked for
// when somebody asks. The zero value has none.
type deadlines struct {
	queues map[time.Duration]*deadlineQueue
	next   queueHeap // those that may have a request
}

// deadlineQueue has the requests of one timeout, that which ends first in front.
type deadlineQueue struct {
	timeout     time.Duration
	first, last *Pending
	at          Instant // its place in the heap goes by it: the deadline of first, or of one that was first before
	place       int     // in the heap, -1: not there
}

// fewTimeouts is how many queues may be empty: most programs have a handful of timeouts, which come again and again.
const fewTimeouts = 8

func (d *deadlines) enter(p *Pending, timeout time.Duration) {
	q := d.queues[timeout]
	if q == nil {
		if d.queues == nil {
			d.queues = map[time.Duration]*deadlineQueue{}
		}
		q = &deadlineQueue{timeout: timeout, place: -1}
		d.queues[timeout] = q
	}
	p.queue, p.before = q, q.last
	if q.last == nil {
		q.first = p
	} else {
		q.last.behind = p
	}
	q.last = p
	if q.place < 0 {
		q.at = p.deadline
		heap.Push(&d.next, q)
	}
}

// takeOut has no effect where p is not there.
func (d *deadlines) takeOut(p *Pending) {
	q := p.queue
	if q == nil {
		return
	}
	if p.before == nil {
		q.first = p.behind
	} else {
		p.before.behind = p.behind
	}
	if p.behind == nil {
		q.last = p.before
	} else {
		p.behind.before = p.before
	}
	p.queue, p.before, p.behind = nil, nil, nil
	if q.first == nil && len(d.queues) > fewTimeouts {
		delete(d.queues, q.timeout)
		if q.place >= 0 {
			heap.Remove(&d.next, q.place)
		}
	}
}

// first is the request that ends first, nil where there is none.
func (d *deadlines) first() *Pending {
	for len(d.next) > 0 {
		switch q := d.next[0]; {
		case q.first == nil:
			heap.Pop(&d.next)
		case q.at != q.first.deadline: // those before it were answered
			q.at = q.first.deadline
			heap.Fix(&d.next, 0)
		default:
			return q.first
		}
	}
	return nil
}

// queueHeap is a heap (container/heap) of queues by at.
type queueHeap []*deadlineQueue

func (h queueHeap) Len() int           { return len(h) }
func (h queueHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h queueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *queueHeap) Push(x any) {
	q := x.(*deadlineQueue)
	q.place = len(*h)
	*h = append(*h, q)
}

func (h *queueHeap) Pop() any {
	last := len(*h) - 1
	q := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	q.place = -1
	return q
}
