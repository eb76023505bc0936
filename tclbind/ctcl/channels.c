// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* Channels and files, as Tcl has them: with its encodings and virtual file systems. */

#include "parts.h"

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
int natsWrite(Tcl_Interp *interp, const char *name, const char *line)
{
    Tcl_Channel channel = Tcl_GetChannel(interp, name, NULL);
    Tcl_DString profile;
    Tcl_Obj *obj;
    int exchanged = 0, ok;

    if (channel == NULL) {
        return natsOutcome(interp, 0);
    }
    obj = natsDecodeAll(line);
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
    return natsOutcome(interp, ok);
}

Tcl_Obj *natsFileName(Tcl_Interp *interp, const char *name)
{
    Tcl_Obj *path = natsDecodeAll(name), *translated;

    Tcl_IncrRefCount(path);
    translated = Tcl_FSGetTranslatedPath(interp, path);
    Tcl_DecrRefCount(path);
    return translated;
}

Tcl_Obj *natsReadFile(Tcl_Interp *interp, const char *name, int most)
{
    Tcl_Obj *path = natsDecodeAll(name), *data = Tcl_NewObj();
    Tcl_Channel channel;

    Tcl_IncrRefCount(path);
    Tcl_IncrRefCount(data);
    channel = Tcl_FSOpenFileChannel(interp, path, "r", 0);
    Tcl_DecrRefCount(path);
    if (channel != NULL) {
        int ok = Tcl_SetChannelOption(interp, channel, "-translation", "binary") == TCL_OK
            && Tcl_ReadChars(channel, data, most, 0) >= 0;

        if (!ok) { /* a directory can be opened */
            Tcl_SetObjResult(interp, Tcl_NewStringObj(Tcl_PosixError(interp), -1));
        }
        Tcl_Close(NULL, channel);
        if (ok) {
            return data;
        }
    }
    Tcl_DecrRefCount(data);
    return NULL;
}
