/*
 * A list of objects to call, each with a reference, that may change while it is gone through: the
 * common part of listener_mgr, listener_fanout and netio_fanout.
 *
 * Lock: one spinlock, never held while an object is called or released. An entry that somebody is
 * calling stays linked, marked removed, until the last such caller leaves it; so the links a walker
 * follows are always good.
 */
#ifndef IO_COM_REFLIST_H
#define IO_COM_REFLIST_H

#include <oskit/com.h>
#include <sluice/env.h>
#include <sluice/list.h>

struct reflist {
    struct env_spinlock lock;
    struct list entries;    /* in order of adding */
    oskit_u32_t count;      /* without removed ones */
    oskit_u64_t next_birth; /* numbers entries, so that a walk skips those added meanwhile */
};

void reflist_init(struct reflist *list);
/* Releases all. Nobody may be using the list any more. */
void reflist_fini(struct reflist *list);
/* Takes a reference to OBJ, which may be there already. OSKIT_E_OUTOFMEMORY. [any] */
oskit_error_t reflist_add(struct reflist *list, void *obj);
/* Takes OBJ off once and drops that reference. OSKIT_E_INVALIDARG when it isn't there. [any] */
oskit_error_t reflist_remove(struct reflist *list, void *obj);
/* Calls FN(ARG, obj) for each that is there when the walk begins and when its turn comes. Returns
 * the last failure, or 0. [any] */
oskit_error_t reflist_each(struct reflist *list, oskit_error_t (*fn)(void *arg, void *obj),
                           void *arg);
oskit_u32_t reflist_count(struct reflist *list);

#endif
