// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* Variables of the interpreter. */

#include "parts.h"

int natsSetVar(Tcl_Interp *interp, const char *name, const char *element, const char *value)
{
    Tcl_Obj *obj = natsDecodeAll(value);
    int ok;

    Tcl_IncrRefCount(obj);
    ok = Tcl_SetVar2Ex(interp, name, element, obj, TCL_GLOBAL_ONLY | TCL_LEAVE_ERR_MSG) != NULL;
    Tcl_DecrRefCount(obj);
    return natsOutcome(interp, ok);
}

int natsStoreElement(Tcl_Interp *interp, Tcl_Obj *array, const char *pair)
{
    const unsigned char *p = (const unsigned char *) pair + 1 + sizeof(uint32_t); /* behind the list's tag */
    Tcl_Obj *key = natsDecode(&p), *value = natsDecode(&p);
    int ok;

    Tcl_IncrRefCount(array); /* a trace may end the watcher whose it is */
    Tcl_IncrRefCount(key);
    Tcl_IncrRefCount(value);
    ok = Tcl_ObjSetVar2(interp, array, key, value, TCL_GLOBAL_ONLY | TCL_LEAVE_ERR_MSG) != NULL;
    Tcl_DecrRefCount(array);
    Tcl_DecrRefCount(key);
    Tcl_DecrRefCount(value);
    return natsOutcome(interp, ok);
}

/* One that is not there is no error. */
int natsUnset(Tcl_Interp *interp, const char *name, const char *element)
{
    Tcl_UnsetVar2(interp, name, element, TCL_GLOBAL_ONLY);
    return natsOutcome(interp, 1);
}

const char *natsGetenv(Tcl_Interp *interp, const char *name)
{
    return Tcl_GetVar2(interp, "env", name, TCL_GLOBAL_ONLY);
}
