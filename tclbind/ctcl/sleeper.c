// SPDX-License-Identifier: Apache-2.0

//go:build ctcl

/* A wait that is shorter than one in Tcl's notifier. */

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "parts.h"

struct Sleeper {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int roused; /* changed under the lock, read without */
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

/* How many microseconds it is until then. */
static int until(struct timespec end)
{
    struct timespec now = later(0);

    return (int) ((end.tv_sec - now.tv_sec) * 1000000L + (end.tv_nsec - now.tv_nsec) / 1000L);
}

static int roused(Sleeper *sleeper) { return __atomic_load_n(&sleeper->roused, __ATOMIC_ACQUIRE); }

/* Lets others run until it is roused, for so long at most. */
int natsYield(Sleeper *sleeper, int microseconds)
{
    struct timespec end = later(microseconds);
    int left;

    while ((left = until(end)) > 0 && !roused(sleeper)) {
        sched_yield();
    }
    return left > 0 ? left : 0;
}

/* Waits until it is roused, for so long at most; not at all where it was roused before. */
void natsSleep(Sleeper *sleeper, int microseconds)
{
    struct timespec end = later(microseconds);

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
