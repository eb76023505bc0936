// SPDX-License-Identifier: Apache-2.0

package js

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/wire"
)

// FastConfig configures a FastPublisher.
type FastConfig struct {
	Flow        int           // the server is asked to acknowledge after so many messages; it may do so sooner or later
	Outstanding int           // acknowledgements that may be missing before Add waits
	GapOK       bool          // lost messages are told, and it goes on; else it ends
	Timeout     time.Duration // how long the server may be silent where somebody waits for it; 0: without end
	// Failed is told of messages that were lost or refused: their sequence numbers in the batch count
	// from 1. nil: nobody wants to know.
	Failed func(seq uint64, err *fault.Error)
}

// The operations of a message in a fast batch, as its reply subject tells them (ADR-50).
const (
	fastStart = iota
	fastAppend
	fastCommit
	fastEnd // a commit that is no message
	fastPing
)

// FastPublisher publishes many messages into one stream in order, with one acknowledgement for many
// (ADR-50, servers from 2.14; allow_batched). Each message is stored when it comes: it is no atomic batch.
type FastPublisher struct {
	js     *JetStream
	config FastConfig
	prefix string // of reply subjects

	lifetime
	sent     uint64 // this and what follows is behind mu
	acked    uint64 // the last message of which an acknowledgement has told
	flow     uint64 // messages for an acknowledgement, as the server has it
	answered bool   // the server has taken the first
	subject  string // of the last message
	reply    []byte // room for the next reply subject
	queue    []fastTurn
	commit   func(dict.Dict, error) // who waits for the end; nil: nobody yet
	failed   error                  // why it is over; nil: it is not
	lastSeen wire.Instant
}

// fastTurn is a message that waits for room, or for the answer to the first.
type fastTurn struct {
	m    *nats.Msg // nil: it is sent, and its answer is to come
	done func(error)
}

// FastPublisher makes one; nothing is sent before Add. Stop ends it.
func (j *JetStream) FastPublisher(config FastConfig) (*FastPublisher, error) {
	f := &FastPublisher{js: j, config: config, flow: uint64(config.Flow), lastSeen: wire.Now()}
	base := j.conn.NewInbox() + "." + nuid.Next() + "."
	gap := "fail"
	if config.GapOK {
		gap = "ok"
	}
	f.prefix = base + strconv.Itoa(config.Flow) + "." + gap + "."
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := func(s wire.Status) {
		if s == wire.Closed { // under the connection's lock
			go j.conn.Guarded(func() { f.end(fault.New(fault.ConnectionClosed, "Connection closed")) })
		}
	}
	listen := func() (*wire.Sub, error) { return j.conn.Listen(base+">", f.receive) }
	if err := f.listenLocked(j.conn, changed, listen); err != nil {
		return nil, err
	}
	return f, nil
}

// roomLocked tells whether a message can be sent now.
func (f *FastPublisher) roomLocked() bool {
	return f.answered && f.acked+f.flow*uint64(f.config.Outstanding) > f.sent
}

func (f *FastPublisher) usableLocked() error {
	if f.failed == nil && f.commit != nil {
		return fault.New(fault.InvalidArg, "The batch is committed")
	}
	return f.failed
}

// TryAdd adds a message if that needs no waiting; false: Add has to.
func (f *FastPublisher) TryAdd(m *nats.Msg) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usableLocked(); err != nil {
		return false, err
	}
	if len(f.queue) > 0 || !f.roomLocked() {
		return false, nil
	}
	return true, f.sendLocked(m, fastAppend)
}

// Add adds a message when there is room for it; done is called when it is sent, that of the first one when
// the server has taken it. Messages go out in the order of the calls.
func (f *FastPublisher) Add(m *nats.Msg, done func(error)) error {
	told, err := f.enqueue(m, done)
	for _, tell := range told {
		tell()
	}
	return err
}

// enqueue is Add, and returns what is to be called without the lock. Acknowledgements may have made room since a TryAdd
// that found none, and perhaps no other one is to come.
func (f *FastPublisher) enqueue(m *nats.Msg, done func(error)) (told []func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usableLocked(); err != nil {
		return nil, err
	}
	if f.sent == 0 {
		if err := f.sendLocked(m, fastStart); err != nil {
			return nil, err
		}
		m = nil
	}
	f.queue = append(f.queue, fastTurn{m, done})
	if f.answered {
		told = f.drainLocked()
	}
	f.attendLocked()
	return told, nil
}

// Commit ends the batch with a last message, or with nil without one, behind those that wait; done gets the
// acknowledgement, with batch and count.
func (f *FastPublisher) Commit(m *nats.Msg, done func(dict.Dict, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usableLocked(); err != nil {
		return err
	}
	if len(f.queue) > 0 {
		return fault.New(fault.InvalidArg, "Messages are waiting to be sent")
	}
	op := fastCommit
	if m == nil {
		if f.sent == 0 {
			return fault.New(fault.InvalidArg, "The batch is empty")
		}
		m, op = &nats.Msg{Subject: f.subject}, fastEnd
	}
	if err := f.sendLocked(m, op); err != nil {
		return err
	}
	if op == fastEnd {
		f.sent--
	}
	f.commit = done
	f.lastSeen = wire.Now()
	f.attendLocked()
	return nil
}

// sendLocked sends the next message of the batch.
func (f *FastPublisher) sendLocked(m *nats.Msg, op int) error {
	m.Reply = f.replyLocked(f.sent+1, op)
	if err := f.js.conn.Publish(m); err != nil {
		return err
	}
	f.sent++
	f.subject = m.Subject
	return nil
}

// replyLocked is the reply subject of a message, which tells its number in the batch and its operation.
func (f *FastPublisher) replyLocked(seq uint64, op int) string {
	f.reply = strconv.AppendUint(append(f.reply[:0], f.prefix...), seq, 10)
	f.reply = append(f.reply, '.', '0'+byte(op))
	f.reply = append(f.reply, ".$FI"...)
	return string(f.reply)
}

// receive takes what the server says; the connection's reader calls it.
func (f *FastPublisher) receive(m *nats.Msg) {
	if wire.IsNoResponders(m) {
		f.mu.Lock()
		subject := f.subject
		f.mu.Unlock()
		f.end(fault.New(fault.NoResponders, "No responders available for request to "+subject))
		return
	}
	v, err := dict.Parse(m.Data)
	reply, ok := v.(dict.Dict)
	if err != nil || !ok {
		f.end(badReply(m.Subject, "it is no JSON object"))
		return
	}
	kind, seq := reply.Text("type"), aCount("seq")
	if kind != "" && !seq.is(reply.Path("seq")) {
		f.end(badReply(m.Subject, "seq is no "+seq.what))
		return
	}
	switch kind {
	case "ack":
		f.took(count(reply, "seq"), count(reply, "msgs"))
	case "gap":
		first, next := count(reply, "last_seq"), count(reply, "seq")
		f.lost(first, &fault.Error{Code: fault.JSResponse, Words: []string{"400", "0"},
			Text: fmt.Sprintf("The messages from %d on, before %d, are lost", first, next)})
	case "err":
		failure, _ := reply.Path("error").(dict.Dict)
		f.lost(count(reply, "seq"), apiError(failure))
	default:
		ack, err := parseReply(m.Subject, m.Data, aText("stream"), aCount("seq"))
		if err != nil {
			f.end(err)
			return
		}
		f.over(ack)
	}
}

// took is an acknowledgement: there may be room again.
func (f *FastPublisher) took(seq, flow uint64) {
	f.mu.Lock()
	f.lastSeen = f.js.conn.LastRead()
	f.acked = max(f.acked, seq)
	if flow > 0 {
		f.flow = flow
	}
	f.answered = true
	sent := f.drainLocked()
	f.mu.Unlock()
	for _, done := range sent {
		done()
	}
}

// drainLocked sends what there is room for, and returns what is to be called without the lock.
func (f *FastPublisher) drainLocked() (told []func()) {
	for len(f.queue) > 0 {
		next := f.queue[0]
		var err error
		if next.m != nil {
			if !f.roomLocked() {
				break
			}
			err = f.sendLocked(next.m, fastAppend)
		}
		f.queue = f.queue[1:]
		told = append(told, func() { next.done(err) })
	}
	return told
}

// lost is the server's word that messages are missing, or one was refused. Where gaps are not taken the
// end of the batch follows.
func (f *FastPublisher) lost(seq uint64, why error) {
	f.mu.Lock()
	f.lastSeen = f.js.conn.LastRead()
	ends := !f.config.GapOK && f.failed == nil
	f.mu.Unlock()
	if f.config.Failed != nil {
		f.config.Failed(seq, retold("", why))
	}
	if ends {
		f.end(why)
	}
}

// over is the acknowledgement of the whole batch: asked for, or because the server has ended it.
func (f *FastPublisher) over(ack dict.Dict) {
	f.mu.Lock()
	commit := f.commit
	f.mu.Unlock()
	if commit == nil {
		f.end(&fault.Error{Code: fault.JSResponse, Words: []string{"400", "0"}, Text: "The server has ended the batch"})
		return
	}
	if f.finish(fault.New(fault.InvalidArg, "The batch is committed")) {
		commit(ack, nil)
	}
}

// end fails what is under way.
func (f *FastPublisher) end(why error) {
	f.mu.Lock()
	queue, commit := f.queue, f.commit
	f.queue = nil
	f.mu.Unlock()
	if !f.finish(why) {
		return
	}
	for _, t := range queue {
		t.done(why)
	}
	if commit != nil {
		commit(nil, why)
	}
}

// finish is the end; false where it has come already.
func (f *FastPublisher) finish(why error) bool {
	f.mu.Lock()
	if f.failed != nil {
		f.mu.Unlock()
		return false
	}
	f.failed = why
	f.mu.Unlock()
	return f.stop()
}

// Stop gives the batch up; what was sent is stored.
func (f *FastPublisher) Stop() { f.end(fault.New(fault.InvalidArg, "The batch is given up")) }

// Sent is how many messages were sent.
func (f *FastPublisher) Sent() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

// Acked is the last message of which an acknowledgement has told, from 1 on.
func (f *FastPublisher) Acked() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acked
}

// attendLocked watches over a server that somebody waits for.
func (f *FastPublisher) attendLocked() {
	if f.config.Timeout <= 0 {
		return
	}
	f.alarmLocked(f.js.conn, f.config.Timeout/4, f.tick)
}

// tick asks a silent server where it is: its acknowledgement may be lost. One that stays silent has lost
// the batch.
func (f *FastPublisher) tick() {
	f.mu.Lock()
	if f.failed != nil || len(f.queue) == 0 && f.commit == nil {
		f.mu.Unlock()
		return
	}
	late := f.lastSeen.Elapsed() >= f.config.Timeout
	if !late {
		if f.answered && f.commit == nil {
			_ = f.js.conn.Publish(&nats.Msg{Subject: f.subject, Reply: f.replyLocked(f.sent, fastPing)}) // where the connection has gone, the time goes on
		}
		f.attendLocked()
	}
	f.mu.Unlock()
	if late {
		f.end(fault.New(fault.Timeout, "No acknowledgement came in time"))
	}
}
