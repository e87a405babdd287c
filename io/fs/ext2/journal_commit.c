/*
 * Committing: the running transaction goes to the log.
 *
 * Whoever needs a commit makes it himself (`committer`); others who need one meanwhile wait, and
 * find theirs done or make the next, which everybody who came in between shares. The steps:
 *
 *   1. The transaction closes: new handles wait, open ones end. Then a new one may run.
 *   2. Ordered data are sent on the way to their places.
 *   3. Revoke records, descriptors and copies of the buffers are written to the log meanwhile.
 *   4. Barrier: all that is waited for, then the device is flushed. From here on whatever the
 *      commit block makes valid is stable: the log's blocks, and the file contents that the new
 *      metadata point to. Without it the device might keep the commit block and lose a copy
 *      (replay would put rubbish in place) or data (a file would show what was on the disk).
 *   5. The commit block, with FUA: stable when it is done, so that fsync may return; and before
 *      anything of this transaction is written in place, for that rests on replay.
 *   6. The buffers are handed to the checkpoint, or to the running transaction.
 *
 * journal.lock is released for all I/O. A buffer's data are stable while `logging`; its place in
 * transaction->buffers doesn't change while the transaction commits.
 */
#include "journal_private.h"

#include <sluice/string.h>

#define SPARES ((oskit_u32_t)(sizeof((struct journal *)0)->spare / sizeof(void *)))

struct log_writer {
    struct journal *journal;
    struct journal_transaction *t;
    oskit_u32_t at;    /* next block of the log */
    oskit_u32_t spare; /* next of journal->spare */
    oskit_error_t error;
    const char *trouble;    /* for the log, if there is an error */
    oskit_u8_t *descriptor; /* the open one; NULL: none */
    oskit_u32_t descriptor_at, used;
    oskit_u8_t *last_tag;
    struct jbd_tag last;
};

/* Puts DATA at the log's next block. The batch has room. */
static void log_add(struct log_writer *w, void *data, void *owner)
{
    batch_add(w->journal->log_batch, w->journal->map[w->at], data, owner);
    w->at = journal_log_next(w->journal, w->at);
}

static void log_end(struct log_writer *w)
{
    struct journal *journal = w->journal;
    struct batch *batch = journal->log_batch;
    oskit_error_t error = batch_wait(batch);

    if (OSKIT_FAILED(error) && !OSKIT_FAILED(w->error))
        w->error = error;
    env_spin_lock(&journal->lock);
    for (oskit_u32_t i = 0; i < batch->count; i++) {
        struct journal_buffer *jb = batch->blocks[i].owner;
        if (jb != NULL) {
            jb->logging = false;
            jb->logged = true;
        }
    }
    journal->totals.blocks += batch->count;
    journal_wake(journal);
    env_spin_unlock(&journal->lock);
    batch_clear(batch);
    w->spare = w->descriptor != NULL ? 1 : 0; /* an open descriptor is the first spare */
}

static void log_flush(struct log_writer *w)
{
    batch_start(w->journal->log_batch, BLOCK_WRITE, 0);
    log_end(w);
}

/* A block of memory, zeros but for a header of TYPE, at home in the log until the next log_end. */
static oskit_u8_t *spare_take(struct log_writer *w, enum jbd_block_type type)
{
    oskit_u8_t *block = w->journal->spare[w->spare++];
    struct jbd_header *header = (struct jbd_header *)block;

    memset(block, 0, w->journal->layout.block_size);
    *header = (struct jbd_header){jbd_32(JBD_MAGIC), jbd_32(type), jbd_32(w->t->tid)};
    return block;
}

/* ---- Revoke records ---- */

static void revoke_seal(struct log_writer *w, oskit_u8_t *block, oskit_u32_t used)
{
    ((struct jbd_revoke *)block)->used = jbd_32(used);
    jbd_block_seal(&w->journal->layout, block, jbd_tail_at(&w->journal->layout));
    log_add(w, block, NULL);
    if (batch_full(w->journal->log_batch) || w->spare == SPARES)
        log_flush(w);
}

static void revoke_store(const struct jbd_layout *layout, oskit_u8_t *at, oskit_u64_t block)
{
    oskit_u64_t wide = jbd_64(block);
    oskit_u32_t narrow = jbd_32((oskit_u32_t)block);

    if (layout->incompat & JBD_INCOMPAT_64BIT)
        memcpy(at, &wide, sizeof wide);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static void write_revokes(struct log_writer *w)
{
    const struct jbd_layout *layout = &w->journal->layout;
    oskit_u32_t size = jbd_revoke_size(layout), used = 0;
    oskit_u8_t *block = NULL;

    for (unsigned i = 0; i < JOURNAL_REVOKE_HASH; i++) {
        list_for_each (node, &w->t->revokes[i]) {
            if (block == NULL) {
                block = spare_take(w, JBD_REVOKE);
                used = sizeof(struct jbd_revoke);
            }
            revoke_store(layout, block + used,
                         container_of(node, struct journal_revoke, link)->block);
            used += size;
            if (used + size > jbd_room(layout)) {
                revoke_seal(w, block, used);
                block = NULL;
            }
        }
    }
    if (block != NULL)
        revoke_seal(w, block, used);
}

/* ---- Buffers ---- */

static void descriptor_open(struct log_writer *w)
{
    if (w->spare != 0 || batch_full(w->journal->log_batch))
        log_flush(w); /* the first spare must be free */
    w->descriptor = spare_take(w, JBD_DESCRIPTOR);
    w->descriptor_at = w->at;
    w->used = sizeof(struct jbd_header);
    log_add(w, w->descriptor, NULL);
}

/* The descriptor's last tag says so, and its checksum holds. When the batch it was added to has
 * gone to the device meanwhile, it goes once more. */
static void descriptor_close(struct log_writer *w)
{
    struct journal *journal = w->journal;
    struct batch *batch = journal->log_batch;
    bool waiting = false;

    if (w->descriptor == NULL)
        return;
    w->last.flags |= JBD_TAG_LAST;
    jbd_tag_write(&journal->layout, w->last_tag, &w->last);
    jbd_block_seal(&journal->layout, w->descriptor, jbd_tail_at(&journal->layout));
    for (oskit_u32_t i = 0; i < batch->count && !waiting; i++)
        waiting = batch->blocks[i].data == w->descriptor;
    if (!waiting) {
        if (batch_full(batch))
            log_flush(w);
        batch_add(batch, journal->map[w->descriptor_at], w->descriptor, NULL);
    }
    w->descriptor = NULL;
}

/* What JB's buffer looks like in this transaction; stable until it is logged. */
static void *contents_take(struct journal *journal, struct journal_buffer *jb)
{
    env_spin_lock(&journal->lock);
    jb->logging = jb->frozen == NULL;
    void *data = jb->frozen != NULL ? jb->frozen : jb->buffer->data;
    env_spin_unlock(&journal->lock);
    return data;
}

/* DATA, or a copy without the magic number at its beginning, which would look like the log's. */
static void *escape(struct log_writer *w, void *data, oskit_u32_t *flags)
{
    const oskit_u32_t magic = jbd_32(JBD_MAGIC);

    if (memcmp(data, &magic, sizeof magic) != 0)
        return data;
    oskit_u8_t *copy = w->journal->spare[w->spare++];
    memcpy(copy, data, w->journal->layout.block_size);
    memset(copy, 0, sizeof magic);
    *flags |= JBD_TAG_ESCAPE;
    return copy;
}

static void write_buffer(struct log_writer *w, struct journal_buffer *jb)
{
    struct journal *journal = w->journal;
    const struct jbd_layout *layout = &journal->layout;

    if (batch_full(journal->log_batch) || w->spare == SPARES)
        log_flush(w);
    bool first = w->descriptor == NULL;
    if (first) {
        descriptor_open(w);
        if (batch_full(journal->log_batch))
            log_flush(w);
    }
    w->last = (struct jbd_tag){.block = jb->buffer->block, .flags = first ? 0 : JBD_TAG_SAME_UUID};
    void *data = escape(w, contents_take(journal, jb), &w->last.flags);
    w->last.checksum = jbd_tag_checksum(layout, w->t->tid, data);
    w->last_tag = w->descriptor + w->used;
    jbd_tag_write(layout, w->last_tag, &w->last);
    w->used += jbd_tag_size(layout);
    if (first) {
        memcpy(w->descriptor + w->used, journal->super->uuid, sizeof journal->super->uuid);
        w->used += sizeof journal->super->uuid;
    }
    log_add(w, data, jb);
    if (w->used + jbd_tag_size(layout) > jbd_room(layout))
        descriptor_close(w);
}

static void write_buffers(struct log_writer *w)
{
    list_for_each (node, &w->t->buffers) {
        struct journal_buffer *jb = container_of(node, struct journal_buffer, link);
        if (jb->use == JOURNAL_CHANGED)
            write_buffer(w, jb);
    }
    descriptor_close(w);
}

/* ---- Ordered data ---- */

/* Calls each ordered member's write. Without WAIT it stays listed; with it, it is done. */
static void write_ordered(struct journal *journal, struct journal_transaction *t, bool wait)
{
    struct list done = LIST_INIT(done);
    unsigned side = t->tid & 1;

    env_spin_lock(&journal->lock);
    for (struct list *node; (node = list_pop_front(&t->ordered)) != NULL;) {
        struct journal_ordered *o =
            container_of(node - side, struct journal_ordered, link[0]); /* link[side] */
        o->writing = true;
        list_push_back(&done, node);
        env_spin_unlock(&journal->lock);
        o->write(o->arg, wait);
        env_spin_lock(&journal->lock);
        o->writing = false;
        if (wait) {
            list_remove(node);
            o->listed[side] = false;
        }
        journal_wake(journal); /* who removes it */
    }
    for (struct list *node; (node = list_pop_front(&done)) != NULL;)
        list_push_back(&t->ordered, node);
    env_spin_unlock(&journal->lock);
}

/* ---- The end ---- */

static oskit_error_t write_commit_block(struct log_writer *w)
{
    struct journal *journal = w->journal;
    int64_t now = env_time_real();
    struct jbd_commit *commit = (struct jbd_commit *)spare_take(w, JBD_COMMIT);

    commit->seconds = jbd_64((oskit_u64_t)(now / 1000000000));
    commit->nanoseconds = jbd_32((oskit_u32_t)(now % 1000000000));
    jbd_block_seal(&journal->layout, commit, offsetof(struct jbd_commit, checksum));
    log_add(w, commit, NULL);
    batch_start(journal->log_batch, BLOCK_WRITE, BLOCK_FUA);
    log_end(w);
    return w->error;
}

/* Everything from the log's first block to the commit block. */
static oskit_error_t write_log(struct log_writer *w)
{
    struct journal *journal = w->journal;
    oskit_u64_t writes;

    write_ordered(journal, w->t, false);
    write_revokes(w);
    write_buffers(w);
    log_flush(w);
    /* No buffer is `logging` from here on: a file's data may have to wait for a thread that holds
     * the file's map and waits, in journal_access, for such a buffer. */
    write_ordered(journal, w->t, true);
    if (OSKIT_FAILED(w->error))
        return w->error;
    /* The log on the disk is empty until the superblock says where it begins; that must be stable
     * before the commit block may count. */
    if (!journal->started) {
        w->error = journal_super_write(journal, w->t->start, w->t->tid);
        journal->started = !OSKIT_FAILED(w->error);
    }
    if (!OSKIT_FAILED(w->error))
        w->error = buffer_flush_now(journal->cache, &writes); /* barrier 4 */
    if (OSKIT_FAILED(w->error) || OSKIT_FAILED(write_commit_block(w)))
        return w->error;
    buffer_note_stable(journal->cache, writes, 1); /* the commit block was the only write */
    return OSKIT_SUCCESS;
}

/* A forgotten buffer's block may be anybody's from now on: its old contents must not be on their
 * way to it. Waits; locked. */
static void settle_forgotten(struct journal *journal, struct journal_transaction *t)
{
    list_for_each (node, &t->buffers) {
        struct journal_buffer *jb = container_of(node, struct journal_buffer, link);
        while (jb->use == JOURNAL_FORGOTTEN && jb->placing)
            journal_wait(journal);
    }
}

/* JB leaves the committed T: for the checkpoint, for the running transaction, or for good. */
static void release_buffer(struct journal *journal, struct journal_transaction *t,
                           struct journal_buffer *jb)
{
    buffer_memory_free(jb->frozen, journal->layout.block_size);
    jb->frozen = NULL;
    jb->logged = false;
    list_remove(&jb->link);
    if (jb->use != JOURNAL_ACCESSED && jb->checkpoint != NULL) {
        list_remove(&jb->checkpoint_link); /* newer contents are in the log, or none are wanted */
        jb->checkpoint = NULL;
    }
    if (jb->use == JOURNAL_CHANGED) {
        jb->checkpoint = t;
        list_push_back(&t->checkpoint, &jb->checkpoint_link);
    }
    jb->transaction = jb->next;
    jb->use = jb->next_use;
    jb->next = NULL;
    if (jb->transaction != NULL)
        list_push_back(&jb->transaction->buffers, &jb->link);
    else
        journal_buffer_detach(jb);
}

static void finish(struct log_writer *w)
{
    struct journal *journal = w->journal;
    struct journal_transaction *t = w->t;
    struct list callbacks = LIST_INIT(callbacks);

    env_spin_lock(&journal->lock);
    settle_forgotten(journal, t);
    while (!list_empty(&t->buffers))
        release_buffer(journal, t, container_of(t->buffers.next, struct journal_buffer, link));
    for (struct list *node; (node = list_pop_front(&t->callbacks)) != NULL;)
        list_push_back(&callbacks, node);
    t->phase = JOURNAL_COMMITTED;
    list_push_back(&journal->committed, &t->link);
    journal->committing = NULL;
    journal->committing_log = 0;
    journal->head = w->at;
    journal->done_tid = t->tid;
    journal->totals.commits++;
    journal->totals.revokes += t->revoke_count;
    env_spin_unlock(&journal->lock);
    for (struct list *node; (node = list_pop_front(&callbacks)) != NULL;) {
        struct journal_callback *callback = container_of(node, struct journal_callback, link);
        callback->done(callback, OSKIT_SUCCESS);
    }
}

/* T is closing and has no handle; locked, but not while the file system sums up. */
static void last_handle(struct journal *journal, struct journal_transaction *t)
{
    struct journal_handle handle;

    if (journal->closing == NULL || OSKIT_FAILED(journal->error))
        return;
    journal_begin_last(journal, t, &handle);
    env_spin_unlock(&journal->lock);
    journal->closing(journal->closing_arg);
    journal_end(&handle);
    env_spin_lock(&journal->lock);
}

/* The running transaction takes no more handles, loses those it has, and commits from here on;
 * locked. Its claim on the log becomes exact. */
static void close_running(struct journal *journal, struct log_writer *w)
{
    struct journal_transaction *t = journal->running;

    t->phase = JOURNAL_CLOSING;
    while (t->handles != 0)
        journal_wait(journal);
    last_handle(journal, t);
    t->phase = JOURNAL_COMMITTING;
    t->start = journal->head;
    oskit_u32_t need = journal_log_blocks(journal, t->changes, t->revoke_count);
    if (need > journal_log_free(journal)) { /* it would write over what replay needs */
        w->error = OSKIT_ENOSPC;
        w->trouble = "a transaction has no room in the log";
    }
    journal->committing_log = need;
    journal->committing = t;
    journal->running = NULL;
    journal_wake(journal); /* who waits to begin */
    w->t = t;
    w->at = t->start;
}

/* Commits the running transaction; `committer` is ours, and the lock is held on both ends. */
static void commit_running(struct journal *journal)
{
    struct log_writer w = {.journal = journal, .trouble = "cannot write the log"};

    close_running(journal, &w);
    env_spin_unlock(&journal->lock);
    if (OSKIT_FAILED(w.error) || OSKIT_FAILED(write_log(&w)))
        journal_abort(journal, w.error, w.trouble);
    else
        finish(&w);
    env_spin_lock(&journal->lock);
    /* Half a log to write in place: time to begin, before somebody has to wait for it. */
    if (journal_log_free(journal) < (journal->blocks - journal->first) / 2 && journal->ticking)
        periodic_kick(&journal->ticker);
}

/*
 * Nobody has changed anything in T, nor can have promised to: it stays the running one. It may be
 * there only because a begin waits for room in the log, so that not even a commit of nothing has
 * its blocks. Locked.
 */
static bool nothing_in(const struct journal_transaction *t)
{
    return t->handles == 0 && t->changes == 0 && t->revoke_count == 0 && list_empty(&t->ordered) &&
           list_empty(&t->callbacks);
}

oskit_error_t journal_commit(struct journal *journal, journal_tid_t tid)
{
    oskit_error_t error = OSKIT_SUCCESS;

    env_spin_lock(&journal->lock);
    while (journal_tid_before(journal->done_tid, tid)) {
        error = journal->error;
        if (OSKIT_FAILED(error))
            break;
        if (journal->committer) {
            journal_wait(journal);
            continue;
        }
        if (journal->running == NULL || journal_tid_before(journal->running->tid, tid))
            break; /* nobody has begun it */
        if (nothing_in(journal->running))
            break;
        journal->committer = true;
        commit_running(journal);
        journal->committer = false;
        journal_wake(journal);
    }
    env_spin_unlock(&journal->lock);
    return error;
}
