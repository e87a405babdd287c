/* What the journal knows of the buffer cache beyond buffer.h. */
#ifndef IO_FS_EXT2_BUFFER_PRIVATE_H
#define IO_FS_EXT2_BUFFER_PRIVATE_H

#include "buffer.h"

/* BLOCK's buffer if it is in memory, with a reference; else NULL. */
struct buffer *buffer_find(struct buffer_cache *cache, oskit_u64_t block);

/* Notes that metadata could not be written. */
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
