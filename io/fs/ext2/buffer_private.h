/* What the journal, and the files of the buffer cache among themselves, know beyond buffer.h. */
#ifndef IO_FS_EXT2_BUFFER_PRIVATE_H
#define IO_FS_EXT2_BUFFER_PRIVATE_H

#include "buffer.h"
#include "batch.h"
#include "periodic.h"
#include "sleepers.h"

#define BUFFER_VALID   1u /* data are the block's */
#define BUFFER_READING 2u
#define BUFFER_WRITING 4u
#define BUFFER_DIRTY   8u

struct buffer_cache {
    sluice_blockqueue_t *device;
    struct block_limits limits;
    oskit_u32_t block_size;
    oskit_u64_t blocks;
    struct env_mutex sync_mutex; /* guards batch */
    struct batch *batch;
    struct periodic flusher;
    struct list all; /* in the list of caches; caches_lock */

    struct env_spinlock lock; /* guards what follows and every buffer */
    struct list *buckets;
    oskit_u32_t bucket_count; /* a power of two */
    struct list unused, dirty;
    struct sleepers sleepers;
    struct buffer_totals totals;
    bool failed;         /* a write did, and the log says so */
    oskit_u64_t flushed; /* writes of the device that a flush has made stable */
};

/* ---- Among the files of the cache ---- */

/* BLOCK's buffer if it is in memory, or NULL. With cache->lock held, as for the next two. */
struct buffer *buffer_lookup(struct buffer_cache *cache, oskit_u64_t block);
void buffer_ref_locked(struct buffer *buffer);
void buffer_put_locked(struct buffer *buffer);
/* What the thread does that writes old buffers back; ARG is the cache. */
void buffer_flusher_turn(void *arg);
/* BLOCK's buffer with a reference, made without contents if there is none. No lock held. */
oskit_error_t buffer_find_or_make(struct buffer_cache *cache, oskit_u64_t block,
                                  struct buffer **out);

/* ---- For the journal ---- */

/* BLOCK's buffer if it is in memory, with a reference; else NULL. */
struct buffer *buffer_find(struct buffer_cache *cache, oskit_u64_t block);

/* Metadata could not be written: says so, the first time. They stay dirty, or in the log. */
void buffer_note_error(struct buffer_cache *cache, oskit_error_t error);

/*
 * Flushes the device unconditionally (but for a device without a volatile cache). *WRITES is the
 * number of writes that are certainly stable now. When the caller then does COUNT writes with
 * BLOCK_FUA and nobody else wrote meanwhile, buffer_note_stable makes them count as flushed too.
 */
oskit_error_t buffer_flush_now(struct buffer_cache *cache, oskit_u64_t *writes);
void buffer_note_stable(struct buffer_cache *cache, oskit_u64_t writes, oskit_u64_t count);

/* The journal keeps dirty ones for itself; this is for buffer_totals. */
void buffer_count_written(struct buffer_cache *cache, oskit_u64_t count);

/* A block of memory of the cache's block size, good for a device; NULL: none. */
void *buffer_memory_alloc(oskit_u32_t block_size, unsigned flags);
void buffer_memory_free(void *data, oskit_u32_t block_size);

#endif
