/*
 * Replay: after a power cut, what the log holds is brought to its place. Three passes over the log:
 *
 *   scan    how far do whole transactions go, each ended by its commit block?
 *   revoke  which blocks were freed, and in which transaction at last?
 *   replay  write each copy that isn't revoked by its own or a later transaction.
 *
 * Nothing in the log is trusted. A walk takes each block of the ring once at most, so it ends
 * whatever the blocks say; a block that isn't what must come next ends the log, for that is what
 * the end of every log looks like. Only what a commit block vouches for and still makes no sense is
 * OSKIT_EUCLEAN. One thread, at mount; no locks.
 */
#include "journal_private.h"

#include <sluice/string.h>

#define WINDOW      32u   /* blocks read at once */
#define SYNC_EVERY  1024u /* blocks replayed between writes, which bounds the memory */
#define REVOKE_HASH 256u

struct revoked {
    struct list link;
    oskit_u64_t block;
    journal_tid_t tid;
};

struct replayer {
    struct journal *journal;
    struct journal_replay *result;
    void *window[WINDOW];
    oskit_u32_t window_first, window_count;
    journal_tid_t end; /* the first tid that isn't whole */
    oskit_u32_t unsynced;
    struct list revoked[REVOKE_HASH];
};

enum pass { PASS_SCAN, PASS_REVOKE, PASS_REPLAY };

/* A place in the log. */
struct walk {
    oskit_u32_t at;
    oskit_u32_t left; /* blocks of the ring not yet walked over */
    journal_tid_t tid;
};

/* ---- Reading the log ---- */

static oskit_error_t window_load(struct replayer *r, oskit_u32_t at)
{
    struct journal *journal = r->journal;

    batch_clear(journal->log_batch);
    for (oskit_u32_t i = 0; i < WINDOW && at + i < journal->blocks; i++)
        batch_add(journal->log_batch, journal->map[at + i], r->window[i], NULL);
    r->window_first = at;
    r->window_count = journal->log_batch->count;
    oskit_error_t error = batch_run(journal->log_batch, BLOCK_READ, 0);
    batch_clear(journal->log_batch);
    if (OSKIT_FAILED(error))
        r->window_count = 0;
    return error;
}

/* The log's block AT; valid until the next call. */
static oskit_error_t log_read(struct replayer *r, oskit_u32_t at, void **out)
{
    if (at < r->window_first || at - r->window_first >= r->window_count) {
        oskit_error_t error = window_load(r, at);
        if (OSKIT_FAILED(error))
            return error;
    }
    *out = r->window[at - r->window_first];
    return OSKIT_SUCCESS;
}

/* Steps over COUNT blocks; false: that is more than the ring has. */
static bool walk_on(const struct journal *journal, struct walk *walk, oskit_u32_t count)
{
    if (count > walk->left)
        return false;
    walk->left -= count;
    oskit_u32_t ring = journal->blocks - journal->first;
    walk->at = journal->first + (walk->at - journal->first + count % ring) % ring;
    return true;
}

/* ---- Tags ---- */

struct tag_cursor {
    const oskit_u8_t *block;
    oskit_u32_t at;
    bool ended;
};

static bool tag_next(const struct jbd_layout *layout, struct tag_cursor *c, struct jbd_tag *tag)
{
    oskit_u32_t size = jbd_tag_size(layout);

    if (c->ended || c->at + size > jbd_room(layout))
        return false;
    jbd_tag_read(layout, c->block + c->at, tag);
    c->at += size + (tag->flags & JBD_TAG_SAME_UUID ? 0 : 16);
    c->ended = (tag->flags & JBD_TAG_LAST) != 0;
    return true;
}

static oskit_u32_t tags_count(const struct jbd_layout *layout, const void *block)
{
    struct tag_cursor c = {block, sizeof(struct jbd_header), false};
    struct jbd_tag tag;
    oskit_u32_t count = 0;

    while (tag_next(layout, &c, &tag))
        count++;
    return count;
}

/* ---- Revoke records ---- */

static struct revoked *revoked_find(struct replayer *r, oskit_u64_t block)
{
    list_for_each (node, &r->revoked[block % REVOKE_HASH]) {
        struct revoked *revoked = container_of(node, struct revoked, link);
        if (revoked->block == block)
            return revoked;
    }
    return NULL;
}

static oskit_error_t revoked_add(struct replayer *r, oskit_u64_t block, journal_tid_t tid)
{
    struct revoked *revoked = revoked_find(r, block);

    if (revoked == NULL) {
        revoked = env_alloc(sizeof *revoked, 0);
        if (revoked == NULL)
            return OSKIT_E_OUTOFMEMORY;
        revoked->block = block;
        list_push_back(&r->revoked[block % REVOKE_HASH], &revoked->link);
    }
    revoked->tid = tid; /* the walk goes forward: the latest */
    return OSKIT_SUCCESS;
}

static oskit_error_t revoke_block(struct replayer *r, void *block, journal_tid_t tid)
{
    const struct jbd_layout *layout = &r->journal->layout;
    oskit_u32_t size = jbd_revoke_size(layout);
    oskit_u32_t used = jbd_32(((struct jbd_revoke *)block)->used);
    oskit_error_t error = OSKIT_SUCCESS;

    if (used < sizeof(struct jbd_revoke) || used > jbd_room(layout))
        return OSKIT_EUCLEAN;
    for (oskit_u32_t at = sizeof(struct jbd_revoke); at + size <= used && !OSKIT_FAILED(error);
         at += size) {
        oskit_u64_t wide = 0;
        oskit_u32_t narrow;
        if (size == sizeof wide) {
            memcpy(&wide, (oskit_u8_t *)block + at, sizeof wide);
            wide = jbd_64(wide);
        } else {
            memcpy(&narrow, (oskit_u8_t *)block + at, sizeof narrow);
            wide = jbd_32(narrow);
        }
        r->result->revoked++;
        error = revoked_add(r, wide, tid);
    }
    return error;
}

/* ---- Writing in place ---- */

static oskit_error_t sync_replayed(struct replayer *r)
{
    r->unsynced = 0;
    return buffer_sync(r->journal->cache);
}

static oskit_error_t replay_copy(struct replayer *r, const struct jbd_tag *tag, const void *copy)
{
    struct journal *journal = r->journal;
    const oskit_u32_t magic = jbd_32(JBD_MAGIC);
    struct buffer *buffer;

    if (tag->block < journal->first_block || tag->block >= journal->end_block)
        return OSKIT_EUCLEAN;
    oskit_error_t error = buffer_get_new(journal->cache, tag->block, &buffer);
    if (OSKIT_FAILED(error))
        return error;
    memcpy(buffer->data, copy, journal->layout.block_size);
    if (tag->flags & JBD_TAG_ESCAPE)
        memcpy(buffer->data, &magic, sizeof magic);
    buffer_dirty(buffer);
    buffer_put(buffer);
    r->result->blocks++;
    return ++r->unsynced == SYNC_EVERY ? sync_replayed(r) : OSKIT_SUCCESS;
}

/* The copies of the descriptor BLOCK, which the walk stands on; BLOCK's memory is the window's, so
 * the caller gives a copy of it. */
static oskit_error_t replay_descriptor(struct replayer *r, const void *block, struct walk walk)
{
    struct journal *journal = r->journal;
    struct tag_cursor c = {block, sizeof(struct jbd_header), false};
    struct jbd_tag tag;

    while (tag_next(&journal->layout, &c, &tag)) {
        void *copy;
        if (!walk_on(journal, &walk, 1))
            return OSKIT_EUCLEAN;
        const struct revoked *revoked = revoked_find(r, tag.block);
        if (revoked != NULL && !journal_tid_before(revoked->tid, walk.tid))
            continue;
        oskit_error_t error = log_read(r, walk.at, &copy);
        if (OSKIT_FAILED(error))
            return error;
        if (!jbd_tag_good(&journal->layout, &tag, walk.tid, copy))
            return OSKIT_EUCLEAN;
        error = replay_copy(r, &tag, copy);
        if (OSKIT_FAILED(error))
            return error;
    }
    return OSKIT_SUCCESS;
}

/* ---- Passes ---- */

/* Whether BLOCK is one of the log's own that belongs at WALK, and its checksum, if any, is right.
 */
static bool block_belongs(const struct jbd_layout *layout, void *block, const struct walk *walk)
{
    const struct jbd_header *header = block;

    if (jbd_32(header->magic) != JBD_MAGIC || jbd_32(header->sequence) != walk->tid)
        return false;
    switch (jbd_32(header->type)) {
    case JBD_DESCRIPTOR:
    case JBD_REVOKE:
        return jbd_block_good(layout, block, jbd_tail_at(layout));
    case JBD_COMMIT:
        return jbd_block_good(layout, block, offsetof(struct jbd_commit, checksum));
    }
    return false;
}

/* What PASS does with the block that the walk stands on, and the step to the next block of the
 * log's own. OSKIT_S_FALSE: the log ends here. */
static oskit_error_t pass_block(struct replayer *r, enum pass pass, struct walk *walk, void *keep)
{
    struct journal *journal = r->journal;
    oskit_error_t error = OSKIT_SUCCESS;
    oskit_u32_t step = 1;
    void *block;

    error = log_read(r, walk->at, &block);
    if (OSKIT_FAILED(error))
        return error;
    if (!block_belongs(&journal->layout, block, walk))
        return OSKIT_S_FALSE;
    switch (jbd_32(((struct jbd_header *)block)->type)) {
    case JBD_DESCRIPTOR:
        step += tags_count(&journal->layout, block);
        if (pass == PASS_REPLAY) {
            memcpy(keep, block, journal->layout.block_size);
            error = replay_descriptor(r, keep, *walk);
        }
        break;
    case JBD_REVOKE:
        if (pass == PASS_REVOKE)
            error = revoke_block(r, block, walk->tid);
        break;
    case JBD_COMMIT:
        walk->tid++;
        break;
    }
    if (OSKIT_FAILED(error))
        return error;
    return walk_on(journal, walk, step) ? OSKIT_SUCCESS : OSKIT_S_FALSE;
}

/* Walks the log; the scan to where it ends, the others to r->end. */
static oskit_error_t pass_run(struct replayer *r, enum pass pass)
{
    struct journal *journal = r->journal;
    struct walk walk = {.at = jbd_32(journal->super->start),
                        .left = journal->blocks - journal->first,
                        .tid = jbd_32(journal->super->sequence)};
    oskit_error_t error = OSKIT_SUCCESS;

    while (error == OSKIT_SUCCESS && (pass == PASS_SCAN || walk.tid != r->end) && walk.left != 0)
        error = pass_block(r, pass, &walk, journal->spare[0]);
    if (OSKIT_FAILED(error))
        return error;
    if (pass == PASS_SCAN) {
        r->end = walk.tid;
        r->result->transactions = r->end - jbd_32(journal->super->sequence);
        return OSKIT_SUCCESS;
    }
    return walk.tid == r->end ? OSKIT_SUCCESS : OSKIT_EUCLEAN; /* it read otherwise before */
}

static oskit_error_t passes_run(struct replayer *r)
{
    oskit_error_t error = pass_run(r, PASS_SCAN);
    oskit_u64_t writes;

    if (!OSKIT_FAILED(error))
        error = pass_run(r, PASS_REVOKE);
    if (!OSKIT_FAILED(error))
        error = pass_run(r, PASS_REPLAY);
    if (!OSKIT_FAILED(error))
        error = sync_replayed(r);
    /* Barrier: what was replayed is stable before the superblock says that the log is empty. */
    if (!OSKIT_FAILED(error))
        error = buffer_flush_now(r->journal->cache, &writes);
    return error;
}

static void replayer_free(struct replayer *r, oskit_u32_t block_size)
{
    for (unsigned i = 0; i < REVOKE_HASH; i++) {
        for (struct list *node; (node = list_pop_front(&r->revoked[i])) != NULL;)
            env_free(container_of(node, struct revoked, link), sizeof(struct revoked));
    }
    for (unsigned i = 0; i < WINDOW; i++)
        buffer_memory_free(r->window[i], block_size);
    env_free(r, sizeof *r);
}

oskit_error_t journal_replay_log(struct journal *journal, struct journal_replay *replay,
                                 journal_tid_t *next)
{
    struct replayer *r = env_alloc(sizeof *r, ENV_ZERO);
    bool all = true;

    if (r == NULL)
        return OSKIT_E_OUTOFMEMORY;
    r->journal = journal;
    r->result = replay;
    for (unsigned i = 0; i < REVOKE_HASH; i++)
        list_init(&r->revoked[i]);
    for (unsigned i = 0; i < WINDOW; i++)
        all &= (r->window[i] = buffer_memory_alloc(journal->layout.block_size, 0)) != NULL;
    oskit_error_t error = all ? passes_run(r) : OSKIT_E_OUTOFMEMORY;
    /* One tid is left out: what a transaction that wasn't whole left in the log has it. */
    *next = r->end + 1;
    replayer_free(r, journal->layout.block_size);
    if (!OSKIT_FAILED(error))
        env_log(ENV_LOG_INFO, "%s: journal replayed: %u transactions, %u blocks, %u revoked",
                journal->name, replay->transactions, replay->blocks, replay->revoked);
    else
        env_log(ENV_LOG_ERROR, "%s: journal can't be replayed (error 0x%x)", journal->name,
                (unsigned)error);
    return error;
}
