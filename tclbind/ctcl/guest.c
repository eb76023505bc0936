// SPDX-License-Identifier: Apache-2.0

//go:build ctcl && !windows

/*
 * Go's runtime believes that the process is its own. What it would change there for the
 * host is kept from it, or put back, here.
 *
 * Signals. A handler that the host installs without SA_ONSTACK after loading runs on the
 * stack of whatever thread takes the signal, and a goroutine's has a few kilobytes. Three
 * things see to it that it finds room:
 * - Go's threads block all signals that may be blocked: they inherit the mask of the thread
 *   that loads the library. Of those that a host handles Go unblocks SIGCHLD and SIGPROF
 *   again, and SIGURG, by which it stops its own goroutines.
 * - For these three, SA_ONSTACK is added where it is missing: each of Go's threads has a
 *   stack for signals.
 * - In a thread of the host the Go code of a command runs on a stack with room to spare
 *   (stackRoom in host.go). The host's signals stay as it has set them: none is blocked or
 *   late.
 *
 * Open files. Go raises the soft limit to the hard one, for a program of its own. A host
 * that uses select, as Tcl 8.6, dies of descriptors above FD_SETSIZE, where the limit gave
 * it an error.
 */

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <time.h>

#include "shim.h"

static sigset_t hostMask;
static int masked;
static struct rlimit openFiles; /* of the host; rlim_cur 0 when it is unknown or put back */

/* Those that code raises by what it does at the place where it does it. */
static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

/* By its number it comes before Go's constructor, which starts a thread. */
__attribute__((constructor(101))) static void beforeGo(void)
{
    sigset_t mask;
    size_t i;

    sigfillset(&mask);
    for (i = 0; i < sizeof synchronous / sizeof *synchronous; i++) {
        sigdelset(&mask, synchronous[i]);
    }
    masked = pthread_sigmask(SIG_BLOCK, &mask, &hostMask) == 0;
    if (getrlimit(RLIMIT_NOFILE, &openFiles) != 0) {
        openFiles.rlim_cur = 0;
    }
}

/* The linker puts it behind Go's, in the order of the objects. */
__attribute__((constructor)) static void afterGo(void)
{
    if (masked) {
        pthread_sigmask(SIG_SETMASK, &hostMask, NULL);
    }
}

/* When Go's packages have been initialized. */
void natsRestoreLimits(void)
{
    struct rlimit now;

    if (openFiles.rlim_cur != 0 && getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur > openFiles.rlim_cur) {
        now.rlim_cur = openFiles.rlim_cur;
        setrlimit(RLIMIT_NOFILE, &now);
    }
    openFiles.rlim_cur = 0;
}

static void onSignalStack(int number)
{
    struct sigaction action;

    if (sigaction(number, NULL, &action) == 0 && !(action.sa_flags & SA_ONSTACK)
        && action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
        action.sa_flags |= SA_ONSTACK;
        sigaction(number, &action, NULL);
    }
}

/*
 * Looks after the handlers that Go's threads may have to run. It costs a few system calls,
 * so it is done once for each tick of the clock that is cheap to read, a few milliseconds.
 */
void natsCheckHandlers(void)
{
#ifdef CLOCK_MONOTONIC_COARSE
    static long last; /* two threads that write it both have looked */
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (__atomic_exchange_n(&last, now.tv_nsec, __ATOMIC_RELAXED) == now.tv_nsec) {
        return;
    }
#endif
    onSignalStack(SIGCHLD);
    onSignalStack(SIGPROF);
    onSignalStack(SIGURG);
}
