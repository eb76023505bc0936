// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* Commands that Go runs, their results and errors, and command prefixes that Go calls. */

#include "parts.h"
#include "_cgo_export.h"

typedef struct {
    uintptr_t owner;
    int index;
} Command;

int natsRun(Tcl_Interp *interp, uintptr_t owner, int index, int objc, Tcl_Obj *const objv[])
{
    if (natsForked) {
        Tcl_SetObjResult(interp, Tcl_NewStringObj("the package nats does not work in a child of fork", -1));
        Tcl_SetErrorCode(interp, "NATS", "ErrForked", NULL);
        return TCL_ERROR;
    }
    natsCheckHandlers();
    int code = natsGoCommand(owner, index, objc, (Tcl_Obj **) objv);
    if (code == NATS_NO_RESULT) {
        /* What is there is that of a callback which ran while the command waited. */
        Tcl_ResetResult(interp);
        return TCL_OK;
    }
    return code;
}

static int runCommand(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Command *command = clientData;

    return natsRun(interp, command->owner, command->index, objc, objv);
}

static void freeCommand(void *clientData)
{
    Command *command = clientData;

    if (!natsForked) {
        natsGoFree(command->owner);
    }
    ckfree(clientData);
}

void natsDefine(Tcl_Interp *interp, const char *name, uintptr_t owner, int index)
{
    Command *command = (Command *) ckalloc(sizeof *command);

    command->owner = owner;
    command->index = index;
    Tcl_CreateObjCommand(interp, name, runCommand, command, freeCommand);
}

int natsEval(Tcl_Interp *interp, const char *script, natsSize length)
{
    return Tcl_EvalEx(interp, script, length, TCL_EVAL_GLOBAL | TCL_EVAL_DIRECT);
}

void natsSetResult(Tcl_Interp *interp, const char *value)
{
    Tcl_SetObjResult(interp, natsDecodeAll(value));
}

/* The buffer holds two values: the message, and the list that becomes errorCode. */
void natsSetError(Tcl_Interp *interp, const char *textAndCode)
{
    const unsigned char *p = (const unsigned char *) textAndCode;
    Tcl_Obj *text = natsDecode(&p), *info;

    Tcl_ResetResult(interp);
    Tcl_SetObjResult(interp, text);
    Tcl_SetObjErrorCode(interp, natsDecode(&p));
    info = natsDecode(&p);
    Tcl_IncrRefCount(info);
    if (*Tcl_GetString(info)) {
        Tcl_AppendObjToErrorInfo(interp, info);
    }
    Tcl_DecrRefCount(info);
}

/* The return options of the error that the interpreter holds. */
Tcl_Obj *natsErrorOptions(Tcl_Interp *interp)
{
    Tcl_Obj *options = Tcl_GetReturnOptions(interp, TCL_ERROR);

    Tcl_IncrRefCount(options);
    return options;
}

/* Hands the error that the interpreter holds to interp bgerror. */
void natsBackground(Tcl_Interp *interp) { Tcl_BackgroundException(interp, TCL_ERROR); }

void natsResultText(Tcl_Interp *interp, const char **text, natsSize *length)
{
    *text = Tcl_GetStringFromObj(Tcl_GetObjResult(interp), length);
}

/*
 * What the end of an event's script comes to: an error goes to interp bgerror, and a break, a
 * continue or another code as well, with an errorInfo, as from a script of "after". info is the
 * line that says there what kind of event it was.
 */
static int ended(Tcl_Interp *interp, int code, const char *info)
{
    if (code != TCL_OK && !Tcl_InterpDeleted(interp)) {
        Tcl_AddErrorInfo(interp, info);
        Tcl_BackgroundException(interp, code);
    }
    return natsOutcome(interp, code == TCL_OK);
}

/*
 * Calls a command prefix with the list of arguments in the buffer, and returns Tcl's code. The
 * words are held for the time of the call: the command may change or free all they came from.
 */
static int callPrefix(Tcl_Interp *interp, Tcl_Obj *prefix, const char *args)
{
    const unsigned char *p = (const unsigned char *) args;
    Tcl_Obj **words, **objv, *few[NATS_FEW];
    natsSize count, i, objc;
    uint32_t more;
    int code;

    Tcl_IncrRefCount(prefix);
    code = Tcl_ListObjGetElements(interp, prefix, &count, &words);
    if (code == TCL_OK) {
        p++; /* the list's tag */
        more = natsReadLength(&p);
        objc = count + (natsSize) more;
        objv = objc <= NATS_FEW ? few : (Tcl_Obj **) ckalloc(objc * sizeof *objv);
        for (i = 0; i < objc; i++) {
            objv[i] = i < count ? words[i] : natsDecode(&p);
            Tcl_IncrRefCount(objv[i]);
        }
        code = Tcl_EvalObjv(interp, objc, objv, TCL_EVAL_GLOBAL);
        for (i = 0; i < objc; i++) {
            Tcl_DecrRefCount(objv[i]);
        }
        if (objv != few) {
            ckfree(objv);
        }
    }
    Tcl_DecrRefCount(prefix);
    return code;
}

/*
 * Calls a command prefix as from an event. The interpreter is preserved already, by the event whose callbacks these are, or
 * by whoever has the script evaluated that waits for them.
 */
int natsCallback(Tcl_Interp *interp, Tcl_Obj *prefix, const char *args, const char *info)
{
    return ended(interp, callPrefix(interp, prefix, args), info);
}

/* Calls a command prefix for its result, which is the caller's to release; returns Tcl's code. */
int natsInvoke(Tcl_Interp *interp, Tcl_Obj *prefix, const char *args, Tcl_Obj **result)
{
    int code;

    Tcl_Preserve(interp);
    code = callPrefix(interp, prefix, args);
    *result = Tcl_GetObjResult(interp);
    Tcl_IncrRefCount(*result);
    Tcl_Release(interp);
    return code;
}

/* Calls the command of a list of two words. NATS_DONE says that there is such a command. */
int natsCall(Tcl_Interp *interp, const char *words, const char *info)
{
    const unsigned char *p = (const unsigned char *) words + 1 + sizeof(uint32_t); /* behind the list's tag */
    Tcl_Obj *objv[2];
    int came;

    objv[0] = natsDecode(&p);
    objv[1] = natsDecode(&p);
    Tcl_IncrRefCount(objv[0]);
    Tcl_IncrRefCount(objv[1]);
    Tcl_Preserve(interp);
    if (Tcl_GetCommandFromObj(interp, objv[0]) != NULL) {
        ended(interp, Tcl_EvalObjv(interp, 2, objv, TCL_EVAL_GLOBAL), info);
        came = natsOutcome(interp, 1);
    } else {
        came = natsOutcome(interp, 0);
    }
    Tcl_Release(interp);
    Tcl_DecrRefCount(objv[0]);
    Tcl_DecrRefCount(objv[1]);
    return came;
}
