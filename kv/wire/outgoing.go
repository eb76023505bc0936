// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"iter"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// gatherLimit is how many bytes are gathered before they are written.
	gatherLimit = 16 << 10
	// gatherTime is how long a message may wait for others, or for SendGathered.
	gatherTime = time.Millisecond
)

// outgoing writes to one connection: what nats.go has to say at once, and messages and subscriptions in
// pieces of many. These do not go through nats.go, whose flusher is a goroutine: waking
// it for each request took a third of a request's time, and its mutex is held while a server
// that is frozen takes nothing.
type outgoing struct {
	conn   *Conn
	write  func([]byte) // never blocks, never fails: see tap
	gather *atomic.Bool // Options.Gather

	handOver func() // Options.HandOver

	mu    sync.Mutex
	buf   []byte
	timer *time.Timer // gatherTime after a write; then what is there goes out, and a large buffer is given back
	armed bool
	ended bool
}

// Write is for nats.go: what it says stands behind the messages that were published before.
func (o *outgoing) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.buf) == 0 {
		o.write(b)
	} else {
		o.buf = append(o.buf, b...)
		o.sendLocked()
	}
	return len(b), nil
}

// publish takes a message; false where the connection has ended. The first message after
// a pause goes out at once.
func (o *outgoing) publish(m *nats.Msg, header []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	o.buf = appendPub(o.buf, m.Subject, m.Reply, header, m.Data)
	o.gatherLocked()
	return true
}

// publishAll is publish of many messages without headers; false where the connection has ended, and nothing was taken.
func (o *outgoing) publishAll(messages iter.Seq2[[]byte, []byte]) (number, size int, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return 0, 0, false
	}
	for subject, data := range messages {
		o.buf = appendPub(o.buf, subject, "", nil, data)
		number++
		size += len(data)
	}
	o.gatherLocked()
	return number, size, true
}

// gathers tells whether the next message would be gathered, and sent at the latest when the timer fires that is set.
func (o *outgoing) gathers() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.armed && !o.ended && o.more()
}

// say is publish for a control line, which waits for company only where it comes from a goroutine that has much to say: where a
// subscription is taken back, another member of its queue group may wait for the next message.
func (o *outgoing) say(line []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return false
	}
	if o.buf = append(o.buf, line...); o.conn.talkers.Load() > 0 {
		o.gatherLocked()
	} else {
		o.sendLocked()
	}
	return true
}

// gatherLocked sends what there is, or leaves it for more to come.
func (o *outgoing) gatherLocked() {
	more := o.more()
	if more && o.armed && len(o.buf) < gatherLimit {
		return
	}
	o.sendLocked()
	if more && !o.armed {
		o.armLocked()
	}
}

// more tells whether somebody has more to say.
func (o *outgoing) more() bool {
	return o.gather != nil && o.gather.Load() || o.conn.talkers.Load() > 0
}

// send writes what was gathered.
func (o *outgoing) send() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sendLocked()
}

// sendAll is send, behind what the owner keeps back.
func (o *outgoing) sendAll() {
	if o.handOver != nil {
		o.handOver()
	}
	o.send()
}

// gathered is how many bytes wait for others.
func (o *outgoing) gathered() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf)
}

func (o *outgoing) sendLocked() {
	if len(o.buf) == 0 {
		return
	}
	o.write(o.buf)
	o.buf = o.buf[:0]
	if o.large() && !o.armed {
		o.armLocked() // the memory is given back in the next pause
	}
}

// large tells whether a big message has made the buffer larger than gathering needs. The next one may be as big, and the
// system clears each page of new memory when it is first written.
func (o *outgoing) large() bool { return cap(o.buf) > 4*gatherLimit }

func (o *outgoing) armLocked() {
	o.armed = true
	if o.timer == nil {
		o.timer = time.AfterFunc(gatherTime, func() { o.conn.Guarded(o.paused) })
	} else {
		o.timer.Reset(gatherTime)
	}
}

// paused runs in the timer's goroutine when gatherTime is over: what nobody has sent goes out, or there
// is a pause. What the owner keeps back comes last: where it begins to keep some back from then on, it sees that no timer is
// set (Conn.Room).
func (o *outgoing) paused() {
	o.timeOver()
	o.sendAll()
}

func (o *outgoing) timeOver() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = false
	switch {
	case o.ended:
	case len(o.buf) > 0:
		o.sendLocked()
		o.armLocked()
	case o.large():
		o.buf = nil
	}
}

// end takes no more messages.
func (o *outgoing) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.buf = nil
	if o.timer != nil {
		o.timer.Stop()
	}
}

// appendPub appends a PUB or, with a header, a HPUB. Subject and reply were checked.
func appendPub[S string | []byte](b []byte, subject S, reply string, header, data []byte) []byte {
	if len(header) > 0 {
		b = append(b, "HPUB "...)
	} else {
		b = append(b, "PUB "...)
	}
	b = append(b, subject...)
	b = append(b, ' ')
	if reply != "" {
		b = append(b, reply...)
		b = append(b, ' ')
	}
	if len(header) > 0 {
		b = strconv.AppendInt(b, int64(len(header)), 10)
		b = append(b, ' ')
	}
	b = strconv.AppendInt(b, int64(len(header)+len(data)), 10)
	b = append(b, lineEnd...)
	b = append(b, header...)
	b = append(b, data...)
	return append(b, lineEnd...)
}
