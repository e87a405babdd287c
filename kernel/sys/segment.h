/*
 * Segments of System V's shared memory: pieces of memory with a number and perhaps a key, which
 * live until they are removed and the last process has let go of them.
 *
 * A segment is an object: the table (sysv_ids.h) holds a reference while the number means it, and
 * each mapping one, counted through the interface by which mappings of sealed files are counted.
 */
#ifndef KERNEL_SYS_SEGMENT_H
#define KERNEL_SYS_SEGMENT_H

#include <sluice/object.h>
#include <sluice/sealing.h>
#include <sluice/vecio.h>
#include "kernel/abi/shm.h"
#include "kernel/sys/sysv_ids.h"

#define SEGMENT_SIZE_MAX (UINT64_MAX - (1ul << 24)) /* Linux's */

struct segment {
    struct sluice_object object;
    SLUICE_FACE(sluice_sealing_t) sealing; /* counts mappings; no seals */
    sluice_pager_t *pager;
    struct sysv_id entry;      /* its reference is the table's of the object */
    struct abi_shmid_ds about; /* but for its permissions; segment_ids.lock, as the next */
    bool gone;                 /* from the table */
};

extern struct sysv_ids segment_ids;

/* What /proc/sys/kernel sets. */
struct segment_limits {
    _Atomic uint64_t size;
    _Atomic uint32_t segments;
};
extern struct segment_limits segment_limits;

static inline struct segment *segment_of_id(struct sysv_id *id)
{
    return id ? container_of(id, struct segment, entry) : NULL;
}

/* With the lock held: nobody finds it by its key any more, and it goes with the last mapping. true:
 * the table's reference is the caller's to drop, without the lock. */
bool segment_remove(struct segment *segment);

/* For space_detach. */
bool segment_is(const sluice_sealing_t *sealing);
/* The segment that is mapped so, borrowed, or NULL. */
const struct segment *segment_behind(const sluice_sealing_t *sealing);

/* What there is of INDEX or behind, as IPC_STAT tells it, and its number; the memory it has, in
 * pages. false: none. [any] */
bool segment_tell(int index, struct abi_shmid_ds *out, int *id, uint64_t *pages);

#endif
