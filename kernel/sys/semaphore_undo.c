/*
 * What is taken back from semaphores when processes end: see semaphores.h.
 *
 * A note (struct semaphore_undo) is of one set and of the threads that share a list. It hangs in
 * both, and goes with the first of them: the set's lock is held whenever one comes or goes, and the
 * list's lock too while it is linked or found in the list. Lock order: set->lock -> undos->lock.
 */
#include "kernel/abi/errno.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/semaphores.h"
#include "kernel/task/process.h"

struct semaphore_undos {
    _Atomic uint32_t references; /* threads */
    spinlock_t lock;
    struct list all;
};

/* ---- Lists ---- */

static struct semaphore_undos *undos_current(void)
{
    struct thread *self = current_thread();
    if (self->semaphore_undos)
        return self->semaphore_undos;
    struct semaphore_undos *undos = heap_alloc(sizeof *undos, HEAP_ZERO);
    if (!undos)
        return NULL;
    atomic_init(&undos->references, 1);
    list_init(&undos->all);
    return self->semaphore_undos = undos;
}

bool semaphore_undos_share(struct thread *child)
{
    struct semaphore_undos *undos = undos_current();
    if (undos)
        atomic_fetch_add(&undos->references, 1);
    child->semaphore_undos = undos;
    return undos;
}

/* ---- Notes; set->lock held ---- */

static struct semaphore_undo *undo_find(struct semaphore_undos *undos,
                                        const struct semaphore_set *set)
{
    struct semaphore_undo *found = NULL;
    spin_lock(&undos->lock);
    list_for_each (link, &undos->all) {
        struct semaphore_undo *undo = container_of(link, struct semaphore_undo, link);
        if (undo->set == set) {
            found = undo;
            break;
        }
    }
    spin_unlock(&undos->lock);
    return found;
}

static void undo_link(struct semaphore_undo *undo, struct semaphore_undos *undos)
{
    undo->undos = undos;
    list_push_back(&undo->set->undos, &undo->set_link);
    spin_lock(&undos->lock);
    list_push_back(&undos->all, &undo->link);
    spin_unlock(&undos->lock);
}

static uint64_t undo_bytes(const struct semaphore_set *set)
{
    return sizeof(struct semaphore_undo) + set->count * sizeof(int16_t);
}

static void undo_free(struct semaphore_undo *undo)
{
    sysv_uncharge(undo_bytes(undo->set));
    heap_free(undo);
}

static void undo_unlink(struct semaphore_undo *undo)
{
    list_remove(&undo->set_link);
    spin_lock(&undo->undos->lock);
    list_remove(&undo->link);
    spin_unlock(&undo->undos->lock);
}

void semaphore_undo_free_all(struct semaphore_set *set)
{
    list_for_each_safe (link, &set->undos) {
        struct semaphore_undo *undo = container_of(link, struct semaphore_undo, set_link);
        undo_unlink(undo);
        undo_free(undo);
    }
}

void semaphore_undo_forget(struct semaphore_set *set, uint32_t index)
{
    list_for_each (link, &set->undos)
        container_of(link, struct semaphore_undo, set_link)->adjust[index] = 0;
}

/* ---- For a call ---- */

/* No lock held. */
static struct semaphore_undo *undo_create(struct semaphore_set *set)
{
    if (!sysv_charge(undo_bytes(set)))
        return NULL;
    struct semaphore_undo *undo = heap_alloc(undo_bytes(set), HEAP_ZERO);
    if (undo)
        undo->set = set;
    else
        sysv_uncharge(undo_bytes(set));
    return undo;
}

/* Locks SET when it is there and the note is. */
static bool undo_lock(struct semaphore_set *set, struct semaphore_undos *undos,
                      struct semaphore_undo **out)
{
    spin_lock(&set->lock);
    *out = set->removed ? NULL : undo_find(undos, set);
    if (!*out)
        spin_unlock(&set->lock);
    return *out;
}

long semaphore_undo_lock(struct semaphore_set *set, struct semaphore_undo **out)
{
    struct semaphore_undos *undos = undos_current();
    if (!undos)
        return -ABI_ENOMEM;
    if (undo_lock(set, undos, out))
        return 0;
    struct semaphore_undo *fresh = undo_create(set);
    if (!fresh)
        return -ABI_ENOMEM;
    spin_lock(&set->lock);
    *out = undo_find(undos, set); /* by another thread that shares the list */
    if (!*out && !set->removed) {
        undo_link(fresh, undos);
        *out = fresh;
    }
    if (*out != fresh)
        undo_free(fresh);
    if (*out)
        return 0;
    spin_unlock(&set->lock);
    return -ABI_EIDRM;
}

/* ---- The end ---- */

/* The set of some note in the list, with a reference; NULL: none is left. While a note is in the
 * list its set has the table's reference. */
static struct semaphore_set *undos_next_set(struct semaphore_undos *undos)
{
    struct semaphore_set *set = NULL;
    spin_lock(&undos->lock);
    if (!list_empty(&undos->all)) {
        set = container_of(undos->all.next, struct semaphore_undo, link)->set;
        sysv_hold(&set->entry);
    }
    spin_unlock(&undos->lock);
    return set;
}

/* Values that would leave their range stay at its ends. set->lock held. */
static void undo_apply(const struct semaphore_undo *undo)
{
    struct semaphore_set *set = undo->set;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!undo->adjust[i])
            continue;
        int32_t value = set->all[i].value + undo->adjust[i];
        set->all[i].value = value < 0 ? 0 : value > SEMAPHORE_MOST ? SEMAPHORE_MOST : value;
        set->all[i].pid = current_process()->pid;
    }
    semaphore_set_settle(set, true);
}

static void undo_end(struct semaphore_undos *undos, struct semaphore_set *set)
{
    spin_lock(&set->lock);
    struct semaphore_undo *undo = undo_find(undos, set); /* or the set went just now */
    if (undo) {
        undo_unlink(undo);
        undo_apply(undo);
        undo_free(undo);
    }
    spin_unlock(&set->lock);
    sysv_drop(&semaphore_ids, &set->entry);
}

void semaphore_undos_leave(struct thread *thread)
{
    struct semaphore_undos *undos = thread->semaphore_undos;
    struct semaphore_set *set;
    thread->semaphore_undos = NULL;
    if (!undos || atomic_fetch_sub(&undos->references, 1) != 1)
        return;
    while ((set = undos_next_set(undos)))
        undo_end(undos, set);
    heap_free(undos);
}
