// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

package ctcl

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"strings"
	"unsafe"

	"natstcl/tclbind/bridge"
)

// writer writes values in the form that natsDecode (values.c) reads: a tag, then a length and
// bytes, a number of elements, or eight bytes.
type writer struct{ b []byte }

func (w *writer) tagged(tag byte, n int) {
	w.b = binary.NativeEndian.AppendUint32(append(w.b, tag), uint32(n))
}

func (w *writer) List(n int) { w.tagged('l', n) }

func (w *writer) Bytes(b []byte) {
	w.tagged('b', len(b))
	w.b = bridge.Append(w.b, b)
}

func (w *writer) Int(n int64) {
	w.b = binary.NativeEndian.AppendUint64(append(w.b, 'i'), uint64(n))
}

func (w *writer) Text(s string) {
	w.tagged('s', 0)
	start := len(w.b)
	w.b = bridge.AppendText(w.b, s, utfMax)
	binary.NativeEndian.PutUint32(w.b[start-4:], uint32(len(w.b)-start))
}

func (w *writer) Any(v any) {
	switch v := v.(type) {
	case value:
		// The address of an object of Tcl's, which whoever hands it on holds.
		w.b = binary.NativeEndian.AppendUint64(append(w.b, 'o'), uint64(uintptr(unsafe.Pointer(v.obj))))
	case bridge.Given:
		w.b = binary.NativeEndian.AppendUint64(append(w.b, 'g'), uint64(uintptr(unsafe.Pointer(v.Value.(value).obj))))
	case bridge.Record:
		v.WriteTo(w)
	case []byte:
		w.Bytes(v)
	case []string:
		w.List(len(v))
		for _, e := range v {
			w.Text(e)
		}
	case []any:
		w.List(len(v))
		for _, e := range v {
			w.Any(e)
		}
	case bridge.Fields:
		w.List(2 * v.Len())
		for i := range v.Len() {
			key, field := v.At(i)
			w.Text(key)
			w.Any(field)
		}
	default:
		if n, text, isInt := bridge.Scalar(v); isInt {
			w.Int(n)
		} else {
			w.Text(text)
		}
	}
}

// first is what goes to C: the address of the first byte. cgo looks at what an unsafe.Pointer leads to, before each call, and
// knows that there are no pointers in characters.
func (w *writer) first() *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(w.b))) }

// value is a Tcl_Obj. Its reference count is the caller's affair but for Retain and
// Release.
type value struct{ obj *C.Tcl_Obj }

// raw is the string representation, without a crossing where it is there already. It is Tcl's memory.
func (v value) raw() string {
	if v.obj.bytes == nil {
		C.natsString(v.obj)
	}
	return unsafe.String((*byte)(unsafe.Pointer(v.obj.bytes)), int(v.obj.length))
}

func (v value) Text() string { return bridge.FromText(strings.Clone(v.raw())) }

func (v value) ViewText() string { return bridge.FromText(v.raw()) }

func (v value) Bytes() []byte { return bridge.Append([]byte{}, v.View()) }

// Wide does not ask a byte array for its text, which would have to be made.
func (v value) Wide() bool {
	if v.obj.bytes == nil {
		if t := v.obj.typePtr; t != nil && C.GoString(t.name) == "bytearray" {
			return false
		}
		C.natsString(v.obj)
	}
	return bridge.WideText(unsafe.Slice((*byte)(unsafe.Pointer(v.obj.bytes)), int(v.obj.length)))
}

func (v value) View() []byte {
	if v.obj.bytes != nil {
		if text := v.raw(); bridge.ASCII(text) {
			return unsafe.Slice(unsafe.StringData(text), len(text))
		}
	}
	span := C.natsBytes(v.obj)
	if span.bytes == nil && v.raw() != "" {
		return bridge.Narrow(v.Text()) // Tcl 9, and a character above 255
	}
	return unsafe.Slice((*byte)(span.bytes), int(span.length))
}

func (v value) List() ([]bridge.Value, error) {
	list := C.natsList(v.obj)
	if list.elements == nil {
		return nil, &bridge.TclError{Code: []string{"TCL", "VALUE", "LIST"}, Text: "not a list: " + v.Text()}
	}
	return values(int(list.count), list.elements), nil
}

func values(n int, objects **C.Tcl_Obj) []bridge.Value {
	out := make([]bridge.Value, n)
	for i, obj := range unsafe.Slice(objects, n) {
		out[i] = value{obj}
	}
	return out
}

// Retain is Tcl_IncrRefCount, which is no function: it needs no crossing.
func (v value) Retain() bridge.Value {
	v.obj.refCount++
	return v
}

// Release is Tcl_DecrRefCount, which crosses for the last reference alone.
func (v value) Release() {
	if v.obj.refCount > 1 {
		v.obj.refCount--
	} else {
		C.natsRelease(v.obj)
	}
}
