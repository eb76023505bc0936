// SPDX-License-Identifier: Apache-2.0

package gotcl

import (
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/tcl/lib"
	"natstcl/tclbind/bridge"
)

// method is one of a class that is run here: one written in Tcl costs a frame, a look for the variable handle and a second
// command.
type method struct {
	command
	least, most int     // arguments; most is -1 for any number
	words       uintptr // the arguments' names, as the library reads them
	users       int     // classes that have it: a copy of a class shares it
}

// What the library knows a method and an object's handle by: tables of functions, which live as long as the process.
var methodType, handleType uintptr

func init() {
	tls := libc.NewTLS()
	defer tls.Close()
	nameOf := func(s string) uintptr {
		p, _ := cString(tls, s)
		return p
	}
	methodType = libc.Xmalloc(tls, uint64(unsafe.Sizeof(lib.Tcl_MethodType{})))
	*at[lib.Tcl_MethodType](methodType) = lib.Tcl_MethodType{Fversion: lib.TCL_OO_METHOD_VERSION_CURRENT, Fname: nameOf("nats method"),
		FcallProc: procedure(callMethod), FdeleteProc: procedure(freeMethod), FcloneProc: procedure(shareMethod)}
	handleType = libc.Xmalloc(tls, uint64(unsafe.Sizeof(lib.Tcl_ObjectMetadataType{})))
	*at[lib.Tcl_ObjectMetadataType](handleType) = lib.Tcl_ObjectMetadataType{Fversion: lib.TCL_OO_METADATA_VERSION_CURRENT,
		Fname: nameOf("nats handle"), FdeleteProc: procedure(letHandleGo), FcloneProc: procedure(keepHandle)}
}

func (h *host) DefineMethod(class, name string, least, most int, words string, _ bool, run func([]bridge.Value) (any, error)) error {
	called := valueOf(h.tls, newText(h.tls, class)).Retain().(value)
	defer called.Release()
	object := lib.XTcl_GetObjectFromObj(h.tls, h.interp, called.obj)
	if object == 0 {
		return h.scriptError()
	}
	target := lib.XTcl_GetObjectAsClass(h.tls, object)
	if target == 0 {
		return &bridge.TclError{Code: []string{"NONE"}, Text: class + " is no class"}
	}
	m := &method{command: command{h, run}, least: least, most: most, users: 1}
	m.words, _ = cString(h.tls, words) // freeMethod frees it
	method := valueOf(h.tls, newText(h.tls, name)).Retain().(value)
	defer method.Release()
	lib.XTcl_NewMethod(h.tls, h.interp, target, method.obj, 1, methodType, commands.add(m))
	return nil
}

func callMethod(tls *libc.TLS, clientData, interp uintptr, context lib.Tcl_ObjectContext, objc int32, objv uintptr) (code int32) {
	m := commands.get(clientData).(*method)
	defer m.caught(&code)
	skipped := int(lib.XTcl_ObjectContextSkippedArgs(tls, context))
	given := int(objc) - skipped
	if given < m.least || m.most >= 0 && given > m.most {
		lib.XTcl_WrongNumArgs(tls, interp, int32(skipped), objv, m.words)
		return lib.TCL_ERROR
	}
	object := lib.XTcl_ObjectContextObject(tls, context)
	if lib.XTcl_GetObjectNamespace(tls, object) == 0 { // by the method that calls this one by next
		m.h.throw(bridge.Destroyed())
		return lib.TCL_ERROR
	}
	handle := handleOf(tls, interp, object)
	if handle == 0 {
		return lib.TCL_ERROR
	}
	retain(handle) // the object may be destroyed meanwhile
	defer release(tls, handle)
	return m.call(tls, interp, append([]bridge.Value{valueOf(tls, handle)}, values(tls, pointers(objv, int(objc))[skipped:])...))
}

// handleOf returns the value of an object's variable handle, of which the object keeps a reference; 0, with a message, where
// it has none, because its constructor has not come so far.
func handleOf(tls *libc.TLS, interp uintptr, object lib.Tcl_Object) uintptr {
	if handle := lib.XTcl_ObjectGetMetadata(tls, object, handleType); handle != 0 {
		return handle
	}
	namespace := libc.GoString(at[lib.Tcl_Namespace](lib.XTcl_GetObjectNamespace(tls, object)).FfullName)
	p, free := cString(tls, bridge.FromText(namespace)+"::handle")
	defer free()
	handle := lib.XTcl_GetVar2Ex(tls, interp, p, 0, lib.TCL_GLOBAL_ONLY|lib.TCL_LEAVE_ERR_MSG)
	if handle != 0 {
		retain(handle)
		lib.XTcl_ObjectSetMetadata(tls, object, handleType, handle)
	}
	return handle
}

func letHandleGo(tls *libc.TLS, handle uintptr) { release(tls, handle) }

// keepHandle: a copy of an object has a variable of its own. Without this function the library gives it the value, and no
// reference.
func keepHandle(_ *libc.TLS, _, _, copied uintptr) int32 {
	*at[uintptr](copied) = 0
	return lib.TCL_OK
}

func freeMethod(tls *libc.TLS, clientData uintptr) {
	m := commands.get(clientData).(*method)
	if m.users--; m.users == 0 {
		commands.remove(clientData)
		libc.Xfree(tls, m.words)
	}
}

func shareMethod(_ *libc.TLS, _, clientData, newClientData uintptr) int32 {
	commands.get(clientData).(*method).users++
	*at[uintptr](newClientData) = clientData
	return lib.TCL_OK
}
