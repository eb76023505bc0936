// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"io"
	"math"

	"natstcl/kv/object"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var objectGetOptions = option.Table{
	{Name: "channel", Kind: option.Nonempty, About: "the channel that gets the bytes; it stays open"},
	{Name: "callback", Kind: option.Prefix, About: "called as `cmd bytes` for each piece, and with an empty one at the end"},
	{Name: "progress", Kind: option.Prefix, About: "called as `cmd bytes total` now and then, with what has come so far; `return -code break` of it, or its error, cancels: ErrCanceled"},
}

// objectReader is an object that is being read. It lives until it is released.
type objectReader struct {
	bridge.Object
	progress
	hold
	r       *object.Reader
	pieces  [][]byte // taken, and not given to the script yet
	waiting int      // bytes in them
	come    uint64   // bytes in all
	end     error    // nil: there is more
	notify  bridge.Value

	// What a script waits for: least bytes, or the end. nil: nobody waits.
	done        func([]byte, error)
	least, most int
	busy        bool // what a script has waited for is on its way to it, too
}

func (r *objectReader) Release(*bridge.Package) {
	r.r.Close()
	r.progress.release()
	if r.notify != nil {
		r.notify.Release()
	}
	r.pieces = nil
	err := errTransferDestroyed()
	r.hold.end(err)
	if r.done != nil {
		r.done(nil, err)
		r.done = nil
	}
}

// readerReady is the word that a reader has something.
type readerReady struct{ r *objectReader }

func (e *readerReady) Run(p *bridge.Package) {
	r := e.r
	if !p.Alive(r) {
		return
	}
	r.settle(p)
	if r.notify != nil && p.Alive(r) {
		notify := r.notify.Retain()
		r.c.call(p, notify)
		notify.Release()
	}
}

// cmdObjectGet begins to read an object. The result is a list of the reader's handle, the channel and the callback.
func cmdObjectGet(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	o, err := objectGetOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	if o.Has("channel") && o.Has("callback") {
		return nil, invalid("-channel and -callback are mutually exclusive")
	}
	r := &objectReader{}
	// The progress may wait longer than the arguments are there.
	r.beginProgress(s.j.c, o)
	r.cancel = func(why error) { r.canceled(p, why) }
	var callback any = ""
	if v, ok := o.Get("callback").(bridge.Value); ok {
		callback = v.Text()
	}
	return bridge.BeginHolding(p, r.progress.release, func(done func(*object.Reader, error)) error {
		return s.store.Get(args[0].Text(), func() { p.Post(&readerReady{r}) }, done)
	}, func(core *object.Reader) (any, error) {
		if !p.Alive(s) {
			core.Close()
			return nil, errTransferDestroyed()
		}
		r.r = core
		return []any{p.Add(r, s), o.Text("channel"), callback}, nil
	}, (*object.Reader).Close)
}

// fill takes what has come until so many bytes are there; false where more has to come.
func (r *objectReader) fill(p *bridge.Package, least int) bool {
	for r.end == nil && r.waiting < least {
		piece, err := r.r.Take()
		if err == nil && piece == nil {
			return false
		}
		r.end = err
		if len(piece) > 0 {
			r.pieces = append(r.pieces, piece)
			r.waiting += len(piece)
			r.come += uint64(len(piece))
			r.at(p, int64(r.come), int64(min(r.r.Info().Size, math.MaxInt64)))
		}
	}
	return true
}

// give returns so many of the bytes that are there at most.
func (r *objectReader) give(p *bridge.Package, most int) []byte {
	n := min(most, r.waiting)
	var out []byte
	if len(r.pieces) > 0 && n == len(r.pieces[0]) {
		out = r.pieces[0] // the usual case: no copy
		r.pieces = r.pieces[1:]
	} else {
		out = make([]byte, 0, n)
		for len(out) < n {
			first := r.pieces[0]
			k := min(len(first), n-len(out))
			out = append(out, first[:k]...)
			if k == len(first) {
				r.pieces = r.pieces[1:]
			} else {
				r.pieces[0] = first[k:]
			}
		}
	}
	r.waiting -= n
	return out
}

// canceled ends the reading with an error: what has come and was not given is not given any more.
func (r *objectReader) canceled(p *bridge.Package, why error) {
	r.end, r.pieces, r.waiting = why, nil, 0
	r.hold.end(why)
	r.settle(p)
}

// failure is the error that a script is told: the end is none.
func (r *objectReader) failure() error {
	if r.end == io.EOF {
		return nil
	}
	return r.end
}

// outcome is what a script gets of what is there. An error comes behind the bytes that came before it, unless
// these were to be all.
func (r *objectReader) outcome(p *bridge.Package, least, most int) ([]byte, error) {
	if err := r.failure(); err != nil && (r.waiting == 0 || r.waiting < least) {
		return nil, err
	}
	return r.give(p, most), nil
}

// read waits until least bytes are there, or the end, and returns most of them at most.
func (r *objectReader) read(p *bridge.Package, least, most int, give func([]byte) (any, error)) (any, error) {
	if r.busy {
		return nil, invalid("The object is being read already")
	}
	if r.command == nil && r.fill(p, least) {
		data, err := r.outcome(p, least, most)
		if err != nil {
			return nil, err
		}
		return give(data)
	}
	return bridge.Begin(p, func(done func([]byte, error)) error {
		r.busy, r.done, r.least, r.most = true, done, least, most
		r.settle(p) // with a progress: the result goes behind what that is told
		return nil
	}, func(data []byte) (any, error) {
		r.busy = false
		if r.stopped.Load() {
			return nil, errCanceled() // by the progress of what is given here
		}
		return give(data)
	}, func(data []byte) { p.Post(&readLeft{r, data}) })
}

// readLeft are bytes for a coroutine that is gone. The next one who reads gets them; where nobody can, because they were
// for a get, that ends.
type readLeft struct {
	r    *objectReader
	data []byte
}

func (l *readLeft) Run(p *bridge.Package) {
	r := l.r
	if !p.Alive(r) {
		return
	}
	if r.Namespace() == "" {
		p.Drop(r)
		return
	}
	r.busy = false
	if len(l.data) > 0 {
		r.pieces = append([][]byte{l.data}, r.pieces...)
		r.waiting += len(l.data)
	}
}

// settle ends the wait of a script, if there is enough: behind the calls of a progress, which may cancel.
func (r *objectReader) settle(p *bridge.Package) {
	if r.done == nil || !r.fill(p, r.least) {
		return
	}
	done := r.done
	r.done = nil
	data, err := r.outcome(p, r.least, r.most)
	if err != nil {
		r.busy = false
	}
	r.whenTold(func() { done(data, err) })
}

func bytesResult(data []byte) (any, error) {
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// cmdObjectNext returns the next piece, empty at the end.
func cmdObjectNext(p *bridge.Package, r *objectReader, _ []bridge.Value) (any, error) {
	n := math.MaxInt
	if len(r.pieces) > 0 {
		n = len(r.pieces[0])
	}
	return r.read(p, 1, n, bytesResult)
}

// cmdObjectRead returns so many bytes, fewer at the end alone; with a count below 0 all that are left.
func cmdObjectRead(p *bridge.Package, r *objectReader, args []bridge.Value) (any, error) {
	n, err := bridge.Integer(args[0])
	if err != nil {
		return nil, invalid("Invalid number of bytes " + args[0].Text())
	}
	if n < 0 {
		n = math.MaxInt
	}
	return r.read(p, int(n), int(n), bytesResult)
}

// cmdObjectText returns all that is left as the script wants payloads, by -utf8_convert.
func cmdObjectText(p *bridge.Package, r *objectReader, _ []bridge.Value) (any, error) {
	return r.read(p, math.MaxInt, math.MaxInt, func(data []byte) (any, error) {
		if data == nil {
			data = []byte{}
		}
		return r.c.incoming(data), nil
	})
}

// cmdObjectPoll returns what is there now, so many bytes at most: a list of "data" and the bytes, of "end", or
// of "later", after which object_notify's command is called when there is something.
func cmdObjectPoll(p *bridge.Package, r *objectReader, args []bridge.Value) (any, error) {
	n, err := bridge.Integer(args[0])
	if err != nil {
		return nil, err
	}
	if !r.fill(p, 1) {
		return []any{"later", ""}, nil
	}
	if r.waiting == 0 {
		if err := r.failure(); err != nil {
			return nil, err
		}
		return []any{"end", ""}, nil
	}
	return []any{"data", r.give(p, int(n))}, nil
}

// cmdObjectThere tells whether object_poll has something else to say than "later".
func cmdObjectThere(p *bridge.Package, r *objectReader, _ []bridge.Value) (any, error) {
	return r.fill(p, 1), nil
}

// cmdObjectAwait waits until there is something, or the end.
func cmdObjectAwait(p *bridge.Package, r *objectReader, _ []bridge.Value) (any, error) {
	if r.busy {
		return nil, invalid("The object is being read already")
	}
	if r.fill(p, 1) {
		return nil, nil
	}
	return r.read(p, 1, 0, bytesResult)
}

// cmdObjectNotify sets the command that is called whenever there is something where there was nothing.
func cmdObjectNotify(_ *bridge.Package, r *objectReader, args []bridge.Value) (any, error) {
	if r.notify != nil {
		r.notify.Release()
	}
	r.notify = args[0].Retain()
	return nil, nil
}

// cmdObjectEOF tells whether all bytes were read.
func cmdObjectEOF(p *bridge.Package, r *objectReader, _ []bridge.Value) (any, error) {
	return r.fill(p, 1) && r.end == io.EOF && r.waiting == 0, nil
}

func cmdObjectInfoOf(_ *bridge.Package, r *objectReader, _ []bridge.Value) (any, error) {
	return objectDict(r.r.Info()), nil
}

// cmdObjectGetHold waits for cmdObjectGo.
func cmdObjectGetHold(p *bridge.Package, r *objectReader, _ []bridge.Value) (any, error) {
	return r.hold.wait(p, r, glance)
}
