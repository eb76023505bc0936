// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <unistd.h>
#endif

#include "shim.h"
#include "_cgo_export.h"

/*
 * A child of fork that has not called exec has no Go scheduler: nothing of Go may be
 * entered there.
 */
static volatile int forked = 0;

static long processors;

#ifndef _WIN32
static void inChild(void) { forked = 1; }
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
#ifdef _WIN32
    SYSTEM_INFO system;

    GetSystemInfo(&system);
    processors = system.dwNumberOfProcessors;
#else
    processors = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_atfork(NULL, NULL, inChild);
#endif
}

void natsPreserve(Tcl_Interp *interp) { Tcl_Preserve(interp); }

void natsLetGo(Tcl_Interp *interp) { Tcl_Release(interp); }

int natsDeleted(Tcl_Interp *interp) { return Tcl_InterpDeleted(interp); }

static int outcome(Tcl_Interp *interp, int done)
{
    return (done ? NATS_DONE : 0) | (Tcl_InterpDeleted(interp) ? NATS_GONE : 0);
}

/* Values ------------------------------------------------------------------- */

static uint32_t readLength(const unsigned char **p)
{
    uint32_t n;

    memcpy(&n, *p, sizeof n);
    *p += sizeof n;
    return n;
}

static Tcl_Obj *decode(const unsigned char **p);

enum { FEW = 16 };

static Tcl_Obj *decodeList(const unsigned char **p, uint32_t n)
{
    Tcl_Obj *few[FEW], **elements = few, *list;
    uint32_t i;

    if (n == 0) {
        return Tcl_NewListObj(0, NULL);
    }
    if (n > FEW) {
        elements = (Tcl_Obj **) ckalloc(n * sizeof *elements);
    }
    for (i = 0; i < n; i++) {
        elements[i] = decode(p);
    }
    list = Tcl_NewListObj((natsSize) n, elements);
    if (elements != few) {
        ckfree((char *) elements);
    }
    return list;
}

/* Builds the value at *p (encode.go) and moves *p behind it. */
static Tcl_Obj *decode(const unsigned char **p)
{
    unsigned char tag = *(*p)++;
    uint32_t n;
    Tcl_Obj *obj;

    switch (tag) {
    case 's':
        n = readLength(p);
        obj = Tcl_NewStringObj((const char *) *p, (natsSize) n);
        *p += n;
        return obj;
    case 'b':
        n = readLength(p);
        obj = Tcl_NewByteArrayObj(*p, (natsSize) n);
        *p += n;
        return obj;
    case 'i': {
        int64_t i;

        memcpy(&i, *p, sizeof i);
        *p += sizeof i;
        return Tcl_NewWideIntObj((Tcl_WideInt) i);
    }
    case 'l':
        return decodeList(p, readLength(p));
    case 'g': /* with its reference */
        memcpy(&obj, *p, sizeof obj);
        *p += sizeof obj;
        obj->refCount--;
        return obj;
    default: /* 'o': a value that is there already */
        memcpy(&obj, *p, sizeof obj);
        *p += sizeof obj;
        return obj;
    }
}

static Tcl_Obj *decodeAll(const void *value)
{
    const unsigned char *p = value;

    return decode(&p);
}

Tcl_Obj *natsNewValue(const void *value)
{
    Tcl_Obj *obj = decodeAll(value);

    Tcl_IncrRefCount(obj);
    return obj;
}

void natsAppend(Tcl_Obj *list, const void *elements)
{
    const unsigned char *p = (const unsigned char *) elements + 1; /* behind the list's tag */
    uint32_t n;

    for (n = readLength(&p); n > 0; n--) {
        Tcl_ListObjAppendElement(NULL, list, decode(&p));
    }
}

void natsRetain(Tcl_Obj *obj) { Tcl_IncrRefCount(obj); }

void natsRelease(Tcl_Obj *obj) { Tcl_DecrRefCount(obj); }

/* Sees to it that the value has a string representation. */
void natsString(Tcl_Obj *obj) { Tcl_GetString(obj); }

/*
 * The bytes of a value: of characters above 255 the low eight bits, as Tcl 8.6 has it.
 * They belong to the value.
 */
Span natsBytes(Tcl_Obj *obj)
{
    Span span;

#if TCL_MAJOR_VERSION < 9
    span.bytes = Tcl_GetByteArrayFromObj(obj, &span.length);
#else
    span.bytes = Tcl_GetBytesFromObj(NULL, obj, &span.length);
    /* NULL where a character is above 255: the caller narrows the text. */
#endif
    return span;
}

/* The elements belong to the list. */
int natsList(Tcl_Obj *obj, natsSize *count, Tcl_Obj ***elements)
{
    return Tcl_ListObjGetElements(NULL, obj, count, elements);
}

/* Commands, results and errors ----------------------------------------------- */

typedef struct {
    uintptr_t owner;
    int index;
} Command;

static int runCommand(void *clientData, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    Command *command = clientData;

    if (forked) {
        Tcl_SetObjResult(interp, Tcl_NewStringObj("the package nats does not work in a child of fork", -1));
        Tcl_SetErrorCode(interp, "NATS", "ErrForked", NULL);
        return TCL_ERROR;
    }
    natsCheckHandlers();
    return natsGoCommand(command->owner, command->index, objc, (Tcl_Obj **) objv);
}

static void freeCommand(void *clientData)
{
    Command *command = clientData;

    if (!forked) {
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

void natsSetResult(Tcl_Interp *interp, const void *value)
{
    Tcl_SetObjResult(interp, decodeAll(value));
}

/* The buffer holds two values: the message, and the list that becomes errorCode. */
void natsSetError(Tcl_Interp *interp, const void *textAndCode)
{
    const unsigned char *p = textAndCode;
    Tcl_Obj *text = decode(&p);

    Tcl_ResetResult(interp);
    Tcl_SetObjResult(interp, text);
    Tcl_SetObjErrorCode(interp, decode(&p));
}

/* Hands the error that the interpreter holds to interp bgerror. */
void natsBackground(Tcl_Interp *interp) { Tcl_BackgroundException(interp, TCL_ERROR); }

void natsResultText(Tcl_Interp *interp, const char **text, natsSize *length)
{
    *text = Tcl_GetStringFromObj(Tcl_GetObjResult(interp), length);
}

/*
 * What the end of an event's script comes to: an error goes to interp bgerror, and a break, a
 * continue or another code as well, with an errorInfo, as from a script of "after".
 */
static int ended(Tcl_Interp *interp, int code)
{
    if (code != TCL_OK && !Tcl_InterpDeleted(interp)) {
        Tcl_AddErrorInfo(interp, "\n    (nats callback)");
        Tcl_BackgroundException(interp, code);
    }
    return outcome(interp, code == TCL_OK);
}

/*
 * Calls a command prefix with the list of arguments in the buffer, and returns Tcl's code. The
 * words are held for the time of the call: the command may change or free all they came from.
 */
static int callPrefix(Tcl_Interp *interp, Tcl_Obj *prefix, const void *args)
{
    const unsigned char *p = args;
    Tcl_Obj **words, **objv, *few[FEW];
    natsSize count, i, objc;
    uint32_t more;
    int code;

    Tcl_IncrRefCount(prefix);
    code = Tcl_ListObjGetElements(interp, prefix, &count, &words);
    if (code == TCL_OK) {
        p++; /* the list's tag */
        more = readLength(&p);
        objc = count + (natsSize) more;
        objv = objc <= FEW ? few : (Tcl_Obj **) ckalloc(objc * sizeof *objv);
        for (i = 0; i < objc; i++) {
            objv[i] = i < count ? words[i] : decode(&p);
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

/* Calls a command prefix as from an event; 1 where there was no error. */
int natsCallback(Tcl_Interp *interp, Tcl_Obj *prefix, const void *args)
{
    int fine;

    Tcl_Preserve(interp);
    fine = ended(interp, callPrefix(interp, prefix, args));
    Tcl_Release(interp);
    return fine;
}

/* Calls a command prefix for its result, which is the caller's to release; returns Tcl's code. */
int natsInvoke(Tcl_Interp *interp, Tcl_Obj *prefix, const void *args, Tcl_Obj **result)
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
int natsCall(Tcl_Interp *interp, const void *words)
{
    const unsigned char *p = (const unsigned char *) words + 1 + sizeof(uint32_t); /* behind the list's tag */
    Tcl_Obj *objv[2];
    int came;

    objv[0] = decode(&p);
    objv[1] = decode(&p);
    Tcl_IncrRefCount(objv[0]);
    Tcl_IncrRefCount(objv[1]);
    Tcl_Preserve(interp);
    if (Tcl_GetCommandFromObj(interp, objv[0]) != NULL) {
        ended(interp, Tcl_EvalObjv(interp, 2, objv, TCL_EVAL_GLOBAL));
        came = outcome(interp, 1);
    } else {
        came = outcome(interp, 0);
    }
    Tcl_Release(interp);
    Tcl_DecrRefCount(objv[0]);
    Tcl_DecrRefCount(objv[1]);
    return came;
}

/* Variables, channels and files ------------------------------------------------- */

int natsSetVar(Tcl_Interp *interp, const char *name, const char *element, const void *value)
{
    Tcl_Obj *obj = decodeAll(value);
    int ok;

    Tcl_IncrRefCount(obj);
    ok = Tcl_SetVar2Ex(interp, name, element, obj, TCL_GLOBAL_ONLY | TCL_LEAVE_ERR_MSG) != NULL;
    Tcl_DecrRefCount(obj);
    return outcome(interp, ok);
}

int natsStoreElement(Tcl_Interp *interp, Tcl_Obj *array, const void *pair)
{
    const unsigned char *p = (const unsigned char *) pair + 1 + sizeof(uint32_t); /* behind the list's tag */
    Tcl_Obj *key = decode(&p), *value = decode(&p);
    int ok;

    Tcl_IncrRefCount(array); /* a trace may end the watcher whose it is */
    Tcl_IncrRefCount(key);
    Tcl_IncrRefCount(value);
    ok = Tcl_ObjSetVar2(interp, array, key, value, TCL_GLOBAL_ONLY | TCL_LEAVE_ERR_MSG) != NULL;
    Tcl_DecrRefCount(array);
    Tcl_DecrRefCount(key);
    Tcl_DecrRefCount(value);
    return outcome(interp, ok);
}

/* One that is not there is no error. */
int natsUnset(Tcl_Interp *interp, const char *name, const char *element)
{
    Tcl_UnsetVar2(interp, name, element, TCL_GLOBAL_ONLY);
    return outcome(interp, 1);
}

const char *natsGetenv(Tcl_Interp *interp, const char *name)
{
    return Tcl_GetVar2(interp, "env", name, TCL_GLOBAL_ONLY);
}

/* Sets an option of a channel, and keeps what it was before. */
static int exchangeOption(Tcl_Interp *interp, Tcl_Channel channel, const char *option, const char *value, Tcl_DString *before)
{
    Tcl_DStringInit(before);
    return Tcl_GetChannelOption(interp, channel, option, before) == TCL_OK
        && Tcl_SetChannelOption(interp, channel, option, value) == TCL_OK;
}

/*
 * A character that the channel's encoding lacks is written as that encoding's replacement, also
 * where Tcl 9 would stop at it, as its profile strict has it.
 */
int natsWrite(Tcl_Interp *interp, const char *name, const void *line)
{
    Tcl_Channel channel = Tcl_GetChannel(interp, name, NULL);
    Tcl_DString profile;
    Tcl_Obj *obj;
    int exchanged = 0, ok;

    if (channel == NULL) {
        return outcome(interp, 0);
    }
    obj = decodeAll(line);
    Tcl_IncrRefCount(obj);
    Tcl_AppendToObj(obj, "\n", 1);
    Tcl_RegisterChannel(NULL, channel); /* a channel of the script's own may be closed in its write */
    if (TCL_MAJOR_VERSION >= 9) {
        exchanged = exchangeOption(interp, channel, "-profile", "replace", &profile);
    }
    ok = Tcl_WriteObj(channel, obj) >= 0 && Tcl_Flush(channel) == TCL_OK;
    if (TCL_MAJOR_VERSION >= 9) {
        if (exchanged) {
            Tcl_SetChannelOption(NULL, channel, "-profile", Tcl_DStringValue(&profile));
        }
        Tcl_DStringFree(&profile);
    }
    Tcl_UnregisterChannel(NULL, channel);
    Tcl_DecrRefCount(obj);
    return outcome(interp, ok);
}

Tcl_Obj *natsFileName(Tcl_Interp *interp, const void *name)
{
    Tcl_Obj *path = decodeAll(name), *translated;

    Tcl_IncrRefCount(path);
    translated = Tcl_FSGetTranslatedPath(interp, path);
    Tcl_DecrRefCount(path);
    return translated;
}

Tcl_Obj *natsReadFile(Tcl_Interp *interp, const void *name, int most)
{
    Tcl_Obj *path = decodeAll(name), *data = Tcl_NewObj();
    Tcl_Channel channel;

    Tcl_IncrRefCount(path);
    Tcl_IncrRefCount(data);
    channel = Tcl_FSOpenFileChannel(interp, path, "r", 0);
    Tcl_DecrRefCount(path);
    if (channel != NULL) {
        int ok = Tcl_SetChannelOption(interp, channel, "-translation", "binary") == TCL_OK
            && Tcl_ReadChars(channel, data, most, 0) >= 0;

        Tcl_Close(NULL, channel);
        if (ok) {
            return data;
        }
    }
    Tcl_DecrRefCount(data);
    return NULL;
}

/* Events -------------------------------------------------------------------- */

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
    if (!forked) {
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

struct Sleeper {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int roused; /* changed under the lock, read without */
    int vain;   /* sleeps to come that do not yield first; the sleeper's own */
};

enum {
    /*
     * How long, in µs, a sleeper yields its processor before it gives it up. A server on the same
     * machine or network has answered by then, and waking a thread, on a processor that has gone
     * idle, takes a quarter of the whole call.
     */
    YIELDING = 400,
    /* After a reply that took longer, so many sleeps go without: others may use the processor. */
    PATIENCE = 8
};

Sleeper *natsNewSleeper(void)
{
    Sleeper *sleeper = (Sleeper *) ckalloc(sizeof *sleeper);
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
#ifndef __APPLE__ /* which has no clock to choose, but waits for a length of time */
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    pthread_mutex_init(&sleeper->lock, NULL);
    pthread_cond_init(&sleeper->cond, &attributes);
    pthread_condattr_destroy(&attributes);
    sleeper->roused = 0;
    sleeper->vain = 0;
    return sleeper;
}

/* When nobody rouses any more. */
void natsFreeSleeper(Sleeper *sleeper)
{
    pthread_mutex_destroy(&sleeper->lock);
    pthread_cond_destroy(&sleeper->cond);
    ckfree((char *) sleeper);
}

static struct timespec later(int microseconds)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += microseconds * 1000L;
    t.tv_sec += t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

static int before(struct timespec end)
{
    struct timespec now = later(0);

    return now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec);
}

static int roused(Sleeper *sleeper) { return __atomic_load_n(&sleeper->roused, __ATOMIC_ACQUIRE); }

/* Lets others run until it is roused, for YIELDING µs. */
static void yieldTo(Sleeper *sleeper)
{
    struct timespec end = later(YIELDING);

    if (sleeper->vain > 0) {
        sleeper->vain--;
        return;
    }
    while (!roused(sleeper)) {
        if (!before(end)) {
            sleeper->vain = PATIENCE;
            return;
        }
        sched_yield();
    }
}

/* Waits until it is roused, for so long at most; not at all where it was roused before. */
void natsSleep(Sleeper *sleeper, int microseconds)
{
    struct timespec end = later(microseconds);

    if (processors > 1) {
        yieldTo(sleeper);
    }
    pthread_mutex_lock(&sleeper->lock);
#ifdef __APPLE__
    end.tv_sec = microseconds / 1000000;
    end.tv_nsec = microseconds % 1000000 * 1000L;
#define pthread_cond_timedwait pthread_cond_timedwait_relative_np
#endif
    while (!sleeper->roused && pthread_cond_timedwait(&sleeper->cond, &sleeper->lock, &end) == 0) {
    }
    sleeper->roused = 0;
    pthread_mutex_unlock(&sleeper->lock);
}

/* For any thread. */
void natsRouse(Sleeper *sleeper)
{
    pthread_mutex_lock(&sleeper->lock);
    __atomic_store_n(&sleeper->roused, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&sleeper->lock);
    pthread_cond_signal(&sleeper->cond);
}

void natsAgain(uintptr_t owner) { Tcl_QueueEvent(newWakeEvent(owner), TCL_QUEUE_TAIL); }

static void timerProc(void *clientData)
{
    if (!forked) {
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
        return outcome(interp, 0);
    }
    if (Tcl_Canceled(interp, TCL_LEAVE_ERR_MSG) == TCL_ERROR) {
        return outcome(interp, 0);
    }
    if (Tcl_LimitExceeded(interp)) {
        Tcl_ResetResult(interp);
        Tcl_SetObjResult(interp, Tcl_NewStringObj("limit exceeded", -1));
        Tcl_SetErrorCode(interp, "TCL", "EVENT", "LIMIT", NULL);
        return outcome(interp, 0);
    }
    return outcome(interp, 1);
}

/* Life and end ---------------------------------------------------------------- */

static void interpDeleted(void *clientData, Tcl_Interp *interp)
{
    (void) interp;
    if (!forked) {
        natsGoEnd((uintptr_t) clientData, 1);
    }
}

/* The end of the thread, and in the main thread of the process. */
static void threadEnds(void *clientData)
{
    if (!forked) {
        natsGoEnd((uintptr_t) clientData, 0);
    }
}

void natsAttachLife(Tcl_Interp *interp, uintptr_t owner)
{
    Tcl_CallWhenDeleted(interp, interpDeleted, (void *) owner);
    Tcl_CreateThreadExitHandler(threadEnds, (void *) owner);
}

static int ownEvent(Tcl_Event *event, void *owner)
{
    return event->proc == wakeProc && ((WakeEvent *) event)->owner == (uintptr_t) owner;
}

/* The interpreters of a thread share its queue: what is meant for this one goes with it. */
void natsDetachLife(Tcl_Interp *interp, uintptr_t owner, int deleting, void *timer)
{
    Tcl_DeleteEvents(ownEvent, (void *) owner);
    if (timer != NULL) {
        Tcl_DeleteTimerHandler(timer);
    }
    Tcl_DeleteThreadExitHandler(threadEnds, (void *) owner);
    if (!deleting) {
        Tcl_DontCallWhenDeleted(interp, interpDeleted, (void *) owner);
    }
}
