/* Identities: users, groups and changing them, by POSIX's rules with saved set-ids. */
#include "kernel/mem/heap.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"

#define KEEP UINT32_MAX

long sys_getuid(void)
{
    return cred_current()->uid;
}

long sys_geteuid(void)
{
    return cred_current()->euid;
}

long sys_getgid(void)
{
    return cred_current()->gid;
}

long sys_getegid(void)
{
    return cred_current()->egid;
}

static long put_three(long a, uint32_t x, long b, uint32_t y, long c, uint32_t z)
{
    return put_user(a, &x, sizeof x) || put_user(b, &y, sizeof y) || put_user(c, &z, sizeof z)
               ? -ABI_EFAULT
               : 0;
}

long sys_getresuid(long ruid, long euid, long suid)
{
    const struct cred *cred = cred_current();
    return put_three(ruid, cred->uid, euid, cred->euid, suid, cred->suid);
}

long sys_getresgid(long rgid, long egid, long sgid)
{
    const struct cred *cred = cred_current();
    return put_three(rgid, cred->gid, egid, cred->egid, sgid, cred->sgid);
}

/* ---- Changing ---- */

static bool uid_mine(const struct cred *cred, uint32_t uid)
{
    return uid == cred->uid || uid == cred->euid || uid == cred->suid;
}

static bool gid_mine(const struct cred *cred, uint32_t gid)
{
    return gid == cred->gid || gid == cred->egid || gid == cred->sgid;
}

static long change_uids(uint32_t ruid, uint32_t euid, uint32_t suid)
{
    const struct cred *old = cred_current();
    if (!process_capable(CAPABILITY_SETUID) &&
        ((ruid != KEEP && !uid_mine(old, ruid)) || (euid != KEEP && !uid_mine(old, euid)) ||
         (suid != KEEP && !uid_mine(old, suid))))
        return -ABI_EPERM;
    struct cred *cred = cred_copy(old, old->group_count);
    if (!cred)
        return -ABI_ENOMEM;
    cred->uid = ruid == KEEP ? old->uid : ruid;
    cred->euid = cred->fsuid = euid == KEEP ? old->euid : euid;
    cred->suid = suid == KEEP ? old->suid : suid;
    cred_fix_capabilities(cred, old);
    cred_install(cred);
    return 0;
}

static long change_gids(uint32_t rgid, uint32_t egid, uint32_t sgid)
{
    const struct cred *old = cred_current();
    if (!process_capable(CAPABILITY_SETGID) &&
        ((rgid != KEEP && !gid_mine(old, rgid)) || (egid != KEEP && !gid_mine(old, egid)) ||
         (sgid != KEEP && !gid_mine(old, sgid))))
        return -ABI_EPERM;
    struct cred *cred = cred_copy(old, old->group_count);
    if (!cred)
        return -ABI_ENOMEM;
    cred->gid = rgid == KEEP ? old->gid : rgid;
    cred->egid = cred->fsgid = egid == KEEP ? old->egid : egid;
    cred->sgid = sgid == KEEP ? old->sgid : sgid;
    cred_install(cred);
    return 0;
}

long sys_setresuid(long ruid, long euid, long suid)
{
    return change_uids((uint32_t)ruid, (uint32_t)euid, (uint32_t)suid);
}

long sys_setresgid(long rgid, long egid, long sgid)
{
    return change_gids((uint32_t)rgid, (uint32_t)egid, (uint32_t)sgid);
}

/* Who may set any changes all three; others the effective one, to the real or the saved one. */
long sys_setuid(long number)
{
    const struct cred *cred = cred_current();
    uint32_t uid = (uint32_t)number;
    if (uid == KEEP)
        return -ABI_EINVAL;
    if (process_capable(CAPABILITY_SETUID))
        return change_uids(uid, uid, uid);
    return uid == cred->uid || uid == cred->suid ? change_uids(KEEP, uid, KEEP) : -ABI_EPERM;
}

long sys_setgid(long number)
{
    const struct cred *cred = cred_current();
    uint32_t gid = (uint32_t)number;
    if (gid == KEEP)
        return -ABI_EINVAL;
    if (process_capable(CAPABILITY_SETGID))
        return change_gids(gid, gid, gid);
    return gid == cred->gid || gid == cred->sgid ? change_gids(KEEP, gid, KEEP) : -ABI_EPERM;
}

/* The saved id follows the effective one when the real one is set, or the effective one to
 * something else than the old real. The real one may not become the saved one. */
long sys_setreuid(long ruid, long euid)
{
    const struct cred *cred = cred_current();
    if (!process_capable(CAPABILITY_SETUID) && (uint32_t)ruid != KEEP &&
        (uint32_t)ruid != cred->uid && (uint32_t)ruid != cred->euid)
        return -ABI_EPERM;
    bool saved = (uint32_t)ruid != KEEP || ((uint32_t)euid != KEEP && (uint32_t)euid != cred->uid);
    uint32_t effective = (uint32_t)euid == KEEP ? cred->euid : (uint32_t)euid;
    return change_uids((uint32_t)ruid, (uint32_t)euid, saved ? effective : KEEP);
}

long sys_setregid(long rgid, long egid)
{
    const struct cred *cred = cred_current();
    if (!process_capable(CAPABILITY_SETGID) && (uint32_t)rgid != KEEP &&
        (uint32_t)rgid != cred->gid && (uint32_t)rgid != cred->egid)
        return -ABI_EPERM;
    bool saved = (uint32_t)rgid != KEEP || ((uint32_t)egid != KEEP && (uint32_t)egid != cred->gid);
    uint32_t effective = (uint32_t)egid == KEEP ? cred->egid : (uint32_t)egid;
    return change_gids((uint32_t)rgid, (uint32_t)egid, saved ? effective : KEEP);
}

/* The value is the id before, whether or not it changed; -1 only asks. */
long sys_setfsuid(long uid)
{
    const struct cred *old = cred_current();
    uint32_t before = old->fsuid;
    struct cred *cred = NULL;
    if ((uint32_t)uid != KEEP && (process_capable(CAPABILITY_SETUID) ||
                                  uid_mine(old, (uint32_t)uid) || (uint32_t)uid == old->fsuid))
        cred = cred_copy(old, old->group_count);
    if (cred) {
        cred->fsuid = (uint32_t)uid;
        cred_fix_file_capabilities(cred, old);
        cred_install(cred);
    }
    return before;
}

long sys_setfsgid(long gid)
{
    const struct cred *old = cred_current();
    uint32_t before = old->fsgid;
    struct cred *cred = NULL;
    if ((uint32_t)gid != KEEP && (process_capable(CAPABILITY_SETGID) ||
                                  gid_mine(old, (uint32_t)gid) || (uint32_t)gid == old->fsgid))
        cred = cred_copy(old, old->group_count);
    if (cred) {
        cred->fsgid = (uint32_t)gid;
        cred_install(cred);
    }
    return before;
}

/* ---- Groups ---- */

long sys_getgroups(long size, long user)
{
    const struct cred *cred = cred_current();
    if (size < 0 || (size && (uint32_t)size < cred->group_count))
        return -ABI_EINVAL;
    if (size && put_user(user, cred->groups, cred->group_count * sizeof cred->groups[0]))
        return -ABI_EFAULT;
    return cred->group_count;
}

/* env_in_group searches by halves, so the list is kept sorted. Insertion: lists are short or sorted
 * already. */
static void groups_sort(uint32_t *groups, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint32_t group = groups[i], at = i;
        for (; at && groups[at - 1] > group; at--)
            groups[at] = groups[at - 1];
        groups[at] = group;
    }
}

long sys_setgroups(long size, long user)
{
    if (!process_capable(CAPABILITY_SETGID))
        return -ABI_EPERM;
    if (size < 0 || size > GROUPS_MAX)
        return -ABI_EINVAL;
    struct cred *cred = cred_copy(cred_current(), (uint32_t)size);
    if (!cred)
        return -ABI_ENOMEM;
    if (get_user(cred->groups, user, (size_t)size * sizeof cred->groups[0])) {
        cred_unref(cred);
        return -ABI_EFAULT;
    }
    groups_sort(cred->groups, (uint32_t)size);
    cred_install(cred);
    return 0;
}
