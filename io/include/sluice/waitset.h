/*
 * A wait set: one sleeper waiting for any of several readinesses, as poll and select need it. The
 * nodes are an array of the caller's; nothing is allocated.
 *
 *     struct waitset set;
 *     struct waitset_node nodes[2];
 *     waitset_init(&set, nodes, 2, NULL, NULL);
 *     uint32_t level = waitset_add(&set, pipe_readiness, READY_READ, 0);
 *     level |= waitset_add(&set, tty_readiness, READY_READ, 0);
 *     while (level == 0 && waitset_wait(&set, deadline))
 *         level = waitset_level(&set, 0) | waitset_level(&set, 1);
 *     waitset_clear(&set);
 *
 * A set belongs to one thread; only the waking side is concurrent. Each readiness must stay alive
 * until waitset_clear. Lock order: readiness.lock -> waitset.lock -> what WAKE takes (the
 * scheduler's).
 */
#ifndef SLUICE_WAITSET_H
#define SLUICE_WAITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/readiness.h>

struct waitset;

struct waitset_node {
    struct readiness_waiter waiter;
    struct waitset *set;
    struct readiness *readiness;
    uint32_t told; /* events since the last waitset_told; guarded by the set's lock */
};

struct waitset {
    struct waitset_node *nodes;
    size_t capacity, count;
    void (*wake)(void *arg);
    void *arg;
    struct env_spinlock lock;
    bool woken;                /* an event has come since it was last taken; guarded by lock */
    struct env_sleep *sleeper; /* in waitset_wait; guarded by lock */
};

/*
 * NODES has room for CAPACITY members. WAKE, when not NULL, is called with the set's lock held, in
 * any context, at the first event since waitset_take (or init): a host whose sleeps end for other
 * reasons too (signals) sleeps in its own way and uses waitset_take instead of waitset_wait.
 * [thread]
 */
void waitset_init(struct waitset *set, struct waitset_node *nodes, size_t capacity,
                  void (*wake)(void *arg), void *arg);
/* Adds a member (the next index) and returns its level & (MASK | ERR | HUP) at that moment. FLAGS:
 * READINESS_EXCLUSIVE. There must be room. [thread] */
uint32_t waitset_add(struct waitset *set, struct readiness *readiness, uint32_t mask,
                     uint32_t flags);
/* Member INDEX's level & (MASK | ERR | HUP) now. */
uint32_t waitset_level(const struct waitset *set, size_t index);
/* The events that member INDEX was told of since this was last asked. */
uint32_t waitset_told(struct waitset *set, size_t index);

/* Whether an event has come since the last time; forgets it. [any] */
bool waitset_take(struct waitset *set);
/* Sleeps until waitset_take would say true, and takes it; false when DEADLINE passed first.
 * [thread] */
bool waitset_wait(struct waitset *set, uint64_t deadline);

/* Removes all members; no wake comes after it. The set may be filled again. [thread] */
void waitset_clear(struct waitset *set);

#endif
