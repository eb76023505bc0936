// SPDX-License-Identifier: Apache-2.0

// Package gotcl is modernc.org/tcl, Tcl 8.6 in pure Go, as a host of extensions: of the Tcl package
// nats, which is tclbind.Nats. Attach brings one to an interpreter.
package gotcl

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/tcl/lib"
	"natstcl/tclbind/bridge"
)

// host is one interpreter. Its thread, by Tcl's word, is its libc.TLS: it may run in any
// goroutine, but in one at a time.
type host struct {
	tls    *libc.TLS
	interp uintptr
	thread lib.Tcl_ThreadId
	number uintptr // what the library has in place of the Go pointer
	x      *bridge.Extension
	pkg    *bridge.Package
	timer  lib.Tcl_TimerToken
	ended  bool

	waking sync.Mutex
	waker  *libc.TLS // for Wake, which other goroutines call

	sleep  *time.Timer   // of Sleep
	roused chan struct{} // has room for one
}

// hosts by number, and commands by theirs: the library keeps integers, not Go pointers.
var hosts, commands registry

type registry struct {
	mu   sync.RWMutex
	byID map[uintptr]any
	last uintptr
}

func (r *registry) add(v any) uintptr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = map[uintptr]any{}
	}
	r.last++
	r.byID[r.last] = v
	return r.last
}

func (r *registry) get(id uintptr) any {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byID[id]
}

func (r *registry) remove(id uintptr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, id)
}

// procedure is the address of a Go function as the translated library calls functions.
func procedure[T any](f T) uintptr {
	return *(*uintptr)(unsafe.Pointer(&struct{ f T }{f}))
}

// The functions that the library calls. Set in init, for some of them lead back here.
var runCommandP, freeCommandP, wakeP, timerP, ownEventP, interpDeletedP, threadEndsP uintptr

func init() {
	runCommandP, freeCommandP = procedure(runCommand), procedure(freeCommand)
	wakeP, timerP, ownEventP = procedure(wakeProc), procedure(timerProc), procedure(ownEvent)
	interpDeletedP, threadEndsP = procedure(interpDeleted), procedure(threadEnds)
}

// noThreads is what a Tcl that was built without threads calls each of them.
const noThreads lib.Tcl_ThreadId = 0

// currentThread sees to it that the thread can be woken, too.
func currentThread(tls *libc.TLS) (lib.Tcl_ThreadId, error) {
	thread := lib.XTcl_GetCurrentThread(tls)
	if thread == noThreads {
		return thread, theBell.hang(tls)
	}
	return thread, nil
}

// attach brings an extension into an interpreter.
func attach(tls *libc.TLS, interp uintptr, x *bridge.Extension) (err error) {
	takeSignals(tls)
	thread, err := currentThread(tls)
	if err != nil {
		return err
	}
	h := &host{x: x, tls: tls, interp: interp, thread: thread, waker: libc.NewTLS(), roused: make(chan struct{}, 1)}
	h.number = hosts.add(h)
	defer func() {
		if r := recover(); r != nil {
			h.logPanic(r)
			err = x.Panicked(r)
		}
	}()
	pkg, err := bridge.Attach(h, x)
	if err != nil {
		hosts.remove(h.number)
		h.waker.Close()
		return err
	}
	h.pkg = pkg
	lib.XTcl_CallWhenDeleted(tls, interp, interpDeletedP, h.number)
	lib.XTcl_CreateThreadExitHandler(tls, threadEndsP, h.number)
	return nil
}

// command is one of the package's.
type command struct {
	h   *host
	run func([]bridge.Value) (any, error)
}

func runCommand(tls *libc.TLS, clientData, interp uintptr, objc int32, objv uintptr) (code int32) {
	c := commands.get(clientData).(*command)
	defer c.caught(&code)
	return c.call(tls, interp, values(tls, pointers(objv, int(objc))[1:]))
}

// caught is deferred where Tcl calls the command: a panic becomes the command's error.
func (c *command) caught(code *int32) {
	if r := recover(); r != nil {
		c.h.logPanic(r)
		c.h.throw(c.h.x.Panicked(r))
		*code = lib.TCL_ERROR
	}
}

// call runs the command, and leaves its result in the interpreter.
func (c *command) call(tls *libc.TLS, interp uintptr, args []bridge.Value) int32 {
	result, err := c.run(args)
	if err != nil {
		c.h.throw(err)
		return lib.TCL_ERROR
	}
	if result == nil {
		// What is there is that of a callback which ran while the command waited.
		lib.XTcl_ResetResult(tls, interp)
	} else {
		lib.XTcl_SetObjResult(tls, interp, newObj(tls, result))
	}
	return lib.TCL_OK
}

func (h *host) logPanic(r any) {
	fmt.Fprintf(os.Stderr, "%s: panic: %v\n%s", h.x.Name, r, debug.Stack())
}

func freeCommand(_ *libc.TLS, clientData uintptr) { commands.remove(clientData) }

// throw leaves err in the interpreter, unless it came from there.
func (h *host) throw(err error) {
	if _, ok := err.(bridge.ScriptError); ok {
		return
	}
	lib.XTcl_ResetResult(h.tls, h.interp)
	lib.XTcl_SetObjResult(h.tls, h.interp, newText(h.tls, err.Error()))
	lib.XTcl_SetObjErrorCode(h.tls, h.interp, newObj(h.tls, h.x.CodeOf(err)))
	if info := bridge.InfoOf(err); info != "" {
		lib.XTcl_AppendObjToErrorInfo(h.tls, h.interp, newText(h.tls, info))
	}
}

// scriptError is the error that the interpreter holds.
func (h *host) scriptError() error {
	return bridge.ScriptError{Text: valueOf(h.tls, lib.XTcl_GetObjResult(h.tls, h.interp)).Text()}
}

func (h *host) Define(name string, run func([]bridge.Value) (any, error)) {
	p, free := cString(h.tls, name)
	defer free()
	lib.XTcl_CreateObjCommand(h.tls, h.interp, p, runCommandP, commands.add(&command{h, run}), freeCommandP)
}

func (h *host) Eval(script string) error {
	b := bridge.AppendText(nil, script, utfMax)
	p, free := memory(h.tls, b)
	defer free()
	if lib.XTcl_EvalEx(h.tls, h.interp, p, int32(len(b)), lib.TCL_EVAL_GLOBAL) != lib.TCL_OK {
		return h.scriptError()
	}
	return nil
}

func (h *host) Callback(prefix bridge.Value, args ...any) bool {
	objects := make([]uintptr, len(args))
	for i, a := range args {
		objects[i] = newObj(h.tls, a)
	}
	return h.call(prefix, objects)
}

func (h *host) Deliver(prefix bridge.Value, args bridge.Record) bool {
	// The outermost list is the arguments: its elements are not wrapped.
	b := newBuilder(h.tls, true)
	args.WriteTo(b)
	return h.call(prefix, b.elements)
}

// call calls a prefix, as from an event, with objects that nobody holds yet. The interpreter is preserved already, by the
// event whose callbacks these are, or by whoever has the script evaluated that waits for them.
func (h *host) call(prefix bridge.Value, args []uintptr) bool {
	tls := h.tls
	code := h.callPrefix(prefix, args)
	h.checkLife()
	if code != lib.TCL_OK && !h.ended {
		// A break, a continue or another code has an errorInfo as well, as in a script of "after".
		p, free := cString(tls, h.x.Trace())
		lib.XTcl_AddErrorInfo(tls, h.interp, p)
		free()
		lib.XTcl_BackgroundException(tls, h.interp, code)
	}
	return code == lib.TCL_OK
}

// callPrefix calls a prefix with objects that nobody holds yet, and returns Tcl's code.
func (h *host) callPrefix(prefix bridge.Value, args []uintptr) int32 {
	tls := h.tls
	held := prefix.Retain()
	defer held.Release()
	words, err := prefix.(value).words()
	if err != nil {
		h.throw(err)
		return lib.TCL_ERROR
	}
	// Held for the time of the call: it may change or free all they came from.
	objc := len(words) + len(args)
	objv := newArray(tls, objc)
	defer objv.free()
	objects := objv.pointers()
	copy(objects[copy(objects, words):], args)
	for _, obj := range objects {
		retain(obj)
	}
	code := lib.XTcl_EvalObjv(tls, h.interp, int32(objc), objv.p, lib.TCL_EVAL_GLOBAL)
	for _, obj := range objects {
		release(tls, obj)
	}
	return code
}

func (h *host) Invoke(prefix bridge.Value, args ...any) (bridge.Value, error) {
	tls := h.tls
	lib.XTcl_Preserve(tls, h.interp)
	defer lib.XTcl_Release(tls, h.interp)
	objects := make([]uintptr, len(args))
	for i, a := range args {
		objects[i] = newObj(tls, a)
	}
	code := h.callPrefix(prefix, objects)
	defer h.checkLife()
	result := valueOf(tls, lib.XTcl_GetObjResult(tls, h.interp)).Retain()
	switch code {
	case lib.TCL_OK:
		return result, nil
	case lib.TCL_BREAK:
		result.Release()
		return nil, bridge.ErrBreak
	}
	text := result.Text()
	result.Release()
	return nil, bridge.ScriptError{Text: text}
}

func (h *host) ErrorOptions() bridge.Value {
	return valueOf(h.tls, lib.XTcl_GetReturnOptions(h.tls, h.interp, lib.TCL_ERROR)).Retain()
}

func (h *host) Call(name, argument string) bool {
	command := valueOf(h.tls, newList(h.tls, []uintptr{newText(h.tls, name)})).Retain().(value)
	defer command.Release()
	words, _ := command.List()
	if lib.XTcl_GetCommandFromObj(h.tls, h.interp, words[0].(value).obj) == 0 {
		return false
	}
	h.call(command, []uintptr{newText(h.tls, argument)})
	return true
}

func (h *host) Background(err error) {
	h.throw(err)
	lib.XTcl_BackgroundException(h.tls, h.interp, lib.TCL_ERROR)
}

func (h *host) SetVar(name string, v any) error {
	p, free := cString(h.tls, name)
	defer free()
	return h.setVar(p, 0, v)
}

func (h *host) SetElement(array, key string, v any) error {
	p, free := cString(h.tls, array)
	defer free()
	k, freeKey := cString(h.tls, key)
	defer freeKey()
	return h.setVar(p, k, v)
}

func (h *host) setVar(name, element uintptr, v any) error {
	held := valueOf(h.tls, newObj(h.tls, v)).Retain()
	defer held.Release()
	defer h.checkLife()
	if lib.XTcl_SetVar2Ex(h.tls, h.interp, name, element, held.(value).obj, lib.TCL_GLOBAL_ONLY|lib.TCL_LEAVE_ERR_MSG) == 0 {
		return h.scriptError()
	}
	return nil
}

func (h *host) StoreElement(array bridge.Value, pair bridge.Record) error {
	b := newBuilder(h.tls, true)
	pair.WriteTo(b)
	key, element := valueOf(h.tls, b.elements[0]).Retain(), valueOf(h.tls, b.elements[1]).Retain()
	defer key.Release()
	defer element.Release()
	held := array.Retain() // a trace may end the watcher whose it is
	defer held.Release()
	defer h.checkLife()
	if lib.XTcl_ObjSetVar2(h.tls, h.interp, array.(value).obj, b.elements[0], b.elements[1], lib.TCL_GLOBAL_ONLY|lib.TCL_LEAVE_ERR_MSG) == 0 {
		return h.scriptError()
	}
	return nil
}

func (h *host) UnsetElement(array, key string) error {
	p, free := cString(h.tls, array)
	defer free()
	k, freeKey := cString(h.tls, key)
	defer freeKey()
	lib.XTcl_UnsetVar2(h.tls, h.interp, p, k, lib.TCL_GLOBAL_ONLY)
	h.checkLife()
	return nil
}

func (h *host) Append(list bridge.Value, elements bridge.Record) {
	b := newBuilder(h.tls, true)
	elements.WriteTo(b)
	for _, e := range b.elements {
		lib.XTcl_ListObjAppendElement(h.tls, 0, list.(value).obj, e)
	}
}

func (h *host) NewValue(v any) bridge.Value { return valueOf(h.tls, newObj(h.tls, v)).Retain() }

func (h *host) WaitEvent() error {
	_, err := h.serveEvent(0)
	return err
}

func (h *host) PollEvent() (bool, error) { return h.serveEvent(lib.TCL_DONT_WAIT) }

func (h *host) serveEvent(flags int32) (served bool, err error) {
	served = lib.XTcl_DoOneEvent(h.tls, lib.TCL_ALL_EVENTS|flags) != 0
	return served, h.interrupted()
}

// interrupted is the reason for which a wait ends early.
func (h *host) interrupted() error {
	switch {
	case lib.XTcl_InterpDeleted(h.tls, h.interp) != 0:
		h.checkLife()
		return &bridge.TclError{Code: []string{"TCL", "IDELETE"}, Text: "the interpreter was deleted"}
	case lib.XTcl_Canceled(h.tls, h.interp, lib.TCL_LEAVE_ERR_MSG) == lib.TCL_ERROR:
		return h.scriptError()
	case lib.XTcl_LimitExceeded(h.tls, h.interp) != 0:
		return &bridge.TclError{Code: []string{"TCL", "EVENT", "LIMIT"}, Text: "limit exceeded"}
	}
	return nil
}

func (h *host) Write(channel, line string) error {
	p, free := cString(h.tls, channel)
	defer free()
	c := lib.XTcl_GetChannel(h.tls, h.interp, p, 0)
	if c == 0 {
		return h.scriptError()
	}
	text := valueOf(h.tls, newText(h.tls, line+"\n")).Retain()
	defer text.Release()
	defer h.checkLife()
	lib.XTcl_RegisterChannel(h.tls, 0, c) // a channel of the script's own may be closed in its write
	defer lib.XTcl_UnregisterChannel(h.tls, 0, c)
	if lib.XTcl_WriteObj(h.tls, c, text.(value).obj) < 0 || lib.XTcl_Flush(h.tls, c) != lib.TCL_OK {
		return h.scriptError()
	}
	return nil
}

func (h *host) ReadFile(name string, most int) ([]byte, error) {
	tls := h.tls
	path := valueOf(tls, newText(tls, name)).Retain().(value)
	defer path.Release()
	mode, free := cString(tls, "r")
	defer free()
	defer h.checkLife()
	channel := lib.XTcl_FSOpenFileChannel(tls, h.interp, path.obj, mode, 0)
	if channel == 0 {
		return nil, h.scriptError()
	}
	defer lib.XTcl_Close(tls, 0, channel)
	option, freeOption := cString(tls, "-translation")
	defer freeOption()
	binary, freeBinary := cString(tls, "binary")
	defer freeBinary()
	data := valueOf(tls, newText(tls, "")).Retain().(value)
	defer data.Release()
	if lib.XTcl_SetChannelOption(tls, h.interp, channel, option, binary) != lib.TCL_OK ||
		lib.XTcl_ReadChars(tls, channel, data.obj, int32(most), 0) < 0 {
		return nil, errors.New(libc.GoString(lib.XTcl_PosixError(h.tls, h.interp)))
	}
	return data.Bytes(), nil
}

func (h *host) FileName(name string) (string, error) {
	path := valueOf(h.tls, newText(h.tls, name)).Retain()
	defer path.Release()
	obj := lib.XTcl_FSGetTranslatedPath(h.tls, h.interp, path.(value).obj)
	h.checkLife()
	if obj == 0 {
		return "", h.scriptError()
	}
	translated := valueOf(h.tls, obj) // retained for us already
	defer translated.Release()
	return translated.Text(), nil
}

func (h *host) Getenv(name string) string {
	array, free := cString(h.tls, "env")
	defer free()
	p, freeName := cString(h.tls, name)
	defer freeName()
	defer h.checkLife()
	v := lib.XTcl_GetVar2(h.tls, h.interp, array, p, lib.TCL_GLOBAL_ONLY)
	if v == 0 {
		return ""
	}
	return bridge.FromText(libc.GoString(v))
}
