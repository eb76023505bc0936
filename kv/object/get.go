// SPDX-License-Identifier: Apache-2.0

package object

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/fault"
	"natstcl/kv/js"
)

const (
	// firstBatch and mostBatch bound how many bytes are asked for at once. It begins small, for on a
	// slow link a batch has to arrive before its deadline. What waits for the reader is twice that.
	firstBatch = 512 << 10
	mostBatch  = 2 << 20
	// mostChunks bounds how many chunks, of which each may be small, are under way; of a put, too.
	mostChunks = 1024
	// mostMisses is how often in a row a batch may bring nothing, after what time it is asked for
	// again where nobody answers: a server may be restarting, or another one become the leader.
	mostMisses = 3
	missPause  = 250 * time.Millisecond
	mostPauses = 40
)

// Reader reads one object. Its methods may be called by any goroutine.
//
// It asks for batches of chunks, each from behind the last that has come: so it is not the server that
// remembers where it is, and it goes on after a reconnect. A reader that takes
// nothing is sent nothing.
type Reader struct {
	store   *Store // that of the object, where the name was a link's
	info    *Info
	subject string
	ready   func()
	digest  hash.Hash // used by the goroutine that takes a batch alone, as are read and chunks
	read    uint64    // bytes that have come
	chunks  uint64
	misses  int
	pauses  int

	mu       sync.Mutex
	buffer   [][]byte
	buffered int // bytes
	next     uint64
	batch    int // bytes to ask for
	asking   bool
	wanting  bool // Take has returned nothing
	end      error
	closed   bool
}

// Get begins to read an object, or the one that a link leads to. ready is called, by a goroutine of the
// connection, when Take, which had nothing, has something.
//
// Errors: ErrObjectNotFound, ErrObjectIsBucketLink, ErrLinkToLink (a link leads to a link),
// ErrBucketNotFound.
func (s *Store) Get(name string, ready func(), done func(*Reader, error)) error {
	return s.Info(name, false, func(i *Info, err error) {
		switch {
		case err != nil:
		case i.Link == nil:
			done(s.reader(i, ready), nil)
			return
		case i.Link.Name == "":
			err = fault.New(fault.ObjectIsBucketLink, "Object "+name+" in bucket "+s.name+" is a link to the bucket "+i.Link.Bucket)
		default:
			err = s.other(i.Link.Bucket, func(store *Store, err error) { store.follow(i.Link.Name, ready, err, done) })
		}
		if err != nil {
			done(nil, err)
		}
	})
}

// follow reads what a link leads to.
func (s *Store) follow(name string, ready func(), err error, done func(*Reader, error)) {
	if err == nil {
		err = s.Info(name, false, func(i *Info, err error) {
			if err == nil && i.Link != nil {
				err = fault.New(fault.LinkToLink, "Object "+name+" in bucket "+s.name+" is a link itself")
			}
			if err != nil {
				done(nil, err)
				return
			}
			done(s.reader(i, ready), nil)
		})
	}
	if err != nil {
		done(nil, err)
	}
}

func (s *Store) reader(i *Info, ready func()) *Reader {
	r := &Reader{
		store: s, info: i, subject: s.chunkSubject(i.NUID), ready: ready,
		digest: sha256.New(), next: 1, batch: firstBatch,
	}
	if i.Size == 0 {
		r.end = io.EOF
	}
	r.ask()
	return r
}

// Info is that of the object.
func (r *Reader) Info() *Info { return r.info }

// Take returns the next bytes, which belong to the caller then, or nil where none have come yet. At
// the end the error is io.EOF; ErrDigestMismatch where what has come is not what was put: what Take
// returned before is not to be relied on. Other errors: ErrTimeout, ErrBucketNotFound, ErrConnectionClosed.
func (r *Reader) Take() ([]byte, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, fault.New(fault.InvalidArg, "The object is closed")
	}
	if len(r.buffer) == 0 {
		defer r.mu.Unlock()
		r.wanting = r.end == nil
		return nil, r.end
	}
	piece := r.buffer[0]
	r.buffer[0] = nil
	r.buffer = r.buffer[1:]
	r.buffered -= len(piece)
	r.mu.Unlock()
	r.ask()
	return piece, nil
}

// Close ends the reading. It may be called more than once.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.buffer = nil
}

// ask asks for the next batch, unless one is on its way or enough waits.
func (r *Reader) ask() {
	r.mu.Lock()
	if r.asking || r.closed || r.end != nil || r.buffered > r.batch/2 {
		r.mu.Unlock()
		return
	}
	r.asking = true
	r.mu.Unlock()
	if r.store.direct.On() {
		r.askDirect()
	} else {
		r.askLeader()
	}
}

// askDirect asks for a batch of chunks, from any replica (ADR-31).
func (r *Reader) askDirect() {
	wanted := int(min(r.info.Chunks-min(r.chunks, r.info.Chunks)+1, mostChunks))
	request := dict.Dict{
		{Key: "seq", Value: r.next},
		{Key: "batch", Value: wanted},
		{Key: "max_bytes", Value: r.batch},
		{Key: "next_by_subj", Value: r.subject},
	}
	most, began := r.batch, time.Now()
	err := r.store.js.DirectGetBatch(r.store.stream, request, func(messages []*js.Message, err error) {
		// Not in the connection's reader, which others wait for.
		go r.store.js.Conn().Guarded(func() {
			n := r.took(messages)
			r.pace(err, n, time.Since(began))
			r.proceed(err, n > 0, len(messages) < wanted && n < most)
		})
	})
	if err != nil {
		r.finish(err)
	}
}

// pace finds the size of the next batch.
func (r *Reader) pace(err error, n int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil || took > 2*soon:
		r.batch = max(r.batch/2, 1)
	case took < soon && n > 0:
		r.batch = min(max(r.batch*2, n), mostBatch)
	}
}

// askLeader asks for one chunk. There it is certain that what is not found is not there.
func (r *Reader) askLeader() {
	which := js.Which{Seq: r.next, NextBySubject: r.subject}
	err := r.store.js.MsgGet(r.store.stream, which, func(m *js.Message, err error) {
		go r.store.js.Conn().Guarded(func() {
			switch {
			case err == nil:
				r.took([]*js.Message{m})
				r.proceed(nil, true, false)
			case fault.CodeOf(err) == fault.MsgNotFound:
				r.finish(r.verdict())
			default:
				r.proceed(err, false, false)
			}
		})
	})
	if err != nil {
		r.finish(err)
	}
}

// took adds what has come, and returns how many bytes that are.
func (r *Reader) took(messages []*js.Message) (n int) {
	for _, m := range messages {
		if m.Subject != r.subject || m.Seq < r.next {
			continue // of somebody who answers as it likes
		}
		r.next = m.Seq + 1
		r.digest.Write(m.Data)
		r.chunks++
		n += len(m.Data)
		if len(m.Data) > 0 {
			r.mu.Lock()
			r.buffer = append(r.buffer, m.Data)
			r.buffered += len(m.Data)
			r.mu.Unlock()
		}
	}
	r.read += uint64(n)
	return n
}

// proceed goes on behind a batch. last: there was no more.
func (r *Reader) proceed(err error, some, last bool) {
	if some {
		r.misses, r.pauses = 0, 0
	}
	switch {
	case err != nil:
		r.missed(err)
	case r.read > r.info.Size:
		r.finish(r.verdict())
	case last && r.read == r.info.Size:
		r.finish(r.verdict())
	case last:
		// A replica may be behind the leader.
		r.tell(false)
		r.askLeader()
	default:
		r.tell(true)
		r.ask()
	}
}

// tell wakes a reader that waits; with idle the next batch may be asked for.
func (r *Reader) tell(idle bool) {
	r.mu.Lock()
	if idle {
		r.asking = false
	}
	tell := r.wanting && !r.closed && (len(r.buffer) > 0 || r.end != nil)
	if tell {
		r.wanting = false
	}
	r.mu.Unlock()
	if tell {
		r.ready()
	}
}

// missed asks once more for what did not come, or gives up.
func (r *Reader) missed(err error) {
	switch {
	case fault.CodeOf(err) == fault.Timeout:
		if r.misses++; r.misses <= mostMisses {
			r.tell(true)
			r.ask()
			return
		}
	case leaderless(err):
		if r.pauses++; r.pauses <= mostPauses {
			time.AfterFunc(missPause, func() { r.store.js.Conn().Guarded(r.askWhether) })
			return
		}
	}
	r.store.told(err, r.finish)
}

// askWhether finds out whether the bucket is gone, its direct gets were switched off, or its server is about to come back.
func (r *Reader) askWhether() {
	err := r.store.js.StreamState(r.store.stream, "", func(state js.StreamState, err error) {
		switch {
		case err == nil:
			r.store.direct.Learn(&state)
		case fault.CodeOf(err) == fault.StreamNotFound:
			r.finish(errBucketNotFound(r.store.name))
			return
		}
		r.tell(true)
		r.ask()
	})
	if err != nil {
		r.finish(err)
	}
}

// finish tells the end.
func (r *Reader) finish(err error) {
	r.mu.Lock()
	r.end = err
	r.mu.Unlock()
	r.tell(true)
}

// verdict compares what has come with what was put.
func (r *Reader) verdict() error {
	digest, isSHA := strings.CutPrefix(r.info.Digest, digestPrefix)
	wanted, err := base64.URLEncoding.DecodeString(digest)
	if !isSHA || err != nil || !bytes.Equal(wanted, r.digest.Sum(nil)) {
		return fault.New(fault.DigestMismatch, "Object "+r.info.Name+" in bucket "+r.store.name+" is not what was put: its digest differs")
	}
	return io.EOF
}

// Contents is an object with its bytes.
type Contents struct {
	Info *Info
	Data []byte
}

// GetBytes reads an object at once. progress, which may be nil, is told how many bytes have come.
// Errors: those of Get and Take.
func (s *Store) GetBytes(name string, progress func(read uint64), done func(Contents, error)) error {
	var more func()
	return s.Get(name, func() { more() }, func(r *Reader, err error) {
		if err != nil {
			done(Contents{}, err)
			return
		}
		var pieces [][]byte
		var read uint64
		more = func() {
			for {
				piece, err := r.Take()
				switch {
				case err == io.EOF:
					done(Contents{r.info, joined(pieces, read)}, nil)
					return
				case err != nil:
					done(Contents{}, err)
					return
				case piece == nil:
					return
				}
				pieces = append(pieces, piece)
				read += uint64(len(piece))
				if progress != nil {
					progress(read)
				}
			}
		}
		more()
	})
}

// joined is all pieces, whose lengths make size. It is copied in pieces, since a goroutine cannot be stopped in
// the middle of a copy, and the garbage collector waits for that.
func joined(pieces [][]byte, size uint64) []byte {
	data := make([]byte, 0, size)
	for _, piece := range pieces {
		data = append(data, piece...)
		runtime.Gosched()
	}
	return data
}
