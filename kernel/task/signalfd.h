/*
 * signalfd: pending signals of whoever reads, as a stream of 128-byte records.
 *
 * A read takes signals of the descriptor's set that are pending for the calling thread or its
 * process, in delivery's order; they should be blocked, or delivery takes them first. The level,
 * too, is the asker's own: the same descriptor says READ in one process and nothing in another that
 * inherited it. A signal sent to anybody is told to all signalfds that have it in their set, whose
 * waiters then look for themselves.
 */
#ifndef KERNEL_TASK_SIGNALFD_H
#define KERNEL_TASK_SIGNALFD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <oskit/com.h>
#include "kernel/abi/signal.h"

/* -ABI_ENOMEM. */
int signalfd_create(abi_sigset_t set, oskit_iunknown_t **out);
/* Replaces the set. false: OBJECT isn't a signalfd. */
bool signalfd_set(oskit_iunknown_t *object, abi_sigset_t set);

extern _Atomic unsigned signalfd_count;
void signalfd_tell_all(int signal);

/* A signal has become pending for somebody. Called with tree_lock and nothing inside it held, or
 * without. [any] */
static inline void signalfd_tell(int signal)
{
    if (__builtin_expect(atomic_load_explicit(&signalfd_count, memory_order_acquire) != 0, 0))
        signalfd_tell_all(signal);
}

#endif
