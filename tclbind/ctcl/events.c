// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* Tcl's events: those that wake the interpreter for Go, and serving them as vwait does. */

#include "parts.h"
#include "_cgo_export.h"

typedef struct {
    Tcl_Event header;
    uintptr_t owner;
} WakeEvent;

static int wakeProc(Tcl_Event *event, int flags)
{
    /* Not for those who serve timers or idle callbacks alone. */
    if (!(flags & TCL_FILE_EVENTS)) {
        return 0;
    }
    if (!natsForked) {
        natsCheckHandlers();
        natsGoDrain(((WakeEvent *) event)->owner);
    }
    return 1;
}

static Tcl_Event *newWakeEvent(uintptr_t owner)
{
    WakeEvent *event = (WakeEvent *) ckalloc(sizeof *event);

    event->header.proc = wakeProc;
    event->owner = owner;
    return &event->header;
}

Tcl_ThreadId natsThread(void) { return Tcl_GetCurrentThread(); }

/* For any thread. */
void natsWake(Tcl_ThreadId thread, uintptr_t owner)
{
    Tcl_ThreadQueueEvent(thread, newWakeEvent(owner), TCL_QUEUE_TAIL);
    Tcl_ThreadAlert(thread);
}

void natsAgain(uintptr_t owner) { Tcl_QueueEvent(newWakeEvent(owner), TCL_QUEUE_TAIL); }

static void timerProc(void *clientData)
{
    if (!natsForked) {
        natsGoTimer((uintptr_t) clientData);
    }
}

void *natsLater(uintptr_t owner) { return Tcl_CreateTimerHandler(0, timerProc, (void *) owner); }

/*
 * What vwait does for each event: the event itself, then the reasons for which a wait
 * ends early. They leave their message in the interpreter.
 */
int natsServeEvent(Tcl_Interp *interp, int flags, int *served)
{
    *served = Tcl_DoOneEvent(TCL_ALL_EVENTS | flags);
    if (Tcl_InterpDeleted(interp)) {
        Tcl_ResetResult(interp);
        Tcl_SetObjResult(interp, Tcl_NewStringObj("the interpreter was deleted", -1));
        Tcl_SetErrorCode(interp, "TCL", "IDELETE", NULL);
        return natsOutcome(interp, 0);
    }
    if (Tcl_Canceled(interp, TCL_LEAVE_ERR_MSG) == TCL_ERROR) {
        return natsOutcome(interp, 0);
    }
    if (Tcl_LimitExceeded(interp)) {
        Tcl_ResetResult(interp);
        Tcl_SetObjResult(interp, Tcl_NewStringObj("limit exceeded", -1));
        Tcl_SetErrorCode(interp, "TCL", "EVENT", "LIMIT", NULL);
        return natsOutcome(interp, 0);
    }
    return natsOutcome(interp, 1);
}

static int ownEvent(Tcl_Event *event, void *owner)
{
    return event->proc == wakeProc && ((WakeEvent *) event)->owner == (uintptr_t) owner;
}

/* The interpreters of a thread share its queue: what is meant for this one goes with it. */
void natsForgetEvents(uintptr_t owner) { Tcl_DeleteEvents(ownEvent, (void *) owner); }
