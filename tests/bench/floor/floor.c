// SPDX-License-Identifier: Apache-2.0

/*
 * The floor: the least that a Tcl extension can do for some cases of the benchmark. It shows what a
 * publish and a callback cost in Tcl whatever lies beneath, and is no client to use: there is one
 * connection for each process, which must not fail; no deadline ends a request; nothing that comes is
 * doubted; callbacks may not serve events. The script floor.tcl has the classes, and what happens
 * once; here is what happens for each message.
 *
 * What is published is gathered in a buffer, which is written when there is much, or when the event
 * loop turns. The event loop reads, too.
 */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <tclOO.h>
#ifdef GO_CORE
#include <sys/eventfd.h>
#include "_cgo_export.h"
#endif

#ifndef TCL_SIZE_MAX
typedef int Tcl_Size;
#endif

enum {
    PIECE = 16 << 10,     /* so many bytes that were published are written at once */
    MOST_REQUESTS = 1 << 15,
    MOST_SUBSCRIPTIONS = 1 << 20, /* in all, for no number is used twice */
    MOST_WORDS = 8,       /* of a callback with its arguments */
    OUTSTANDING = 2       /* by default a fast publisher waits where so many acknowledgements are missing */
};

/* A piece of what has come. */
typedef struct {
    const char *text;
    Tcl_Size length;
} Part;

/* What becomes of the messages of a subscription. */
typedef enum {
    MESSAGE,              /* the callback's arguments are subject, payload and reply subject */
    ENTRY,                /* its argument is an entry of a bucket, and "" behind those that were there */
    GATHERED              /* the entries become one list */
} Kind;

typedef struct {
    Kind kind;
    int count;
    Tcl_Obj *words[MOST_WORDS]; /* of the callback, with room for its arguments behind them */
    Tcl_Obj *subject, *bucket, *list;
    Tcl_Size prefix;      /* the length of what stands before the key in a subject */
    int current;          /* all that was there has come */
} Subscription;

static Tcl_Interp *tcl;
static int fd = -1, full;         /* full: the system takes no more now, and tells when it does */
static char *out, *in;
static size_t outSize, outUsed, inSize, inUsed, writeAt = PIECE;
static Subscription *subscriptions[MOST_SUBSCRIPTIONS];
static Tcl_Obj *requests[MOST_REQUESTS]; /* callbacks of one word */
static unsigned long lastRequest;
static const char *inbox;         /* the beginning of reply subjects: a number follows, or an f for the fast publisher */
static size_t inboxLength;

static struct {
    int answered;
    unsigned long sent, acked, flow;
    char *prefix;                 /* of its reply subjects */
    Tcl_Obj *end;                 /* the acknowledgement of all; NULL: it has not come */
} fast;

/* Values that are made once. */
enum { EMPTY, ZERO, STREAM, SEQ, ACKS, BUCKET, KEY, VALUE, REVISION, CREATED, DELTA, OPERATION, PUT, SHARED };
static const char *const texts[SHARED] = {
    "", "0", "stream", "seq", "ACKS", "bucket", "key", "value", "revision", "created", "delta", "operation", "PUT"
};
static Tcl_Obj *shared[SHARED];

/* Writing ------------------------------------------------------------------ */

static void ready(void *data, int mask);

#ifdef GO_CORE
static void flush(void)
{
    floorGive(out, outUsed);
    outUsed = 0;
}
#else
static void flush(void)
{
    ssize_t n = write(fd, out, outUsed);

    if (n < 0 && errno != EAGAIN) {
        Tcl_Panic("floor: write: %s", strerror(errno));
    }
    if (n > 0) {
        outUsed -= (size_t) n;
        memmove(out, out + n, outUsed);
    }
    writeAt = outUsed + PIECE;
    if (full != (outUsed > 0)) {
        full = outUsed > 0;
        Tcl_CreateFileHandler(fd, TCL_READABLE | (full ? TCL_WRITABLE : 0), ready, NULL);
    }
}
#endif

static void room(size_t size)
{
    if (outSize < outUsed + size) {
        outSize = 2 * (outUsed + size);
        out = Tcl_Realloc(out, outSize);
    }
}

static void add(const char *text, size_t length)
{
    memcpy(out + outUsed, text, length);
    outUsed += length;
}

static void addNumber(unsigned long n)
{
    char digits[24], *p = digits + sizeof digits;

    do {
        *--p = (char) ('0' + n % 10);
    } while (n /= 10);
    add(p, (size_t) (digits + sizeof digits - p));
}

/* A message, with a reply subject of a prefix, a number and an end where there is a prefix. */
static void publish(Part subject, Part payload, const char *prefix, unsigned long number, const char *end)
{
    room((size_t) (subject.length + payload.length) + 256);
    add("PUB ", 4);
    add(subject.text, (size_t) subject.length);
    add(" ", 1);
    if (prefix != NULL) {
        add(prefix, strlen(prefix));
        addNumber(number);
        add(end, strlen(end));
        add(" ", 1);
    }
    addNumber((unsigned long) payload.length);
    add("\r\n", 2);
    add(payload.text, (size_t) payload.length);
    add("\r\n", 2);
    if (outUsed >= writeAt) {
        flush();
    }
}

static Part textOf(Tcl_Obj *value)
{
    Part p;

    p.text = Tcl_GetStringFromObj(value, &p.length);
    return p;
}

static Part bytesOf(Tcl_Obj *value)
{
    Part p;

    p.text = (const char *) Tcl_GetByteArrayFromObj(value, &p.length);
    return p;
}

/* Reading ------------------------------------------------------------------ */

static unsigned long number(const char *p)
{
    unsigned long n = 0;

    while (*p >= '0' && *p <= '9') {
        n = 10 * n + (unsigned long) (*p++ - '0');
    }
    return n;
}

/* The number behind a text; 0 where that is not there. */
static unsigned long numberBehind(Part p, const char *text)
{
    const char *found = memmem(p.text, (size_t) p.length, text, strlen(text));

    return found == NULL ? 0 : number(found + strlen(text));
}

static void call(Tcl_Obj *const *words, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        Tcl_IncrRefCount(words[i]);
    }
    if (Tcl_EvalObjv(tcl, count, words, TCL_EVAL_GLOBAL) != TCL_OK) {
        Tcl_BackgroundException(tcl, TCL_ERROR);
    }
    for (i = 0; i < count; i++) {
        Tcl_DecrRefCount(words[i]);
    }
}

static Tcl_Obj *textValue(Part p) { return p.length == 0 ? shared[EMPTY] : Tcl_NewStringObj(p.text, p.length); }

static Tcl_Obj *bytesValue(Part p) { return Tcl_NewByteArrayObj((const unsigned char *) p.text, p.length); }

static Tcl_Obj *numberValue(unsigned long n) { return Tcl_NewWideIntObj((Tcl_WideInt) n); }

/* An entry: its numbers are in $JS.ACK.stream.consumer.deliveries.revision.order.time.delta. */
static void entry(Subscription *s, Part subject, Part reply, Part payload)
{
    enum { REVISION_AT = 5, TIME_AT = 7, DELTA_AT = 8 };
    unsigned long numbers[DELTA_AT + 1] = {0};
    const char *p = reply.text, *end = reply.text + reply.length;
    Part key = {subject.text + s->prefix, subject.length - s->prefix};
    Tcl_Obj *made;
    int i;

    for (i = 1; i <= DELTA_AT && (p = memchr(p, '.', (size_t) (end - p))) != NULL; i++) {
        numbers[i] = number(++p);
    }
    Tcl_Obj *fields[] = {
        shared[BUCKET], s->bucket, shared[KEY], textValue(key), shared[VALUE], bytesValue(payload),
        shared[REVISION], numberValue(numbers[REVISION_AT]), shared[CREATED], numberValue(numbers[TIME_AT] / 1000000),
        shared[DELTA], numberValue(numbers[DELTA_AT]), shared[OPERATION], shared[PUT]
    };
    made = Tcl_NewListObj(sizeof fields / sizeof *fields, fields);
    if (s->kind == GATHERED) {
        Tcl_ListObjAppendElement(NULL, s->list, made);
    } else {
        s->words[s->count] = made;
        call(s->words, s->count + 1);
        if (numbers[DELTA_AT] == 0 && !s->current) {
            s->words[s->count] = shared[EMPTY];
            call(s->words, s->count + 1);
        }
    }
    s->current |= numbers[DELTA_AT] == 0;
}

/* What the server tells the fast publisher: there is room, or the end. */
static void fastReply(Part payload)
{
    fast.answered = 1;
    if (memmem(payload.text, (size_t) payload.length, "\"type\":\"ack\"", 12) != NULL) {
        fast.acked = numberBehind(payload, "\"seq\":");
        fast.flow = numberBehind(payload, "\"msgs\":");
    } else {
        fast.end = textValue(payload);
        Tcl_IncrRefCount(fast.end);
    }
}

/* The acknowledgement of a publish with a callback. */
static void acknowledged(unsigned long n, Part payload)
{
    unsigned long seq = numberBehind(payload, "\"seq\":");
    Tcl_Obj *callback = requests[n % MOST_REQUESTS];
    Tcl_Obj *fields[] = {shared[STREAM], shared[ACKS], shared[SEQ], numberValue(seq)};
    Tcl_Obj *words[] = {callback, shared[ZERO], Tcl_NewListObj(4, fields), shared[EMPTY]};

    if (callback == NULL || seq == 0) {
        Tcl_Panic("floor: this is no acknowledgement: %.*s", (int) payload.length, payload.text);
    }
    requests[n % MOST_REQUESTS] = NULL;
    call(words, 4);
    Tcl_DecrRefCount(callback);
}

static void deliver(Part subject, unsigned long id, Part reply, Part payload, int control)
{
    Subscription *s = subscriptions[id % MOST_SUBSCRIPTIONS];

    if (id == 0) {
        if (subject.text[inboxLength] == 'f') {
            fastReply(payload);
        } else {
            acknowledged(number(subject.text + inboxLength), payload);
        }
    } else if (s == NULL) {
        return; /* it has ended */
    } else if (control) {
        if (reply.length > 0) { /* flow control, which wants an answer; else it is a heartbeat */
            publish(reply, (Part) {"", 0}, NULL, 0, NULL);
        }
    } else if (s->kind != MESSAGE) {
        entry(s, subject, reply, payload);
    } else {
        s->words[s->count] = s->subject;
        s->words[s->count + 1] = bytesValue(payload);
        s->words[s->count + 2] = textValue(reply);
        call(s->words, s->count + 3);
    }
}

/* Takes what the server says first, and returns what is behind it; NULL where it has not come as a whole. */
static const char *take(const char *p, const char *end)
{
    const char *lineEnd = memchr(p, '\n', (size_t) (end - p));
    int headers = *p == 'H', count = 0;
    Part words[6], none = {"", 0}, payload;
    size_t size;

    if (lineEnd == NULL) {
        return NULL;
    }
    if (*p != 'M' && !headers) {
        if (*p == '-') {
            Tcl_Panic("floor: the server says %.*s", (int) (lineEnd - p), p);
        }
        if (p[0] == 'P' && p[1] == 'I') { /* PING */
            room(6);
            add("PONG\r\n", 6);
        }
        return lineEnd + 1;
    }
    for (p += 4 + headers; p < lineEnd && count < 6; p++, count++) { /* subject, id, perhaps reply, perhaps length of headers, length */
        words[count].text = p;
        while (*p != ' ' && *p != '\r') {
            p++;
        }
        words[count].length = (Tcl_Size) (p - words[count].text);
        if (*p == '\r') {
            p = lineEnd;
        }
    }
    size = number(words[count - 1].text);
    if ((size_t) (end - lineEnd - 1) < size + 2) {
        return NULL;
    }
    payload.text = lineEnd + 1 + (headers ? number(words[count - 2].text) : 0);
    payload.length = (Tcl_Size) (lineEnd + 1 + size - payload.text);
    deliver(words[0], number(words[1].text), count == 4 + headers ? words[2] : none, payload,
        headers && memcmp(lineEnd + 1, "NATS/1.0 1", 10) == 0);
    return lineEnd + 1 + size + 2;
}

#ifdef GO_CORE
/* Takes what has come. */
static void ready(void *data, int mask)
{
    eventfd_t times;
    const char *p;
    struct floorTake_return came;

    eventfd_read(fd, &times);
    came = floorTake(in, inSize, &inUsed);
    in = came.r0;
    inSize = came.r1;
    for (p = in; p < in + inUsed;) {
        p = take(p, in + inUsed);
    }
}
#else
/* Reads what has come, and writes what had to wait. */
static void ready(void *data, int mask)
{
    const char *p = in, *next;
    ssize_t n;

    if (mask & TCL_WRITABLE) {
        flush();
    }
    if (!(mask & TCL_READABLE)) {
        return;
    }
    if (inUsed == inSize) {
        inSize = inSize ? 2 * inSize : 256 << 10;
        p = in = Tcl_Realloc(in, inSize);
    }
    n = read(fd, in + inUsed, inSize - inUsed);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        Tcl_Panic("floor: the connection has ended");
    }
    inUsed += (size_t) n;
    while (p < in + inUsed && (next = take(p, in + inUsed)) != NULL) {
        p = next;
    }
    inUsed -= (size_t) (p - in);
    memmove(in, p, inUsed);
}
#endif

/* The event loop turns. */
static void turn(void *data, int flags)
{
    if (outUsed > 0 && !full) {
        flush();
    }
}

/* Commands ----------------------------------------------------------------- */

#define COMMAND(name) static int name(void *data, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])

static Tcl_Obj *kept(Tcl_Obj *value)
{
    Tcl_IncrRefCount(value);
    return value;
}

/* floor::begin channel inbox. The greeting is over. With a core in Go the server's URL stands for the channel. */
COMMAND(beginCommand)
{
#ifndef GO_CORE
    Tcl_Channel channel;
    void *handle;
    int yes = 1;
#endif

    if (objc != 3 || fd >= 0) {
        Tcl_SetObjResult(interp, Tcl_NewStringObj("the floor has one connection", -1));
        return TCL_ERROR;
    }
#ifdef GO_CORE
    fd = floorDial(Tcl_GetString(objv[1]));
#else
    channel = Tcl_GetChannel(interp, Tcl_GetString(objv[1]), NULL);
    if (channel == NULL || Tcl_GetChannelHandle(channel, TCL_READABLE, &handle) != TCL_OK) {
        return TCL_ERROR;
    }
    fd = (int) (intptr_t) handle;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
#endif
    inbox = Tcl_GetString(kept(objv[2]));
    inboxLength = strlen(inbox);
    Tcl_CreateFileHandler(fd, TCL_READABLE, ready, NULL);
    Tcl_CreateEventSource(turn, NULL, NULL);
    return TCL_OK;
}

/* floor::say text: what is said once, and ends a line. */
COMMAND(sayCommand)
{
    Part text = textOf(objv[objc - 1]);

    room((size_t) text.length + 2);
    add(text.text, (size_t) text.length);
    add("\r\n", 2);
    return TCL_OK;
}

/* floor::deliver id kind subject callback bucket: what comes for a subscription. */
COMMAND(deliverCommand)
{
    static const char *const kinds[] = {"message", "entry", "gathered", NULL};
    Subscription *s;
    Tcl_Obj **words;
    Tcl_Size count;
    int id, kind;

    if (objc != 6 || Tcl_GetIntFromObj(interp, objv[1], &id) != TCL_OK || id < 1 || id >= MOST_SUBSCRIPTIONS
            || Tcl_GetIndexFromObj(interp, objv[2], kinds, "kind", 0, &kind) != TCL_OK
            || Tcl_ListObjGetElements(interp, objv[4], &count, &words) != TCL_OK || count > MOST_WORDS - 3) {
        return TCL_ERROR;
    }
    s = memset(Tcl_Alloc(sizeof *s), 0, sizeof *s);
    for (s->kind = (Kind) kind; s->count < count; s->count++) {
        s->words[s->count] = kept(words[s->count]);
    }
    s->subject = kept(objv[3]);
    s->bucket = kept(objv[5]);
    s->prefix = textOf(s->bucket).length + 5; /* $KV.bucket. */
    s->list = kept(Tcl_NewListObj(0, NULL));
    subscriptions[id] = s;
    return TCL_OK;
}

/* floor::forget id. Returns the entries of one that gathers, for which it waits. */
COMMAND(forgetCommand)
{
    Subscription *s;
    int id, i;

    if (objc != 2 || Tcl_GetIntFromObj(interp, objv[1], &id) != TCL_OK || id < 1 || id >= MOST_SUBSCRIPTIONS || !(s = subscriptions[id])) {
        return TCL_ERROR;
    }
    while (s->kind == GATHERED && !s->current) {
        Tcl_DoOneEvent(TCL_FILE_EVENTS);
    }
    subscriptions[id] = NULL;
    turn(NULL, 0); /* the server learns that it has an end, though the event loop may not turn for a while */
    Tcl_SetObjResult(interp, s->list);
    for (i = 0; i < s->count; i++) {
        Tcl_DecrRefCount(s->words[i]);
    }
    Tcl_DecrRefCount(s->subject);
    Tcl_DecrRefCount(s->bucket);
    Tcl_DecrRefCount(s->list);
    Tcl_Free((char *) s);
    return TCL_OK;
}

/* floor::fast prefix: begins a batch. */
COMMAND(fastCommand)
{
    Tcl_Free(fast.prefix);
    memset(&fast, 0, sizeof fast);
    fast.prefix = strcpy(Tcl_Alloc((size_t) textOf(objv[objc - 1]).length + 1), Tcl_GetString(objv[objc - 1]));
    return TCL_OK;
}

/* Methods ------------------------------------------------------------------ */

#define METHOD(name) static int name(void *data, Tcl_Interp *interp, Tcl_ObjectContext context, int objc, Tcl_Obj *const objv[])

/* The arguments of a method: a subject, a message, and what is wanted beside these. NULL: there are not so many. */
static Tcl_Obj *const *arguments(Tcl_Interp *interp, Tcl_ObjectContext context, int objc, Tcl_Obj *const objv[], int wanted)
{
    int skipped = (int) Tcl_ObjectContextSkippedArgs(context);

    if (objc - skipped == wanted) {
        return objv + skipped;
    }
    Tcl_WrongNumArgs(interp, skipped, objv, wanted == 2 ? "subject message" : "subject message -callback command");
    return NULL;
}

/* connection publish subject message */
METHOD(publishMethod)
{
    Tcl_Obj *const *args = arguments(interp, context, objc, objv, 2);

    if (args == NULL) {
        return TCL_ERROR;
    }
    publish(textOf(args[0]), bytesOf(args[1]), NULL, 0, NULL);
    return TCL_OK;
}

/* jet_stream publish subject message -callback command. Returns the request's number. */
METHOD(jsPublishMethod)
{
    Tcl_Obj *const *args = arguments(interp, context, objc, objv, 4), **request;

    if (args == NULL) {
        return TCL_ERROR;
    }
    request = &requests[++lastRequest % MOST_REQUESTS];
    if (strcmp(Tcl_GetString(args[2]), "-callback") != 0 || *request != NULL) {
        Tcl_SetObjResult(interp, Tcl_NewStringObj("it takes -callback, and not so many at a time", -1));
        return TCL_ERROR;
    }
    *request = kept(args[3]);
    publish(textOf(args[0]), bytesOf(args[1]), inbox, lastRequest, "");
    Tcl_SetObjResult(interp, numberValue(lastRequest));
    return TCL_OK;
}

/* fast_publisher add subject message */
METHOD(addMethod)
{
    Tcl_Obj *const *args = arguments(interp, context, objc, objv, 2);

    if (args == NULL) {
        return TCL_ERROR;
    }
    while (fast.sent > 0 && fast.end == NULL && (!fast.answered || fast.acked + fast.flow * OUTSTANDING <= fast.sent)) {
        Tcl_DoOneEvent(TCL_FILE_EVENTS);
    }
    publish(textOf(args[0]), bytesOf(args[1]), fast.prefix, fast.sent + 1, fast.sent == 0 ? ".0.$FI" : ".1.$FI");
    fast.sent++;
    return TCL_OK;
}

/* fast_publisher commit subject message. Returns a dict of count. */
METHOD(commitMethod)
{
    Tcl_Obj *const *args = arguments(interp, context, objc, objv, 2), *fields[2];

    if (args == NULL) {
        return TCL_ERROR;
    }
    publish(textOf(args[0]), bytesOf(args[1]), fast.prefix, ++fast.sent, ".2.$FI");
    while (fast.end == NULL) {
        Tcl_DoOneEvent(TCL_FILE_EVENTS);
    }
    fields[0] = Tcl_NewStringObj("count", -1);
    fields[1] = numberValue(numberBehind(textOf(fast.end), "\"count\":"));
    Tcl_DecrRefCount(fast.end);
    Tcl_SetObjResult(interp, Tcl_NewListObj(2, fields));
    return TCL_OK;
}

static const struct { const char *name; Tcl_ObjCmdProc *run; } commands[] = {
    {"::floor::begin", beginCommand}, {"::floor::say", sayCommand}, {"::floor::deliver", deliverCommand},
    {"::floor::forget", forgetCommand}, {"::floor::fast", fastCommand},
};

static const struct { const char *class; Tcl_MethodType type; } methods[] = {
    {"::nats::connection", {1, "publish", publishMethod, NULL, NULL}},
    {"::nats::jet_stream", {1, "publish", jsPublishMethod, NULL, NULL}},
    {"::nats::fast_publisher", {1, "add", addMethod, NULL, NULL}},
    {"::nats::fast_publisher", {1, "commit", commitMethod, NULL, NULL}},
};

/* floor.tcl has been read, and has made the classes. */
int Floor_Init(Tcl_Interp *interp)
{
    size_t i;

    if (Tcl_InitStubs(interp, "8.6-", 0) == NULL || Tcl_OOInitStubs(interp) == NULL) {
        return TCL_ERROR;
    }
    tcl = interp;
    for (i = 0; i < SHARED; i++) {
        shared[i] = kept(Tcl_NewStringObj(texts[i], -1));
    }
    for (i = 0; i < sizeof commands / sizeof *commands; i++) {
        Tcl_CreateObjCommand(interp, commands[i].name, commands[i].run, NULL, NULL);
    }
    for (i = 0; i < sizeof methods / sizeof *methods; i++) {
        Tcl_Object class = Tcl_GetObjectFromObj(interp, Tcl_NewStringObj(methods[i].class, -1));

        if (class == NULL) {
            return TCL_ERROR;
        }
        Tcl_NewMethod(interp, Tcl_GetObjectAsClass(class), Tcl_NewStringObj(methods[i].type.name, -1), 1, &methods[i].type, NULL);
    }
    return TCL_OK;
}
