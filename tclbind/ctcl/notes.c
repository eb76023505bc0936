// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/*
 * Calls of a method that are taken down, and made later, many with one crossing into Go: a publish is less work than the
 * crossing. What is taken down are only calls of which it is certain that they succeed: whoever opens the notes says for which object, which
 * names, and how many bytes.
 */

#include "parts.h"
#include <string.h>

/* How many bytes there may be at most. */
enum { MOST = 1 << 14 };

Notes *natsNewNotes(void)
{
    Notes *notes = (Notes *) ckalloc(sizeof *notes);

    memset(notes, 0, sizeof *notes);
    return notes;
}

/* When no method knows them any more. */
void natsFreeNotes(Notes *notes)
{
    if (notes->object != NULL) {
        Tcl_DecrRefCount(notes->object);
    }
    if (notes->calls != NULL) {
        ckfree((char *) notes->calls);
    }
    ckfree((char *) notes);
}

/* Begins to take down; in the interpreter's thread, when nothing is taken down or taken. */
void natsNote(Notes *notes, Tcl_Obj *object, uint32_t room)
{
    if (notes->calls == NULL) {
        notes->calls = (unsigned char *) ckalloc(MOST);
    }
    if (notes->object != object) {
        Tcl_IncrRefCount(object);
        if (notes->object != NULL) {
            Tcl_DecrRefCount(notes->object);
        }
        notes->object = object;
    }
    notes->room = room < MOST ? room : MOST;
    __atomic_store_n(&notes->open, 1, __ATOMIC_SEQ_CST);
}

static int isName(const Notes *notes, const unsigned char *p, natsSize n)
{
    natsSize i;
    int before = 2; /* as a separator */

    for (i = 0; i < n; i++) {
        int now = notes->kind[p[i]];

        if (now == 0 || (now == 2 && before == 2)) {
            return 0;
        }
        before = now;
    }
    return before != 2;
}

static int isASCII(const unsigned char *p, natsSize n)
{
    natsSize i = 0;
    uint64_t all = 0, eight;

    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, p + i, 8);
        all |= eight;
    }
    for (; i < n; i++) {
        all |= (uint64_t) p[i];
    }
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

/*
 * The bytes of a value, as Go sees them (value.View): those of its string where that is ASCII, or of a byte array that has no
 * string. false: it takes more than a look.
 */
static int bytesOf(Tcl_Obj *obj, const unsigned char **p, natsSize *n)
{
    if (obj->bytes != NULL) {
        *p = (const unsigned char *) obj->bytes;
        *n = obj->length;
        return isASCII(*p, *n);
    }
    if (obj->typePtr == NULL || strcmp(obj->typePtr->name, "bytearray") != 0) {
        return 0;
    }
#if TCL_MAJOR_VERSION < 9
    *p = Tcl_GetByteArrayFromObj(obj, n);
#else
    *p = Tcl_GetBytesFromObj(NULL, obj, n);
#endif
    return *p != NULL;
}

int natsNoted(Notes *notes, Tcl_Obj *object, int count, Tcl_Obj *const words[])
{
    const unsigned char *first, *second;
    natsSize firstLength, secondLength;
    uint64_t size;
    int done = 0;

    if (!__atomic_load_n(&notes->open, __ATOMIC_SEQ_CST) || notes->object != object || count != 2 || natsForked) {
        return 0;
    }
    first = (const unsigned char *) words[0]->bytes;
    if (first == NULL) {
        return 0;
    }
    firstLength = words[0]->length;
    if (words[1]->bytes != NULL && (uint64_t) words[1]->length > notes->room) {
        return 0; /* before it is looked at */
    }
    if (!isName(notes, first, firstLength) || !bytesOf(words[1], &second, &secondLength)) {
        return 0;
    }
    size = 2 * sizeof(uint32_t) + (uint64_t) firstLength + (uint64_t) secondLength;
    if (__atomic_exchange_n(&notes->lock, 1, __ATOMIC_SEQ_CST)) {
        return 0; /* they are being taken: Go waits for that */
    }
    if (__atomic_load_n(&notes->open, __ATOMIC_SEQ_CST) && notes->used + size <= notes->room) {
        unsigned char *p = notes->calls + notes->used;
        uint32_t lengths[2] = {(uint32_t) firstLength, (uint32_t) secondLength};

        memcpy(p, lengths, sizeof lengths);
        memcpy(p + sizeof lengths, first, firstLength);
        memcpy(p + sizeof lengths + firstLength, second, secondLength);
        notes->used += (uint32_t) size;
        done = 1;
    }
    __atomic_store_n(&notes->lock, 0, __ATOMIC_SEQ_CST);
    return done;
}
