/*
 * epoll: a set of objects of interest, of which those that are ready stand in a list. Looking for
 * ready ones costs what is ready, not what is watched.
 *
 * A member watches the readiness of one open file for one descriptor number. Both are opaque here:
 * the open file is known by the struct epoll_owner that it embeds, and the pair is the member's
 * key. A member lives until it is removed, its set goes, or its owner says that it is gone; it
 * holds no reference to what it watches.
 *
 *     level (default)  reported as long as the level has a bit of interest
 *     EPOLL_EDGE       reported once for each event, also when the level was up before
 *     EPOLL_ONESHOT    after a report the member sleeps until it is modified
 *     EPOLL_EXCLUSIVE  of several sets that watch an object so, an event wakes one, in turn
 *
 * ERR and HUP are always of interest. Members that are ready come in order of their events and
 * rotate: whoever takes few at a time gets to all.
 *
 * The set itself is pollable (READ: a member is ready), so sets can watch sets: a chain has at most
 * EPOLL_CHAIN of them and no circle. Whether a member is still ready is looked up when somebody
 * asks (READY_ASK), not kept. Only plain waiters may be registered with a set's readiness, no
 * callouts and so no listeners: it tells from under the readiness locks of its members.
 *
 * Members may be added, changed and removed by any thread at any time. The pollable face is the
 * set's identity. [thread] for all, the last release included: it takes mutexes.
 */
#ifndef SLUICE_EPOLL_H
#define SLUICE_EPOLL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/readiness.h>

#define EPOLL_CHAIN 5u

/* What an open file embeds; zeroed and its list initialised (epoll_owner_init). */
struct epoll_owner {
    struct env_spinlock lock; /* guards members */
    _Atomic bool watched;     /* has been a member's owner: look closer when it goes */
    struct list members;
};

static inline void epoll_owner_init(struct epoll_owner *owner)
{
    owner->lock = (struct env_spinlock){0};
    atomic_init(&owner->watched, false);
    list_init(&owner->members);
}

void epoll_owner_forget(struct epoll_owner *owner);

/* The open file is going: nobody can name it any more, and what it watches over still lives.
 * Removes its members from every set. [thread, no lock held] */
static inline void epoll_owner_gone(struct epoll_owner *owner)
{
    if (__builtin_expect(atomic_load_explicit(&owner->watched, memory_order_relaxed), 0))
        epoll_owner_forget(owner);
}

/* Flags of an interest. */
#define EPOLL_EDGE      1u
#define EPOLL_ONESHOT   2u
#define EPOLL_EXCLUSIVE 4u

struct epoll_interest {
    uint32_t mask;  /* READY_* */
    uint32_t flags; /* EPOLL_* */
    uint32_t tag;   /* the caller's, given back with each report; */
    uint64_t data;  /* so is this */
};

typedef struct sluice_epoll {
    struct sluice_epoll_ops *ops;
} sluice_epoll_t;

/* Whom an operation is about: the key, and for add what to watch. */
struct epoll_target {
    struct epoll_owner *owner;
    int32_t number;
    struct readiness *readiness; /* must live until epoll_owner_gone */
    sluice_epoll_t *epoll;       /* when it is an epoll, itself; for all operations */
};

struct epoll_report {
    uint32_t level; /* what of the interest (or ERR, HUP) holds now; not 0 */
    uint32_t tag;
    uint64_t data;
    void *member; /* the set's own */
};
/* Takes COUNT (> 0) reports and returns how many it could keep. May fault pages in; may be called
 * with the set's mutex held, so it must not call the set. */
typedef uint32_t epoll_emit_t(void *arg, const struct epoll_report *reports, uint32_t count);

struct sluice_epoll_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_epoll_t)
    /* A member that is ready is told of at once. OSKIT_EEXIST; OSKIT_ELOOP for a circle or too long
     * a chain; OSKIT_E_INVALIDARG for EPOLL_EXCLUSIVE with EPOLL_ONESHOT or on a set, and when an
     * event would have too many ways through sets that watch sets; OSKIT_ENOMEM. */
    oskit_error_t (*add)(sluice_epoll_t *self, const struct epoll_target *target,
                         const struct epoll_interest *interest);
    /* Replaces the interest and looks at the level anew; wakes one that slept after a report.
     * OSKIT_ENOENT; OSKIT_E_INVALIDARG if the old or the new one is exclusive. */
    oskit_error_t (*modify)(sluice_epoll_t *self, const struct epoll_target *target,
                            const struct epoll_interest *interest);
    /* OSKIT_ENOENT. */
    oskit_error_t (*remove)(sluice_epoll_t *self, const struct epoll_target *target);
    /* Reports up to MAX (> 0) members, each at most once. Success with *out_count 0: none is ready.
     * What EMIT couldn't keep is ready again, first in turn; if it kept nothing, OSKIT_EFAULT. */
    oskit_error_t (*collect)(sluice_epoll_t *self, oskit_u32_t max, epoll_emit_t *emit, void *arg,
                             oskit_u32_t *out_count);
};
extern const struct oskit_guid sluice_epoll_iid; /* SLUICE_GUID(0x5ac10030) */

/* A new empty set. OSKIT_ENOMEM. */
oskit_error_t epoll_new(oskit_iunknown_t **out);
/* The set behind POLLABLE (borrowed), or NULL when it is something else's. Cheaper than a query:
 * system calls ask each time. [any] */
sluice_epoll_t *epoll_of_pollable(sluice_pollable_t *pollable);

#endif
