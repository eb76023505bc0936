// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"natstcl/kv"
	"natstcl/tclbind/bridge"
)

// entryRecord is an entry as Tcl has it (docs/key-value.md "Entries").
type entryRecord struct {
	c      *connection
	bucket any // its name, as text or as a Value
	*kv.Entry
	delta   bool // there is one: it comes from watch or history
	headers bool // the field header is wanted
	size    bool // and size, in place of the value
}

func (e *entryRecord) WriteTo(w bridge.Writer) {
	n := 12
	for _, more := range []bool{e.delta, e.headers, e.size, e.Reason != ""} {
		if more {
			n += 2
		}
	}
	w.List(n)
	words := e.c.words
	w.Any(words.bucket)
	w.Any(e.bucket)
	w.Any(words.key)
	w.Text(e.Key)
	w.Any(words.value)
	e.c.write(w, e.Value)
	w.Any(words.revision)
	writeUint(w, e.Revision)
	w.Any(words.created)
	w.Int(e.Created.UnixMilli())
	if e.delta {
		w.Any(words.delta)
		writeUint(w, e.Delta)
	}
	w.Any(words.operation)
	w.Any(words.operations[e.Operation])
	if e.Reason != "" {
		w.Text("reason")
		w.Text(e.Reason)
	}
	if e.headers {
		w.Any(words.header)
		w.Any(headerDict(e.Header))
	}
	if e.size {
		w.Text("size")
		w.Int(int64(e.Size))
	}
}

// entryRecords is a list of entries.
type entryRecords struct {
	entryRecord
	sizes   bool // those that have a value have their size in place of it
	entries []kv.Entry
}

func (l *entryRecords) WriteTo(w bridge.Writer) {
	w.List(len(l.entries))
	for i := range l.entries {
		l.Entry = &l.entries[i]
		l.size = l.sizes && l.Operation == kv.Put
		l.entryRecord.WriteTo(w)
	}
}
