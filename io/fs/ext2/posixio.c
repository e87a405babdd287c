/* The seed's posixio and file methods on any node, in terms of filex's. */
#include "../permission.h"
#include "ext2.h"

#define NANOSECONDS 1000000000

/* Seconds have 32 bits there: what is out of range becomes the nearest end. */
static oskit_timespec_t ext2_timespec(oskit_s64_t time)
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

static oskit_s64_t ext2_nanoseconds(const oskit_timespec_t *time)
{
    return (oskit_s64_t)time->tv_sec * NANOSECONDS + time->tv_nsec;
}

oskit_error_t ext2_stat(oskit_file_t *self, oskit_stat_t *out)
{
    sluice_filex_t *filex = &ext2_node_of(self)->filex.i;
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
    out->atime = ext2_timespec(stat.atime);
    out->mtime = ext2_timespec(stat.mtime);
    out->ctime = ext2_timespec(stat.ctime);
    out->size = (oskit_off_t)stat.size;
    out->blocks = stat.blocks;
    out->blksize = stat.blksize;
    return OSKIT_SUCCESS;
}

static oskit_u32_t ext2_filex_mask(oskit_u32_t mask)
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

oskit_error_t ext2_setstat(oskit_file_t *self, oskit_u32_t mask, const oskit_stat_t *stats)
{
    sluice_filex_t *filex = &ext2_node_of(self)->filex.i;
    struct filex_attributes a = {
        .mode = stats->mode,
        .uid = stats->uid,
        .gid = stats->gid,
        .size = (oskit_u64_t)stats->size,
        .atime = ext2_nanoseconds(&stats->atime),
        .mtime = ext2_nanoseconds(&stats->mtime),
    };

    if (mask & ~(oskit_u32_t)OSKIT_STAT_SETTABLE)
        return OSKIT_E_INVALIDARG;
    if ((mask & OSKIT_STAT_SIZE) && stats->size < 0)
        return OSKIT_E_INVALIDARG;
    return filex->ops->setattr(filex, ext2_filex_mask(mask), &a);
}

oskit_error_t ext2_pathconf(oskit_file_t *self, oskit_s32_t option, oskit_s32_t *out_val)
{
    switch (option) {
    case OSKIT_PC_LINK_MAX:
        *out_val = (oskit_s32_t)ext2_link_max(ext2_node_of(self));
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

oskit_error_t ext2_file_sync(oskit_file_t *self, oskit_bool_t wait)
{
    struct ext2_node *node = ext2_node_of(self);

    return wait ? ext2_fsync(node, false) : ext2_node_flush(node);
}

oskit_error_t ext2_file_datasync(oskit_file_t *self, oskit_bool_t wait)
{
    struct ext2_node *node = ext2_node_of(self);

    return wait ? ext2_fsync(node, true) : ext2_node_flush(node);
}

oskit_error_t ext2_access(oskit_file_t *self, oskit_u32_t amode)
{
    struct ext2_node *node = ext2_node_of(self);
    bool disk = ext2_is_file(node) || ext2_is_dir(node) || OSKIT_S_ISLNK(node->mode);
    oskit_error_t err = ext2_permission(node, amode);

    if (OSKIT_SUCCEEDED(err) && (amode & OSKIT_W_OK) && disk)
        err = ext2_writable(node->fs);
    return err;
}

/* No state that the seed's openfile would keep: permission is all there is to it, and O_TRUNC. */
oskit_error_t ext2_file_open(oskit_file_t *self, oskit_u32_t oflags, struct oskit_openfile **out)
{
    struct ext2_node *node = ext2_node_of(self);
    struct filex_attributes empty = {.size = 0};
    oskit_u32_t want = permission_of_oflags(oflags);

    *out = NULL;
    if (ext2_is_dir(node) && (want & OSKIT_W_OK))
        return OSKIT_EISDIR;
    oskit_error_t err = ext2_access(self, want);
    if (OSKIT_FAILED(err))
        return err;
    if ((oflags & OSKIT_O_TRUNC) && ext2_is_file(node))
        return node->filex.i.ops->setattr(&node->filex.i, FILEX_SIZE, &empty);
    return OSKIT_SUCCESS;
}

/* A file may outlive its file system. */
oskit_error_t ext2_getfs(oskit_file_t *self, oskit_filesystem_t **out)
{
    struct ext2 *fs = ext2_node_of(self)->fs;

    *out = NULL;
    if (!sluice_object_addref_unless_dead(&fs->object))
        return OSKIT_ESTALE;
    *out = &fs->filesystem.i;
    return OSKIT_SUCCESS;
}
