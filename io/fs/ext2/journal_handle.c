/*
 * Handles: joining the running transaction, and waiting for room in it and in the log. All under
 * journal.lock, which is released for commits and checkpoints that a begin has to wait for.
 */
#include "journal_private.h"

static struct list *threads_bucket(struct journal *journal, uintptr_t thread)
{
    return &journal->handles[thread % JOURNAL_THREADS_HASH];
}

static struct journal_handle *handle_of_thread(struct journal *journal, uintptr_t thread)
{
    list_for_each (node, threads_bucket(journal, thread)) {
        struct journal_handle *handle = container_of(node, struct journal_handle, link);
        if (handle->thread == thread)
            return handle;
    }
    return NULL;
}

/* Whether T can promise CREDITS more: it stays below the largest, and the log has the blocks. */
static bool fits(const struct journal *journal, const struct journal_transaction *t,
                 oskit_u32_t credits)
{
    oskit_u32_t need = journal_log_need(journal, t->changes + t->reserved + credits,
                                        t->revoke_count + t->reserved + credits);
    return need <= journal->largest && need <= journal_log_free(journal);
}

/* Makes *FRESH the running transaction. */
static void transaction_open(struct journal *journal, struct journal_transaction **fresh)
{
    (*fresh)->tid = journal->next_tid++;
    (*fresh)->phase = JOURNAL_RUNNING;
    journal->running = *fresh;
    *fresh = NULL;
}

/*
 * The running transaction can't take CREDITS more: lets the lock go and does what makes that
 * change. Too large: it is committed. The log is short: old blocks are written in place, and when
 * there is none the transactions that fill the log are committed first.
 */
static oskit_error_t make_room(struct journal *journal, oskit_u32_t credits)
{
    struct journal_transaction *t = journal->running;
    journal_tid_t tid = t->tid;
    oskit_u32_t need = journal_log_need(journal, t->changes + t->reserved + credits,
                                        t->revoke_count + t->reserved + credits);
    bool large = need > journal->largest;
    bool placed = list_empty(&journal->committed);
    bool alone = journal->committing == NULL;

    if (!large && placed && alone && t->changes + t->reserved == 0) {
        env_spin_unlock(&journal->lock); /* committed ones are gone, but not yet from the log */
        oskit_error_t error = journal_make_room(journal, need);
        env_spin_lock(&journal->lock);
        return error;
    }
    env_spin_unlock(&journal->lock);
    oskit_error_t error;
    if (large)
        error = journal_commit(journal, tid);
    else if (!placed)
        error = journal_make_room(journal, need);
    else
        error = journal_commit(journal, alone ? tid : tid - 1);
    env_spin_lock(&journal->lock);
    return error;
}

/* Waits until the running transaction takes CREDITS, and takes them; locked. */
static oskit_error_t join(struct journal *journal, oskit_u32_t credits,
                          struct journal_transaction **fresh, struct journal_transaction **out)
{
    for (;;) {
        if (OSKIT_FAILED(journal->error))
            return OSKIT_EROFS;
        if (journal->running == NULL && *fresh != NULL)
            transaction_open(journal, fresh);
        struct journal_transaction *t = journal->running;
        if (t == NULL)
            return OSKIT_SUCCESS; /* *OUT is NULL: the caller brings a fresh one */
        if (t->phase == JOURNAL_CLOSING) {
            journal_wait(journal);
        } else if (fits(journal, t, credits)) {
            t->reserved += credits;
            t->handles++;
            *out = t;
            return OSKIT_SUCCESS;
        } else {
            oskit_error_t error = make_room(journal, credits);
            if (OSKIT_FAILED(error) && !OSKIT_FAILED(journal->error))
                return error;
        }
    }
}

static oskit_error_t begin_outermost(struct journal *journal, struct journal_handle *handle,
                                     oskit_u32_t credits)
{
    struct journal_transaction *fresh = NULL, *t = NULL;
    oskit_error_t error;

    env_spin_lock(&journal->lock);
    for (;;) {
        error = join(journal, credits, &fresh, &t);
        if (OSKIT_FAILED(error) || t != NULL)
            break;
        env_spin_unlock(&journal->lock);
        fresh = journal_transaction_alloc();
        env_spin_lock(&journal->lock);
        if (fresh == NULL) {
            error = OSKIT_E_OUTOFMEMORY;
            break;
        }
    }
    if (t != NULL) {
        handle->transaction = t;
        handle->credits = handle->reserved = credits;
        list_push_back(threads_bucket(journal, handle->thread), &handle->link);
    }
    env_spin_unlock(&journal->lock);
    journal_transaction_free(fresh);
    return error;
}

/* Gives the outermost HANDLE credits up to CREDITS more than it has left of; locked. */
static oskit_error_t grow(struct journal_handle *handle, oskit_u32_t more)
{
    struct journal *journal = handle->journal;

    if (OSKIT_FAILED(journal->error))
        return OSKIT_EROFS;
    if (!fits(journal, handle->transaction, more))
        return OSKIT_EAGAIN;
    handle->transaction->reserved += more;
    handle->credits += more;
    handle->reserved += more;
    return OSKIT_SUCCESS;
}

static oskit_error_t begin_nested(struct journal_handle *outer, struct journal_handle *handle,
                                  oskit_u32_t credits)
{
    struct journal *journal = outer->journal;
    oskit_error_t error = OSKIT_SUCCESS;

    handle->outer = outer;
    env_spin_lock(&journal->lock);
    if (outer->credits < credits)
        error = grow(outer, credits - outer->credits);
    env_spin_unlock(&journal->lock);
    return error == OSKIT_EAGAIN ? OSKIT_ENOSPC : error;
}

oskit_error_t journal_begin(struct journal *journal, oskit_u32_t credits,
                            struct journal_handle *handle)
{
    *handle = (struct journal_handle){.journal = journal};
    if (journal == NULL)
        return OSKIT_SUCCESS;
    if (journal->read_only)
        return OSKIT_EROFS;
    handle->thread = env_context();
    list_init(&handle->link);
    env_spin_lock(&journal->lock);
    struct journal_handle *outer = handle_of_thread(journal, handle->thread);
    env_spin_unlock(&journal->lock);
    if (outer != NULL)
        return begin_nested(outer, handle, credits);
    if (credits > journal_credits_max(journal))
        return OSKIT_ENOSPC;
    return begin_outermost(journal, handle, credits);
}

void journal_begin_last(struct journal *journal, struct journal_transaction *t,
                        struct journal_handle *handle)
{
    *handle = (struct journal_handle){
        .journal = journal, .transaction = t, .credits = 1, .reserved = 1, .thread = env_context()};
    t->handles++;
    t->reserved++;
    list_push_back(threads_bucket(journal, handle->thread), &handle->link);
}

void journal_end(struct journal_handle *handle)
{
    struct journal *journal = handle->journal;

    if (journal == NULL || handle->outer != NULL)
        return;
    env_spin_lock(&journal->lock);
    struct journal_transaction *t = handle->transaction;
    list_remove(&handle->link);
    t->reserved -= handle->credits;
    if (--t->handles == 0 && t->phase == JOURNAL_CLOSING)
        journal_wake(journal); /* its committer */
    env_spin_unlock(&journal->lock);
}

oskit_error_t journal_extend(struct journal_handle *handle, oskit_u32_t credits)
{
    if (handle->journal == NULL)
        return OSKIT_SUCCESS;
    env_spin_lock(&handle->journal->lock);
    oskit_error_t error = grow(journal_outermost(handle), credits);
    env_spin_unlock(&handle->journal->lock);
    return error;
}

oskit_error_t journal_restart(struct journal_handle *handle, oskit_u32_t credits)
{
    struct journal *journal = handle->journal;

    if (journal == NULL)
        return OSKIT_SUCCESS;
    if (handle->outer != NULL)
        return OSKIT_EBUSY;
    journal_end(handle);
    return journal_begin(journal, credits, handle);
}

oskit_u32_t journal_credits(const struct journal_handle *handle)
{
    return handle->journal == NULL ? UINT32_MAX : journal_outermost(handle)->credits;
}

/* Leaves room for descriptors, and for revokes instead of changes. */
oskit_u32_t journal_credits_max(struct journal *journal)
{
    return journal == NULL ? UINT32_MAX : journal->largest - journal->largest / 8 - 4;
}

journal_tid_t journal_tid(const struct journal_handle *handle)
{
    return handle->journal == NULL ? 0 : journal_outermost(handle)->transaction->tid;
}

/* ---- What hangs on a transaction besides buffers ---- */

void journal_add_ordered(struct journal_handle *handle, struct journal_ordered *ordered)
{
    struct journal *journal = handle->journal;

    if (journal == NULL)
        return;
    struct journal_transaction *t = journal_outermost(handle)->transaction;
    unsigned side = t->tid & 1;
    env_spin_lock(&journal->lock);
    if (!ordered->listed[side]) {
        ordered->listed[side] = true;
        ordered->tid[side] = t->tid;
        list_push_back(&t->ordered, &ordered->link[side]);
    }
    env_spin_unlock(&journal->lock);
}

void journal_settle_ordered(struct journal_handle *handle, struct journal_ordered *ordered)
{
    struct journal *journal = handle->journal;

    if (journal == NULL)
        return;
    /* It can't become true later: a transaction before the handle's takes no more data. */
    env_spin_lock(&journal->lock);
    bool before = ordered->listed[(journal_outermost(handle)->transaction->tid & 1) ^ 1];
    env_spin_unlock(&journal->lock);
    if (before)
        (void)ordered->write(ordered->arg, true); /* an error is noted for the next fsync */
}

void journal_remove_ordered(struct journal *journal, struct journal_ordered *ordered)
{
    if (journal == NULL)
        return;
    env_spin_lock(&journal->lock);
    while (ordered->writing)
        journal_wait(journal);
    for (unsigned side = 0; side < 2; side++) {
        if (ordered->listed[side])
            list_remove(&ordered->link[side]);
        ordered->listed[side] = false;
    }
    env_spin_unlock(&journal->lock);
}

void journal_at_commit(struct journal_handle *handle, struct journal_callback *callback)
{
    struct journal *journal = handle->journal;

    if (journal == NULL) {
        callback->done(callback, OSKIT_SUCCESS);
        return;
    }
    env_spin_lock(&journal->lock);
    list_push_back(&journal_outermost(handle)->transaction->callbacks, &callback->link);
    env_spin_unlock(&journal->lock);
}
