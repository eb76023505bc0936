// SPDX-License-Identifier: Apache-2.0

/*
 * What C does for the host: it is called with flat buffers, so that Go crosses over once
 * for a value, a result or a callback, and not for each of their parts.
 *
 * Ownership: a Tcl_Obj that is returned has a reference count of 0 unless it is said
 * otherwise. Buffers are Go's, and read during the call alone. An owner is a number that
 * stands for a Go host; C keeps no Go pointer.
 */
#ifndef NATS_SHIM_H
#define NATS_SHIM_H

/* What natsGoCommand returns for a command that went well and has no result. */
#define NATS_NO_RESULT (-1)

#include <stdint.h>
#include <tcl.h>

#if TCL_MAJOR_VERSION < 9
typedef int natsSize;
#else
typedef Tcl_Size natsSize;
#endif

/*
 * What a call comes to that may run a script (a callback, a trace, a channel or a file system of
 * the script's own): whether it succeeded, and whether the interpreter was deleted meanwhile. Its
 * memory stays as long as somebody preserves it: whoever has the script evaluated that called us, or
 * natsPreserve.
 */
enum { NATS_DONE = 1, NATS_GONE = 2 };

const char *natsInitStubs(Tcl_Interp *interp);
const char *natsBindStubs(Tcl_Interp *interp); /* stubs.c */
void natsPreserve(Tcl_Interp *interp);
void natsLetGo(Tcl_Interp *interp);
int natsDeleted(Tcl_Interp *interp);

/* What keeps Go's runtime from changing the host's process (guest.c). */
void natsRestoreLimits(void);
void natsCheckHandlers(void);

/*
 * Calls of methods that are taken down (notes.c). The interpreter's thread writes them; any thread may end that, and take
 * them. Before open is set, and from taking on, they are Go's.
 */
typedef struct Notes {
    int lock;   /* somebody writes one, or ends it */
    int open;   /* calls are taken down */
    int taking; /* they are being made */
    uint32_t used, room;
    Tcl_Obj *object; /* the handle of the object whose calls they are, with a reference; NULL before the first */
    unsigned char kind[256];
    unsigned char *calls; /* for each the lengths of both arguments, four bytes each, and these */
} Notes;
Notes *natsNewNotes(void);
void natsFreeNotes(Notes *notes);
void natsNote(Notes *notes, Tcl_Obj *object, uint32_t room);

void natsDefine(Tcl_Interp *interp, const char *name, uintptr_t owner, int index);
/* methods.c; TCL_ERROR leaves a message, and has not taken the owner */
int natsDefineMethod(Tcl_Interp *interp, const char *class, const char *name, uintptr_t owner, int index,
    int least, int most, const char *words, struct Notes *notes);
int natsEval(Tcl_Interp *interp, const char *script, natsSize length);
int natsCallback(Tcl_Interp *interp, Tcl_Obj *prefix, const char *args, const char *info); /* NATS_… */
int natsInvoke(Tcl_Interp *interp, Tcl_Obj *prefix, const char *args, Tcl_Obj **result);
int natsCall(Tcl_Interp *interp, const char *words, const char *info); /* NATS_… */

Tcl_Obj *natsNewValue(const char *value); /* reference count 1 */
void natsAppend(Tcl_Obj *list, const char *elements); /* a list that is not shared */
void natsRelease(Tcl_Obj *obj);
void natsString(Tcl_Obj *obj);
typedef struct {
    const void *bytes;
    natsSize length;
} Span;
Span natsBytes(Tcl_Obj *obj);
typedef struct {
    Tcl_Obj **elements; /* NULL: it is no list */
    natsSize count;
} Elements;
Elements natsList(Tcl_Obj *obj);

void natsSetResult(Tcl_Interp *interp, const char *value);
void natsSetError(Tcl_Interp *interp, const char *textAndCode);
void natsBackground(Tcl_Interp *interp);
Tcl_Obj *natsErrorOptions(Tcl_Interp *interp); /* reference count 1 */
void natsResultText(Tcl_Interp *interp, const char **text, natsSize *length);

int natsSetVar(Tcl_Interp *interp, const char *name, const char *element, const char *value); /* NATS_… */
int natsStoreElement(Tcl_Interp *interp, Tcl_Obj *array, const char *pair);                    /* NATS_… */
int natsUnset(Tcl_Interp *interp, const char *name, const char *element);                      /* NATS_… */
const char *natsGetenv(Tcl_Interp *interp, const char *name);
int natsWrite(Tcl_Interp *interp, const char *channel, const char *line); /* NATS_… */
Tcl_Obj *natsFileName(Tcl_Interp *interp, const char *name); /* reference count 1, or NULL */
Tcl_Obj *natsReadFile(Tcl_Interp *interp, const char *name, int most); /* reference count 1, or NULL */

Tcl_ThreadId natsThread(void);
int natsServeEvent(Tcl_Interp *interp, int flags, int *served); /* NATS_… */
void natsWake(Tcl_ThreadId thread, uintptr_t owner);
void natsAgain(uintptr_t owner);

typedef struct Sleeper Sleeper; /* a wait that is shorter than one in Tcl's notifier */
Sleeper *natsNewSleeper(void);
void natsFreeSleeper(Sleeper *sleeper);
void natsSleep(Sleeper *sleeper, int microseconds);
int natsYield(Sleeper *sleeper, int microseconds); /* how many are left when it is roused; 0: it was not */
void natsRouse(Sleeper *sleeper);
void *natsLater(uintptr_t owner);

void natsAttachLife(Tcl_Interp *interp, uintptr_t owner);
void natsDetachLife(Tcl_Interp *interp, uintptr_t owner, int deleting, void *timer);

#endif
