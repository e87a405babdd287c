/* A block device from the inside: blockdev.c and blockdev_control.c. */
#ifndef IO_BLOCK_BLOCKDEV_PRIVATE_H
#define IO_BLOCK_BLOCKDEV_PRIVATE_H

#include <stdatomic.h>
#include <oskit/fs/file.h>
#include <oskit/io/absio.h>
#include <sluice/blockdev.h>
#include <sluice/object.h>
#include <sluice/pagecache.h>
#include <sluice/sync.h>
#include <sluice/vecio.h>

struct blockdev {
    _Atomic oskit_u32_t references;
    sluice_blockqueue_t *queue; /* held */
    struct blockdev_hooks hooks;
    struct pagecache cache;
    struct env_mutex mutex;      /* writes, and what takes pages away */
    _Atomic bool read_only;      /* set by BLKROSET; the device's own lies in cache.limits */
    _Atomic oskit_u32_t opens;   /* objects that blockdev_open gave */
    _Atomic bool claimed;        /* one of them was opened with O_EXCL */
    _Atomic oskit_u64_t direct;  /* writes past the cache so far */
    _Atomic oskit_u64_t flushed; /* blockdev_written at the last flush that succeeded */
};

struct blockdev_open {
    struct sluice_object object;
    SLUICE_FACE(sluice_absvec_t) absvec;
    SLUICE_FACE(sluice_pager_t) pager;
    SLUICE_FACE(sluice_sync_t) sync;
    SLUICE_FACE(sluice_control_t) control;
    SLUICE_FACE(oskit_absio_t) absio;
    SLUICE_FACE(sluice_blockqueue_t) queue;
    struct blockdev *dev; /* held */
    oskit_u32_t oflags;
    struct pagecache_reader reader;
};

static inline struct blockdev_open *blockdev_open_of(const void *face)
{
    return (struct blockdev_open *)SLUICE_OBJECT(face);
}

/* Flushes the device's own cache, unless nothing was written since the last time. [thread] */
oskit_error_t blockdev_flush(struct blockdev *dev);

extern const struct sluice_control_ops blockdev_control_ops;

#endif
