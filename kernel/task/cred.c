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
    atomic_init(&copy->references, 1);
    return copy;
}

/*
 * The old one is let go by the last thread that may be looking at it: credentials are read without
 * a lock for the length of a system call, so a process of several threads keeps the old until its
 * end. (Changing credentials in a threaded program is rare; the list is short.)
 */
void cred_install(struct cred *cred)
{
    struct process *process = current_process();
    spin_lock(&process->signal_lock); /* for process_cred_get */
    struct cred *old = atomic_exchange(&process->cred, cred);
    bool alone = process->thread_count == 1;
    if (!alone) {
        old->retired = process->retired_creds;
        process->retired_creds = old;
    }
    spin_unlock(&process->signal_lock);
    if (alone)
        cred_unref(old);
}

void cred_unref(struct cred *cred)
{
    if (cred && atomic_fetch_sub(&cred->references, 1) == 1)
        heap_free(cred);
}

bool cred_is_root(void)
{
    return cred_current()->euid == 0;
}
