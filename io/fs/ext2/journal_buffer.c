/*
 * Buffers in transactions: announcing a change, making it, freeing the block.
 *
 * A buffer's data belong to the running transaction as soon as that has accessed it. What the
 * committing transaction still needs of the old contents is copied aside first (frozen), unless it
 * is on its way to the log at that moment: then the access waits for the device. The same goes for
 * a buffer on its way to its place. All under journal.lock.
 */
#include "journal_private.h"

#include <sluice/string.h>

static struct journal_transaction *transaction_of(const struct journal_handle *handle)
{
    return journal_outermost(handle)->transaction;
}

/* Where T's use of JB is kept; NULL: T doesn't have it. */
static enum journal_use *use_in(struct journal_buffer *jb, const struct journal_transaction *t)
{
    if (jb->transaction == t)
        return &jb->use;
    return jb->next == t ? &jb->next_use : NULL;
}

/* BUFFER's journal_buffer, made out of *FRESH when there is none; locked. NULL: *FRESH is wanted.
 */
static struct journal_buffer *attach(struct buffer *buffer, struct journal_buffer **fresh)
{
    if (buffer->journal == NULL && *fresh != NULL) {
        buffer_ref(buffer);
        (*fresh)->buffer = buffer;
        list_init(&(*fresh)->link);
        list_init(&(*fresh)->checkpoint_link);
        list_init(&(*fresh)->freed_link);
        buffer->journal = *fresh;
        *fresh = NULL;
    }
    return buffer->journal;
}

/* Takes a credit of HANDLE, or one more than it asked for if the log has it; locked. */
static oskit_error_t credit_take(struct journal_handle *handle)
{
    struct journal_handle *outermost = journal_outermost(handle);

    if (outermost->credits != 0) {
        outermost->credits--;
        outermost->transaction->reserved--;
        return OSKIT_SUCCESS;
    }
    struct journal *journal = handle->journal;
    struct journal_transaction *t = outermost->transaction;
    oskit_u32_t need =
        journal_log_need(journal, t->changes + t->reserved + 1, t->revoke_count + t->reserved + 1);
    return need <= journal_log_free(journal) ? OSKIT_SUCCESS : OSKIT_ENOSPC;
}

/* Makes JB, which the transaction doesn't have, part of T. */
static void file(struct journal_buffer *jb, struct journal_transaction *t, enum journal_use use)
{
    if (jb->transaction == NULL) {
        jb->transaction = t;
        jb->use = use;
        list_push_back(&t->buffers, &jb->link);
    } else { /* committing: the commit moves it over when it is done */
        jb->next = t;
        jb->next_use = use;
    }
}

/* The committing transaction needs the data as they are, and doesn't have a copy. */
static bool must_freeze(const struct journal_buffer *jb, const struct journal_transaction *t)
{
    return jb->transaction != NULL && jb->transaction != t && jb->use == JOURNAL_CHANGED &&
           jb->frozen == NULL && !jb->logged;
}

static struct journal_revoke *revoke_find(struct journal_transaction *t, oskit_u64_t block)
{
    if (t->revoke_count == 0)
        return NULL;
    list_for_each (node, &t->revokes[block % JOURNAL_REVOKE_HASH]) {
        struct journal_revoke *revoke = container_of(node, struct journal_revoke, link);
        if (revoke->block == block)
            return revoke;
    }
    return NULL;
}

/* The block lives again in the transaction that revoked it: what that logs must be replayed. */
static void revoke_cancel(struct journal_transaction *t, oskit_u64_t block)
{
    struct journal_revoke *revoke = revoke_find(t, block);

    if (revoke == NULL)
        return;
    list_remove(&revoke->link);
    t->revoke_count--;
    env_free(revoke, sizeof *revoke);
}

/* What an access may have to bring along, allocated with the lock released. */
struct supplies {
    struct journal_buffer *jb;
    void *copy;
};

/* One try at access; locked. OSKIT_EWOULDBLOCK: something was waited for or is missing in SUPPLIES
 * (*WANT says): once more. */
static oskit_error_t access_try(struct journal_handle *handle, struct buffer *buffer,
                                struct supplies *supplies, bool *want_copy)
{
    struct journal *journal = handle->journal;
    struct journal_transaction *t = transaction_of(handle);
    struct journal_buffer *jb = attach(buffer, &supplies->jb);

    if (OSKIT_FAILED(journal->error))
        return OSKIT_EROFS;
    if (jb == NULL)
        return OSKIT_EWOULDBLOCK;
    enum journal_use *use = use_in(jb, t);
    if (use != NULL && *use != JOURNAL_FORGOTTEN)
        return OSKIT_SUCCESS;
    if (jb->placing || jb->logging) {
        journal_wait(journal);
        return OSKIT_EWOULDBLOCK;
    }
    bool freeze = must_freeze(jb, t);
    if (freeze && supplies->copy == NULL) {
        *want_copy = true;
        return OSKIT_EWOULDBLOCK;
    }
    oskit_error_t error = credit_take(handle);
    if (OSKIT_FAILED(error))
        return error;
    if (freeze) {
        memcpy(supplies->copy, buffer->data, journal->layout.block_size);
        jb->frozen = supplies->copy;
        supplies->copy = NULL;
    }
    t->changes++;
    if (use != NULL) {
        *use = JOURNAL_ACCESSED;
        revoke_cancel(t, buffer->block);
    } else {
        file(jb, t, JOURNAL_ACCESSED);
        revoke_cancel(t, buffer->block);
    }
    return OSKIT_SUCCESS;
}

/* Fetches what is missing; the lock is released meanwhile. */
static bool supply(struct journal *journal, struct buffer *buffer, struct supplies *supplies,
                   bool want_copy)
{
    bool want_jb = buffer->journal == NULL;

    env_spin_unlock(&journal->lock);
    if (want_jb && supplies->jb == NULL)
        supplies->jb = env_alloc(sizeof *supplies->jb, ENV_ZERO);
    if (want_copy && supplies->copy == NULL)
        supplies->copy = buffer_memory_alloc(journal->layout.block_size, 0);
    bool got = (!want_jb || supplies->jb != NULL) && (!want_copy || supplies->copy != NULL);
    env_spin_lock(&journal->lock);
    return got;
}

oskit_error_t journal_access(struct journal_handle *handle, struct buffer *buffer)
{
    struct journal *journal = handle->journal;
    struct supplies supplies = {NULL, NULL};
    oskit_error_t error;

    if (journal == NULL)
        return OSKIT_SUCCESS;
    env_spin_lock(&journal->lock);
    for (;;) {
        bool want_copy = false;
        error = access_try(handle, buffer, &supplies, &want_copy);
        if (error != OSKIT_EWOULDBLOCK)
            break;
        if ((want_copy || buffer->journal == NULL) &&
            !supply(journal, buffer, &supplies, want_copy)) {
            error = OSKIT_E_OUTOFMEMORY;
            break;
        }
    }
    if (OSKIT_FAILED(error) && buffer->journal != NULL)
        journal_buffer_detach(buffer->journal);
    env_spin_unlock(&journal->lock);
    env_free(supplies.jb, sizeof *supplies.jb);
    buffer_memory_free(supplies.copy, journal->layout.block_size);
    return error;
}

void journal_dirty(struct journal_handle *handle, struct buffer *buffer)
{
    struct journal *journal = handle->journal;

    if (journal == NULL) {
        buffer_dirty(buffer);
        return;
    }
    env_spin_lock(&journal->lock);
    struct journal_buffer *jb = buffer->journal;
    enum journal_use *use = jb != NULL ? use_in(jb, transaction_of(handle)) : NULL;
    if (use != NULL)
        *use = JOURNAL_CHANGED;
    env_spin_unlock(&journal->lock);
    if (use == NULL)
        env_panic("journal: block %llu changed without access", (unsigned long long)buffer->block);
}

/* ---- Freeing a metadata block ---- */

/* The record, with a credit paid; locked. */
static oskit_error_t revoke_add(struct journal_handle *handle, oskit_u64_t block,
                                struct journal_revoke **fresh)
{
    struct journal_transaction *t = transaction_of(handle);

    if (OSKIT_FAILED(handle->journal->error))
        return OSKIT_EROFS;
    if (revoke_find(t, block) != NULL)
        return OSKIT_SUCCESS;
    oskit_error_t error = credit_take(handle);
    if (OSKIT_FAILED(error))
        return error;
    (*fresh)->block = block;
    list_push_back(&t->revokes[block % JOURNAL_REVOKE_HASH], &(*fresh)->link);
    t->revoke_count++;
    *fresh = NULL;
    return OSKIT_SUCCESS;
}

/* JB, if there is one, isn't written any more; locked. Not its place either once T has committed,
 * for then the block may hold a file's data; and not before, for its data may be T's. */
static void forget_buffer(struct journal_buffer *jb, struct journal_transaction *t)
{
    enum journal_use *use = use_in(jb, t);

    if (use == NULL) {
        file(jb, t, JOURNAL_FORGOTTEN);
    } else if (*use != JOURNAL_FORGOTTEN) {
        *use = JOURNAL_FORGOTTEN;
        t->changes--;
    }
}

oskit_error_t journal_revoke(struct journal_handle *handle, oskit_u64_t block)
{
    struct journal *journal = handle->journal;

    if (journal == NULL)
        return OSKIT_SUCCESS;
    struct journal_revoke *fresh = env_alloc(sizeof *fresh, 0);
    if (fresh == NULL)
        return OSKIT_E_OUTOFMEMORY;
    struct buffer *buffer = buffer_find(journal->cache, block);
    env_spin_lock(&journal->lock);
    oskit_error_t error = revoke_add(handle, block, &fresh);
    if (!OSKIT_FAILED(error) && buffer != NULL && buffer->journal != NULL)
        forget_buffer(buffer->journal, transaction_of(handle));
    env_spin_unlock(&journal->lock);
    buffer_put(buffer);
    env_free(fresh, sizeof *fresh);
    return error;
}

oskit_error_t journal_forget(struct journal_handle *handle, struct buffer *buffer)
{
    oskit_error_t error = OSKIT_SUCCESS;
    oskit_u64_t block = buffer->block;

    if (handle->journal != NULL)
        error = journal_revoke(handle, block);
    struct buffer_cache *cache = buffer->cache;
    buffer_put(buffer);
    if (handle->journal == NULL)
        buffer_forget(cache, block);
    return error;
}

/* ---- Freed bits ---- */

/* The slot of T's parity, emptied of an older transaction's bits. They have committed: between a
 * transaction and the next of the same parity there is at most one that hasn't. */
static oskit_u8_t *freed_slot(struct journal *journal, struct journal_buffer *jb,
                              struct journal_transaction *t, oskit_u8_t **fresh)
{
    struct journal_freed *slot = &jb->freed[t->tid & 1];

    if (slot->bits == NULL && *fresh == NULL)
        return NULL;
    if (slot->bits == NULL) {
        slot->bits = *fresh;
        *fresh = NULL;
        slot->tid = t->tid;
        if (list_empty(&jb->freed_link))
            list_push_back(&journal->bitmaps, &jb->freed_link);
    } else if (slot->tid != t->tid) {
        memset(slot->bits, 0, journal->layout.block_size);
        slot->tid = t->tid;
    }
    t->freed = true;
    return slot->bits;
}

oskit_error_t journal_free_bits(struct journal_handle *handle, struct buffer *buffer,
                                oskit_u32_t first, oskit_u32_t count)
{
    struct journal *journal = handle->journal;
    oskit_u8_t *fresh = NULL, *bits = NULL;

    if (journal == NULL)
        return OSKIT_SUCCESS;
    if ((oskit_u64_t)first + count > 8ull * journal->layout.block_size)
        return OSKIT_E_INVALIDARG;
    for (int round = 0; round < 2 && bits == NULL; round++) {
        if (round == 1 && (fresh = env_alloc(journal->layout.block_size, ENV_ZERO)) == NULL)
            return OSKIT_E_OUTOFMEMORY;
        env_spin_lock(&journal->lock);
        if (buffer->journal != NULL)
            bits = freed_slot(journal, buffer->journal, transaction_of(handle), &fresh);
        env_spin_unlock(&journal->lock);
    }
    env_free(fresh, journal->layout.block_size);
    if (bits == NULL)
        return OSKIT_E_INVALIDARG; /* the bitmap wasn't accessed */
    for (oskit_u32_t i = first; i < first + count; i++)
        bits[i / 8] |= (oskit_u8_t)(1u << i % 8);
    return OSKIT_SUCCESS;
}

void journal_busy(struct journal *journal, struct buffer *buffer, struct journal_busy *out)
{
    oskit_u8_t *gone[2] = {NULL, NULL};

    *out = (struct journal_busy){{NULL, NULL}};
    if (journal == NULL)
        return;
    env_spin_lock(&journal->lock);
    struct journal_buffer *jb = buffer->journal;
    for (unsigned i = 0; jb != NULL && i < 2; i++) {
        struct journal_freed *slot = &jb->freed[i];
        if (slot->bits != NULL && journal_tid_before(journal->done_tid, slot->tid)) {
            out->bits[i] = slot->bits;
        } else {
            gone[i] = slot->bits; /* committed: free for all */
            slot->bits = NULL;
        }
    }
    if (jb != NULL && out->bits[0] == NULL && out->bits[1] == NULL) {
        list_remove(&jb->freed_link);
        journal_buffer_detach(jb);
    }
    env_spin_unlock(&journal->lock);
    env_free(gone[0], journal->layout.block_size);
    env_free(gone[1], journal->layout.block_size);
}

bool journal_wait_free(struct journal *journal)
{
    bool wait = false;
    journal_tid_t tid = 0;

    if (journal == NULL)
        return false;
    env_spin_lock(&journal->lock);
    struct journal_transaction *both[2] = {journal->committing, journal->running};
    for (unsigned i = 0; i < 2; i++) {
        if (both[i] != NULL && both[i]->freed) {
            tid = both[i]->tid;
            wait = true;
        }
    }
    env_spin_unlock(&journal->lock);
    return wait && !OSKIT_FAILED(journal_commit(journal, tid));
}
