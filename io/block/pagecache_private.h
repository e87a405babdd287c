/*
 * The page cache from the inside: for the files io/block/pagecache*.c.
 *
 * A page's life. It is put into the radix CACHED_READING, with nothing in it, by whoever missed it
 * (pagecache_fill.c), or filled from a program's memory (pagecache_write.c). Once CACHED_UPTODATE
 * its data are handed out with a reference to the memory; the record belongs to the cache, and
 * nobody keeps a pointer to it across a release of the lock unless the page is busy: reading,
 * locked, or under write-back. Only truncation takes pages away that others show; it waits for busy
 * ones.
 *
 * Locks: cache->lock, then caches_lock (pagecache.c) or the throttle's lock (pagecache_limit.c).
 * Nothing is allocated under them, so reclaim, which runs inside other people's allocations, may
 * take them.
 */
#ifndef IO_BLOCK_PAGECACHE_PRIVATE_H
#define IO_BLOCK_PAGECACHE_PRIVATE_H

#include <stdatomic.h>
#include <sluice/pagecache.h>
#include <sluice/string.h>
#include <sluice/sync.h>

#define CACHED_UPTODATE  0x01u /* the data are the file's */
#define CACHED_READING   0x02u /* the device is filling it; nobody else looks at the data */
#define CACHED_LOCKED    0x04u /* OPS are finding it blocks; not to be taken away */
#define CACHED_DIRTY     0x08u /* on the dirty list */
#define CACHED_WRITEBACK 0x10u /* on the list of those under write-back */
#define CACHED_STORED    0x20u /* a mapping may store to it without asking */
#define CACHED_AHEAD     0x40u /* a sequential reader who gets here should read further ahead */
#define CACHED_BUSY      (CACHED_READING | CACHED_LOCKED | CACHED_WRITEBACK)

/* Uses that reclaim remembers of a page: that many rounds it survives. */
#define CACHED_HEAT_MAX 2u

/* Who waits for a page, on the waiter's stack. The waker takes it off the page's list under the
 * lock, and wakes. */
struct page_wait {
    struct env_sleep sleep;
    oskit_u64_t index;
    bool queued; /* somebody will wake it */
    struct page_wait *next;
    oskit_error_t error;
};

/* All of it guarded by cache->lock; data and index never change. */
struct cached_page {
    char *data; /* a page of env_page_alloc; the cache holds one reference */
    oskit_u64_t index;
    oskit_u8_t flags; /* CACHED_* */
    oskit_u8_t heat;
    oskit_u8_t reserved;   /* bit I: block I of the page is known to be on the device */
    oskit_u32_t parts;     /* of requests under way for it, and one more while they are made */
    oskit_error_t error;   /* of these */
    oskit_u64_t dirtied;   /* when it last became dirty */
    oskit_u64_t started;   /* cache->writeback_started at its write-back */
    struct list link;      /* cache->dirty */
    struct list writeback; /* cache->writeback */
    struct page_wait *waiters;
};

/* Pages handled by one go of anything: their pointers lie on the stack. */
#define CACHE_RUN 64u

/* The last index there can be: offsets are signed 64-bit. */
#define CACHE_INDEX_MAX ((oskit_u64_t)INT64_MAX >> ENV_PAGE_SHIFT)

static inline oskit_u64_t page_index(oskit_u64_t offset)
{
    return offset >> ENV_PAGE_SHIFT;
}

static inline oskit_u64_t page_offset(oskit_u64_t index)
{
    return index << ENV_PAGE_SHIFT;
}

/* Pages that SIZE bytes begin. */
static inline oskit_u64_t pages_of_size(oskit_u64_t size)
{
    return (size >> ENV_PAGE_SHIFT) + (size % ENV_PAGE_SIZE != 0);
}

static inline oskit_u64_t lesser(oskit_u64_t a, oskit_u64_t b)
{
    return a < b ? a : b;
}

/* ---- pagecache.c: pages ---- */

/* A record with memory, in no cache yet; NULL: no memory. FLAGS of env_page_alloc. */
struct cached_page *cached_page_create(oskit_u64_t index, unsigned flags);
/* Frees the record and drops the cache's reference to the memory. [any] */
void cached_page_destroy(struct cached_page *page);
/* The page at INDEX or NULL. Lock held. */
static inline struct cached_page *cached_page_get(const struct pagecache *cache, oskit_u64_t index)
{
    return radix_get(&cache->pages, index);
}
/*
 * Puts COUNT pages of rising adjacent indices in, all with FLAGS, as far as nothing is there:
 * *inserted of them. The others stay the caller's. Takes the lock. OSKIT_ENOMEM.
 */
oskit_error_t cached_pages_insert(struct pagecache *cache, struct cached_page *const *pages,
                                  unsigned count, oskit_u8_t flags, unsigned *inserted);
/* Takes PAGE out; dirty or not, it is forgotten. It must not be under write-back. Lock held; the
 * nodes no longer needed go to POOL. */
void cached_page_remove(struct pagecache *cache, struct cached_page *page, struct radix_pool *pool);
/* Sleeps while the page at INDEX has any of FLAGS; the error with which that ended. Lock not held.
 */
oskit_error_t cached_page_wait(struct pagecache *cache, oskit_u64_t index, oskit_u8_t flags);
/* Wakes who waits for PAGE. Lock held. [any] */
void cached_page_wake(struct cached_page *page, oskit_error_t error);
/* Marks it dirty as of NOW (env_time_monotonic). true: it is the cache's first. Lock held. */
bool cached_page_dirty(struct pagecache *cache, struct cached_page *page, oskit_u64_t now);
/* The opposite; true: it was the last. Lock held. */
bool cached_page_clean(struct pagecache *cache, struct cached_page *page);
void pagecache_tell_dirtied(struct pagecache *cache); /* ops->dirtied, if any */
/* Bits of `reserved` for bytes FIRST to END - 1 of a page, as far as they touch / fill blocks. */
oskit_u8_t blocks_touched(const struct pagecache *cache, unsigned first, unsigned end);
oskit_u8_t blocks_filled(const struct pagecache *cache, unsigned first, unsigned end);

/* The counts of all caches. */
extern _Atomic oskit_u64_t pagecache_pages, pagecache_dirty_pages, pagecache_writeback_pages;
extern _Atomic oskit_u64_t pagecache_copied_bytes;

/* A visit of all caches that have pages: each is met once, held, without a spinlock. Start with
 * NULL; go on to the end, for visits exclude each other. [thread] */
oskit_u64_t pagecache_visit_begin(void);
struct pagecache *pagecache_visit_next(oskit_u64_t visit, struct pagecache *last);
/* Just the next in turn, held, giving LAST back (NULL: none); never waits. [any] */
struct pagecache *pagecache_next(struct pagecache *last);
oskit_u32_t pagecache_count_caches(void);
void pagecache_unhold(struct pagecache *cache);

/* ---- pagecache_io.c: requests ---- */

/* Requests under construction: adjacent parts become one. Those that are made go to the device
 * together, with one notification, at the end or when there is much of them: so many requests, or
 * so many bytes, since the device shouldn't idle meanwhile. */
#define CACHE_GATHER       32u
#define CACHE_GATHER_BYTES (2 * CACHE_RUN * ENV_PAGE_SIZE)
struct cache_io;
struct cache_batch {
    struct pagecache *cache;
    bool write;
    oskit_u32_t expected; /* parts still to come, at most: how large a request is made */
    struct cache_io *open;
    oskit_u64_t bytes; /* of those made */
    oskit_u32_t count;
    struct block_request *made[CACHE_GATHER];
};
void cache_batch_begin(struct cache_batch *batch, struct pagecache *cache, bool write,
                       oskit_u32_t expected);
/* LENGTH bytes at WITHIN of PAGE go to or come from byte DEVICE of the device. */
void cache_batch_add(struct cache_batch *batch, struct cached_page *page, oskit_u32_t within,
                     oskit_u32_t length, oskit_u64_t device);
/* Sends what there is; more may follow. Before the caller waits for what others do. */
void cache_batch_submit(struct cache_batch *batch);
void cache_batch_end(struct cache_batch *batch);
/* One part of each of PAGES is done; those that have no more are finished. [any] */
void cached_pages_done(struct pagecache *cache, struct cached_page *const *pages, unsigned count,
                       bool write, oskit_error_t error);

/* ---- pagecache_fill.c: from the device ---- */

/* Starts reading those of pages FIRST .. FIRST + COUNT - 1 that are absent and inside the file.
 * Page MARK gets CACHED_AHEAD if it is among them. WAIT (may be NULL), which page_wait_init made,
 * is queued with its page if that is among them: finish with page_wait_end. An error of starting.
 */
oskit_error_t pagecache_fill(struct pagecache *cache, oskit_u64_t first, oskit_u64_t count,
                             oskit_u64_t mark, struct page_wait *wait);
#define CACHE_NO_MARK UINT64_MAX
void page_wait_init(struct page_wait *wait, oskit_u64_t index);
/* Sleeps if it is queued; the error with which the page's transfer ended, else ERR. */
oskit_error_t page_wait_end(struct page_wait *wait, oskit_error_t err);
/* Page INDEX, up to date, with a reference to its memory; *out NULL when it lies past the end.
 * Reads AROUND pages, aligned, if it has to (a power of two). */
oskit_error_t pagecache_page(struct pagecache *cache, oskit_u64_t index, unsigned around,
                             char **out);

/* ---- pagecache_ahead.c ---- */

/* Lock held. A read may begin in the page where the last one ended. */
static inline bool reader_is_sequential(const struct pagecache_reader *reader, oskit_u64_t first)
{
    return reader->advice != ADVICE_RANDOM && (first == reader->next || first + 1 == reader->next);
}

/* READER (may be NULL) wants pages FIRST..LAST and FIRST is absent: reads it, and what comes next
 * in the background. OSKIT_SUCCESS: look again. */
oskit_error_t reader_missed(struct pagecache *cache, struct pagecache_reader *reader,
                            oskit_u64_t first, oskit_u64_t last);
/* It came to a page that had CACHED_AHEAD: starts reading what is absent from INDEX on. */
void reader_came_near(struct pagecache *cache, struct pagecache_reader *reader, oskit_u64_t index);

/* ---- pagecache_write.c ---- */

/* reserve for bytes of one page or many; an error when not all of LENGTH could be had. */
oskit_error_t pagecache_reserve_all(struct pagecache *cache, oskit_u64_t offset,
                                    oskit_u64_t length);
/*
 * The bytes behind the end in its page may be anything, for a mapping can write them: before SIZE
 * grows to OFFSET or over it, they become zeros. With small blocks, stores into blocks that are new
 * to the file must ask first.
 */
void pagecache_zero_gap(struct pagecache *cache, oskit_u64_t size, oskit_u64_t offset);
oskit_error_t pagecache_begin(struct pagecache *cache, oskit_u64_t length);
void pagecache_end(struct pagecache *cache);

/* ---- pagecache_writeback.c ---- */

/* Which dirty pages to write. */
struct writeback_wish {
    oskit_u64_t first, last; /* indices */
    oskit_u64_t limit;       /* how many pages, about */
    oskit_u64_t before;      /* those that became dirty no later */
    bool keep_mappings;      /* pagecache_order */
};
/* Starts writing them; how many. *skipped: some were on their way already and are dirty again. */
oskit_u64_t pagecache_write_some(struct pagecache *cache, const struct writeback_wish *wish,
                                 bool *skipped);

/* ---- pagecache_truncate.c ---- */

/* Takes pages FIRST..LAST out, dirty or not, waiting for busy ones. */
void pagecache_remove_range(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last);

/* ---- pagecache_mapping.c: programs' mappings; with no lock held that getpage takes ---- */

/* No mapping shows pages FIRST..LAST any more. COPIES: nor private copies of them. */
void pagecache_unmap(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last, bool copies);
/* No mapping stores to pages FIRST..LAST without asking getpage again. */
void pagecache_unstore(struct pagecache *cache, oskit_u64_t first, oskit_u64_t last);

/* ---- pagecache_limit.c: how much may be dirty ---- */

/* After a write: starts write-back when much is dirty, and waits when too much is. */
void pagecache_balance(struct pagecache *cache);
void pagecache_limit_press(void);   /* the write-back thread should look now [any] */
void pagecache_limit_relieve(void); /* some write-back is done [any] */

/* ---- pagecache_reclaim.c ---- */

void pagecache_reclaim_start(void);

#endif
