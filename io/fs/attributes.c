/* Attributes of files, as all file systems have them: see attributes.h. */
#include "attributes.h"
#include <sluice/pipe.h>
#include <sluice/string.h>
#include "permission.h"

#define PERMISSIONS 07777u

/* ---- Changing ---- */

oskit_u32_t attributes_set_id_bits(oskit_u32_t mode)
{
    if (OSKIT_S_ISDIR(mode))
        return 0;
    return mode & (OSKIT_S_ISUID | (mode & OSKIT_S_IXGRP ? OSKIT_S_ISGID : 0));
}

static oskit_error_t chown_check(const struct file_owner *owner, oskit_u32_t mask,
                                 const struct filex_attributes *a, const struct env_identity *who)
{
    if (env_identity_may(who, CAPABILITY_CHOWN))
        return OSKIT_SUCCESS;
    if ((mask & FILEX_UID) && (who->uid != owner->uid || a->uid != owner->uid))
        return OSKIT_EPERM;
    if ((mask & FILEX_GID) &&
        (who->uid != owner->uid || (a->gid != owner->gid && !env_in_group(a->gid))))
        return OSKIT_EPERM;
    return OSKIT_SUCCESS;
}

oskit_error_t attributes_check(const struct file_owner *owner, oskit_u32_t mask,
                               const struct filex_attributes *a, const struct env_identity *who)
{
    bool mine = who->uid == owner->uid || env_identity_may(who, CAPABILITY_FOWNER);
    oskit_u32_t now = FILEX_ATIME_NOW | FILEX_MTIME_NOW;

    if ((mask & FILEX_SIZE) && !OSKIT_S_ISREG(owner->mode))
        return OSKIT_S_ISDIR(owner->mode) ? OSKIT_EISDIR : OSKIT_E_INVALIDARG;
    if ((mask & FILEX_SIZE) && a->size > INT64_MAX)
        return OSKIT_EFBIG;
    /* Who may write the file may touch it, but not choose which of its times that changes. */
    bool chosen = mask & (FILEX_ATIME | FILEX_MTIME) || (mask & now && (mask & now) != now);
    if ((mask & FILEX_MODE || chosen) && !mine)
        return OSKIT_EPERM;
    oskit_error_t err = chown_check(owner, mask, a, who);
    if (OSKIT_FAILED(err))
        return err;
    if (((mask & FILEX_SIZE) && !(mask & FILEX_OPEN)) || ((mask & now) && !mine))
        return permission_check(owner->mode, owner->uid, owner->gid, OSKIT_W_OK);
    return OSKIT_SUCCESS;
}

bool attributes_keep_sgid(const struct file_owner *owner, oskit_u32_t mask,
                          const struct filex_attributes *a, const struct env_identity *who)
{
    return env_identity_may(who, CAPABILITY_FSETID) ||
           env_in_group(mask & FILEX_GID ? a->gid : owner->gid);
}

static void owner_change(struct file_owner *owner, oskit_u32_t mask,
                         const struct filex_attributes *a, bool keep_sgid)
{
    if (mask & (FILEX_UID | FILEX_GID))
        owner->mode &= ~attributes_set_id_bits(owner->mode);
    if (mask & FILEX_UID)
        owner->uid = a->uid;
    if (mask & FILEX_GID)
        owner->gid = a->gid;
    if (mask & FILEX_MODE)
        owner->mode = (owner->mode & OSKIT_S_IFMT) | (a->mode & PERMISSIONS);
    if ((mask & FILEX_MODE) && !keep_sgid)
        owner->mode &= ~OSKIT_S_ISGID;
}

void attributes_change(struct file_owner *owner, struct file_times *times, oskit_u32_t mask,
                       const struct filex_attributes *a, bool keep_sgid, oskit_s64_t now)
{
    owner_change(owner, mask, a, keep_sgid);
    if (mask & (FILEX_ATIME | FILEX_ATIME_NOW))
        times->atime = mask & FILEX_ATIME ? a->atime : now;
    if (mask & (FILEX_MTIME | FILEX_MTIME_NOW))
        times->mtime = mask & FILEX_MTIME ? a->mtime : now;
    times->ctime = now;
}

/* ---- The seed's stat ---- */

#define NANOSECONDS 1000000000

/* Seconds have 32 bits there: what is out of range becomes the nearest end. */
static oskit_timespec_t seed_time(oskit_s64_t time)
{
    oskit_s64_t seconds = time / NANOSECONDS, rest = time % NANOSECONDS;

    if (rest < 0) {
        rest += NANOSECONDS;
        seconds--;
    }
    if (seconds > INT32_MAX)
        return (oskit_timespec_t){INT32_MAX, NANOSECONDS - 1};
    if (seconds < INT32_MIN)
        return (oskit_timespec_t){INT32_MIN, 0};
    return (oskit_timespec_t){(oskit_time_t)seconds, (oskit_s32_t)rest};
}

static oskit_s64_t filex_time(const oskit_timespec_t *time)
{
    return (oskit_s64_t)time->tv_sec * NANOSECONDS + time->tv_nsec;
}

oskit_error_t attributes_stat(sluice_filex_t *filex, oskit_stat_t *out)
{
    struct filex_stat stat;

    oskit_error_t err = filex->ops->stat(filex, &stat);
    if (OSKIT_FAILED(err))
        return err;
    memset(out, 0, sizeof *out);
    out->dev = stat.dev;
    out->ino = (oskit_ino_t)stat.ino;
    out->mode = (oskit_mode_t)stat.mode;
    out->nlink = stat.nlink > UINT16_MAX ? UINT16_MAX : (oskit_nlink_t)stat.nlink;
    out->uid = stat.uid;
    out->gid = stat.gid;
    out->rdev = stat.rdev;
    out->atime = seed_time(stat.atime);
    out->mtime = seed_time(stat.mtime);
    out->ctime = seed_time(stat.ctime);
    out->size = (oskit_off_t)stat.size;
    out->blocks = stat.blocks;
    out->blksize = stat.blksize;
    return OSKIT_SUCCESS;
}

static oskit_u32_t filex_mask(oskit_u32_t mask)
{
    oskit_u32_t out = 0;

    if (mask & OSKIT_STAT_MODE)
        out |= FILEX_MODE;
    if (mask & OSKIT_STAT_UID)
        out |= FILEX_UID;
    if (mask & OSKIT_STAT_GID)
        out |= FILEX_GID;
    if (mask & OSKIT_STAT_SIZE)
        out |= FILEX_SIZE;
    if (mask & OSKIT_STAT_UTIMES_NULL)
        return out | FILEX_ATIME_NOW | FILEX_MTIME_NOW;
    if (mask & OSKIT_STAT_ATIME)
        out |= FILEX_ATIME;
    if (mask & OSKIT_STAT_MTIME)
        out |= FILEX_MTIME;
    return out;
}

oskit_error_t attributes_setstat(sluice_filex_t *filex, oskit_u32_t mask, const oskit_stat_t *stats)
{
    struct filex_attributes a = {
        .mode = stats->mode,
        .uid = stats->uid,
        .gid = stats->gid,
        .size = (oskit_u64_t)stats->size,
        .atime = filex_time(&stats->atime),
        .mtime = filex_time(&stats->mtime),
    };

    if (mask & ~(oskit_u32_t)OSKIT_STAT_SETTABLE)
        return OSKIT_E_INVALIDARG;
    if ((mask & OSKIT_STAT_SIZE) && stats->size < 0)
        return OSKIT_E_INVALIDARG;
    return filex->ops->setattr(filex, filex_mask(mask), &a);
}

oskit_error_t attributes_pathconf(oskit_s32_t option, oskit_u32_t links, oskit_s32_t *out_val)
{
    switch (option) {
    case OSKIT_PC_LINK_MAX:
        *out_val = (oskit_s32_t)links;
        return OSKIT_SUCCESS;
    case OSKIT_PC_NAME_MAX:
        *out_val = 255;
        return OSKIT_SUCCESS;
    case OSKIT_PC_PATH_MAX:
        *out_val = 4096;
        return OSKIT_SUCCESS;
    case OSKIT_PC_PIPE_BUF:
        *out_val = PIPE_BUF_SIZE;
        return OSKIT_SUCCESS;
    case OSKIT_PC_CHOWN_RESTRICTED:
    case OSKIT_PC_NO_TRUNC:
    case OSKIT_PC_SYNC_IO:
        *out_val = 1;
        return OSKIT_SUCCESS;
    }
    return OSKIT_E_INVALIDARG;
}
