/*
 * Segments of System V's shared memory: pieces of memory with a number and perhaps a key, which
 * live until they are removed and the last process has let go of them.
 *
 * A segment is an object: the table holds a reference while the number means it, and each mapping
 * one, counted through the interface by which mappings of sealed files are counted.
 */
#ifndef KERNEL_SYS_SEGMENT_H
#define KERNEL_SYS_SEGMENT_H

#include <stdbool.h>
#include <sluice/list.h>
#include <sluice/object.h>
#include <sluice/sealing.h>
#include <sluice/vecio.h>
#include "kernel/abi/shm.h"

#define SEGMENTS_MAX     4096 /* Linux's, as the next two */
#define SEGMENT_SIZE_MAX (UINT64_MAX - (1ul << 24))
#define SEGMENT_INDEXES \
    32768 /* a number is an index, and how often numbers were given times this */

struct segment {
    struct sluice_object object;
    SLUICE_FACE(sluice_sealing_t) sealing; /* counts mappings; no seals */
    sluice_pager_t *pager;
    int id;
    struct list link;          /* in the table, by index; segments_lock */
    struct abi_shmid_ds about; /* segments_lock */
};

/* Guards the table and what segments say about themselves. A leaf. [any] */
void segments_lock(void);
void segments_unlock(void);

/* With the lock held: the segment of that key or number, the first one at INDEX or behind (NULL:
 * none). Nothing is referenced. */
struct segment *segment_by_key(int32_t key);
struct segment *segment_by_id(int id);
struct segment *segment_from(int index);
static inline int segment_index(const struct segment *segment)
{
    return segment->id % SEGMENT_INDEXES;
}

/* A segment in no table, of SIZE bytes, the caller's; NULL: no memory. [thread] */
struct segment *segment_create(uint64_t size);
/* With the lock held: gives it a number and enters it, with the caller's reference. -ABI_ENOSPC. */
long segment_enter(struct segment *segment);
/* With the lock held: nobody finds it by its key any more, and it goes with the last mapping. true:
 * the table's reference is the caller's to release, without the lock. */
bool segment_remove(struct segment *segment);

/* For space_detach. */
bool segment_is(const sluice_sealing_t *sealing);

#endif
