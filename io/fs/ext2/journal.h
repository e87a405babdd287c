/*
 * The journal: changes of several metadata blocks that happen all together or, after a power cut,
 * not at all. On the disk it is ext3's (the format of jbd2), so Linux and e2fsck replay ours and we
 * theirs.
 *
 * A file system operation is a handle: journal_begin, changes, journal_end. Many handles make one
 * transaction, which is committed every five seconds, or when somebody waits for it (fsync).
 * One transaction is running (takes handles); at most one is committing, that is being written to
 * the log; those before it are in the log and wait for their blocks to be written in place
 * (checkpoint).
 *
 *     struct journal_handle handle;
 *     error = journal_begin(fs->journal, credits, &handle);
 *     ...
 *     error = journal_access(&handle, buffer);     before the first change: may fail
 *     change buffer->data
 *     journal_dirty(&handle, buffer);              after it: can't fail
 *     ...
 *     inode->tid = journal_tid(&handle);           for fsync
 *     journal_end(&handle);
 *
 * No journal. JOURNAL may be NULL everywhere (ext2): begin and access succeed at once, dirty is
 * buffer_dirty, forget is buffer_forget, free_bits and ordered do nothing, tid is 0, commit_wait
 * and sync do nothing (call buffer_sync).
 *
 * Nesting. A begin in a thread that has a handle of this journal open joins it: same transaction,
 * never waits. So each function that changes something may begin its own handle; the outermost
 * one must ask for the credits of all.
 *
 * Lock order, outermost first: the file system's inode and group mutexes; a handle; a busy page
 * (<sluice/pagecache.h>); the journal's and the buffer cache's own locks.
 *   - The outermost journal_begin may wait for a commit and for log space; the commit waits for
 *     pages that the ordered caches are writing. So nobody begins an outermost handle with a page
 *     busy: what may allocate blocks for a page (write, getpage for writing) begins its handle
 *     before it calls the page cache, and the reserve operation's own begin nests. The handle then
 *     also covers the copying, so that the transaction can't commit between allocating a block and
 *     dirtying its page: ordered mode rests on that. Keep such a handle short: split long writes.
 *   - A thread with a handle open doesn't call journal_commit_wait or journal_sync, and waits for
 *     nothing that needs another thread's new handle.
 *
 * Freed blocks. A block freed in a transaction that hasn't committed belongs, after a power cut, to
 * its old file again. So it isn't handed out before: call journal_free_bits before clearing its
 * bit, and let the allocator pass over busy bits (journal_busy). And if it held metadata (anything
 * that was ever journal_dirty: indirect blocks, directories, attribute blocks), call
 * journal_forget, so that an old copy in the log isn't replayed over its next use.
 *
 * All functions are [thread].
 */
#ifndef IO_FS_EXT2_JOURNAL_H
#define IO_FS_EXT2_JOURNAL_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/list.h>
#include "buffer.h"

struct journal;
struct journal_transaction;
typedef oskit_u32_t journal_tid_t; /* wraps, through 0 too; without a journal always 0 */

/* ---- Mounting ---- */

struct journal_config {
    struct buffer_cache *cache; /* of the file system; outlives the journal */
    /* Block of the file system where block LOGICAL of the journal's inode is. Called at open only,
     * for 0..blocks - 1; a hole is OSKIT_EUCLEAN. */
    oskit_error_t (*map)(void *arg, oskit_u32_t logical, oskit_u64_t *out_block);
    void *arg;
    /*
     * The last handle of each transaction, which nobody else's can follow: for sums over what the
     * transaction changed, the superblock's counts. Runs in the committing thread, which has the
     * handle open with one credit: journal_begin(.., 1, ..) nests. It may take what may be
     * taken within a handle. NULL: there is none.
     */
    void (*closing)(void *closing_arg);
    void *closing_arg;
    oskit_u32_t blocks;      /* of the journal's inode: size / block size */
    oskit_u64_t first_block; /* blocks below it and from END on are never replayed to */
    oskit_u64_t end_block;
    bool read_only;   /* the mount: replay, then close; no handles */
    const char *name; /* of the device, for the log; stays valid */
};

struct journal_replay {
    oskit_u32_t transactions, blocks, revoked; /* replayed */
    oskit_s32_t error; /* what an earlier mount noted when it gave the journal up, a Linux errno, or
                          0: the file system wants checking */
};

/*
 * Opens the journal and replays what is in it: afterwards the file system is consistent, and what
 * was read of it before (superblock, group descriptors, the journal's inode) must be looked at
 * again; buffers held across the call show the new contents. *REPLAY (may be NULL) says what was
 * done. OSKIT_EUCLEAN: not a journal, or one that makes no sense; OSKIT_EOPNOTSUPP: features we
 * don't know (said in the log), or a journal on another device; OSKIT_EROFS: needs replay, but the
 * device can't be written; OSKIT_EIO; OSKIT_E_OUTOFMEMORY. Nothing is left open on failure.
 */
oskit_error_t journal_open(const struct journal_config *config, struct journal_replay *replay,
                           struct journal **out);
/* The superblock says by now what an earlier mount noted in the log, which forgets it, as on Linux.
 */
oskit_error_t journal_error_clear(struct journal *journal);
/*
 * Commits, checkpoints, marks the log empty, ends. No handle is open. The first error: then the log
 * keeps what the next mount must replay (leave the superblock's RECOVER flag set). NULL is
 * ignored, with success.
 */
oskit_error_t journal_close(struct journal *journal);
/* Ends it as a power cut would: nothing is written. For tests, and for forced unmounts. */
void journal_drop(struct journal *journal);

/* ---- Handles ---- */

/* Lives on the stack of who began it; all fields are the journal's. */
struct journal_handle {
    struct journal *journal;
    struct journal_handle *outer; /* the handle joined; NULL for an outermost one */
    struct journal_transaction *transaction;
    oskit_u32_t credits;  /* left */
    oskit_u32_t reserved; /* asked for in all */
    uintptr_t thread;
    struct list link;
};

/*
 * Opens a handle that will change up to CREDITS different blocks (journal_forget counts as one).
 * Waits while the log is full or the running transaction is closing. OSKIT_EROFS: the journal was
 * given up (or opened read_only); OSKIT_ENOSPC: more than the journal could ever hold in one
 * transaction (journal_credits_max); for a nested one, that the transaction can't grow by what the
 * outermost lacks. On failure HANDLE isn't open.
 */
oskit_error_t journal_begin(struct journal *journal, oskit_u32_t credits,
                            struct journal_handle *handle);
/* Ends it; unused credits go back. Nested ones end before what they joined. */
void journal_end(struct journal_handle *handle);
/* CREDITS more, if that is possible without waiting; else OSKIT_EAGAIN: bring the blocks into a
 * state that may stand on the disk by itself, and journal_restart. */
oskit_error_t journal_extend(struct journal_handle *handle, oskit_u32_t credits);
/*
 * journal_end, then journal_begin: in a new transaction if need be. Buffers must be accessed again.
 * Only for an outermost handle (OSKIT_EBUSY in a nested one). After a failure the handle is closed:
 * journal_end must not be called.
 */
oskit_error_t journal_restart(struct journal_handle *handle, oskit_u32_t credits);
/* Credits that HANDLE (the outermost of them) has left; and the most that a handle may ask for.
 * Without a journal UINT32_MAX. */
oskit_u32_t journal_credits(const struct journal_handle *handle);
oskit_u32_t journal_credits_max(struct journal *journal);
/* Whose transaction the handle is part of, to wait for later. */
journal_tid_t journal_tid(const struct journal_handle *handle);
/* The latest transaction: what happened before is in it, or in one before it. */
journal_tid_t journal_tid_latest(struct journal *journal);

/*
 * Announces a change of BUFFER: the data may be changed from when it returns to journal_end. May
 * copy the data aside for the committing transaction, and may wait for a write of the buffer. The
 * caller excludes others who change the same bytes, as ever. Twice in one transaction costs
 * little. OSKIT_EROFS; OSKIT_ENOSPC: no credit left, and none to be had; OSKIT_E_OUTOFMEMORY.
 */
oskit_error_t journal_access(struct journal_handle *handle, struct buffer *buffer);
/* BUFFER was changed after journal_access in this transaction: it becomes part of it. */
void journal_dirty(struct journal_handle *handle, struct buffer *buffer);
/*
 * The metadata block of BUFFER was freed in this handle: changes of it aren't logged, and older
 * copies in the log won't be replayed. Takes over the caller's reference to BUFFER, whatever the
 * answer. OSKIT_EROFS, OSKIT_ENOSPC, OSKIT_E_OUTOFMEMORY as journal_access: then the block must
 * not be freed.
 */
oskit_error_t journal_forget(struct journal_handle *handle, struct buffer *buffer);
/* The same by number, when the buffer isn't at hand. */
oskit_error_t journal_revoke(struct journal_handle *handle, oskit_u64_t block);

/* ---- Freed blocks ---- */

/*
 * Bits FIRST..FIRST + COUNT - 1 of the block bitmap BUFFER, accessed in this handle, are about to
 * be cleared by it: they are busy until its transaction has committed. The caller holds the lock
 * that guards the bitmap's contents. OSKIT_E_OUTOFMEMORY: don't clear them.
 */
oskit_error_t journal_free_bits(struct journal_handle *handle, struct buffer *buffer,
                                oskit_u32_t first, oskit_u32_t count);
/*
 * The busy bits of BUFFER, as two bitmaps of a block's size; either may be NULL: none. A bit can be
 * allocated when it is clear in the data and in both. Valid while the caller holds the lock
 * that guards the bitmap's contents. Nearly free when nothing was freed lately.
 */
struct journal_busy {
    const oskit_u8_t *bits[2];
};
void journal_busy(struct journal *journal, struct buffer *buffer, struct journal_busy *out);
/*
 * When an allocator finds nothing but busy bits: waits for the commits that set them free and
 * returns true; false when there is nothing to wait for. No handle open.
 */
bool journal_wait_free(struct journal *journal);

/* ---- Ordered data ---- */

/*
 * Contents that must be on the device before the transaction that made them reachable commits; one
 * in each inode. All zeros but the first two at first.
 */
struct journal_ordered {
    /*
     * Writes what is dirty now: WAIT false: begins to; then once more with WAIT true: waits for
     * it (pagecache_writeback does either). Called from a commit, in any thread, with no lock and
     * (in that thread) no handle held; it begins none and takes no inode mutex. An error is noted
     * by the page cache for the next fsync, and the commit goes on.
     */
    oskit_error_t (*write)(void *arg, bool wait);
    void *arg;
    /* The journal's: in the lists of up to two transactions, by the parity of their tids. */
    struct list link[2];
    journal_tid_t tid[2];
    bool listed[2];
    bool writing;
};
/* ORDERED's data belong to the handle's transaction: call after allocating blocks for data. */
void journal_add_ordered(struct journal_handle *handle, struct journal_ordered *ordered);
/*
 * Before dirty contents are thrown away by a change in HANDLE: while a transaction from before
 * HANDLE's commits that made ORDERED's data reachable, they must still be written, or a power cut
 * between the two commits would show what was on the disk. Writes and waits. [thread]
 */
void journal_settle_ordered(struct journal_handle *handle, struct journal_ordered *ordered);
/* The inode goes: takes it out of all lists, waiting for a commit that is using it. With or without
 * a handle. */
void journal_remove_ordered(struct journal *journal, struct journal_ordered *ordered);

/* ---- After the commit ---- */

/* DONE(ARG, error) runs once the handle's transaction is on the disk (or, with an error, never will
 * be): in any thread, no lock held, no handle. The struct is the caller's till then. */
struct journal_callback {
    void (*done)(struct journal_callback *callback, oskit_error_t error);
    void *arg;
    struct list link;
};
/* Without a journal DONE runs at once. */
void journal_at_commit(struct journal_handle *handle, struct journal_callback *callback);

/* ---- Waiting ---- */

/* Returns when transaction TID (of journal_tid) is on stable storage: at once when it is already;
 * commits it when it is running. Several that wait share one commit. No handle open.
 * OSKIT_EROFS or OSKIT_EIO: the journal was given up before. */
oskit_error_t journal_commit_wait(struct journal *journal, journal_tid_t tid);
/* fsync's whole end, after the page cache wrote the data: commit_wait, then a device flush, unless
 * the commit brought one after now, or nothing was written since the last (buffer_flush). */
oskit_error_t journal_fsync(struct journal *journal, journal_tid_t tid);
/* Everything until now is on stable storage (sync, syncfs); not checkpointed. WAIT false: begins
 * it. */
oskit_error_t journal_sync(struct journal *journal, bool wait);
/* Writes all committed blocks in place and empties the log: before freezing, unmounting, and for
 * tests. No handle open. */
oskit_error_t journal_checkpoint(struct journal *journal);

/* Gives the journal up: REASON and the error in one line of the log; nothing more is written, and
 * begin answers OSKIT_EROFS. For inconsistencies that ext2 finds; the journal itself calls it when
 * it can't write. The first call counts. */
void journal_abort(struct journal *journal, oskit_error_t error, const char *reason);
/* OSKIT_SUCCESS, or why it was given up. NULL: success. */
oskit_error_t journal_error(struct journal *journal);

struct journal_totals {
    oskit_u64_t commits, blocks, revokes, checkpoints, flushes;
    oskit_u32_t log_blocks, log_used;
};
void journal_totals(struct journal *journal, struct journal_totals *out);

#endif
