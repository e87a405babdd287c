/*
 * The metadata blocks of one mounted file system that are in memory: superblock, group descriptors,
 * bitmaps, inode tables, indirect blocks, directories. File contents are in page caches instead
 * (<sluice/pagecache.h>); a block is in one of the two, never both.
 *
 * A buffer is found by block number, read when it is first asked for, counted while somebody uses
 * it, and kept afterwards until memory is short. What is in a buffer's data is its users' business:
 * they exclude one another by the locks of the thing that the block is part of (the inode's, the
 * group's); the cache guards only the rest of the struct.
 *
 * Changing data. With a journal: journal_access before, journal_dirty after, in a handle
 * (journal.h); the journal decides when the block goes to its place. Without: change it, then
 * buffer_dirty, which journal_dirty does when there is no journal; so code between journal_begin
 * and journal_end is right for both.
 *
 * All functions are [thread] and may sleep; none of them is called with a spinlock held.
 */
#ifndef IO_FS_EXT2_BUFFER_H
#define IO_FS_EXT2_BUFFER_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>
#include <sluice/list.h>

struct buffer_cache;
struct journal_buffer;

struct buffer {
    oskit_u64_t block; /* number in the file system; immutable */
    void *data;        /* cache block size bytes, aligned to 16; immutable pointer */
    struct buffer_cache *cache;

    /* The cache's, under its lock. */
    oskit_u32_t refs;
    oskit_u32_t state; /* BUFFER_ bits, buffer.c */
    struct list hash;
    struct list age;   /* in the list of unused buffers, or of dirty ones */
    oskit_u64_t since; /* when it became dirty */
    /* The journal's, under its lock; NULL: no transaction knows of the buffer. */
    struct journal_buffer *journal;
};

/*
 * A cache of DEVICE's blocks 0..BLOCKS - 1 of BLOCK_SIZE bytes (1024, 2048, 4096; not less than
 * the device's block size, else OSKIT_E_INVALIDARG). DEVICE gains a reference. Starts the thread
 * that writes old dirty buffers back (5 s). OSKIT_E_OUTOFMEMORY.
 */
oskit_error_t buffer_cache_create(sluice_blockqueue_t *device, oskit_u32_t block_size,
                                  oskit_u64_t blocks, struct buffer_cache **out);
/*
 * Ends it. Every buffer has been put and the journal closed. Dirty buffers are dropped: call
 * buffer_sync (or journal_close, with a journal) before, and look at the answer. NULL is ignored.
 */
void buffer_cache_destroy(struct buffer_cache *cache);

oskit_u32_t buffer_cache_block_size(const struct buffer_cache *cache);
sluice_blockqueue_t *buffer_cache_device(const struct buffer_cache *cache); /* not counted */

/*
 * Block BLOCK with its contents; the caller owns a reference, for buffer_put. Two that get the same
 * block get the same buffer. OSKIT_EIO: can't be read, and the next get tries again;
 * OSKIT_EUCLEAN: there is no such block (numbers come from the disk); OSKIT_E_OUTOFMEMORY.
 */
oskit_error_t buffer_get(struct buffer_cache *cache, oskit_u64_t block, struct buffer **out);
/*
 * The same without reading: for a block that was just allocated and is now filled whole. The data
 * are zeros when the block wasn't in memory; when it was (its last life), whatever was there: the
 * caller writes every byte, after journal_access. OSKIT_EUCLEAN, OSKIT_E_OUTOFMEMORY.
 */
oskit_error_t buffer_get_new(struct buffer_cache *cache, oskit_u64_t block, struct buffer **out);
/* One more reference. */
void buffer_ref(struct buffer *buffer);
/* Gives a reference back. NULL is ignored. */
void buffer_put(struct buffer *buffer);
/* Starts reading COUNT blocks that will soon be got, in one submission; doesn't wait, answers
 * nothing: blocks that don't exist or for which there is no memory are passed over. */
void buffer_prefetch(struct buffer_cache *cache, const oskit_u64_t *blocks, oskit_u32_t count);

/* ---- Without a journal ---- */

/* The data were changed; they are written within some seconds, or by buffer_sync. */
void buffer_dirty(struct buffer *buffer);
/* The block was freed: it isn't dirty any more, and a write under way is waited for, so that
 * the block can be used for something else. Not in the cache: nothing happens. */
void buffer_forget(struct buffer_cache *cache, oskit_u64_t block);
/* Writes this buffer and waits; not flushed (buffer_flush). Also with a journal for the one block
 * that is written past it, the superblock at mount and unmount. OSKIT_EIO. */
oskit_error_t buffer_write(struct buffer *buffer);
/* Writes every dirty buffer, batched in order of block numbers, and waits; not flushed. The first
 * error; a buffer that can't be written stays dirty until the file system is unmounted. */
oskit_error_t buffer_sync(struct buffer_cache *cache);

/* ---- Both ---- */

/*
 * What was written to the device and done before now is on stable storage afterwards. Nothing is
 * sent when the device has no volatile cache, or when no write was done on it (by anyone, page
 * caches too) since the last flush of this function or the journal. OSKIT_EIO.
 */
oskit_error_t buffer_flush(struct buffer_cache *cache);

/* Drops clean buffers that nobody uses (drop_caches); returns bytes freed. */
oskit_size_t buffer_drop(struct buffer_cache *cache);

struct buffer_totals {
    oskit_u64_t buffers, dirty; /* in memory; of these to be written, the journal's included */
    oskit_u64_t hits, reads, writes;
};
void buffer_totals(struct buffer_cache *cache, struct buffer_totals *out);

#endif
