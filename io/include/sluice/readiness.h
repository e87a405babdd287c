/*
 * Readiness: a level of bits held by an object, told to waiters that embed their own nodes.
 *
 * The object keeps one struct readiness and calls readiness_update when its state changes. A waiter
 * follows try -> register -> try again -> sleep: readiness_add returns the level at the moment of
 * registration, so an event just before it is not missed. Waiters are told of *events* (each write
 * into a pipe is one, even when it was already readable: edge-triggered users need that), and read
 * the *level* to learn the state.
 *
 * Locks: the readiness has a spinlock of its own. An object may call readiness_update with or
 * without its own lock held as long as that lock is never taken inside a waiter's notify; the house
 * rule is: compute bits under the object's lock, release it, then call. A plain waiter's notify
 * runs under the readiness lock: it may wake a thread or queue itself on a list, and must not call
 * back into the object or any readiness_ function on the same readiness. The seed's listeners are
 * called with no lock held. Order: object lock -> (released) ; readiness.lock -> epoll ready-list
 * lock -> readiness.lock of an outer epoll -> scheduler.
 */
#ifndef SLUICE_READINESS_H
#define SLUICE_READINESS_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/com.h>
#include <oskit/com/listener.h>
#include <oskit/io/asyncio.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/object.h>

/* The seed's three, and above them ours. End of file and errors set READY_READ too, so that a
 * select sees them. */
#define READY_READ  0x1u    /* OSKIT_ASYNCIO_READABLE: a read would not answer EWOULDBLOCK */
#define READY_WRITE 0x2u    /* OSKIT_ASYNCIO_WRITABLE */
#define READY_PRI   0x4u    /* OSKIT_ASYNCIO_EXCEPTION: out-of-band data, packet-mode state */
#define READY_ERR   0x8u    /* an error is pending, or the reader of a pipe is gone */
#define READY_HUP   0x10u   /* both directions are over */
#define READY_RDHUP 0x2000u /* the peer will send no more */

struct readiness_waiter;

struct readiness {
    struct env_spinlock lock;
    _Atomic uint32_t level;
    struct list waiters;
};

/* Flags of a waiter. */
#define READINESS_EXCLUSIVE 1u /* at most one exclusive waiter is told of an event; FIFO */

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

/* The level now, without a lock. [any] */
static inline uint32_t readiness_level(const struct readiness *r)
{
    return atomic_load_explicit(&r->level, memory_order_acquire);
}

/* Sets bits SET, clears bits CLEAR, then tells waiters of the events in EVENTS (may be bits that
 * were already set; usually SET). Clearing alone tells nobody. [any] */
void readiness_update(struct readiness *r, uint32_t set, uint32_t clear, uint32_t events);

/* Registers WAITER (mask, flags and notify filled in by the caller, its memory owned by the caller
 * until removed). Returns the level at that moment; never calls notify before it returns. [any] */
uint32_t readiness_add(struct readiness *r, struct readiness_waiter *waiter);
/* When it returns no notify runs and none will. Harmless for one not registered. [any, not from its
 * notify] */
void readiness_remove(struct readiness *r, struct readiness_waiter *waiter);
/* Hands an event that an exclusive waiter was given but will not use to the next one. [any] */
void readiness_pass_on(struct readiness *r, uint32_t events);

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
 * asyncio_* methods in its oskit_asyncio table through its own one-line wrappers, or exposes the
 * ready-made face below.
 */
struct listener_set {
    struct readiness *readiness;
    struct env_spinlock lock;
    struct list listeners;
};
void listener_set_init(struct listener_set *set, struct readiness *readiness);
/* Releases every listener still there; for the object's destroy. */
void listener_set_fini(struct listener_set *set);
oskit_error_t listener_set_poll(struct listener_set *set);
/* OBJ is what notify hands to the listener (borrowed). Returns the pending mask or an error. Never
 * calls back before it returns. */
oskit_error_t listener_set_add(struct listener_set *set, oskit_iunknown_t *obj,
                               struct oskit_listener *l, oskit_s32_t mask);
/* Synchronous: after it no notify of L runs, unless called from within that notify.
 * OSKIT_E_INVALIDARG when absent. */
oskit_error_t listener_set_remove(struct listener_set *set, struct oskit_listener *l);

#endif
