// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* Tcl is linked to this program, and called without its table of stubs. */
#undef USE_TCL_STUBS
#include <tcl.h>

extern int NatsInit(void *interp);

static int initPackage(Tcl_Interp *interp)
{
    return NatsInit(interp);
}

/* What tclsh does, and the package for `load {} Nats`, where pkgIndex.tcl finds it. */
static int initShell(Tcl_Interp *interp)
{
    if (Tcl_Init(interp) != TCL_OK) {
        return TCL_ERROR;
    }
    Tcl_StaticPackage(NULL, "Nats", initPackage, NULL);
    return TCL_OK;
}

void runShell(int argc, char **argv)
{
    Tcl_Main(argc, argv, initShell);
}
