/* The part of the porting header that is about programs: identity, signals, job control. */
#include <sluice/env.h>
#include "kernel/abi/errno.h"
#include "kernel/task/capability.h"
#include "kernel/task/lifecycle.h"
#include "kernel/task/signal_private.h"

void env_identity(struct env_identity *out)
{
    struct process *process = current_process();
    if (!process) {
        *out = (struct env_identity){.capabilities = CAPABILITY_ALL}; /* a kernel thread */
        return;
    }
    const struct cred *cred = cred_current();
    *out = (struct env_identity){.uid = cred->fsuid,
                                 .gid = cred->fsgid,
                                 .umask = process->fs->umask,
                                 .capabilities = cred->effective};
}

bool env_capable(enum capability capability)
{
    return !current_process() || process_capable(capability);
}

bool env_in_group(uint32_t gid)
{
    if (!current_process())
        return true;
    const struct cred *cred = cred_current();
    if (cred->fsgid == gid)
        return true;
    uint32_t low = 0, high = cred->group_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (cred->groups[middle] == gid)
            return true;
        if (cred->groups[middle] < gid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

void env_signal_group(int32_t pgrp, int signal)
{
    struct abi_siginfo info;
    signal_info_kernel(&info, signal);
    signal_send_group(pgrp, &info, false);
}

/* POSIX 11.1.4: a background group is stopped; one that nobody could continue, or that doesn't care
 * for the signal, gets EIO when it reads. */
oskit_error_t env_job_check(int32_t sid, int32_t pgrp, int signal)
{
    struct process *process = current_process();
    if (!process || !sid)
        return 0;
    spin_lock(&tree_lock);
    struct process_group *group = process->group;
    bool background = group->session->sid == sid && group->pgid != pgrp;
    bool orphaned = background && group_orphaned(group, NULL);
    int32_t pgid = group->pgid;
    spin_unlock(&tree_lock);
    if (!background)
        return 0;
    bool deaf =
        current_thread()->signal_mask & SIGNAL_BIT(signal) || signal_ignored(process, signal);
    if (deaf)
        return signal == ABI_SIGTTIN ? OSKIT_EIO : 0;
    if (orphaned)
        return OSKIT_EIO;
    env_signal_group(pgid, signal);
    return OSKIT_EINTR;
}
