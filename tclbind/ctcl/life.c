// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* How the library comes into a process and an interpreter, and how it leaves. */

#include <pthread.h>

#include "parts.h"
#include "_cgo_export.h"

volatile int natsForked = 0;

#ifndef _WIN32
static void inChild(void) { natsForked = 1; }
#endif

const char *natsInitStubs(Tcl_Interp *interp)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    extern void natsOnce(void);
    const char *version = natsBindStubs(interp);

    if (version != NULL) {
        pthread_once(&once, natsOnce);
    }
    return version;
}

void natsOnce(void)
{
#ifndef _WIN32
    pthread_atfork(NULL, NULL, inChild);
#endif
}

void natsPreserve(Tcl_Interp *interp) { Tcl_Preserve(interp); }

void natsLetGo(Tcl_Interp *interp) { Tcl_Release(interp); }

int natsDeleted(Tcl_Interp *interp) { return Tcl_InterpDeleted(interp); }

static void interpDeleted(void *clientData, Tcl_Interp *interp)
{
    (void) interp;
    if (!natsForked) {
        natsGoEnd((uintptr_t) clientData, 1);
    }
}

/* The end of the thread, and in the main thread of the process. */
static void threadEnds(void *clientData)
{
    if (!natsForked) {
        natsGoEnd((uintptr_t) clientData, 0);
    }
}

void natsAttachLife(Tcl_Interp *interp, uintptr_t owner)
{
    Tcl_CallWhenDeleted(interp, interpDeleted, (void *) owner);
    Tcl_CreateThreadExitHandler(threadEnds, (void *) owner);
}

void natsDetachLife(Tcl_Interp *interp, uintptr_t owner, int deleting, void *timer)
{
    natsForgetEvents(owner);
    if (timer != NULL) {
        Tcl_DeleteTimerHandler(timer);
    }
    Tcl_DeleteThreadExitHandler(threadEnds, (void *) owner);
    if (!deleting) {
        Tcl_DontCallWhenDeleted(interp, interpDeleted, (void *) owner);
    }
}
