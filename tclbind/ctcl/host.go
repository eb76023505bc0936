// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

// Package ctcl is C Tcl (8.6, and 9 by its headers) as a host of the package: the one
// place that knows of cgo. It is bound by Tcl's stubs to whatever Tcl loads it.
package ctcl

// // The C that cgo writes itself has parameters that it does not use.
// #cgo CFLAGS: -Wall -Wextra -Wno-unused-parameter
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"os"
	"runtime/cgo"
	"runtime/debug"
	"time"
	"unsafe"

	"natstcl/tclbind/bridge"
)

// utfMax is the length of the longest character in Tcl's strings.
const utfMax = C.TCL_UTF_MAX

func init() { bridge.Tcl9 = C.TCL_MAJOR_VERSION >= 9 }

// host is one interpreter.
type host struct {
	interp   *C.Tcl_Interp
	thread   C.Tcl_ThreadId
	sleeper  *C.Sleeper
	handle   cgo.Handle // what C has in place of the Go pointer
	commands []func([]bridge.Value) (any, error)
	x        *bridge.Extension
	pkg      *bridge.Package
	trace    *C.char        // bridge.Extension.Trace
	timer    unsafe.Pointer // of Later, nil where none is set
	args     []bridge.Value // of the commands that run
	spare    *writer        // nil while it is in use further up the stack
	notes    notes
	alive    int // commands that Tcl has not deleted yet
	ended    bool
}

// Init brings an extension into an interpreter. It returns TCL_OK or TCL_ERROR, with the
// message left in the interpreter.
func Init(pointer unsafe.Pointer, x *bridge.Extension) (code int) {
	stackRoom(false)
	C.natsRestoreLimits()
	interp := (*C.Tcl_Interp)(pointer)
	if C.natsInitStubs(interp) == nil {
		return C.TCL_ERROR
	}
	bridge.PaceGC()
	h := &host{interp: interp, x: x, thread: C.natsThread(), sleeper: C.natsNewSleeper(), trace: C.CString(x.Trace())}
	h.handle = cgo.NewHandle(h)
	h.notes.c = C.natsNewNotes()
	defer func() {
		if r := recover(); r != nil {
			h.logPanic(r)
			h.throw(x.Panicked(r))
			h.end(false)
			code = C.TCL_ERROR
		}
	}()
	C.natsAttachLife(interp, C.uintptr_t(h.handle))
	pkg, err := bridge.Attach(h, x)
	if err != nil {
		h.throw(err)
		h.end(false)
		return C.TCL_ERROR
	}
	h.pkg = pkg
	return C.TCL_OK
}

//export natsGoCommand
func natsGoCommand(owner C.uintptr_t, index C.int, objc C.int, objv **C.Tcl_Obj) (code C.int) {
	stackRoom(false)
	h := cgo.Handle(owner).Value().(*host)
	defer func() {
		if r := recover(); r != nil {
			h.logPanic(r)
			h.throw(h.x.Panicked(r))
			code = C.TCL_ERROR
		}
	}()
	h.notes.before()
	args := h.borrow(int(objc)-1, objv)
	defer h.giveBack(len(args))
	result, err := h.commands[index](args)
	if err != nil {
		h.throw(err)
		return C.TCL_ERROR
	}
	if result == nil {
		return C.NATS_NO_RESULT
	}
	w := h.encode(result)
	C.natsSetResult(h.interp, w.first())
	h.put(w)
	return C.TCL_OK
}

// borrow makes the arguments of a command, behind those of the commands further up the stack.
func (h *host) borrow(n int, objv **C.Tcl_Obj) []bridge.Value {
	start := len(h.args)
	for _, obj := range unsafe.Slice(objv, n+1)[1:] {
		h.args = append(h.args, value{obj})
	}
	return h.args[start:len(h.args):len(h.args)]
}

func (h *host) giveBack(n int) {
	rest := len(h.args) - n
	clear(h.args[rest:])
	h.args = h.args[:rest]
}

func (h *host) logPanic(r any) {
	fmt.Fprintf(os.Stderr, "%s: panic: %v\n%s", h.x.Name, r, debug.Stack())
}

// encode writes a value; put gives the writer back.
func (h *host) encode(v any) *writer {
	w := h.spare
	h.spare = nil
	if w == nil {
		w = &writer{}
	}
	w.Any(v)
	return w
}

// mostSpare is the longest buffer that is kept for the next value.
const mostSpare = 1 << 20

func (h *host) put(w *writer) {
	w.b = w.b[:0]
	if cap(w.b) <= mostSpare {
		h.spare = w
	}
}

// throw leaves err in the interpreter, unless it came from there.
func (h *host) throw(err error) {
	if _, ok := err.(bridge.ScriptError); ok {
		return
	}
	var w writer
	w.Text(err.Error())
	w.Any(h.x.CodeOf(err))
	w.Text(bridge.InfoOf(err))
	C.natsSetError(h.interp, w.first())
}

//export natsGoDrain
func natsGoDrain(owner C.uintptr_t) {
	stackRoom(false)
	cgo.Handle(owner).Value().(*host).drain()
}

//export natsGoTimer
func natsGoTimer(owner C.uintptr_t) {
	stackRoom(false)
	h := cgo.Handle(owner).Value().(*host)
	h.timer = nil
	h.drain()
}

// drain is what an event does. Nobody else holds the interpreter then, and what runs may delete it.
func (h *host) drain() {
	defer h.recovered()
	C.natsPreserve(h.interp)
	defer C.natsLetGo(h.interp)
	h.pkg.Drain()
}

// ran looks at what a call comes to that may have run a script. Where that has deleted the
// interpreter, the package ends here: Tcl takes the interpreter apart when nobody holds it any more,
// and until then nothing further may be done with it.
func (h *host) ran(outcome C.int) (done bool) {
	if outcome&C.NATS_GONE != 0 {
		h.end(false)
	}
	return outcome&C.NATS_DONE != 0
}

func (h *host) recovered() {
	if r := recover(); r != nil {
		h.logPanic(r)
	}
}

// natsGoEnd ends the package with its interpreter, thread or process.
//
//export natsGoEnd
func natsGoEnd(owner C.uintptr_t, deleting C.int) {
	stackRoom(false)
	h := cgo.Handle(owner).Value().(*host)
	defer h.recovered()
	h.end(deleting != 0)
}

// end ends the package. deleting: by Tcl, which has forgotten that it has to tell us.
func (h *host) end(deleting bool) {
	if h.ended {
		return
	}
	h.ended = true
	if h.pkg != nil {
		h.pkg.Close()
	}
	told := C.int(0)
	if deleting {
		told = 1
	}
	C.natsDetachLife(h.interp, C.uintptr_t(h.handle), told, h.timer)
	C.natsFreeSleeper(h.sleeper)
	free(h.trace)
	h.timer, h.sleeper = nil, nil
	h.letGo()
}

//export natsGoFree
func natsGoFree(owner C.uintptr_t) {
	stackRoom(false)
	h := cgo.Handle(owner).Value().(*host)
	defer h.recovered()
	h.alive--
	h.letGo()
}

// letGo gives the handle up when nothing in C knows it any more.
func (h *host) letGo() {
	if h.ended && h.alive == 0 {
		h.handle.Delete()
		h.notes.free()
	}
}

// text makes a C string of a name. A NUL in it is written as Tcl does.
func text(s string) *C.char { return C.CString(string(bridge.AppendText(nil, s, utfMax))) }

func free(p *C.char) { C.free(unsafe.Pointer(p)) }

func (h *host) Define(name string, run func([]bridge.Value) (any, error)) {
	p := text(name)
	defer free(p)
	C.natsDefine(h.interp, p, C.uintptr_t(h.handle), C.int(len(h.commands)))
	h.commands = append(h.commands, run)
	h.alive++
}

func (h *host) DefineMethod(class, name string, least, most int, words string, noted bool, run func([]bridge.Value) (any, error)) error {
	at, called, arguments := text(class), text(name), text(words)
	defer free(at)
	defer free(called)
	defer free(arguments)
	var notes *C.Notes
	if noted {
		notes = h.notes.c
	}
	if C.natsDefineMethod(h.interp, at, called, C.uintptr_t(h.handle), C.int(len(h.commands)), C.int(least), C.int(most), arguments, notes) != C.TCL_OK {
		return h.scriptError()
	}
	h.commands = append(h.commands, run)
	h.alive++
	return nil
}

func (h *host) Eval(script string) error {
	w := writer{bridge.AppendText(nil, script, utfMax)}
	if C.natsEval(h.interp, w.first(), C.natsSize(len(w.b))) != C.TCL_OK {
		return h.scriptError()
	}
	return nil
}

// scriptError is the error that the interpreter holds.
func (h *host) scriptError() error {
	var p *C.char
	var n C.natsSize
	C.natsResultText(h.interp, &p, &n)
	return bridge.ScriptError{Text: bridge.FromText(C.GoStringN(p, C.int(n)))}
}

func (h *host) Callback(prefix bridge.Value, args ...any) bool {
	return h.call(prefix, args)
}

func (h *host) Deliver(prefix bridge.Value, args bridge.Record) bool { return h.call(prefix, args) }

func (h *host) call(prefix bridge.Value, args any) bool {
	w := h.encode(args)
	outcome := C.natsCallback(h.interp, prefix.(value).obj, w.first(), h.trace)
	h.put(w)
	return h.ran(outcome)
}

func (h *host) Invoke(prefix bridge.Value, args ...any) (bridge.Value, error) {
	w := h.encode(args)
	var result *C.Tcl_Obj
	code := C.natsInvoke(h.interp, prefix.(value).obj, w.first(), &result)
	h.put(w)
	h.checkLife()
	v := value{result} // natsInvoke has retained it
	switch code {
	case C.TCL_OK:
		return v, nil
	case C.TCL_BREAK:
		v.Release()
		return nil, bridge.ErrBreak
	}
	text := v.Text()
	v.Release()
	return nil, bridge.ScriptError{Text: text}
}

func (h *host) ErrorOptions() bridge.Value { return value{C.natsErrorOptions(h.interp)} }

func (h *host) Call(name, argument string) bool {
	w := h.encode([]string{name, argument})
	outcome := C.natsCall(h.interp, w.first(), h.trace)
	h.put(w)
	return h.ran(outcome)
}

func (h *host) Background(err error) {
	h.throw(err)
	C.natsBackground(h.interp)
}

func (h *host) SetVar(name string, v any) error {
	p := text(name)
	defer free(p)
	return h.setVar(p, nil, v)
}

func (h *host) SetElement(array, key string, v any) error {
	p, k := text(array), text(key)
	defer free(p)
	defer free(k)
	return h.setVar(p, k, v)
}

func (h *host) setVar(name, element *C.char, v any) error {
	w := h.encode(v)
	outcome := C.natsSetVar(h.interp, name, element, w.first())
	h.put(w)
	if !h.ran(outcome) {
		return h.scriptError()
	}
	return nil
}

func (h *host) StoreElement(array bridge.Value, pair bridge.Record) error {
	w := h.encode(pair)
	outcome := C.natsStoreElement(h.interp, array.(value).obj, w.first())
	h.put(w)
	if !h.ran(outcome) {
		return h.scriptError()
	}
	return nil
}

func (h *host) UnsetElement(array, key string) error {
	p, k := text(array), text(key)
	defer free(p)
	defer free(k)
	h.ran(C.natsUnset(h.interp, p, k))
	return nil
}

func (h *host) Append(list bridge.Value, elements bridge.Record) {
	w := h.encode(elements)
	C.natsAppend(list.(value).obj, w.first())
	h.put(w)
}

func (h *host) NewValue(v any) bridge.Value {
	w := h.encode(v)
	defer h.put(w)
	return value{C.natsNewValue(w.first())}
}

func (h *host) WaitEvent() error {
	_, err := h.serveEvent(0)
	return err
}

func (h *host) PollEvent() (bool, error) { return h.serveEvent(C.TCL_DONT_WAIT) }

func (h *host) serveEvent(flags C.int) (bool, error) {
	var served C.int
	if !h.ran(C.natsServeEvent(h.interp, flags, &served)) {
		return true, h.scriptError()
	}
	return served != 0, nil
}

func (h *host) Wake()  { C.natsWake(h.thread, C.uintptr_t(h.handle)) }
func (h *host) Again() { C.natsAgain(C.uintptr_t(h.handle)) }
func (h *host) Later() { h.timer = C.natsLater(C.uintptr_t(h.handle)) }

func (h *host) Yield(most time.Duration) (left time.Duration, can bool) {
	return time.Duration(C.natsYield(h.sleeper, C.int(most.Microseconds()))) * time.Microsecond, true
}

func (h *host) Sleep(most time.Duration) { C.natsSleep(h.sleeper, C.int(most.Microseconds())) }
func (h *host) Rouse()                   { C.natsRouse(h.sleeper) }

func (h *host) Write(channel, line string) error {
	p := text(channel)
	defer free(p)
	w := h.encode(line)
	defer h.put(w)
	if !h.ran(C.natsWrite(h.interp, p, w.first())) {
		return h.scriptError()
	}
	return nil
}

func (h *host) ReadFile(name string, most int) ([]byte, error) {
	w := h.encode(name)
	defer h.put(w)
	obj := C.natsReadFile(h.interp, w.first(), C.int(most))
	h.checkLife()
	if obj == nil {
		return nil, h.scriptError()
	}
	data := value{obj}
	defer data.Release()
	return data.Bytes(), nil
}

func (h *host) FileName(name string) (string, error) {
	w := h.encode(name)
	defer h.put(w)
	obj := C.natsFileName(h.interp, w.first())
	h.checkLife()
	if obj == nil {
		return "", h.scriptError()
	}
	translated := value{obj}
	defer translated.Release()
	return translated.Text(), nil
}

// checkLife is ran for a call that returns something else.
func (h *host) checkLife() {
	if C.natsDeleted(h.interp) != 0 {
		h.end(false)
	}
}

func (h *host) Getenv(name string) string {
	p := text(name)
	defer free(p)
	v := C.natsGetenv(h.interp, p)
	text := ""
	if v != nil {
		text = bridge.FromText(C.GoString(v))
	}
	h.checkLife()
	return text
}
