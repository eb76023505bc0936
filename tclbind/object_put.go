// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/object"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// payload is an option's value that is handed on as it is, for the command to read.
var payload = &option.Kind{Word: "str", Takes: "bytes", Parse: func(_ *option.Row, v bridge.Value) (any, error) { return v, nil }}

var objectPutOptions = option.Table{
	{Name: "data", Kind: payload, About: "the object's bytes; excludes -channel"},
	{Name: "channel", Kind: option.Nonempty, About: "the channel that is read to its end; it stays open"},
	{Name: "size", Kind: option.Natural, About: "how many bytes the channel has; only -progress uses it"},
	{Name: "description", Kind: option.Text, About: "a text for people"},
	{Name: "header", Kind: headers, About: "headers: keys with lists of values"},
	{Name: "metadata", Kind: pairs, About: "texts for programs"},
	{Name: "chunk_size", Kind: positive, About: "how many bytes each message has; by default 131072, or what the server takes"},
	{Name: "timeout", Kind: option.Millis, Default: time.Duration(0), About: "how long the whole put may take; 0: no limit, as long as each chunk is acknowledged within the jet_stream's -timeout"},
	{Name: "progress", Kind: option.Prefix, About: "called as `cmd bytes total` now and then, with what is stored so far; total is -1 for a channel without -size; `return -code break` of it, or its error, cancels: ErrCanceled"},
}

// objectWriter is an object that is being put. It lives until its end is told.
type objectWriter struct {
	bridge.Object
	progress
	hold
	name  string // of the object
	total int64  // how many bytes it will have, -1 where nobody knows
	w     *object.Writer
	given bool          // the bytes were given at once, and do not come from a channel
	data  bridge.Value  // the bytes that were given, or the next ones of the channel, retained; nil when all are handed on
	bytes func() []byte // those of data
	sent  int           // how many of them w has

	room   hold             // of object_write
	end    func(any, error) // of object_put_end; nil: nobody waits yet
	result *object.Info     // nil: it has failed, or is not over
	err    error
	over   bool
}

// A put that goes on when its object goes is given up: what is stored of it is removed.
func (w *objectWriter) Release(*bridge.Package) {
	w.progress.release()
	w.forget()
	if w.over || w.w == nil {
		return
	}
	w.over, w.err = true, errTransferDestroyed()
	w.w.Abort(w.err)
	w.room.end(w.err)
	w.hold.end(w.err)
	if w.end != nil {
		w.tell()
	}
}

// cmdObjectPut begins to put an object. The result is a list of the writer's handle and the channel, which
// is empty where the bytes were given.
func cmdObjectPut(p *bridge.Package, s *objectStore, args []bridge.Value) (any, error) {
	o, err := objectPutOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	if o.Has("data") == o.Has("channel") {
		return nil, invalid("Exactly one of -data and -channel must be given")
	}
	w := &objectWriter{name: args[0].Text()}
	w.total = -1
	if o.Has("size") {
		w.total = o.Int("size")
	}
	meta := object.Meta{Name: w.name, Description: o.Text("description"), Metadata: dictOf(o, "metadata")}
	if header, ok := o.Get("header").(nats.Header); ok {
		meta.Header = headerDict(header)
	}
	options := object.PutOptions{ChunkSize: small(o.Int("chunk_size")), Timeout: o.Duration("timeout")}
	w.beginProgress(s.j.c, o)
	if w.command != nil {
		options.Progress = func(stored uint64) bool { return w.at(p, int64(stored), w.total) }
	}
	done := func(i *object.Info, err error) { p.Post(&putEnd{w, i, err}) }
	options.Room = func() { p.Post(&putRoom{w}) }
	if w.w, err = s.store.Put(meta, options, done); err != nil {
		w.progress.release()
		return nil, err
	}
	w.cancel = w.w.Abort
	if data, ok := o.Get("data").(bridge.Value); ok {
		w.take(data)
	}
	return []any{p.Add(w, s), o.Text("channel")}, nil
}

// take sends the bytes that are given, as far as there is room for them.
func (w *objectWriter) take(data bridge.Value) {
	w.given, w.data, w.bytes = true, data.Retain(), data.View
	if w.c.settings.utf8Convert || data.Wide() {
		made := w.c.outgoing(data)
		w.bytes = func() []byte { return made }
	}
	w.total = int64(len(w.bytes()))
	w.proceed()
}

// proceed hands on the next bytes, as many as there is room for; false where some are left. They are read where Tcl
// has them: a copy of all of them would take as long as sending them.
func (w *objectWriter) proceed() (all bool) {
	bytes := w.bytes()
	w.sent = len(bytes) - len(w.w.Write(bytes[w.sent:]))
	if w.sent < len(bytes) {
		return false
	}
	w.forget()
	if w.given {
		w.w.Close()
	}
	return true
}

// forget gives the bytes back.
func (w *objectWriter) forget() {
	if w.data != nil {
		w.data.Release()
		w.data, w.bytes, w.sent = nil, nil, 0
	}
}

// putRoom is the word that more bytes may be written.
type putRoom struct{ w *objectWriter }

func (r *putRoom) Run(*bridge.Package) {
	if r.w.data != nil && r.w.proceed() {
		r.w.room.end(nil)
	}
}

// putEnd is the end of a put.
type putEnd struct {
	w    *objectWriter
	info *object.Info
	err  error
}

func (e *putEnd) Run(p *bridge.Package) { e.w.whenTold(func() { e.end(p) }) }

func (e *putEnd) end(p *bridge.Package) {
	w := e.w
	if !p.Alive(w) {
		return
	}
	w.over, w.result, w.err = true, e.info, e.err
	w.forget()
	w.room.end(e.err)
	w.hold.end(e.err)
	if w.end != nil {
		w.tell()
		p.Drop(w)
	}
}

func (w *objectWriter) tell() {
	if w.err != nil {
		w.end(nil, w.err)
		return
	}
	w.end(objectDict(w.result), nil)
}

// cmdObjectWrite takes the next bytes, and waits until there is room for more.
func cmdObjectWrite(p *bridge.Package, w *objectWriter, args []bridge.Value) (any, error) {
	if w.over {
		return nil, w.err
	}
	if w.data != nil {
		return nil, invalid("The transfer is waited for already")
	}
	w.data, w.bytes = args[0].Retain(), args[0].View
	if w.proceed() {
		return nil, nil
	}
	return w.room.wait(p, w, 0)
}

// cmdObjectPutHold waits for cmdObjectGo, or for the put's failure.
func cmdObjectPutHold(p *bridge.Package, w *objectWriter, _ []bridge.Value) (any, error) {
	if w.over {
		return nil, w.err
	}
	return w.hold.wait(p, w, glance)
}

// cmdObjectPutEnd waits for the end of the put, whose result is the info.
func cmdObjectPutEnd(p *bridge.Package, w *objectWriter, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(any, error)) error {
		w.end = done
		switch {
		case w.over:
			w.tell()
			p.Drop(w)
		case !w.given:
			w.w.Close()
		}
		return nil
	}, bridge.Plain)
}
