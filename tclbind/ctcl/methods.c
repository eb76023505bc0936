// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/*
 * Methods of TclOO classes that Go runs. One written in Tcl costs a frame, a look for the variable handle and
 * a second command: more than a publish does.
 */

#include "parts.h"
#include "_cgo_export.h"
#include <string.h>
#include <tclOO.h>

/* As with Tcl's own table of functions (stubs.c), libtclstub is not needed to take this one from the interpreter. */
#ifndef _WIN32
__attribute__((visibility("hidden")))
#endif
const TclOOStubs *tclOOStubsPtr = NULL;

typedef struct {
    uintptr_t owner;
    int index;
    int least, most; /* arguments; most is -1 for any number */
    Notes *notes;    /* NULL: each call is made at once */
    int users;       /* classes that have it: a copy of a class shares it */
    char words[];    /* the arguments' names */
} Method;

/* What an object keeps: the value of its variable handle, with a reference. */
static void letHandleGo(void *handle) { Tcl_DecrRefCount((Tcl_Obj *) handle); }

/* A copy of an object has a variable of its own. Without this function TclOO gives it the value, and no reference. */
static int keepHandle(Tcl_Interp *interp, void *handle, void **copied)
{
    (void) interp;
    (void) handle;
    *copied = NULL;
    return TCL_OK;
}

static const Tcl_ObjectMetadataType handleType = {TCL_OO_METADATA_VERSION_CURRENT, "nats handle", letHandleGo, keepHandle};

/*
 * The handle of an object; NULL with a message where it has none: because its constructor has not come so far, or it was
 * destroyed by the method that calls this one by next.
 */
static Tcl_Obj *handleOf(Tcl_Interp *interp, Tcl_Object object)
{
    Tcl_Obj *handle = Tcl_ObjectGetMetadata(object, &handleType), *name;
    Tcl_Namespace *namespace = Tcl_GetObjectNamespace(object);

    if (namespace == NULL) {
        Tcl_SetObjResult(interp, Tcl_NewStringObj("The object was destroyed", -1));
        Tcl_SetErrorCode(interp, "NATS", "ErrConnectionClosed", NULL);
        return NULL;
    }
    if (handle == NULL) {
        name = Tcl_ObjPrintf("%s::handle", namespace->fullName);
        Tcl_IncrRefCount(name);
        handle = Tcl_ObjGetVar2(interp, name, NULL, TCL_GLOBAL_ONLY | TCL_LEAVE_ERR_MSG);
        Tcl_DecrRefCount(name);
        if (handle != NULL) {
            Tcl_IncrRefCount(handle);
            Tcl_ObjectSetMetadata(object, &handleType, handle);
        }
    }
    return handle;
}

static int callMethod(void *clientData, Tcl_Interp *interp, Tcl_ObjectContext context, int objc, Tcl_Obj *const objv[])
{
    Method *method = clientData;
    int skipped = (int) Tcl_ObjectContextSkippedArgs(context), given = objc - skipped, code;
    Tcl_Obj *few[NATS_FEW], **words, *handle;

    if (given < method->least || (method->most >= 0 && given > method->most)) {
        Tcl_WrongNumArgs(interp, skipped, objv, method->words);
        return TCL_ERROR;
    }
    handle = handleOf(interp, Tcl_ObjectContextObject(context));
    if (handle == NULL) {
        return TCL_ERROR;
    }
    if (method->notes != NULL && natsNoted(method->notes, handle, given, objv + skipped)) {
        Tcl_ResetResult(interp);
        return TCL_OK;
    }
    words = given + 2 <= NATS_FEW ? few : (Tcl_Obj **) ckalloc((given + 2) * sizeof *words);
    words[0] = objv[0];
    words[1] = handle;
    memcpy(words + 2, objv + skipped, given * sizeof *words);
    Tcl_IncrRefCount(handle); /* the object may be destroyed meanwhile, and the class */
    code = natsRun(interp, method->owner, method->index, given + 2, words);
    Tcl_DecrRefCount(handle);
    if (words != few) {
        ckfree(words);
    }
    return code;
}

static void freeMethod(void *clientData)
{
    Method *method = clientData;

    if (--method->users > 0) {
        return;
    }
    if (!natsForked) {
        natsGoFree(method->owner);
    }
    ckfree(clientData);
}

static int shareMethod(Tcl_Interp *interp, void *clientData, void **newClientData)
{
    (void) interp;
    ((Method *) clientData)->users++;
    *newClientData = clientData;
    return TCL_OK;
}

static const Tcl_MethodType methodType = {TCL_OO_METHOD_VERSION_CURRENT, "nats method", callMethod, freeMethod, shareMethod};

/* The class of a name, or NULL with a message. */
static Tcl_Class findClass(Tcl_Interp *interp, const char *name)
{
    Tcl_Obj *word = Tcl_NewStringObj(name, -1);
    Tcl_Object object;
    Tcl_Class class = NULL;

    Tcl_IncrRefCount(word);
    object = Tcl_GetObjectFromObj(interp, word);
    if (object != NULL && (class = Tcl_GetObjectAsClass(object)) == NULL) {
        Tcl_SetObjResult(interp, Tcl_ObjPrintf("%s is no class", name));
    }
    Tcl_DecrRefCount(word);
    return class;
}

int natsDefineMethod(Tcl_Interp *interp, const char *class, const char *name, uintptr_t owner, int index,
    int least, int most, const char *words, Notes *notes)
{
    void *table = NULL;
    Tcl_Class target;
    Method *method;
    Tcl_Obj *word;

    if (Tcl_PkgRequireEx(interp, "TclOO", "1.0", 0, &table) == NULL) {
        return TCL_ERROR;
    }
    tclOOStubsPtr = table;
    if ((target = findClass(interp, class)) == NULL) {
        return TCL_ERROR;
    }
    method = (Method *) ckalloc(sizeof *method + strlen(words) + 1);
    *method = (Method) {.owner = owner, .index = index, .least = least, .most = most, .notes = notes, .users = 1};
    strcpy(method->words, words);
    word = Tcl_NewStringObj(name, -1);
    Tcl_IncrRefCount(word);
    Tcl_NewMethod(interp, target, word, 1, &methodType, method);
    Tcl_DecrRefCount(word);
    return TCL_OK;
}
