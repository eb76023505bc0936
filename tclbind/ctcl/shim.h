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

#include <stdint.h>
#include <tcl.h>

#if TCL_MAJOR_VERSION < 9
typedef int natsSize;
#else
typedef Tcl_Size natsSize;
#endif

const char *natsInitStubs(Tcl_Interp *interp);

void natsDefine(Tcl_Interp *interp, const char *name, uintptr_t owner, int index);
int natsEval(Tcl_Interp *interp, const char *script, int length);
int natsCallback(Tcl_Interp *interp, Tcl_Obj *prefix, const void *args, int length);
int natsHasCommand(Tcl_Interp *interp, const char *name);

Tcl_Obj *natsNewValue(const void *value, int length); /* reference count 1 */
void natsRetain(Tcl_Obj *obj);
void natsRelease(Tcl_Obj *obj);
void natsString(Tcl_Obj *obj);
void natsBytes(Tcl_Obj *obj, void **bytes, natsSize *length);
int natsList(Tcl_Obj *obj, natsSize *count, Tcl_Obj ***elements);

void natsSetResult(Tcl_Interp *interp, const void *value, int length);
void natsSetError(Tcl_Interp *interp, const void *textAndCode, int length);
void natsBackground(Tcl_Interp *interp);
void natsResultText(Tcl_Interp *interp, const char **text, natsSize *length);

int natsSetVar(Tcl_Interp *interp, const char *name, const char *element, const void *value, int length);
void natsUnset(Tcl_Interp *interp, const char *name, const char *element);
const char *natsGetenv(Tcl_Interp *interp, const char *name);
int natsWrite(Tcl_Interp *interp, const char *channel, const void *line, int length);
Tcl_Obj *natsFileName(Tcl_Interp *interp, const void *name, int length); /* reference count 1, or NULL */
Tcl_Obj *natsReadFile(Tcl_Interp *interp, const void *name, int length); /* reference count 1, or NULL */

Tcl_ThreadId natsThread(void);
int natsServeEvent(Tcl_Interp *interp, int flags, int *served);
void natsWake(Tcl_ThreadId thread, uintptr_t owner);
void natsAgain(uintptr_t owner);

typedef struct Sleeper Sleeper; /* a wait that is shorter than one in Tcl's notifier */
Sleeper *natsNewSleeper(void);
void natsFreeSleeper(Sleeper *sleeper);
void natsSleep(Sleeper *sleeper, int microseconds);
void natsRouse(Sleeper *sleeper);
void *natsLater(uintptr_t owner);

void natsAttachLife(Tcl_Interp *interp, uintptr_t owner);
void natsDetachLife(Tcl_Interp *interp, uintptr_t owner, int deleting, void *timer);

#endif
