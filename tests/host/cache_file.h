/*
 * What the page cache's tests stand on: a disk whose completions and failures the test decides, and
 * a file on it with the simplest block map there is.
 */
#ifndef TESTS_HOST_CACHE_FILE_H
#define TESTS_HOST_CACHE_FILE_H

#include <stdatomic.h>
#include <sluice/blockqueue.h>
#include <sluice/pagecache.h>

/* ---- The disk ---- */

enum cache_disk_mode {
    CACHE_DISK_AT_ONCE, /* done before submit returns */
    CACHE_DISK_HELD,    /* when the test says so */
    CACHE_DISK_THREAD,  /* by a thread, in interrupt context */
};

struct cache_disk;
struct cache_disk *cache_disk_create(oskit_u64_t size, enum cache_disk_mode mode);
/* Ends the thread; the queue must have been released by all others. */
void cache_disk_destroy(struct cache_disk *disk);
sluice_blockqueue_t *cache_disk_queue(struct cache_disk *disk); /* borrowed */
unsigned char *cache_disk_bytes(struct cache_disk *disk);
void cache_disk_set_mode(struct cache_disk *disk, enum cache_disk_mode mode);
/* Limits that requests are held to. */
void cache_disk_set_limits(struct cache_disk *disk, oskit_u32_t segments, oskit_u32_t segment_size,
                           oskit_u32_t length);
/* Requests of kind OP that touch [START, END) fail with OSKIT_EIO; END 0: none. */
void cache_disk_fail(struct cache_disk *disk, enum block_op op, oskit_u64_t start, oskit_u64_t end);
/* Completes the requests that are held, those that come meanwhile included; how many. */
unsigned cache_disk_run(struct cache_disk *disk);
/* Requests submitted, and times that submit was called while not plugged or unplug sent some. */
struct cache_disk_counts {
    unsigned reads, writes, flushes, notifications;
    oskit_u64_t read_bytes, written_bytes;
};
struct cache_disk_counts cache_disk_counts(struct cache_disk *disk);

/* ---- The file ---- */

#define CACHE_FILE_BLOCKS 4096u

/* Block I of the file is block map[I] of the disk; 0 is a hole. */
struct cache_file {
    struct pagecache cache;
    struct cache_disk *disk;
    struct env_mutex mutex; /* the inode's */
    struct env_mutex map_mutex;
    oskit_u32_t map[CACHE_FILE_BLOCKS];
    oskit_u32_t next;  /* block of the disk that is given out next */
    oskit_u32_t limit; /* blocks of the disk; OSKIT_ENOSPC from there on */
    unsigned depth;    /* of begin */
    unsigned brackets, dirtied, grown;
    oskit_error_t extent_error;
};
/* An empty file with blocks of BLOCK_SIZE. New blocks hold rubbish. */
void cache_file_init(struct cache_file *file, struct cache_disk *disk, oskit_u32_t block_size);
void cache_file_fini(struct cache_file *file);
/* Drops the cache and takes another, as if mounted anew. */
void cache_file_remount(struct cache_file *file);

/* The same as pagecache_*, with the mutex where it belongs and kernel or program memory. */
oskit_error_t cache_file_write(struct cache_file *file, const void *bytes, size_t size,
                               oskit_u64_t offset, size_t *moved);
oskit_error_t cache_file_read(struct cache_file *file, struct pagecache_reader *reader, void *bytes,
                              size_t size, oskit_u64_t offset, size_t *moved);
oskit_error_t cache_file_direct(struct cache_file *file, bool write, void *bytes, size_t size,
                                oskit_u64_t offset, size_t *moved);
oskit_error_t cache_file_truncate(struct cache_file *file, oskit_u64_t size);
oskit_error_t cache_file_punch(struct cache_file *file, oskit_u64_t first, oskit_u64_t last);

#endif
