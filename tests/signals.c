// SPDX-License-Identifier: Apache-2.0

/*
 * A C extension for the tests: it handles signals without SA_ONSTACK, on 4 KB of stack, and
 * has them sent. The commands of its package Signals:
 *
 *   signals::handle         installs the handlers
 *   signals::send HZ        starts to send each signal that often
 *   signals::stop           stops it, and returns how many signals were handled
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <tcl.h>

static const int numbers[] = {SIGALRM, SIGUSR1, SIGCHLD, SIGINT};
enum { NUMBERS = sizeof numbers / sizeof *numbers };
static volatile long handled;
static volatile int sending;
static long gap;
static pthread_t sender;

static void handler(int number)
{
    volatile char frame[4096];

    memset((char *) frame, number, sizeof frame);
    __atomic_fetch_add(&handled, frame[17] == number, __ATOMIC_RELAXED);
}

static int handle(void *data, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    struct sigaction action;
    int i;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    for (i = 0; i < NUMBERS; i++) {
        sigaction(numbers[i], &action, NULL);
    }
    return TCL_OK;
}

/* To the process, as a timer and the end of a child are: the system chooses the thread. */
static void *send(void *data)
{
    struct timespec t = {0, gap};
    int i;

    for (i = 0; sending; i++) {
        kill(getpid(), numbers[i % NUMBERS]);
        nanosleep(&t, NULL);
    }
    return NULL;
}

static int start(void *data, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    sigset_t all, before;
    int rate;

    if (objc != 2 || Tcl_GetIntFromObj(interp, objv[1], &rate) != TCL_OK) {
        return TCL_ERROR;
    }
    gap = 1000000000L / rate / NUMBERS;
    sending = 1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&sender, NULL, send, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return TCL_OK;
}

static int stop(void *data, Tcl_Interp *interp, int objc, Tcl_Obj *const objv[])
{
    sending = 0;
    pthread_join(sender, NULL);
    Tcl_SetObjResult(interp, Tcl_NewLongObj(handled));
    return TCL_OK;
}

int Signals_Init(Tcl_Interp *interp)
{
    Tcl_CreateObjCommand(interp, "::signals::handle", handle, NULL, NULL);
    Tcl_CreateObjCommand(interp, "::signals::send", start, NULL, NULL);
    Tcl_CreateObjCommand(interp, "::signals::stop", stop, NULL, NULL);
    return TCL_OK;
}
