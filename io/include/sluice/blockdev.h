/*
 * blockdev: a block device as programs see it behind a node of /dev: bytes at any offset, through
 * one page cache that everybody who has it open shares.
 *
 * What an open gives answers absvec, pager, sync and control (the BLK* requests, as Linux has
 * them), the seed's absio, and sluice_blockqueue: the device itself, for a file system that is to
 * be mounted from it. VECIO_DIRECT transfers go past the cache.
 */
#ifndef SLUICE_BLOCKDEV_H
#define SLUICE_BLOCKDEV_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>

struct blockdev;

/*
 * What the owner of the node adds to the requests of programs. RESCAN (BLKRRPART) reads the
 * partition table anew: OSKIT_EBUSY while a partition is in use; NULL: OSKIT_E_INVALIDARG, for it
 * is no whole disk. [thread]
 */
struct blockdev_hooks {
    oskit_error_t (*rescan)(void *arg);
    void *arg;
    /* Of a partition: the disk, which gains a reference and whose BLKROSET counts for it too, and
     * where on it it begins, in bytes. NULL and 0 of a disk. */
    struct blockdev *whole;
    oskit_u64_t start;
};

/* The device over QUEUE, with a count of one; QUEUE gains a reference. HOOKS is copied and may be
 * NULL. [thread] */
oskit_error_t blockdev_create(sluice_blockqueue_t *queue, const struct blockdev_hooks *hooks,
                              struct blockdev **out);
/* Counted; each open holds one. The last one drops the cache: dirty pages were written back when
 * the last open went. [thread] */
void blockdev_ref(struct blockdev *blockdev);
void blockdev_unref(struct blockdev *blockdev);

/*
 * An open of it. OFLAGS: access mode (OSKIT_EROFS: for writing, and the device is read-only), and
 * OSKIT_O_EXCL, which claims the device until that open's last release: a second claim is
 * OSKIT_EBUSY. A mounted file system holds such a claim; who opens without is not kept out, as on
 * Linux. A claim finds the cache written back and empty: what goes to the queue and what goes to
 * the cache don't know of each other. The last release of an open may sleep. [thread]
 */
oskit_error_t blockdev_open(struct blockdev *blockdev, oskit_u32_t oflags, oskit_iunknown_t **out);

/* Not to be written: the device itself, or by BLKROSET, its own or its disk's. [any] */
bool blockdev_read_only(const struct blockdev *blockdev);

/* Opens at present, claims included; for who would take the device away. [any] */
oskit_u32_t blockdev_opens(const struct blockdev *blockdev);

#endif
