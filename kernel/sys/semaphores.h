/*
 * Sets of System V's semaphores.
 *
 * A call's steps, on several semaphores of one set, are done all or none. A call that can't be done
 * yet waits, and whoever changes the set does those that wait, in the order in which they came:
 * those that only wait for zeros first, for they change nothing.
 *
 * What steps with SEM_UNDO did is noted, and taken back when the last thread ends that shares the
 * note: those of a process do, as C libraries make them.
 *
 * Lock order: semaphore_ids.lock -> set->lock -> undos->lock.
 */
#ifndef KERNEL_SYS_SEMAPHORES_H
#define KERNEL_SYS_SEMAPHORES_H

#include "kernel/abi/sem.h"
#include "kernel/sys/sysv_ids.h"
#include "kernel/sys/sysv_wait.h"

#define SEMAPHORE_MOST 32767 /* a value, and what is taken back */

struct semaphore {
    int32_t value;
    int32_t pid; /* the process that changed it last; 0: none */
};

struct semaphore_set {
    struct sysv_id entry;
    uint32_t count;
    spinlock_t lock; /* guards what follows */
    bool removed;
    int64_t otime, ctime;
    struct list zero_waits, waits; /* calls that wait: those that change nothing, and the others */
    struct list undos;             /* struct semaphore_undo */
    struct semaphore all[];
};

/* What a process did to a set. */
struct semaphore_undo {
    struct list set_link;      /* set->lock */
    struct list link;          /* undos->lock */
    struct semaphore_set *set; /* lives longer than this */
    struct semaphore_undos *undos;
    int16_t adjust[]; /* for each semaphore; set->lock */
};

/* A call: its semaphores are all in the set. */
struct semaphore_call {
    struct sysv_waiter waiter;
    const struct abi_sembuf *steps;
    uint32_t count;
    const struct abi_sembuf *blocking; /* the step that had to wait; the set's lock */
    struct semaphore_undo *undo;       /* or NULL: no step wants it */
    int32_t pid;
    bool alters, raises, undoes; /* some step does */
};

extern struct sysv_ids semaphore_ids;

/* What /proc/sys/kernel/sem sets. */
struct semaphore_limits {
    _Atomic uint32_t in_set, in_all, in_call, sets;
};
extern struct semaphore_limits semaphore_limits;
extern _Atomic uint32_t semaphores_used; /* in all sets */

static inline struct semaphore_set *semaphore_set_of(struct sysv_id *id)
{
    return (struct semaphore_set *)id;
}

/* Does CALL, waiting until DEADLINE (clock_monotonic) when its steps allow that.
 * -ABI_EAGAIN, -ABI_ERANGE, -ABI_EIDRM, -ABI_EINTR, -ABI_ENOMEM. [thread] */
long semaphore_call_do(struct semaphore_set *set, struct semaphore_call *call, uint64_t deadline);
/* Values were set, or taken back: does what waited for it, and notes the time when something was
 * done, or OPERATED. set->lock held. */
void semaphore_set_settle(struct semaphore_set *set, bool operated);
/* SET is out of the table: ends all waits, and drops the table's reference. No lock held. [thread]
 */
void semaphore_set_end(struct semaphore_set *set);
/* Of those that wait, how many do for semaphore INDEX: to become zero, or to become more.
 * set->lock held. */
long semaphore_waiters(const struct semaphore_set *set, uint32_t index, bool for_zero);
/* The set of INDEX or behind, as IPC_STAT tells it, and its number. false: none. [any] */
bool semaphore_set_tell(int index, struct abi_semid_ds *out, int *id);
/* The same of SET. semaphore_ids.lock held. */
void semaphore_set_about(struct semaphore_set *set, struct abi_semid_ds *out);

/* ---- What is taken back (semaphore_undo.c) ---- */

/* Locks SET with what the current thread will take back there, which may have to be made:
 * -ABI_ENOMEM, -ABI_EIDRM, and not locked. [thread] */
long semaphore_undo_lock(struct semaphore_set *set, struct semaphore_undo **out);
/* Nothing that was done to semaphore INDEX so far will be. set->lock held. */
void semaphore_undo_forget(struct semaphore_set *set, uint32_t index);
/* The set goes. set->lock held. */
void semaphore_undo_free_all(struct semaphore_set *set);
/* clone: CHILD, not started, shares the current thread's notes. false: no memory. */
bool semaphore_undos_share(struct thread *child);
/* THREAD, the current one or one that never started, ends: when it was the last to
 * share its notes, takes back what they say. No lock held. */
void semaphore_undos_leave(struct thread *thread);

#endif
