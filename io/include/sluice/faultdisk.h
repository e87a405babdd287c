/*
 * A disk that fails as it is told to: a blockqueue over another one, for tests. It makes errors,
 * torn and reordered writes by a schedule, keeps a volatile cache that a power cut loses, and
 * records what was written when, so that the disk can be put together as any power cut could have
 * left it.
 *
 * The disk below gets every write at once; the record, from faultdisk_record on, has each write
 * with its data and each flush, in the order in which they were done.
 */
#ifndef SLUICE_FAULTDISK_H
#define SLUICE_FAULTDISK_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>

struct faultdisk;

/* When requests fail. Counted from faultdisk_schedule on; 0: never. */
struct faultdisk_schedule {
    oskit_u64_t read_error;  /* the Nth read is OSKIT_EIO */
    oskit_u64_t write_error; /* the Nth write; nothing of it is written */
    oskit_u64_t torn_write;  /* the Nth write; some of its sectors are written, and OSKIT_EIO */
    oskit_u64_t flush_error; /* the Nth flush */
    bool lasting;            /* and all later ones of that kind */
    bool reorder;            /* the requests of one submission are carried out in random order */
    oskit_u64_t seed;        /* of everything random; any value */
};

/* A disk over BELOW, which gains a reference. *OUT is freed by the last release of *QUEUE, which is
 * the caller's. Says that it has a volatile cache. [thread] */
oskit_error_t faultdisk_create(sluice_blockqueue_t *below, struct faultdisk **out,
                               sluice_blockqueue_t **queue);
/* [any] */
void faultdisk_schedule(struct faultdisk *disk, const struct faultdisk_schedule *schedule);

/* Starts a new record, empty; LIMIT bytes of data at most, then faultdisk_full is true and nothing
 * more is recorded. [thread] */
void faultdisk_record(struct faultdisk *disk, oskit_u64_t limit);
bool faultdisk_full(const struct faultdisk *disk);

enum faultdisk_kind { FAULTDISK_WRITE, FAULTDISK_FLUSH };
struct faultdisk_event {
    enum faultdisk_kind kind;
    bool fua;
    oskit_u32_t covers; /* of a flush: events before this one were done when it was submitted */
    oskit_u64_t offset;
    oskit_u32_t length;     /* a flush has none */
    const oskit_u8_t *data; /* what was written; valid until the next record or the end */
};
/* Events so far, in the order in which they were done; event I. Nobody submits meanwhile, or the
 * caller looks at events that were there before only. [thread] */
oskit_u32_t faultdisk_events(struct faultdisk *disk);
const struct faultdisk_event *faultdisk_event(struct faultdisk *disk, oskit_u32_t index);

/*
 * The power goes after COUNT events. IMAGE (SIZE bytes) has the disk as it was when the record
 * began; afterwards it has what is left: every write that a later flush, or its own FUA, made
 * stable before then; of the others each sector of 512 bytes by SURVIVE: 0: none; 256: all; else
 * each write whole, torn or not at all with about that chance of 256, by SEED. Of several unstable
 * writes to a sector a later one may be lost and the earlier kept.
 */
void faultdisk_cut(struct faultdisk *disk, oskit_u32_t count, oskit_u32_t survive, oskit_u64_t seed,
                   oskit_u8_t *image, oskit_u64_t size);

#endif
