// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/*
 * The table of Tcl's functions that every call goes through (USE_TCL_STUBS). To take it out of
 * the interpreter is all that libtclstub would be needed for, which is a library of each
 * platform and version; this is done with the public header alone.
 */

#include "shim.h"

#ifndef _WIN32 /* where a name is seen outside when it is exported alone */
__attribute__((visibility("hidden")))
#endif
const TclStubs *tclStubsPtr = NULL;

/* What every interpreter begins with, in Tcl 8 and 9. */
typedef struct {
    const char *result;
    void *freeResult;
    int errorLine;
    const TclStubs *stubs;
} InterpHead;

/*
 * Binds the library to the Tcl that loads it. Returns that one's version, or NULL with the
 * message left in the interpreter where it is a Tcl that this library was not built for.
 */
const char *natsBindStubs(Tcl_Interp *interp)
{
    InterpHead *head = (InterpHead *) interp;

    if (head->stubs == NULL || head->stubs->magic != TCL_STUB_MAGIC) {
        /* No function of it can be called. */
        head->result = "this library of the package nats was built for Tcl "
            TCL_VERSION ", and another major version of Tcl loads it";
        head->freeResult = NULL;
        return NULL;
    }
    tclStubsPtr = head->stubs;
#if TCL_MAJOR_VERSION < 9
    return Tcl_PkgRequireEx(interp, "Tcl", "8.6", 0, NULL);
#else
    return Tcl_PkgRequireEx(interp, "tcl", "9.0", 0, NULL);
#endif
}
