/*
 * Page cache: the pages of one file or block device that are in memory. Whatever reads, writes or
 * maps the file goes through its cache, so all of them see the same bytes; the cache reads ahead,
 * writes back, and gives pages up when memory is short.
 *
 * The file system owns the cache (a struct in its inode) and tells it by OPS where bytes are on the
 * device; the cache itself builds and submits the block requests. A block device's own cache uses
 * the identity (pagecache_device_ops).
 *
 * Locks. A page that is being read or written is busy: others sleep until it is not. The order:
 * the file system's inode mutex, then a busy page, then what OPS take (the journal's locks and
 * metadata buffers), then the cache's spinlock. OPS are called with no spinlock held and never with
 * a page of another cache busy. User memory is copied with no page busy and no lock but the inode's
 * held: a fault may come back into this very cache.
 */
#ifndef SLUICE_PAGECACHE_H
#define SLUICE_PAGECACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/mappings.h>
#include <sluice/radix.h>
#include <sluice/uio.h>
#include <sluice/vecio.h>

struct pagecache;

/* Where a run of a file's bytes is. */
struct pagecache_extent {
    oskit_u64_t device; /* offset on the device in bytes; PAGECACHE_HOLE: nowhere, reads as zeros */
    oskit_u64_t length; /* bytes from the offset asked for, > 0; may reach beyond what was asked */
};
#define PAGECACHE_HOLE UINT64_MAX

struct pagecache_ops {
    /*
     * Where bytes OFFSET.. are; a lookup, allocates nothing. OFFSET is a multiple of the block
     * size. Used for reading, for writing back, and by direct transfers. OSKIT_EIO (a block map
     * that makes no sense is OSKIT_EUCLEAN). [thread]
     */
    oskit_error_t (*extent)(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length,
                            struct pagecache_extent *out);
    /*
     * Bytes OFFSET..OFFSET + LENGTH are about to become dirty: makes sure they have blocks, so that
     * write-back cannot fail for want of space. *out_new says whether any of them was a hole (the
     * parts of such blocks that are not written must become zeros). *out_length (<= LENGTH, > 0) is
     * how far space could be had when not all of it could. OSKIT_ENOSPC, OSKIT_EDQUOT, OSKIT_EFBIG,
     * OSKIT_EROFS. [thread]
     */
    oskit_error_t (*reserve)(struct pagecache *cache, oskit_u64_t offset, oskit_u64_t length,
                             oskit_u64_t *out_length, bool *out_new);
    /* A write went past the size: the file system notes the new one (cache->size is already it).
     * NULL: fixed size. Under the inode's mutex. [thread] */
    void (*grown)(struct pagecache *cache, oskit_u64_t size);
    /* The cache got its first dirty page / has none any more; for the file system's lists. Look at
     * dirty_count: two of these calls may pass each other. May be NULL. [thread] */
    void (*dirtied)(struct pagecache *cache);
    /*
     * What happens between these two on one thread belongs together: reserve, the pages becoming
     * dirty, the size growing (grown). A journal makes one transaction of it, so that after a crash
     * no block lies past the size and none shows what was in it before. User memory is not touched
     * in between, and a page of this cache may be busy. LENGTH bounds what will be reserved. Both
     * or neither may be NULL; an error of begin is the transfer's. [thread]
     */
    oskit_error_t (*begin)(struct pagecache *cache, oskit_u64_t length);
    void (*end)(struct pagecache *cache);
};

/* The file system reads size and the counts, and sets nothing after pagecache_init. */
struct pagecache {
    const struct pagecache_ops *ops; /* immutable, like the next three */
    sluice_blockqueue_t *device;     /* held */
    struct block_limits limits;      /* of the device; but for the size */
    oskit_u32_t block_size;          /* of ops->extent; <= ENV_PAGE_SIZE */
    struct env_spinlock lock;        /* guards what follows */
    oskit_u64_t size;                /* bytes */
    bool extending;                  /* the bytes behind the end are being written by a writer */
    struct radix pages;              /* struct cached_page by index */
    oskit_u64_t page_count, dirty_count, writeback_count;
    struct list dirty;             /* pages, oldest first */
    struct list writeback;         /* pages on their way to the device, in order of start */
    oskit_u64_t writeback_started; /* how many ever were */
    oskit_u64_t hand;              /* index where reclaim looks next */
    oskit_u32_t error_count;       /* rises with each failed write-back; see pagecache_error */
    oskit_error_t last_error;      /* what the last one was */
    struct list all;               /* in the list of caches, while it has pages; the list's lock */
    oskit_u32_t holds;             /* visits that go through that list; the list's lock */
    oskit_u64_t visit;             /* the last of them; the list's lock */
    struct env_sleep *gone;        /* who waits for holds to be 0; the list's lock */
    struct mappings mappings;      /* of programs: what a pager's method `mappings` answers */
};

/* What a reader of one open file remembers, for read-ahead; all zeros at first. */
struct pagecache_reader {
    oskit_u64_t next;   /* page index that a sequential reader asks for next */
    oskit_u32_t window; /* pages read ahead at present */
    oskit_u64_t ahead;  /* first page not yet asked from the device */
    oskit_u32_t advice; /* POSIX_FADV_NORMAL, _RANDOM, _SEQUENTIAL */
};

/* DEVICE gains a reference. BLOCK_SIZE is a power of two between the device's and a page. [thread]
 */
void pagecache_init(struct pagecache *cache, const struct pagecache_ops *ops,
                    sluice_blockqueue_t *device, oskit_u32_t block_size, oskit_u64_t size);
/* Drops all pages, dirty ones too (the file is gone); nobody may be using the cache. Waits for
 * transfers and visits of all caches under way: called with no lock that OPS take. [thread] */
void pagecache_fini(struct pagecache *cache);

/*
 * Moves bytes between the cache and UIO from OFFSET; *moved counts. read stops at the size. write
 * reserves, copies, marks dirty, grows the size; the caller holds the inode's mutex for writes and
 * checked limits and permissions. READER may be NULL (no read-ahead). OSKIT_EFAULT, OSKIT_EIO,
 * OSKIT_ENOSPC ...; what moved before the error is counted in *moved. [thread]
 */
oskit_error_t pagecache_read(struct pagecache *cache, struct pagecache_reader *reader,
                             struct sluice_uio *uio, oskit_u64_t offset, oskit_size_t *moved);
oskit_error_t pagecache_write(struct pagecache *cache, struct sluice_uio *uio, oskit_u64_t offset,
                              oskit_size_t *moved);
/* The same past the cache, between the device and the program's (or kernel's) memory: no copy.
 * OFFSET, lengths and addresses must be multiples of the device's block size (OSKIT_E_INVALIDARG).
 * Pages cached in the range are written back before and dropped. Holes are read as zeros and filled
 * by reserve. [thread] */
oskit_error_t pagecache_direct(struct pagecache *cache, struct sluice_uio *uio, bool write,
                               oskit_u64_t offset, oskit_size_t *moved);

/* sluice_pager's getpage for this cache (PAGER_WRITE reserves and marks dirty). [thread] */
oskit_error_t pagecache_getpage(struct pagecache *cache, oskit_u64_t index, oskit_u32_t flags,
                                void **out_page);

/* The size becomes SIZE: pages past it go (mapped ones are unmapped), the rest of the last page
 * becomes zeros. Called under the inode's mutex, before the blocks are freed. [thread] */
oskit_error_t pagecache_truncate(struct pagecache *cache, oskit_u64_t size);

/* Bytes FIRST..LAST (inclusive) become a hole: whole pages go, the rest becomes zeros. Called under
 * the inode's mutex after OPS know the hole and before the blocks may be used anew. [thread] */
oskit_error_t pagecache_punch(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last);

/* Writes dirty pages of bytes FIRST..LAST (inclusive) back; WAIT: returns when they are on the
 * device (not yet flushed from its cache). An error met meanwhile. Takes locks of address spaces
 * for moments, so: with no lock that getpage or OPS take. [thread] */
oskit_error_t pagecache_writeback(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last,
                                  bool wait);
/*
 * For a journal that must not commit before the data are on the device: writes what is dirty now
 * and waits, but leaves the mappings of programs alone, so that it may be called while others wait
 * for the journal in OPS; only extent is called. Pages that a mapping can store to stay dirty.
 * [thread]
 */
oskit_error_t pagecache_order(struct pagecache *cache);
/* Waits for write-back of the range that is under way. [thread] */
void pagecache_wait(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last);
/* Drops clean, unmapped, unused pages of the range (POSIX_FADV_DONTNEED, drop_caches, BLKFLSBUF).
 */
void pagecache_drop(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last);
/* Starts reading the range (readahead, POSIX_FADV_WILLNEED); doesn't wait. [thread] */
void pagecache_prefetch(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last);

/*
 * Write-back errors, told once to each open file: *SEEN is the open file's own (taken from
 * cache->error_count at open). OSKIT_SUCCESS when nothing failed since; else the error, and *SEEN
 * moves on. [any]
 */
oskit_error_t pagecache_error(struct pagecache *cache, oskit_u32_t *seen);

/* What an object whose contents are CACHE does for sluice_sync's sync with SYNC_RANGE flags, and
 * for its advise (sync.h); READER is the open file's. [thread] */
oskit_error_t pagecache_sync_range(struct pagecache *cache, oskit_u32_t flags, oskit_u64_t first,
                                   oskit_u64_t last, oskit_u32_t *seen);
oskit_error_t pagecache_advise(struct pagecache *cache, struct pagecache_reader *reader,
                               oskit_u32_t advice, oskit_u64_t first, oskit_u64_t last);

extern const struct pagecache_ops pagecache_device_ops; /* byte N of the cache is byte N of disk */

/* ---- All caches together ---- */

/* Pages that a steady reader has read for it in advance, at most. */
oskit_u32_t pagecache_window(void);

/* How much may be dirty, and how long: /proc/sys/vm/dirty_*. May be set at any time. */
struct pagecache_limits {
    /* Percent of memory that is free or cached (more than 100 is 100): from where on dirty pages
     * are written, without anybody waiting; from where on writers wait. */
    _Atomic oskit_u32_t background_ratio, ratio;
    _Atomic oskit_u32_t
        writeback_centiseconds;              /* how often the thread looks; 0: when called only */
    _Atomic oskit_u32_t expire_centiseconds; /* how old dirty pages may become */
};
extern struct pagecache_limits pagecache_limits;

/* Starts the write-back thread and hooks reclaim into the host. Once, at start. [thread] */
oskit_error_t pagecache_start(void);
/* Ends the thread, for a host that stops; nothing is written. [thread] */
void pagecache_stop(void);
/* Writes every dirty page of every cache back, or of those on DEVICE when it is not NULL; WAIT as
 * above. [thread] */
void pagecache_sync(sluice_blockqueue_t *device, bool wait);
/* Drops what can be dropped (drop_caches); returns the number of pages freed. [thread] */
oskit_size_t pagecache_drop_all(void);
/* For /proc/meminfo: pages cached, dirty, under write-back. [any] */
struct pagecache_totals {
    oskit_u64_t cached, dirty, writeback;
};
void pagecache_totals(struct pagecache_totals *out);

/* Copies of file bytes made by the processor since start, one for each byte copied; tests assert
 * that a direct transfer adds none and a cached read adds one. [any] */
oskit_u64_t pagecache_copied(void);

#endif
