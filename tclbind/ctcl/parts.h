// SPDX-License-Identifier: Apache-2.0

/* What the C files of the host have from each other, and Go does not see. */
#ifndef NATS_PARTS_H
#define NATS_PARTS_H

#include "shim.h"

/* A child of fork that has not called exec has no Go scheduler: nothing of Go may be entered there (life.c). */
extern volatile int natsForked;

/* Takes the events that were queued for an owner out of the queue (events.c). */
void natsForgetEvents(uintptr_t owner);

/* Readers of a buffer (values.c): each moves *p behind what it has read. */
uint32_t natsReadLength(const unsigned char **p);
Tcl_Obj *natsDecode(const unsigned char **p);

/* The one value of a buffer. */
Tcl_Obj *natsDecodeAll(const char *value);

/* Runs a command of an owner, and leaves its result in the interpreter (commands.c). objv[0] is not looked at. */
int natsRun(Tcl_Interp *interp, uintptr_t owner, int index, int objc, Tcl_Obj *const objv[]);

/* Takes a call down, where that is wanted; false: it has to be made (notes.c). */
int natsNoted(Notes *notes, Tcl_Obj *object, int count, Tcl_Obj *const words[]);

/* Lists up to this length are built without memory of their own. */
enum { NATS_FEW = 16 };

/* What a call has come to that may have run a script: NATS_… of shim.h. */
static inline int natsOutcome(Tcl_Interp *interp, int done)
{
    return (done ? NATS_DONE : 0) | (Tcl_InterpDeleted(interp) ? NATS_GONE : 0);
}

#endif
