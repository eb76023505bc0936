// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"slices"
	"strings"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/tcl/lib"
	"natstcl/tclbind/bridge"
)

// utfMax is that of the translated Tcl, which is 8.6.
const utfMax = lib.TCL_UTF_MAX

// at is the Go view of memory of the translated library's, which the garbage collector
// does not know.
func at[T any](p uintptr) *T { return (*T)(*(*unsafe.Pointer)(unsafe.Pointer(&p))) }

// view is length bytes there. They are the library's: who keeps them copies them.
func view(p uintptr, length int32) []byte {
	if length == 0 {
		return nil
	}
	return unsafe.Slice(at[byte](p), int(length))
}

// value is a Tcl_Obj. Its reference count is the caller's affair but for Retain and
// Release. It is as large as a pointer, so that a bridge.Value of it needs no memory of its own.
type value struct{ *object }

type object struct {
	tls *libc.TLS
	obj uintptr
}

func valueOf(tls *libc.TLS, obj uintptr) value { return value{&object{tls, obj}} }

// raw is the string representation. It is the library's memory.
func (v value) raw() string {
	o := at[lib.Tcl_Obj](v.obj)
	if o.Fbytes == 0 {
		lib.XTcl_GetStringFromObj(v.tls, v.obj, 0)
	}
	b := view(o.Fbytes, o.Flength)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (v value) Text() string { return bridge.FromText(strings.Clone(v.raw())) }

func (v value) ViewText() string { return bridge.FromText(v.raw()) }

func (v value) Bytes() []byte { return bridge.Append([]byte{}, v.View()) }

// Wide does not ask a byte array for its text, which would have to be made.
func (v value) Wide() bool {
	o := at[lib.Tcl_Obj](v.obj)
	if o.Fbytes == 0 {
		if o.FtypePtr != 0 && libc.GoString(at[lib.Tcl_ObjType](o.FtypePtr).Fname) == "bytearray" {
			return false
		}
		lib.XTcl_GetStringFromObj(v.tls, v.obj, 0)
	}
	return bridge.WideText(view(o.Fbytes, o.Flength))
}

func (v value) View() []byte {
	if at[lib.Tcl_Obj](v.obj).Fbytes != 0 {
		if text := v.raw(); bridge.ASCII(text) {
			return unsafe.Slice(unsafe.StringData(text), len(text))
		}
	}
	n := v.tls.Alloc(4)
	defer v.tls.Free(4)
	p := lib.XTcl_GetByteArrayFromObj(v.tls, v.obj, n)
	return view(p, *at[int32](n))
}

func (v value) List() ([]bridge.Value, error) {
	words, err := v.words()
	if err != nil {
		return nil, err
	}
	return values(v.tls, words), nil
}

// words returns the elements of a list, in the library's memory.
func (v value) words() ([]uintptr, error) {
	p := v.tls.Alloc(16)
	defer v.tls.Free(16)
	if lib.XTcl_ListObjGetElements(v.tls, 0, v.obj, p, p+8) != lib.TCL_OK {
		return nil, &bridge.TclError{Code: []string{"TCL", "VALUE", "LIST"}, Text: "not a list: " + v.Text()}
	}
	return pointers(*at[uintptr](p + 8), int(*at[int32](p))), nil
}

func values(tls *libc.TLS, objects []uintptr) []bridge.Value {
	out, all := make([]bridge.Value, len(objects)), make([]object, len(objects))
	for i, obj := range objects {
		all[i] = object{tls, obj}
		out[i] = value{&all[i]}
	}
	return out
}

// pointers is an array of n pointers, which is the library's.
func pointers(p uintptr, n int) []uintptr {
	if n == 0 {
		return nil
	}
	return unsafe.Slice(at[uintptr](p), n)
}

func (v value) Retain() bridge.Value {
	retain(v.obj)
	return v
}

func (v value) Release() { release(v.tls, v.obj) }

func retain(obj uintptr) { at[lib.Tcl_Obj](obj).FrefCount++ }

func release(tls *libc.TLS, obj uintptr) {
	o := at[lib.Tcl_Obj](obj)
	if o.FrefCount--; o.FrefCount <= 0 {
		lib.XTclFreeObj(tls, obj)
	}
}

// newObj builds a value, with a reference count of 0.
func newObj(tls *libc.TLS, v any) uintptr {
	switch v := v.(type) {
	case []byte:
		return newBytes(tls, v)
	case []string:
		list := lib.XTcl_NewListObj(tls, 0, 0)
		for _, e := range v {
			lib.XTcl_ListObjAppendElement(tls, 0, list, newText(tls, e))
		}
		return list
	case []any:
		list := lib.XTcl_NewListObj(tls, 0, 0)
		for _, e := range v {
			lib.XTcl_ListObjAppendElement(tls, 0, list, newObj(tls, e))
		}
		return list
	case bridge.Fields:
		elements := make([]uintptr, 0, 2*v.Len())
		for i := range v.Len() {
			key, field := v.At(i)
			elements = append(elements, newText(tls, key), newObj(tls, field))
		}
		return newList(tls, elements)
	case value:
		return v.obj
	case bridge.Given:
		obj := v.Value.(value).obj
		at[lib.Tcl_Obj](obj).FrefCount--
		return obj
	case bridge.Record:
		b := newBuilder(tls, false)
		v.WriteTo(b)
		return b.made
	}
	if n, text, isInt := bridge.Scalar(v); isInt {
		return lib.XTcl_NewWideIntObj(tls, n)
	} else {
		return newText(tls, text)
	}
}

// builder makes the value of a Record. It has room for what an entry needs, so that one takes no more memory of Go's.
type builder struct {
	tls   *libc.TLS
	open  []building // lists that are not complete yet, the innermost last
	stack []uintptr  // their elements, those of the innermost last
	made  uintptr

	bare     bool      // of the outermost list only the elements are wanted
	elements []uintptr // these

	someOpen  [4]building
	someStack [24]uintptr
}

// building is a list that will have n elements; those that are there begin at start.
type building struct{ start, n int }

func newBuilder(tls *libc.TLS, bare bool) *builder {
	b := &builder{tls: tls, bare: bare}
	b.open, b.stack = b.someOpen[:0], b.someStack[:0]
	return b
}

func (b *builder) add(obj uintptr) {
	for len(b.open) > 0 {
		list := b.open[len(b.open)-1]
		if b.stack = append(b.stack, obj); len(b.stack)-list.start < list.n {
			return
		}
		b.open = b.open[:len(b.open)-1]
		elements := b.stack[list.start:]
		if b.bare && len(b.open) == 0 {
			b.elements = elements
			return
		}
		obj = newList(b.tls, elements)
		b.stack = b.stack[:list.start]
	}
	b.made = obj
}

func (b *builder) List(n int) {
	if n == 0 {
		b.add(newList(b.tls, nil))
		return
	}
	b.stack = slices.Grow(b.stack, n)
	b.open = append(b.open, building{len(b.stack), n})
}

func (b *builder) Text(s string)  { b.add(newText(b.tls, s)) }
func (b *builder) Bytes(p []byte) { b.add(newBytes(b.tls, p)) }
func (b *builder) Int(n int64)    { b.add(lib.XTcl_NewWideIntObj(b.tls, n)) }
func (b *builder) Any(v any)      { b.add(newObj(b.tls, v)) }

func newList(tls *libc.TLS, elements []uintptr) uintptr {
	objv := newArray(tls, len(elements))
	defer objv.free()
	copy(objv.pointers(), elements)
	return lib.XTcl_NewListObj(tls, int32(len(elements)), objv.p)
}

// array is room for n pointers.
type array struct {
	tls *libc.TLS
	p   uintptr
	n   int
}

// fewPointers have their room on the library's stack.
const fewPointers = 64

func newArray(tls *libc.TLS, n int) array {
	a := array{tls: tls, n: n}
	if n <= fewPointers {
		a.p = tls.Alloc(a.size())
	} else {
		a.p = libc.Xmalloc(tls, uint64(a.size()))
	}
	return a
}

func (a array) size() int { return a.n * int(unsafe.Sizeof(a.p)) }

func (a array) pointers() []uintptr { return pointers(a.p, a.n) }

// free is called in the opposite order, as it is a stack.
func (a array) free() {
	if a.n <= fewPointers {
		a.tls.Free(a.size())
	} else {
		libc.Xfree(a.tls, a.p)
	}
}

func newBytes(tls *libc.TLS, b []byte) uintptr {
	obj := lib.XTcl_NewByteArrayObj(tls, 0, int32(len(b)))
	bridge.Copy(view(lib.XTcl_GetByteArrayFromObj(tls, obj, 0), int32(len(b))), b)
	return obj
}

// newText writes the text to where the value has it, as a type of values does that makes its text itself (Tcl_ObjType,
// updateStringProc): Tcl_NewStringObj would copy it from memory of the library's, to which it would have to be copied first.
func newText(tls *libc.TLS, s string) uintptr {
	obj := lib.XTcl_NewObj(tls)
	if s == "" {
		return obj
	}
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	if !bridge.SameInTcl(s) {
		b = bridge.AppendText(nil, s, utfMax)
	}
	o := at[lib.Tcl_Obj](obj)
	o.Fbytes, o.Flength = lib.XTcl_Alloc(tls, uint32(len(b)+1)), int32(len(b))
	write(o.Fbytes, b)
	return obj
}

// memory copies bytes to where the library can read them, with a NUL behind, until free.
func memory(tls *libc.TLS, b []byte) (p uintptr, free func()) {
	p = libc.Xmalloc(tls, uint64(len(b)+1))
	if p == 0 {
		panic("gotcl: out of memory")
	}
	write(p, b)
	return p, func() { libc.Xfree(tls, p) }
}

// write copies bytes to memory of the library's, with a NUL behind.
func write(p uintptr, b []byte) {
	out := view(p, int32(len(b)+1))
	bridge.Copy(out, b)
	out[len(b)] = 0
}

// cString is memory for a name.
func cString(tls *libc.TLS, s string) (p uintptr, free func()) {
	return memory(tls, bridge.AppendText(nil, s, utfMax))
}
