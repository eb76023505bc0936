// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* Tcl values: what Go has written into a flat buffer (encode.go), and what Go reads of a value. */

#include <string.h>

#include "parts.h"

uint32_t natsReadLength(const unsigned char **p)
{
    uint32_t n;

    memcpy(&n, *p, sizeof n);
    *p += sizeof n;
    return n;
}

static Tcl_Obj *decodeList(const unsigned char **p, uint32_t n)
{
    Tcl_Obj *few[NATS_FEW], **elements = few, *list;
    uint32_t i;

    if (n == 0) {
        return Tcl_NewListObj(0, NULL);
    }
    if (n > NATS_FEW) {
        elements = (Tcl_Obj **) ckalloc(n * sizeof *elements);
    }
    for (i = 0; i < n; i++) {
        elements[i] = natsDecode(p);
    }
    list = Tcl_NewListObj((natsSize) n, elements);
    if (elements != few) {
        ckfree((char *) elements);
    }
    return list;
}

Tcl_Obj *natsDecode(const unsigned char **p)
{
    unsigned char tag = *(*p)++;
    uint32_t n;
    Tcl_Obj *obj;

    switch (tag) {
    case 's':
        n = natsReadLength(p);
        obj = Tcl_NewStringObj((const char *) *p, (natsSize) n);
        *p += n;
        return obj;
    case 'b':
        n = natsReadLength(p);
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
        return decodeList(p, natsReadLength(p));
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

Tcl_Obj *natsDecodeAll(const char *value)
{
    const unsigned char *p = (const unsigned char *) value;

    return natsDecode(&p);
}

Tcl_Obj *natsNewValue(const char *value)
{
    Tcl_Obj *obj = natsDecodeAll(value);

    Tcl_IncrRefCount(obj);
    return obj;
}

void natsAppend(Tcl_Obj *list, const char *elements)
{
    const unsigned char *p = (const unsigned char *) elements + 1; /* behind the list's tag */
    uint32_t n;

    for (n = natsReadLength(&p); n > 0; n--) {
        Tcl_ListObjAppendElement(NULL, list, natsDecode(&p));
    }
}

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
Elements natsList(Tcl_Obj *obj)
{
    static Tcl_Obj *none[1];
    Elements list;

    if (Tcl_ListObjGetElements(NULL, obj, &list.count, &list.elements) != TCL_OK) {
        list.elements = NULL;
    } else if (list.count == 0) {
        list.elements = none; /* an empty list may have no memory */
    }
    return list;
}
