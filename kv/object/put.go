// SPDX-License-Identifier: Apache-2.0

package object

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
	"natstcl/kv/fault"
	"natstcl/kv/js"
	"natstcl/kv/wire"
)

const (
	// DefaultChunkSize is that of all clients.
	DefaultChunkSize = 128 << 10
	// firstWindow and mostWindow bound how many bytes wait for their acknowledgement, and mostChunks how many chunks. The
	// window begins small, and grows as long as the server answers soon: on a slow link what waits must arrive before its
	// deadline.
	firstWindow = 512 << 10
	mostWindow  = 4 << 20
	soon        = 500 * time.Millisecond
)

// PutOptions say how an object is put. The zero value is fine.
type PutOptions struct {
	ChunkSize int           // bytes; 0: DefaultChunkSize, or what the server takes where that is less
	Timeout   time.Duration // of all of it; 0: as long as the server acknowledges each chunk in time
	// Room is told when there is room for what Write has not taken. Progress is told how many bytes
	// are stored. Either may be nil; both are called by goroutines of the connection.
	Room     func()
	Progress func(stored uint64) (goOn bool)
}

// Writer puts one object. Its methods belong to one goroutine at a time, but for Abort.
type Writer struct {
	store     *Store
	meta      Meta
	options   PutOptions
	chunkSize int
	nuid      string
	subject   string
	digest    hash.Hash
	done      func(*Info, error)
	told      sync.Once // done was called
	timer     *time.Timer
	tie       uint64 // of the connection that it began with
	forget    func() // of OnDisconnect: nothing is left to be tidied up

	mu       sync.Mutex
	chunk    []byte   // the next one, as far as it has come
	spare    [][]byte // the memory of chunks that are stored, for the next ones
	size     uint64
	chunks   uint64
	window   int
	inFlight int // bytes
	open     int // chunks that wait for their acknowledgement
	stored   uint64
	wanting  bool // Write has not taken all
	closing  bool
	failure  error
	lost     bool // of some chunk nobody knows whether it is stored, or will be
	finished bool
	old, now *Info // now was published, or is about to be, in the place of old; nil: neither was
	result   *Info // it is stored
}

// Put begins to put an object, whose bytes are for Write, and whose end is for Close. It is seen by others
// when done gets its info, and not before: the chunks are stored by then, and those of an object
// that had the name are removed. Where it fails, the chunks are removed again.
//
// When Timeout is over done is called at once, and what is left to do goes on behind it. The put has succeeded if its
// info is acknowledged by then. If the info is on its way, done gets ErrTimeout, and the object may be there all the same.
//
// Errors of done: ErrBucketNotFound, ErrNoResponders (the stream has no leader), ErrTimeout, ErrMaxPayload (ChunkSize is
// more than the server takes), ErrJSResponse (a limit of the store's), ErrConnectionClosed, and what Abort was given.
func (s *Store) Put(meta Meta, o PutOptions, done func(*Info, error)) (*Writer, error) {
	if err := checkObject(meta.Name); err != nil {
		return nil, err
	}
	if o.ChunkSize < 0 {
		return nil, invalid("Invalid chunk size " + strconv.Itoa(o.ChunkSize))
	}
	w := &Writer{
		store: s, meta: meta, options: o, chunkSize: o.ChunkSize, nuid: nuid.Next(),
		digest: sha256.New(), done: done, window: firstWindow,
		tie: s.tie(),
	}
	w.subject = s.chunkSubject(w.nuid)
	most, err := strconv.Atoi(s.js.Conn().Info().Text("max_payload"))
	limited := err == nil && most > 0
	switch {
	case w.chunkSize == 0 && limited:
		w.chunkSize = min(DefaultChunkSize, most)
	case w.chunkSize == 0:
		w.chunkSize = DefaultChunkSize
	case limited && w.chunkSize > most:
		return nil, fault.New(fault.MaxPayload, "Maximum size of NATS message is "+strconv.Itoa(most))
	}
	w.forget = s.js.Conn().OnDisconnect(w.farewell)
	if o.Timeout > 0 {
		w.mu.Lock() // it may be over at once
		defer w.mu.Unlock()
		w.timer = time.AfterFunc(o.Timeout, func() {
			s.js.Conn().Guarded(w.expire)
		})
	}
	return w, nil
}

// Write takes the next bytes, of which it has its own copy. What is left, where so much is on its way, is to be
// written again when Room is told. Where the put has failed it takes nothing more, and Room is not told.
func (w *Writer) Write(data []byte) (rest []byte) {
	for len(data) > 0 {
		if len(w.chunk) == w.chunkSize {
			if !w.hasRoom(true) {
				return data
			}
			w.send()
		}
		if w.chunk == nil {
			w.chunk = w.takeSpare()
		}
		n := min(len(data), w.chunkSize-len(w.chunk))
		w.chunk = append(w.chunk, data[:n]...)
		data = data[n:]
	}
	if len(w.chunk) == w.chunkSize && w.hasRoom(false) {
		w.send()
	}
	return nil
}

// hasRoom tells whether one more chunk may be on its way. With wanting Room will be told of it.
func (w *Writer) hasRoom(wanting bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure != nil {
		return false
	}
	full := w.fullLocked()
	w.wanting = full && wanting
	return !full
}

func (w *Writer) fullLocked() bool { return w.inFlight >= w.window || w.open >= mostChunks }

// takeSpare is memory for a chunk, or nil where none is left over. The system clears each page of new memory when it is
// first written, which with large objects is much of what a put costs.
func (w *Writer) takeSpare() (chunk []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.spare); n > 0 {
		chunk, w.spare = w.spare[n-1][:0], w.spare[:n-1]
	}
	return chunk
}

// send publishes the chunk, unless the put has failed.
func (w *Writer) send() {
	chunk := w.chunk
	w.chunk = nil
	w.mu.Lock()
	if w.failure != nil || w.closing {
		w.mu.Unlock()
		return
	}
	w.open++
	w.inFlight += len(chunk)
	w.chunks++
	w.size += uint64(len(chunk))
	w.mu.Unlock()
	w.digest.Write(chunk)
	began := time.Now()
	// Tried once: a second try would come behind the chunks that follow.
	_, err := w.store.js.Publish(&nats.Msg{Subject: w.subject, Data: chunk}, w.store.js.Timeout(), wire.Retry{}, func(_ js.Ack, err error) {
		w.acknowledged(chunk, time.Since(began), err)
	})
	if err != nil {
		w.acknowledged(chunk, 0, err)
	}
}

func (w *Writer) acknowledged(chunk []byte, took time.Duration, err error) {
	n := len(chunk)
	w.mu.Lock()
	w.open--
	w.inFlight -= n
	if err != nil && fault.CodeOf(err) != fault.JSResponse {
		w.lost = true
	}
	switch {
	case err != nil && w.failure == nil:
		w.failure = err
	case err == nil:
		w.stored += uint64(n)
		w.spare = append(w.spare, chunk)
	}
	if took < soon {
		w.window = min(w.window+n, mostWindow)
	} else {
		w.window = max(w.window/2, w.chunkSize)
	}
	room := w.wanting && (!w.fullLocked() || w.failure != nil)
	if room {
		w.wanting = false
	}
	stored, failed := w.stored, w.failure != nil
	w.mu.Unlock()
	if !failed && w.options.Progress != nil && !w.options.Progress(stored) {
		w.Abort(fault.New(fault.Canceled, ""))
	}
	if room && w.options.Room != nil {
		w.options.Room()
	}
	w.proceed()
}

// Close tells that there is no more. done is called when the object is stored.
func (w *Writer) Close() {
	if len(w.chunk) > 0 {
		w.send()
	}
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.proceed()
}

// Abort ends the put with an error, unless it is complete: what was stored of it is removed,
// then done gets the error. Any goroutine may call it.
func (w *Writer) Abort(why error) {
	w.mu.Lock()
	if w.failure == nil {
		w.failure = why
	}
	room := w.wanting
	w.wanting = false
	w.mu.Unlock()
	if room && w.options.Room != nil {
		w.options.Room()
	}
	w.proceed()
}

// expire tells that the time of the put is over.
func (w *Writer) expire() {
	w.Abort(fault.New(fault.Timeout, "Putting object "+w.meta.Name+" timed out"))
	w.mu.Lock()
	result, failure := w.result, w.failure
	w.mu.Unlock()
	if result != nil {
		failure = nil
	}
	w.tell(result, failure)
}

// proceed goes on when no chunk waits for its acknowledgement: one that was stored behind the removal of the
// others would stay.
func (w *Writer) proceed() {
	w.mu.Lock()
	if w.finished || w.open > 0 || w.failure == nil && !w.closing {
		w.mu.Unlock()
		return
	}
	w.finished = true
	failure := w.failure
	w.mu.Unlock()
	if failure != nil {
		w.undo(failure)
		return
	}
	w.complete()
}

// complete stores the info, and removes what the name stood for before.
func (w *Writer) complete() {
	now := &Info{
		Meta: w.meta, Bucket: w.store.name, NUID: w.nuid,
		Size: w.size, Chunks: w.chunks, ChunkSize: uint64(w.chunkSize), Digest: digestOf(w.digest),
	}
	next := func(old *Info) (*Info, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.failure == nil { // of an Abort
			w.old, w.now = old, now
		}
		return now, w.failure
	}
	late := func(err error) {
		w.forget()
		w.tell(nil, err)
	}
	err := w.store.change(w.meta.Name, next, late, func(old, now *Info, err error) {
		if err != nil {
			w.undo(err)
			return
		}
		w.mu.Lock()
		w.result = now
		w.mu.Unlock()
		w.replace(old, now)
	})
	if err != nil {
		w.undo(err)
	}
}

// replace removes the chunks of the object that had the name before. The new one is there whether or not that succeeds.
func (w *Writer) replace(old, now *Info) {
	w.store.removeReplaced(old, func(error) {
		w.forget()
		w.store.stamped(now, nil, w.tell)
	})
}

// tell is the end of the put for who waits. What was stored of one that failed may still be on its way out.
func (w *Writer) tell(i *Info, err error) {
	w.told.Do(func() {
		if w.timer != nil {
			w.timer.Stop()
		}
		w.done(i, err)
	})
}

// undo removes the chunks, and tells the failure.
func (w *Writer) undo(failure error) {
	told := w.store.tellOnce(func(error) { w.store.told(failure, func(err error) { w.tell(nil, err) }) })
	removed := func(err error) {
		w.forget()
		told(err)
	}
	switch {
	case w.chunks == 0:
		removed(nil)
	case !w.lost:
		w.store.purgeTold(w.subject, told, removed)
	default:
		w.store.removeSent(w.subject, told, func(err error) {
			removed(err)
			if w.store.tie() != w.tie {
				time.AfterFunc(stragglers, func() { w.store.js.Conn().Guarded(w.undoAgain) })
			}
		})
	}
}

// undoAgain removes the chunks that another connection had sent.
func (w *Writer) undoAgain() {
	ignore := func(error) {}
	w.store.removeSent(w.subject, ignore, ignore)
}

// removeSent removes the chunks of one subject when those that this connection has sent are dealt with, or nobody answers.
// late is told a failure behind which it goes on.
func (s *Store) removeSent(subject string, late, done func(error)) {
	settle := func(done func(struct{}, error)) error {
		return s.settle(subject, func(err error) { done(struct{}{}, err) })
	}
	atLast(s, settle, late, func(struct{}, error) { s.purgeTold(subject, late, done) })
}

// farewell ends a put whose connection is closed in the middle: its chunks are removed, or those of the object that it has
// replaced.
func (w *Writer) farewell(by *wire.Farewell, done func()) {
	w.Abort(fault.New(fault.ConnectionClosed, "Connection closed"))
	s := *w.store
	s.js = s.js.By(by)
	w.mu.Lock()
	old, now, stored, chunks := w.old, w.now, w.result != nil, w.chunks
	w.mu.Unlock()
	ended := func(error) { done() }
	switch {
	case now == nil && chunks == 0:
		done()
	case stored:
		s.removeReplaced(old, ended)
	case now == nil:
		s.removeSent(w.subject, ended, ended)
	default:
		sent := *now
		d := &doubt{store: &s, old: old, now: &sent, failure: fault.New(fault.ConnectionClosed, ""), tie: s.tie(), late: ended}
		d.done = func(old, _ *Info, failure error) {
			if failure != nil {
				s.purgeTold(w.subject, ended, ended)
				return
			}
			s.removeReplaced(old, ended)
		}
		d.look()
	}
}

const digestPrefix = "SHA-256="

func digestOf(h hash.Hash) string {
	return digestPrefix + base64.URLEncoding.EncodeToString(h.Sum(nil))
}

// PutBytes puts an object whose bytes are there. data must stay as it is until done is called.
func (s *Store) PutBytes(meta Meta, data []byte, o PutOptions, done func(*Info, error)) error {
	var more func()
	o.Room = func() { more() }
	w, err := s.Put(meta, o, done)
	if err != nil {
		return err
	}
	var turn sync.Mutex // Room may be told before Write has returned
	more = func() {
		turn.Lock()
		defer turn.Unlock()
		if data = w.Write(data); len(data) == 0 {
			w.Close()
		}
	}
	more()
	return nil
}
