/*
 * Readiness: a level of bits held by an object, told to waiters that embed their own nodes.
 *
 * The object keeps one struct readiness. It changes the level when its state changes and tells
 * waiters of events. A waiter follows try -> register -> try again -> sleep: readiness_add returns
 * the level at the moment of registration, so an event just before it is not missed. Waiters are
 * told of *events* (each write into a pipe is one, even when it was already readable:
 * edge-triggered users need that), and read the *level* to learn the state.
 *
 * How an object does it: under its own lock, where the state changes, readiness_change sets the
 * level, so that level and state never disagree for long and two changers can't leave the older
 * level standing. After releasing its lock it calls readiness_tell. Telling calls out: waiters'
 * notify runs under the readiness lock, listeners (the seed's) with no lock at all and are free to
 * call the object back. So readiness_tell and readiness_update must not be called with a lock held
 * that a listener could want, which means: with none. The caller keeps the object alive until the
 * call returns.
 *
 * A plain waiter's notify may wake a thread or queue itself on a list; it must not call back into
 * the object or any readiness_ function on the same readiness.
 *
 * Lock order: object lock -> readiness_change (no lock).
 *             readiness.lock -> wait set or epoll ready-list lock -> readiness.lock of an outer
 * epoll -> scheduler.
 */
#ifndef SLUICE_READINESS_H
#define SLUICE_READINESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <oskit/com.h>
#include <oskit/com/listener.h>
#include <oskit/io/asyncio.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/object.h>

/*
 * The seed's three, and above them ours. A bit says what Linux's poll would say for the same
 * object, so the end of a pipe is HUP alone while that of a socket is READ and RDHUP; the seed's
 * asyncio and select count HUP and ERR as readable.
 */
#define READY_READ  0x1u    /* OSKIT_ASYNCIO_READABLE: a read would not answer EWOULDBLOCK */
#define READY_WRITE 0x2u    /* OSKIT_ASYNCIO_WRITABLE */
#define READY_PRI   0x4u    /* OSKIT_ASYNCIO_EXCEPTION: out-of-band data, packet-mode state */
#define READY_ERR   0x8u    /* an error is pending, or the reader of a pipe is gone */
#define READY_HUP   0x10u   /* both directions are over */
#define READY_RDHUP 0x2000u /* the peer will send no more */

/* In the level of an object that can't keep it exact (an epoll, whose members change without its
 * doing): it is a struct readiness_asked, and whoever wants the level asks. Never in what
 * readiness_level and readiness_add return. */
#define READY_ASK 0x80000000u

struct readiness_waiter;

struct readiness {
    struct env_spinlock lock; /* guards waiters */
    _Atomic uint32_t level;
    _Atomic uint32_t waiting; /* members of waiters; changed under lock, read without */
    struct list waiters;      /* exclusive ones at the back, in order of their turn */
};

/* Flags of a waiter. */
#define READINESS_EXCLUSIVE 1u /* of these one is told of an event, in turn; of ERR and HUP all */
#define READINESS_CALLOUT   2u /* is a struct readiness_callout (set by readiness_callout_add) */

/* Zero it (or list_init its link) before the first add. */
struct readiness_waiter {
    struct list link;
    uint32_t mask; /* the bits of interest; ERR and HUP always are */
    uint32_t flags;
    /* EVENTS is the part of the event in MASK. Returns true when an exclusive waiter took the event
     * (false passes it on). Runs under the readiness lock, in the waker's context, possibly
     * interrupt context. */
    bool (*notify)(struct readiness_waiter *waiter, uint32_t events);
};

void readiness_init(struct readiness *r, uint32_t level);

/*
 * A readiness whose level is computed while READY_ASK is set in it. ASK gives the true one; it may
 * take spinlocks that the object's notify takes, never a readiness lock. [any]
 */
struct readiness_asked {
    struct readiness readiness;
    uint32_t (*ask)(struct readiness_asked *asked);
};
uint32_t readiness_ask(const struct readiness *r);

/* The level now, without a lock but those of asking. [any] */
static inline uint32_t readiness_level(const struct readiness *r)
{
    uint32_t level = atomic_load_explicit(&r->level, memory_order_acquire);

    return __builtin_expect((level & READY_ASK) != 0, 0) ? readiness_ask(r) : level;
}

/*
 * Sets bits SET and clears bits CLEAR of the level; tells nobody. Changes of one bit must not race
 * with each other: make them under the lock that guards the state which the bit describes. [any]
 *
 * An unchanged level costs one load. That skips the barrier which otherwise orders the change
 * before the look for waiters in readiness_tell, and is right: whoever registers too late to be
 * told reads the level afterwards, and finds the bit there.
 */
static inline void readiness_change(struct readiness *r, uint32_t set, uint32_t clear)
{
    uint32_t old = atomic_load_explicit(&r->level, memory_order_relaxed);

    if ((old & (set | clear)) == set)
        return;
    while (!atomic_compare_exchange_weak(&r->level, &old, (old & ~clear) | set))
        ;
}

/* What readiness_tell does when somebody waits; true: an exclusive waiter took the event. */
bool readiness_tell_waiters(struct readiness *r, uint32_t events);

/*
 * Tells waiters of EVENTS (bits that came up, or came up again). With nobody waiting it costs a
 * load. [any, no lock held]
 *
 * The count of waiters and the level are a store-buffering pair: readiness_add raises the count,
 * then reads the level; readiness_change writes the level, then this reads the count. All four are
 * sequentially consistent, so at least one side sees the other.
 */
static inline void readiness_tell(struct readiness *r, uint32_t events)
{
    if (events != 0 && atomic_load(&r->waiting) != 0)
        readiness_tell_waiters(r, events);
}

/* Both, for objects whose state has no lock of its own or whose changes come from one context:
 * sets, clears, then tells of EVENTS (may be bits that were already set; usually SET). Clearing
 * alone tells nobody. [any, no lock held] */
static inline void readiness_update(struct readiness *r, uint32_t set, uint32_t clear,
                                    uint32_t events)
{
    readiness_change(r, set, clear);
    readiness_tell(r, events);
}

/* Registers WAITER (mask, flags and notify filled in by the caller, its memory owned by the caller
 * until removed). Returns the level at that moment; never calls notify before it returns. [any] */
uint32_t readiness_add(struct readiness *r, struct readiness_waiter *waiter);
/* When it returns no notify runs and none will. Harmless for one not registered. [any, not from its
 * notify] */
void readiness_remove(struct readiness *r, struct readiness_waiter *waiter);
/* Hands an event on to the next exclusive waiter: the duty of one that was told and, after removing
 * itself, sees that the level is still there (it did not use the event, or not up). Other waiters
 * are not told again. [any, no lock held] */
void readiness_pass_on(struct readiness *r, uint32_t events);

/*
 * A waiter that is called back with no lock held: what listeners are made of. Its calls never
 * overlap: an event during a call has it called once more after it.
 */
struct readiness_callout {
    struct readiness_waiter waiter; /* mask is filled in by the caller */
    /* EVENTS since the last call. In the context of whoever told. */
    void (*call)(struct readiness_callout *callout, uint32_t events);
    /* After a removal inside call: the call is over, the memory may go. */
    void (*dispose)(struct readiness_callout *callout);

    /* All guarded by the readiness lock. */
    struct list due;           /* on the list of a teller that is about to call */
    uint32_t events;           /* not yet told */
    uintptr_t runner;          /* env_context of the teller that is in call, or 0 */
    bool removed;              /* while in call */
    struct env_sleep *remover; /* waits for the call to end */
};

/* As readiness_add; CALL and DISPOSE are set by the caller. [any] */
uint32_t readiness_callout_add(struct readiness *r, struct readiness_callout *callout);
/*
 * Removes it, and waits until a call that runs has ended, unless that call is the caller's own.
 * true: nothing runs, the memory is the caller's again. false: called from within call; dispose
 * follows. [thread; any from within call]
 */
bool readiness_callout_remove(struct readiness *r, struct readiness_callout *callout);

/*
 * sluice_pollable: the interface by which an object shows its readiness. The pointer lives as long
 * as the object. Objects that lack it are reached through the seed's asyncio.
 */
typedef struct sluice_pollable {
    struct sluice_pollable_ops *ops;
} sluice_pollable_t;

struct sluice_pollable_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_pollable_t)
    struct readiness *(*readiness)(sluice_pollable_t *self);
};
extern const struct oskit_guid sluice_pollable_iid; /* SLUICE_GUID(0x5ac10001) */

/*
 * The seed's asyncio over a readiness. An object embeds a struct listener_set and uses the four
 * asyncio_* methods in its oskit_asyncio table through its own one-line wrappers.
 */
struct listener_set {
    struct readiness *readiness;
    struct env_spinlock lock; /* guards listeners */
    struct list listeners;
};
void listener_set_init(struct listener_set *set, struct readiness *readiness);
/* Releases every listener still there; for the object's destroy. */
void listener_set_fini(struct listener_set *set);
/* A level as the seed has it: HUP is readable, ERR is readable and writable. */
static inline oskit_error_t listener_set_fold(uint32_t level)
{
    uint32_t mask = level & OSKIT_ASYNCIO_ALL;

    if (level & (READY_HUP | READY_ERR))
        mask |= OSKIT_ASYNCIO_READABLE;
    if (level & READY_ERR)
        mask |= OSKIT_ASYNCIO_WRITABLE;
    return (oskit_error_t)mask;
}
oskit_error_t listener_set_poll(struct listener_set *set);
/* OBJ is what notify hands to the listener (borrowed). Returns which conditions of MASK hold
 * already, or OSKIT_ENOMEM, or OSKIT_E_INVALIDARG for a mask beyond OSKIT_ASYNCIO_ALL. Never calls
 * back before it returns. [thread] */
oskit_error_t listener_set_add(struct listener_set *set, oskit_iunknown_t *obj,
                               struct oskit_listener *l, oskit_s32_t mask);
/* Synchronous: after it no notify of L runs, unless called from within that notify.
 * OSKIT_E_INVALIDARG when absent. [thread; any from within that notify] */
oskit_error_t listener_set_remove(struct listener_set *set, struct oskit_listener *l);

#endif
