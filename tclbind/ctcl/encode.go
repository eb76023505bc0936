//go:build ctcl

package ctcl

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"unsafe"

	"natstcl/kv/dict"
	"natstcl/tclbind"
)

// appendValue writes a value in the form that decode (shim.c) reads: a tag, then a
// length and bytes, a number of elements, or eight bytes.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case []byte:
		b = binary.NativeEndian.AppendUint32(append(b, 'b'), uint32(len(v)))
		return append(b, v...)
	case []string:
		b = binary.NativeEndian.AppendUint32(append(b, 'l'), uint32(len(v)))
		for _, e := range v {
			b = appendText(b, e)
		}
		return b
	case []any:
		b = binary.NativeEndian.AppendUint32(append(b, 'l'), uint32(len(v)))
		for _, e := range v {
			b = appendValue(b, e)
		}
		return b
	case dict.Dict:
		b = binary.NativeEndian.AppendUint32(append(b, 'd'), uint32(len(v)))
		for _, f := range v {
			b = appendText(b, f.Key)
			b = appendValue(b, f.Value)
		}
		return b
	case value:
		// The address of an object of Tcl's, which whoever hands it on holds.
		return binary.NativeEndian.AppendUint64(append(b, 'o'), uint64(uintptr(unsafe.Pointer(v.obj))))
	}
	if n, text, isInt := tclbind.Scalar(v); isInt {
		return appendInt(b, n)
	} else {
		return appendText(b, text)
	}
}

func appendInt(b []byte, n int64) []byte {
	return binary.NativeEndian.AppendUint64(append(b, 'i'), uint64(n))
}

func appendText(b []byte, s string) []byte {
	b = append(b, 's', 0, 0, 0, 0)
	start := len(b)
	b = tclbind.AppendText(b, s, utfMax)
	binary.NativeEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	return b
}

// buffer is what goes to C: the address of the first byte, and the length.
func buffer(b []byte) (unsafe.Pointer, C.int) {
	return unsafe.Pointer(unsafe.SliceData(b)), C.int(len(b))
}

// value is a Tcl_Obj. Its reference count is the caller's affair but for Retain and
// Release.
type value struct{ obj *C.Tcl_Obj }

// raw is the string representation, without a crossing where it is there already. It is
// a copy.
func (v value) raw() string {
	if p := v.obj.bytes; p != nil {
		return string(unsafe.Slice((*byte)(unsafe.Pointer(p)), int(v.obj.length)))
	}
	C.natsString(v.obj)
	return string(unsafe.Slice((*byte)(unsafe.Pointer(v.obj.bytes)), int(v.obj.length)))
}

func (v value) Text() string { return tclbind.FromText(v.raw()) }

func (v value) Bytes() []byte {
	var p unsafe.Pointer
	var n C.natsSize
	C.natsBytes(v.obj, &p, &n)
	if p == nil && n != 0 || p == nil && v.raw() != "" {
		return tclbind.Narrow(v.Text()) // Tcl 9, and a character above 255
	}
	return C.GoBytes(p, C.int(n))
}

func (v value) List() ([]tclbind.Value, error) {
	var n C.natsSize
	var elements **C.Tcl_Obj
	if C.natsList(v.obj, &n, &elements) != C.TCL_OK {
		return nil, &tclbind.TclError{Code: []string{"TCL", "VALUE", "LIST"}, Text: "not a list: " + v.Text()}
	}
	return values(int(n), elements), nil
}

func values(n int, objects **C.Tcl_Obj) []tclbind.Value {
	out := make([]tclbind.Value, n)
	for i, obj := range unsafe.Slice(objects, n) {
		out[i] = value{obj}
	}
	return out
}

func (v value) Retain() tclbind.Value {
	C.natsRetain(v.obj)
	return v
}

func (v value) Release() { C.natsRelease(v.obj) }
