// SPDX-License-Identifier: Apache-2.0

package wire

import "time"

// deadlines are the requests that have one, in a queue for each timeout. Requests of one timeout end in the order in
// which they began, so that to enter one or to take it out needs no look at the others.
type deadlines map[time.Duration]*deadlineQueue

// deadlineQueue has the requests of one timeout, that which ends first in front.
type deadlineQueue struct {
	timeout     time.Duration
	first, last *Pending
}

// fewTimeouts is how many queues may be empty: most programs have a handful of timeouts, which come again and again.
const fewTimeouts = 8

func (d deadlines) enter(p *Pending, timeout time.Duration) {
	q := d[timeout]
	if q == nil {
		q = &deadlineQueue{timeout: timeout}
		d[timeout] = q
	}
	p.queue, p.before = q, q.last
	if q.last == nil {
		q.first = p
	} else {
		q.last.behind = p
	}
	q.last = p
}

// takeOut has no effect where p is not there.
func (d deadlines) takeOut(p *Pending) {
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
	if q.first == nil && len(d) > fewTimeouts {
		delete(d, q.timeout)
	}
}

// first is the request that ends first, nil where there is none.
func (d deadlines) first() (first *Pending) {
	for _, q := range d {
		if p := q.first; p != nil && (first == nil || p.deadline.Before(first.deadline)) {
			first = p
		}
	}
	return first
}
