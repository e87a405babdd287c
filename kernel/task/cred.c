/* Credentials: shared, counted, immutable; a change is a new one. */
#include <sluice/string.h>
#include "kernel/mem/heap.h"
#include "kernel/task/process.h"

struct cred *cred_current(void)
{
    struct thread *self = current_thread();
    if (self->cred_override)
        return self->cred_override;
    return atomic_load_explicit(&self->process->cred, memory_order_acquire);
}

struct cred *cred_copy(const struct cred *cred, uint32_t group_count)
{
    struct cred *copy = heap_alloc(sizeof *copy + group_count * sizeof copy->groups[0], 0);
    if (!copy)
        return NULL;
    memcpy(copy, cred, sizeof *copy);
    uint32_t kept = cred->group_count < group_count ? cred->group_count : group_count;
    memcpy(copy->groups, cred->groups, kept * sizeof copy->groups[0]);
    copy->group_count = group_count;
    copy->replaced = NULL;
    atomic_init(&copy->references, 1);
    return copy;
}

static bool cred_same(const struct cred *a, const struct cred *b)
{
    return a->uid == b->uid && a->euid == b->euid && a->suid == b->suid && a->fsuid == b->fsuid &&
           a->gid == b->gid && a->egid == b->egid && a->sgid == b->sgid && a->fsgid == b->fsgid &&
           a->permitted == b->permitted && a->effective == b->effective &&
           a->inheritable == b->inheritable && a->bounding == b->bounding &&
           a->ambient == b->ambient && a->securebits == b->securebits &&
           a->no_new_privileges == b->no_new_privileges && a->group_count == b->group_count &&
           !memcmp(a->groups, b->groups, a->group_count * sizeof a->groups[0]);
}

/*
 * Credentials are read without a lock for the length of a system call. So a process of several
 * threads keeps the old ones as long as the new: the new hold the reference. (Changing credentials
 * in a threaded program is rare; the chain is short. C libraries have each thread set the same
 * ones: those that change nothing are dropped.)
 */
void cred_install(struct cred *cred)
{
    struct process *process = current_process();
    spin_lock(&process->signal_lock); /* for process_cred_get */
    struct cred *old = atomic_load(&process->cred);
    bool same = cred_same(old, cred), alone = process->thread_count == 1;
    if (!same) {
        if (!alone)
            cred->replaced = old;
        atomic_store(&process->cred, cred);
    }
    if (old->euid != cred->euid || old->egid != cred->egid || old->fsuid != cred->fsuid ||
        old->fsgid != cred->fsgid || cred->permitted & ~old->permitted) {
        process->parent_death_signal = 0;
        process->dumpable = false; /* it may know what its new self must not be asked for */
    }
    spin_unlock(&process->signal_lock);
    if (same)
        cred_unref(cred);
    else if (alone)
        cred_unref(old);
}

void cred_unref(struct cred *cred)
{
    while (cred && atomic_fetch_sub(&cred->references, 1) == 1) {
        struct cred *replaced = cred->replaced;
        heap_free(cred);
        cred = replaced;
    }
}
