/*
 * sluice_sync: what an open file offers for fsync and its relatives. An object whose contents live
 * on a medium answers it: files of a disk's file system, block devices. Without it fsync goes by
 * the seed's file->sync, or there is nothing to write (a RAM file system).
 *
 * A client queries once, when it opens, and keeps the pointer. [thread] throughout.
 *
 * Errors of write-back that nobody waited for are told once to each open file. The count of such
 * errors is the object's, what an open file has been told of is the open file's: it asks `errors`
 * when it opens and hands its number in with each sync.
 */
#ifndef SLUICE_SYNC_H
#define SLUICE_SYNC_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

/* Flags of sync. */
#define SYNC_DATA 1u /* fdatasync: not the metadata that reading the bytes back doesn't need */
/* sync_file_range: only bytes that are cached, no metadata and no flush of the medium's own cache.
 */
#define SYNC_WAIT_BEFORE 2u /* wait for write-back under way */
#define SYNC_WRITE       4u /* start it for what is dirty */
#define SYNC_WAIT_AFTER  8u /* and wait for that */
#define SYNC_RANGE       (SYNC_WAIT_BEFORE | SYNC_WRITE | SYNC_WAIT_AFTER)

/* Advice; posix_fadvise's numbers. */
#define ADVICE_NORMAL     0u
#define ADVICE_RANDOM     1u
#define ADVICE_SEQUENTIAL 2u
#define ADVICE_WILLNEED   3u
#define ADVICE_DONTNEED   4u
#define ADVICE_NOREUSE    5u

typedef struct sluice_sync {
    struct sluice_sync_ops *ops;
} sluice_sync_t;

struct sluice_sync_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_sync_t)
    /*
     * Bytes FIRST..LAST (inclusive; LAST is clipped) get to stable storage before it returns; with
     * any of SYNC_RANGE, only what those say. *SEEN as above: an error since then is the answer
     * once, and *SEEN moves on. OSKIT_EIO, OSKIT_ENOSPC, OSKIT_EROFS ...
     */
    oskit_error_t (*sync)(sluice_sync_t *self, oskit_u32_t flags, oskit_u64_t first,
                          oskit_u64_t last, oskit_u32_t *seen);
    /* What *seen of a new open file is. [any] */
    oskit_u32_t (*errors)(sluice_sync_t *self);
    /* ADVICE_* for bytes FIRST..LAST. NORMAL, RANDOM and SEQUENTIAL concern reads through this
     * object as a whole. OSKIT_E_INVALIDARG for others. */
    oskit_error_t (*advise)(sluice_sync_t *self, oskit_u32_t advice, oskit_u64_t first,
                            oskit_u64_t last);
};
extern const struct oskit_guid sluice_sync_iid; /* SLUICE_GUID(0x5ac10060) */

#define sluice_sync_sync(s, flags, first, last, seen) \
    ((s)->ops->sync((s), (flags), (first), (last), (seen)))
#define sluice_sync_errors(s) ((s)->ops->errors(s))
#define sluice_sync_advise(s, advice, first, last) \
    ((s)->ops->advise((s), (advice), (first), (last)))

#endif
