/*
 * Checkpointing: what committed transactions changed is written in place, so that the log's oldest
 * part can be used again.
 *
 * A buffer that a later transaction has changed since isn't written: its data are not what is in
 * the log. It waits for that transaction's commit, which takes it over. While a buffer is on its
 * way (`placing`) nobody may change it; journal_access waits.
 *
 * checkpoint_mutex: one checkpoint at a time; it is outside of everything but handles, of which the
 * caller has none. journal.lock is released for I/O.
 */
#include "journal_private.h"

/* Takes the buffers of T that can be written into the batch; locked. *BUSY: the tid that some other
 * buffers wait for; true: there are such. */
static bool batch_take(struct journal *journal, struct journal_transaction *t, journal_tid_t *busy)
{
    bool others = false;

    batch_clear(journal->place_batch);
    list_for_each (node, &t->checkpoint) {
        struct journal_buffer *jb = container_of(node, struct journal_buffer, checkpoint_link);
        if (batch_full(journal->place_batch))
            break;
        if (jb->transaction != NULL) {
            *busy = jb->transaction->tid;
            others = true;
        } else {
            jb->placing = true;
            batch_add(journal->place_batch, jb->buffer->block, jb->buffer->data, jb);
        }
    }
    return others;
}

static void batch_return(struct journal *journal)
{
    struct batch *batch = journal->place_batch;

    env_spin_lock(&journal->lock);
    for (oskit_u32_t i = 0; i < batch->count; i++) {
        struct journal_buffer *jb = batch->blocks[i].owner;
        jb->placing = false;
        if (!batch->blocks[i].failed) {
            list_remove(&jb->checkpoint_link);
            jb->checkpoint = NULL;
        }
        journal_buffer_detach(jb);
    }
    journal_wake(journal);
    env_spin_unlock(&journal->lock);
    buffer_count_written(journal->cache, batch->count);
}

/* Writes all of T in place; T is the oldest committed one. */
static oskit_error_t place_transaction(struct journal *journal, struct journal_transaction *t)
{
    oskit_error_t error = OSKIT_SUCCESS;

    while (!OSKIT_FAILED(error)) {
        journal_tid_t busy = 0;
        env_spin_lock(&journal->lock);
        error = journal->error;
        bool others = !OSKIT_FAILED(error) && batch_take(journal, t, &busy);
        bool empty = list_empty(&t->checkpoint);
        env_spin_unlock(&journal->lock);
        if (OSKIT_FAILED(error) || empty)
            return error;
        if (journal->place_batch->count != 0) {
            batch_sort(journal->place_batch);
            error = batch_run(journal->place_batch, BLOCK_WRITE, 0);
            batch_return(journal);
            if (OSKIT_FAILED(error)) {
                buffer_note_error(journal->cache, error);
                journal_abort(journal, error, "cannot write metadata in place");
            }
        } else if (others) {
            error = journal_commit(journal, busy);
        }
    }
    return error;
}

/* Where the log begins once the transactions written in place are out of it; locked. */
static oskit_u32_t new_tail(const struct journal *journal, journal_tid_t *tid)
{
    if (!list_empty(&journal->committed)) {
        const struct journal_transaction *t =
            container_of(journal->committed.next, struct journal_transaction, link);
        *tid = t->tid;
        return t->start;
    }
    /* The committing transaction begins at head, or the next one will. */
    *tid = journal->done_tid + 1;
    return journal->head;
}

/*
 * Lets the log's oldest part go. Barrier: what was written in place must be stable before the
 * superblock stops naming the copies in the log; and the superblock (written with FUA) before that
 * part of the log is written over, for replay would begin in it and find other transactions.
 */
static oskit_error_t advance_tail(struct journal *journal)
{
    journal_tid_t tid;
    oskit_u64_t writes;

    env_spin_lock(&journal->lock);
    oskit_u32_t tail = new_tail(journal, &tid);
    bool same = tail == journal->tail;
    env_spin_unlock(&journal->lock);
    if (same)
        return OSKIT_SUCCESS;
    oskit_error_t error = buffer_flush_now(journal->cache, &writes);
    if (!OSKIT_FAILED(error))
        error = journal_super_write(journal, tail, tid);
    if (OSKIT_FAILED(error)) {
        journal_abort(journal, error, "cannot move the log's beginning");
        return error;
    }
    env_spin_lock(&journal->lock);
    journal->tail = tail;
    journal->totals.checkpoints++;
    journal_wake(journal);
    env_spin_unlock(&journal->lock);
    return OSKIT_SUCCESS;
}

/* The oldest committed transaction while the log, with what lies before NEW_TAIL let go, has less
 * than WANT free; NULL: enough, or none. Locked. */
static struct journal_transaction *next_to_place(struct journal *journal, oskit_u32_t want)
{
    journal_tid_t tid;
    oskit_u32_t tail = journal->tail;

    if (list_empty(&journal->committed))
        return NULL;
    journal->tail = new_tail(journal, &tid);
    oskit_u32_t free = journal_log_free(journal);
    journal->tail = tail;
    if (free >= want)
        return NULL;
    return container_of(journal->committed.next, struct journal_transaction, link);
}

oskit_error_t journal_make_room(struct journal *journal, oskit_u32_t want)
{
    oskit_error_t error = OSKIT_SUCCESS;

    env_mutex_lock(&journal->checkpoint_mutex);
    while (!OSKIT_FAILED(error)) {
        env_spin_lock(&journal->lock);
        struct journal_transaction *t = next_to_place(journal, want);
        env_spin_unlock(&journal->lock);
        if (t == NULL)
            break;
        error = place_transaction(journal, t);
        if (!OSKIT_FAILED(error)) {
            env_spin_lock(&journal->lock);
            list_remove(&t->link);
            env_spin_unlock(&journal->lock);
            journal_transaction_free(t);
        }
    }
    if (!OSKIT_FAILED(error))
        error = advance_tail(journal);
    env_mutex_unlock(&journal->checkpoint_mutex);
    return error;
}
