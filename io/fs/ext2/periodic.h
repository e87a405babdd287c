/* A thread that calls a function every so often, or at once when it is kicked. */
#ifndef IO_FS_EXT2_PERIODIC_H
#define IO_FS_EXT2_PERIODIC_H

#include <stdbool.h>
#include <oskit/error.h>
#include <sluice/env.h>
#include "sleepers.h"

/* Lock order: LOCK is a leaf, not held while FN runs. */
struct periodic {
    void (*fn)(void *arg);
    void *arg;
    uint64_t interval; /* nanoseconds */
    struct env_spinlock lock;
    bool kicked, stop, ended;
    struct sleepers sleepers;
};

/* Starts it. [thread] */
oskit_error_t periodic_start(struct periodic *periodic, const char *name, uint64_t interval,
                             void (*fn)(void *arg), void *arg);
/* FN runs soon, once for any number of kicks before it begins. [any] */
void periodic_kick(struct periodic *periodic);
/* After it returns FN is not running and will not run. [thread] */
void periodic_stop(struct periodic *periodic);

#endif
