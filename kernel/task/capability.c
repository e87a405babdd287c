/* Capabilities: what credentials allow, and how changes of user and programs change that. By the
 * rules of Linux's capabilities(7). */
#include "kernel/abi/capability.h"
#include <oskit/io/posixio.h>
#include <sluice/filesystemx.h>
#include "kernel/abi/errno.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/capability.h"

bool process_capable(enum capability capability)
{
    return capability_in(cred_current()->effective, capability);
}

bool process_inspectable(struct process *process, bool real)
{
    if (process == current_process() || process_capable(CAPABILITY_SYS_PTRACE))
        return true;
    const struct cred *mine = cred_current();
    uint32_t uid = real ? mine->uid : mine->fsuid, gid = real ? mine->gid : mine->fsgid;
    struct cred *theirs = process_cred_get(process);
    bool same = theirs->uid == uid && theirs->euid == uid && theirs->suid == uid &&
                theirs->gid == gid && theirs->egid == gid && theirs->sgid == gid;
    bool stronger = theirs->permitted & ~(real ? mine->permitted : mine->effective);
    cred_unref(theirs);
    return same && process->dumpable && !stronger;
}

/* ---- Changing users ---- */

static bool has_root(const struct cred *cred)
{
    return cred->uid == 0 || cred->euid == 0 || cred->suid == 0;
}

void cred_fix_capabilities(struct cred *cred, const struct cred *old)
{
    if (cred->securebits & ABI_SECBIT_NO_SETUID_FIXUP)
        return;
    if (has_root(old) && !has_root(cred)) {
        if (!(cred->securebits & ABI_SECBIT_KEEP_CAPS))
            cred->permitted = cred->effective = 0;
        cred->ambient = 0;
    }
    if (old->euid == 0 && cred->euid != 0)
        cred->effective = 0;
    if (old->euid != 0 && cred->euid == 0)
        cred->effective = cred->permitted;
}

/* Those that are about files go with the user they are used as. */
void cred_fix_file_capabilities(struct cred *cred, const struct cred *old)
{
    const uint64_t about_files =
        CAPABILITY_BIT(CAPABILITY_CHOWN) | CAPABILITY_BIT(CAPABILITY_DAC_OVERRIDE) |
        CAPABILITY_BIT(CAPABILITY_DAC_READ_SEARCH) | CAPABILITY_BIT(CAPABILITY_FOWNER) |
        CAPABILITY_BIT(CAPABILITY_FSETID) | CAPABILITY_BIT(CAPABILITY_LINUX_IMMUTABLE) |
        CAPABILITY_BIT(CAPABILITY_MKNOD) | CAPABILITY_BIT(CAPABILITY_MAC_OVERRIDE);
    if (cred->securebits & ABI_SECBIT_NO_SETUID_FIXUP)
        return;
    if (old->fsuid == 0 && cred->fsuid != 0)
        cred->effective &= ~about_files;
    if (old->fsuid != 0 && cred->fsuid == 0)
        cred->effective |= cred->permitted & about_files;
}

void cred_fix_access_capabilities(struct cred *cred)
{
    if (!(cred->securebits & ABI_SECBIT_NO_SETUID_FIXUP))
        cred->effective = cred->uid == 0 ? cred->permitted : 0;
}

/* ---- Programs ---- */

/* What the file gives who runs it. */
struct grant {
    bool setuid, setgid, capable; /* capable: the three below */
    bool effective;
    uint64_t permitted, inheritable;
    uint32_t uid, gid;
};

static long grant_parse(const struct abi_vfs_capability *value, size_t length, struct grant *grant)
{
    uint32_t revision = value->magic & ABI_VFS_CAP_REVISION_MASK;
    bool wide = revision != ABI_VFS_CAP_REVISION_1;
    size_t expected = revision == ABI_VFS_CAP_REVISION_1   ? 12
                      : revision == ABI_VFS_CAP_REVISION_2 ? 20
                      : revision == ABI_VFS_CAP_REVISION_3 ? 24
                                                           : 0;
    if (length < sizeof value->magic || length != expected)
        return -ABI_EINVAL;
    if (revision == ABI_VFS_CAP_REVISION_3 && value->root != 0)
        return 0; /* for another namespace's root */
    uint64_t permitted = wide ? (uint64_t)value->sets[1].permitted << 32 : 0;
    uint64_t inheritable = wide ? (uint64_t)value->sets[1].inheritable << 32 : 0;
    grant->permitted = (permitted | value->sets[0].permitted) & CAPABILITY_ALL;
    grant->inheritable = (inheritable | value->sets[0].inheritable) & CAPABILITY_ALL;
    grant->effective = value->magic & ABI_VFS_CAP_FLAGS_EFFECTIVE;
    grant->capable = true;
    return 0;
}

static long grant_capabilities(oskit_file_t *file, struct grant *grant)
{
    struct abi_vfs_capability value = {0};
    size_t length = 0;
    sluice_xattr_t *xattr = sluice_query_face(file, &sluice_xattr_iid);
    if (!xattr)
        return 0;
    oskit_error_t error = xattr->ops->get(xattr, XATTR_CAPABILITY, &value, sizeof value, &length);
    xattr->ops->release(xattr);
    if (error == OSKIT_ENODATA || error == OSKIT_EOPNOTSUPP)
        return 0;
    if (error)
        return error == OSKIT_ERANGE ? -ABI_EINVAL : errno_from_oskit(error);
    return grant_parse(&value, length, grant);
}

static long grant_get(const struct location *program, bool no_new_privileges, struct grant *grant)
{
    oskit_stat_t stat;
    oskit_error_t failed = oskit_file_stat(location_file(program), &stat);
    *grant = (struct grant){0};
    if (failed)
        return errno_from_oskit(failed);
    if (location_mount_flags(program) & MOUNT_NOSUID)
        return 0;
    grant->setuid = !no_new_privileges && stat.mode & OSKIT_S_ISUID;
    grant->setgid =
        !no_new_privileges && (stat.mode & (OSKIT_S_ISGID | 010)) == (OSKIT_S_ISGID | 010);
    grant->uid = stat.uid;
    grant->gid = stat.gid;
    return grant_capabilities(location_file(program), grant);
}

/* Permitted by the file; or, for root unless it is told otherwise, everything. */
static long grant_permitted(const struct grant *grant, struct cred *cred, bool *effective)
{
    cred->permitted =
        (grant->permitted & cred->bounding) | (grant->inheritable & cred->inheritable);
    *effective = grant->effective;
    /* A program that doesn't know of capabilities must not run with a part of those it needs. */
    if (grant->effective && grant->permitted & ~cred->permitted)
        return -ABI_EPERM;
    if (cred->securebits & ABI_SECBIT_NOROOT)
        return 0;
    if (grant->capable && cred->uid != 0 && cred->euid == 0)
        return 0; /* set-user-ID root, but the file says how much of root */
    if (cred->uid == 0 || cred->euid == 0)
        cred->permitted = cred->bounding | cred->inheritable;
    *effective |= cred->euid == 0;
    return 0;
}

/* Whose root and working directory another process may move, and who renounced new privileges,
 * gains none. */
static void refuse_gain(struct cred *cred, const struct cred *old)
{
    if (!capability_in(old->effective, CAPABILITY_SETUID) || old->no_new_privileges) {
        cred->euid = cred->uid;
        cred->egid = cred->gid;
    }
    cred->permitted &= old->permitted;
}

long cred_of_program(const struct location *program, struct cred **out, bool *out_secure)
{
    const struct cred *old = cred_current();
    struct grant grant;
    bool effective;
    long error = grant_get(program, old->no_new_privileges, &grant);
    if (error)
        return error;
    struct cred *cred = cred_copy(old, old->group_count);
    if (!cred)
        return -ABI_ENOMEM;
    cred->euid = grant.setuid ? grant.uid : old->euid;
    cred->egid = grant.setgid ? grant.gid : old->egid;
    error = grant_permitted(&grant, cred, &effective);
    if (error) {
        cred_unref(cred);
        return error;
    }
    bool changed = cred->euid != old->euid || !env_in_group(cred->egid);
    bool unsafe = atomic_load(&current_process()->fs->users) > 1 || old->no_new_privileges;
    if (unsafe && (changed || cred->permitted & ~old->permitted))
        refuse_gain(cred, old);
    cred->suid = cred->fsuid = cred->euid;
    cred->sgid = cred->fsgid = cred->egid;
    if (grant.capable || changed)
        cred->ambient = 0;
    cred->permitted |= cred->ambient;
    cred->effective = effective ? cred->permitted : cred->ambient;
    cred->securebits &= ~(uint32_t)ABI_SECBIT_KEEP_CAPS;
    *out_secure = changed || cred->euid != old->uid || cred->egid != old->gid ||
                  (cred->uid != 0 && (effective || cred->permitted & ~cred->ambient));
    *out = cred;
    return 0;
}
