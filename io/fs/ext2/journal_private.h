/*
 * The journal's own state.
 *
 * Lock order: a handle -> commit in progress (a flag, `committer`, waited for on sleepers) ->
 * checkpoint_mutex taken only by who holds neither -> journal.lock (a spinlock) -> the buffer
 * cache's lock. super_mutex guards the superblock and is taken with no spinlock held.
 *
 * journal.lock guards every transaction and every journal_buffer. It is released for all I/O and
 * for all allocation.
 */
#ifndef IO_FS_EXT2_JOURNAL_PRIVATE_H
#define IO_FS_EXT2_JOURNAL_PRIVATE_H

#include <sluice/env.h>
#include "batch.h"
#include "buffer_private.h"
#include "journal.h"
#include "journal_tag.h"
#include "periodic.h"
#include "sleepers.h"

#define JOURNAL_PERIOD       5000000000ull /* nanoseconds from one timed commit to the next */
#define JOURNAL_BLOCKS_MIN   64u
#define JOURNAL_THREADS_HASH 16u
#define JOURNAL_REVOKE_HASH  64u

/* What a transaction does with a buffer. */
enum journal_use {
    JOURNAL_ACCESSED,  /* may change it */
    JOURNAL_CHANGED,   /* did: it goes to the log */
    JOURNAL_FORGOTTEN, /* freed it: neither to the log nor, once this has committed, in place */
};

/* What the journal knows of a buffer, from its first access until nothing below is set. Holds a
 * reference to the buffer. */
struct journal_buffer {
    struct buffer *buffer;
    struct journal_transaction *transaction; /* running or committing; NULL: neither */
    struct journal_transaction *next;        /* the running one, while transaction commits */
    struct journal_transaction *checkpoint;  /* committed, not yet written in place */
    enum journal_use use, next_use;          /* by transaction, by next */
    struct list link;                        /* transaction->buffers */
    struct list checkpoint_link;             /* checkpoint->checkpoint */
    void *frozen;                            /* what transaction commits, when next changes data */
    bool logging;                            /* data itself is on its way to the log */
    bool logged;                             /* the log has what transaction commits */
    bool placing;                            /* data is on its way to its place */
    struct journal_freed {                   /* of a block bitmap; by the parity of the tid */
        journal_tid_t tid;
        oskit_u8_t *bits; /* freed in TID: not to be used before it has committed */
    } freed[2];
    struct list freed_link; /* journal->bitmaps, while a freed[].bits isn't NULL */
};

struct journal_revoke {
    struct list link; /* in revokes[hash] */
    oskit_u64_t block;
};

enum journal_phase {
    JOURNAL_RUNNING,
    JOURNAL_CLOSING, /* takes no new handle; open ones end */
    JOURNAL_COMMITTING,
    JOURNAL_COMMITTED,
};

struct journal_transaction {
    struct list link; /* journal->committed, oldest first */
    journal_tid_t tid;
    enum journal_phase phase;
    oskit_u32_t handles;  /* open */
    oskit_u32_t reserved; /* credits that they have left */
    oskit_u32_t changes;  /* credits used: buffers that may go to the log */
    oskit_u32_t revoke_count;
    oskit_u32_t start;      /* block of the log where it begins; from committing on */
    bool freed;             /* some bits are busy because of it */
    struct list buffers;    /* journal_buffer.link */
    struct list checkpoint; /* journal_buffer.checkpoint_link */
    struct list ordered;    /* journal_ordered.link[tid & 1] */
    struct list callbacks;
    struct list revokes[JOURNAL_REVOKE_HASH];
};

struct journal {
    struct buffer_cache *cache;
    struct jbd_layout layout;
    const char *name;
    oskit_u64_t *map; /* block of the device by logical block */
    oskit_u32_t map_count;
    oskit_u32_t blocks;  /* of the journal; <= map_count */
    oskit_u32_t first;   /* the ring is first .. blocks - 1 */
    oskit_u32_t largest; /* blocks of one transaction */
    oskit_u64_t first_block, end_block;
    bool read_only;
    void (*closing)(void *arg); /* journal_config's */
    void *closing_arg;

    struct env_mutex super_mutex; /* guards super and its way to the disk */
    struct jbd_super *super;      /* a block of memory */

    struct env_mutex checkpoint_mutex;
    struct batch *place_batch; /* the checkpoint's */
    struct batch *log_batch;   /* the committer's */
    void *spare[8];            /* the committer's blocks: descriptors, commit, escaped copies */

    bool started; /* the superblock on the disk says where the log begins; the committer's */

    struct periodic ticker;
    bool ticking; /* set before the first handle */

    struct env_spinlock lock; /* guards what follows */
    struct sleepers sleepers; /* for everything that changes */
    oskit_error_t error;      /* why it was given up */
    struct journal_transaction *running, *committing;
    struct list committed;
    bool committer;             /* somebody commits */
    journal_tid_t next_tid;     /* of the next transaction */
    journal_tid_t done_tid;     /* the last on stable storage */
    oskit_u32_t head, tail;     /* the log's used part is tail .. head - 1; equal: empty */
    oskit_u32_t committing_log; /* blocks that the committing transaction will take at most */
    struct list handles[JOURNAL_THREADS_HASH];
    struct list bitmaps; /* journal_buffer.freed_link */
    struct journal_totals totals;
};

/* A comes before B, in a world where tids wrap. */
static inline bool journal_tid_before(journal_tid_t a, journal_tid_t b)
{
    return (oskit_s32_t)(a - b) < 0;
}

static inline struct journal_handle *journal_outermost(const struct journal_handle *handle)
{
    return handle->outer != NULL ? handle->outer : (struct journal_handle *)handle;
}

/* ---- journal.c ---- */

/* Writes the superblock: the log begins at START (0: it is empty) with transaction TID. Stable when
 * it returns. super_mutex is not held. */
oskit_error_t journal_super_write(struct journal *journal, oskit_u32_t start, journal_tid_t tid);
static inline void journal_wait(struct journal *journal)
{
    sleepers_wait(&journal->sleepers, &journal->lock);
}
static inline void journal_wake(struct journal *journal)
{
    sleepers_wake(&journal->sleepers);
}

/* ---- journal_replay.c ---- */

/* Brings what the log holds to its place. *NEXT: the tid to go on with. */
oskit_error_t journal_replay_log(struct journal *journal, struct journal_replay *replay,
                                 journal_tid_t *next);

/* ---- journal_transaction.c ---- */

struct journal_transaction *journal_transaction_alloc(void);
void journal_transaction_free(struct journal_transaction *transaction);
/* Blocks that CHANGES buffers and REVOKES records take in the log, all told. */
oskit_u32_t journal_log_blocks(const struct journal *journal, oskit_u32_t changes,
                               oskit_u32_t revokes);
/* The same with the one that the last handle may change: what is promised. */
oskit_u32_t journal_log_need(const struct journal *journal, oskit_u32_t changes,
                             oskit_u32_t revokes);
/* Blocks of the log that aren't in use nor promised to the committing transaction; locked. */
oskit_u32_t journal_log_free(const struct journal *journal);
oskit_u32_t journal_log_next(const struct journal *journal, oskit_u32_t block);
/* Ends JB if nothing needs it any more; locked. */
void journal_buffer_detach(struct journal_buffer *jb);

/* ---- journal_handle.c ---- */

/* A last handle, with one credit, in T that is closing and has no other; locked. */
void journal_begin_last(struct journal *journal, struct journal_transaction *t,
                        struct journal_handle *handle);

/* ---- journal_commit.c ---- */

/* Commits up to and including TID. No handle open. */
oskit_error_t journal_commit(struct journal *journal, journal_tid_t tid);

/* ---- journal_checkpoint.c ---- */

/* Writes buffers in place, oldest transaction first, until WANT blocks of the log are free or all
 * of it. OSKIT_SUCCESS doesn't promise that they are: look again. */
oskit_error_t journal_make_room(struct journal *journal, oskit_u32_t want);

#endif
