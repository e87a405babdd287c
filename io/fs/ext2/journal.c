/*
 * The journal as a whole: its superblock, opening and closing, giving up, and the waits of fsync
 * and sync. The lock order is in journal_private.h.
 */
#include "journal_private.h"

#include <sluice/block.h>
#include <sluice/string.h>
#include "checksum.h"

/* ---- The superblock ---- */

/* Written with FUA; super_mutex is held. */
static oskit_error_t super_store(struct journal *journal)
{
    const struct sg_segment segment = {journal->super, journal->layout.block_size};
    const struct block_request request = {
        .op = BLOCK_WRITE,
        .flags = BLOCK_FUA,
        .offset = journal->map[0] * journal->layout.block_size,
        .length = segment.length,
        .segments = &segment,
        .segment_count = 1,
    };
    if (jbd_has_checksums(&journal->layout))
        journal->super->checksum = jbd_32(jbd_super_checksum(journal->super));
    return block_transfer(buffer_cache_device(journal->cache), &request);
}

oskit_error_t journal_super_write(struct journal *journal, oskit_u32_t start, journal_tid_t tid)
{
    env_mutex_lock(&journal->super_mutex);
    journal->super->start = jbd_32(start);
    journal->super->sequence = jbd_32(tid);
    oskit_error_t error = super_store(journal);
    env_mutex_unlock(&journal->super_mutex);
    return error;
}

static oskit_error_t super_load(struct journal *journal)
{
    const struct sg_segment segment = {journal->super, journal->layout.block_size};
    const struct block_request request = {
        .op = BLOCK_READ,
        .offset = journal->map[0] * journal->layout.block_size,
        .length = segment.length,
        .segments = &segment,
        .segment_count = 1,
    };
    return block_transfer(buffer_cache_device(journal->cache), &request);
}

static oskit_error_t refuse(const struct journal *journal, oskit_error_t error, const char *why)
{
    env_log(ENV_LOG_ERROR, "%s: journal refused: %s", journal->name, why);
    return error;
}

static oskit_error_t features_check(struct journal *journal)
{
    const struct jbd_super *super = journal->super;
    oskit_u32_t incompat = jbd_32(super->feature_incompat);
    const oskit_u32_t sums = JBD_INCOMPAT_CSUM_V2 | JBD_INCOMPAT_CSUM_V3;

    if (jbd_32(super->header.type) == JBD_SUPER_V1)
        return OSKIT_SUCCESS; /* had no features */
    if ((incompat & ~JBD_INCOMPAT_KNOWN) != 0 || super->feature_ro_compat != 0) {
        env_log(ENV_LOG_ERROR, "%s: journal refused: features 0x%x, 0x%x are not supported",
                journal->name, incompat & ~JBD_INCOMPAT_KNOWN, jbd_32(super->feature_ro_compat));
        return OSKIT_EOPNOTSUPP;
    }
    if ((incompat & sums) == sums)
        return refuse(journal, OSKIT_EUCLEAN, "two kinds of checksums");
    journal->layout.incompat = incompat;
    journal->layout.seed = ext2_crc32c(0xffffffffu, super->uuid, sizeof super->uuid);
    if ((incompat & sums) != 0 && (super->checksum_type != JBD_CHECKSUM_CRC32C ||
                                   jbd_32(super->checksum) != jbd_super_checksum(journal->super)))
        return refuse(journal, OSKIT_EUCLEAN, "the superblock's checksum is wrong");
    return OSKIT_SUCCESS;
}

/* Takes over what the superblock says, having looked at every number. */
static oskit_error_t super_check(struct journal *journal)
{
    const struct jbd_super *super = journal->super;
    oskit_u32_t type = jbd_32(super->header.type);
    oskit_u32_t blocks = jbd_32(super->blocks), first = jbd_32(super->first);
    oskit_u32_t start = jbd_32(super->start);

    if (jbd_32(super->header.magic) != JBD_MAGIC || (type != JBD_SUPER_V1 && type != JBD_SUPER_V2))
        return refuse(journal, OSKIT_EUCLEAN, "no superblock");
    if (jbd_32(super->block_size) != journal->layout.block_size)
        return refuse(journal, OSKIT_EUCLEAN, "another block size than the file system's");
    if (blocks > journal->blocks || first == 0 || first >= blocks ||
        blocks - first < JOURNAL_BLOCKS_MIN)
        return refuse(journal, OSKIT_EUCLEAN, "its size makes no sense");
    if (start != 0 && (start < first || start >= blocks))
        return refuse(journal, OSKIT_EUCLEAN, "the log begins outside of it");
    journal->blocks = blocks;
    journal->first = first;
    journal->largest = (blocks - first) / 4;
    return features_check(journal);
}

/* What replay needs no more, and commits begin with: an empty log whose next transaction is TID.
 * Features that we write by are noted. */
static oskit_error_t super_reset(struct journal *journal, journal_tid_t tid)
{
    if (jbd_32(journal->super->header.type) == JBD_SUPER_V2) {
        journal->layout.incompat |= JBD_INCOMPAT_REVOKE;
        journal->super->feature_incompat = jbd_32(journal->layout.incompat);
        journal->super->feature_compat &= ~jbd_32(JBD_COMPAT_CHECKSUM); /* we don't keep them up */
        journal->super->head = 0;
    }
    return journal_super_write(journal, 0, tid);
}

/* ---- Opening ---- */

static void journal_free(struct journal *journal)
{
    if (journal->map != NULL)
        env_free(journal->map, journal->map_count * sizeof *journal->map);
    buffer_memory_free(journal->super, journal->layout.block_size);
    for (unsigned i = 0; i < sizeof journal->spare / sizeof journal->spare[0]; i++)
        buffer_memory_free(journal->spare[i], journal->layout.block_size);
    batch_destroy(journal->place_batch);
    batch_destroy(journal->log_batch);
    env_free(journal, sizeof *journal);
}

static oskit_error_t memory_get(struct journal *journal)
{
    sluice_blockqueue_t *device = buffer_cache_device(journal->cache);
    oskit_u32_t size = journal->layout.block_size;
    bool all = true;

    journal->map = env_alloc(journal->map_count * sizeof *journal->map, ENV_ZERO);
    journal->super = buffer_memory_alloc(size, ENV_ZERO);
    for (unsigned i = 0; i < sizeof journal->spare / sizeof journal->spare[0]; i++)
        all &= (journal->spare[i] = buffer_memory_alloc(size, 0)) != NULL;
    if (!all || journal->map == NULL || journal->super == NULL ||
        OSKIT_FAILED(batch_create(device, size, &journal->place_batch)) ||
        OSKIT_FAILED(batch_create(device, size, &journal->log_batch)))
        return OSKIT_E_OUTOFMEMORY;
    return OSKIT_SUCCESS;
}

static oskit_error_t map_load(struct journal *journal, const struct journal_config *config)
{
    for (oskit_u32_t i = 0; i < journal->map_count; i++) {
        oskit_error_t error = config->map(config->arg, i, &journal->map[i]);
        if (OSKIT_FAILED(error))
            return error;
        if (journal->map[i] < config->first_block || journal->map[i] >= config->end_block)
            return refuse(journal, OSKIT_EUCLEAN, "a block of it is outside of the file system");
    }
    return OSKIT_SUCCESS;
}

static struct journal *journal_alloc(const struct journal_config *config)
{
    struct journal *journal = env_alloc(sizeof *journal, ENV_ZERO);

    if (journal == NULL)
        return NULL;
    journal->cache = config->cache;
    journal->name = config->name;
    journal->layout.block_size = buffer_cache_block_size(config->cache);
    journal->blocks = journal->map_count = config->blocks;
    journal->first_block = config->first_block;
    journal->end_block = config->end_block;
    journal->read_only = config->read_only;
    journal->closing = config->closing;
    journal->closing_arg = config->closing_arg;
    sleepers_init(&journal->sleepers);
    list_init(&journal->committed);
    list_init(&journal->bitmaps);
    for (unsigned i = 0; i < JOURNAL_THREADS_HASH; i++)
        list_init(&journal->handles[i]);
    return journal;
}

static void ticker_turn(void *arg)
{
    struct journal *journal = arg;

    journal_sync(journal, true);
    env_spin_lock(&journal->lock);
    bool half = journal_log_free(journal) < (journal->blocks - journal->first) / 2;
    env_spin_unlock(&journal->lock);
    if (half)
        journal_make_room(journal, (journal->blocks - journal->first) / 4 * 3);
}

/* Replays if need be, and begins with an empty log. */
static oskit_error_t recover(struct journal *journal, struct journal_replay *replay)
{
    journal_tid_t next = jbd_32(journal->super->sequence);
    struct block_limits limits;
    oskit_error_t error = OSKIT_SUCCESS;

    sluice_blockqueue_get_limits(buffer_cache_device(journal->cache), &limits);
    replay->error = (oskit_s32_t)jbd_32((oskit_u32_t)journal->super->error);
    if (journal->super->start != 0) {
        if (limits.read_only)
            return refuse(journal, OSKIT_EROFS, "needs replay, but the device is read-only");
        error = journal_replay_log(journal, replay, &next);
    }
    if (!OSKIT_FAILED(error) && !limits.read_only)
        error = super_reset(journal, next);
    journal->next_tid = next;
    journal->done_tid = next - 1;
    journal->head = journal->tail = journal->first;
    return error;
}

static oskit_error_t journal_prepare(struct journal *journal, const struct journal_config *config,
                                     struct journal_replay *replay)
{
    oskit_error_t error = memory_get(journal);

    if (!OSKIT_FAILED(error))
        error = map_load(journal, config);
    if (!OSKIT_FAILED(error))
        error = super_load(journal);
    if (!OSKIT_FAILED(error))
        error = super_check(journal);
    if (!OSKIT_FAILED(error))
        error = recover(journal, replay);
    if (OSKIT_FAILED(error) || journal->read_only)
        return error;
    error = periodic_start(&journal->ticker, "journal", JOURNAL_PERIOD, ticker_turn, journal);
    journal->ticking = !OSKIT_FAILED(error);
    return error;
}

oskit_error_t journal_open(const struct journal_config *config, struct journal_replay *replay,
                           struct journal **out)
{
    struct journal_replay local;

    *out = NULL;
    replay = replay != NULL ? replay : &local;
    *replay = (struct journal_replay){0};
    struct journal *journal = journal_alloc(config);
    if (journal == NULL)
        return OSKIT_E_OUTOFMEMORY;
    oskit_error_t error = config->blocks < JOURNAL_BLOCKS_MIN
                              ? refuse(journal, OSKIT_EUCLEAN, "too small")
                              : journal_prepare(journal, config, replay);
    if (OSKIT_FAILED(error)) {
        journal_free(journal);
        return error;
    }
    *out = journal;
    return OSKIT_SUCCESS;
}

/* ---- Closing ---- */

static void buffer_drop_from_all(struct journal *journal, struct journal_buffer *jb)
{
    buffer_memory_free(jb->frozen, journal->layout.block_size);
    list_remove(&jb->link);
    list_remove(&jb->checkpoint_link);
    jb->transaction = jb->next = jb->checkpoint = NULL;
    journal_buffer_detach(jb);
}

static void transaction_drop(struct journal *journal, struct journal_transaction *t,
                             oskit_error_t error)
{
    if (t == NULL)
        return;
    while (!list_empty(&t->buffers))
        buffer_drop_from_all(journal, container_of(t->buffers.next, struct journal_buffer, link));
    while (!list_empty(&t->checkpoint))
        buffer_drop_from_all(
            journal, container_of(t->checkpoint.next, struct journal_buffer, checkpoint_link));
    for (struct list *node; (node = list_pop_front(&t->callbacks)) != NULL;) {
        struct journal_callback *callback = container_of(node, struct journal_callback, link);
        callback->done(callback, error);
    }
    for (struct list *node; (node = list_pop_front(&t->ordered)) != NULL;)
        container_of(node - (t->tid & 1), struct journal_ordered, link[0])->listed[t->tid & 1] =
            false;
    journal_transaction_free(t);
}

static void bitmaps_drop(struct journal *journal)
{
    for (struct list *node; (node = list_pop_front(&journal->bitmaps)) != NULL;) {
        struct journal_buffer *jb = container_of(node, struct journal_buffer, freed_link);
        for (unsigned i = 0; i < 2; i++) {
            env_free(jb->freed[i].bits, journal->layout.block_size);
            jb->freed[i].bits = NULL;
        }
        journal_buffer_detach(jb);
    }
}

/* Nobody else is here any more: no lock is needed. */
void journal_drop(struct journal *journal)
{
    if (journal == NULL)
        return;
    if (journal->ticking)
        periodic_stop(&journal->ticker);
    oskit_error_t error = OSKIT_FAILED(journal->error) ? journal->error : OSKIT_EIO;
    transaction_drop(journal, journal->running, error);
    transaction_drop(journal, journal->committing, error);
    for (struct list *node; (node = list_pop_front(&journal->committed)) != NULL;)
        transaction_drop(journal, container_of(node, struct journal_transaction, link), error);
    bitmaps_drop(journal);
    journal_free(journal);
}

/* Leaves a note for the next mount that the file system wants checking; if that can't be written
 * either, there is nothing more to do. */
static void error_note(struct journal *journal)
{
    env_mutex_lock(&journal->super_mutex);
    journal->super->error = (oskit_s32_t)jbd_32((oskit_u32_t)-5); /* Linux's -EIO */
    super_store(journal);
    env_mutex_unlock(&journal->super_mutex);
}

oskit_error_t journal_close(struct journal *journal)
{
    if (journal == NULL)
        return OSKIT_SUCCESS;
    oskit_error_t error = OSKIT_SUCCESS;
    if (!journal->read_only) {
        if (journal->ticking)
            periodic_stop(&journal->ticker);
        journal->ticking = false;
        error = journal_checkpoint(journal);
        if (!OSKIT_FAILED(error))
            error = journal_super_write(journal, 0, journal->next_tid);
        if (OSKIT_FAILED(journal->error))
            error_note(journal);
    }
    journal_drop(journal);
    return error;
}

/* ---- Giving up ---- */

oskit_error_t journal_error_clear(struct journal *journal)
{
    oskit_error_t error = OSKIT_SUCCESS;

    if (journal == NULL)
        return OSKIT_SUCCESS;
    env_mutex_lock(&journal->super_mutex);
    if (journal->super->error != 0) {
        journal->super->error = 0;
        error = super_store(journal);
    }
    env_mutex_unlock(&journal->super_mutex);
    return error;
}

void journal_abort(struct journal *journal, oskit_error_t error, const char *reason)
{
    if (journal == NULL)
        return;
    env_spin_lock(&journal->lock);
    bool first = !OSKIT_FAILED(journal->error);
    if (first)
        journal->error = error;
    journal_wake(journal);
    env_spin_unlock(&journal->lock);
    if (first)
        env_log(ENV_LOG_ERROR,
                "%s: journal given up: %s (error 0x%x); the file system is read-only",
                journal->name, reason, (unsigned)error);
}

oskit_error_t journal_error(struct journal *journal)
{
    if (journal == NULL)
        return OSKIT_SUCCESS;
    env_spin_lock(&journal->lock);
    oskit_error_t error = journal->error;
    env_spin_unlock(&journal->lock);
    return error;
}

/* ---- Waiting ---- */

oskit_error_t journal_commit_wait(struct journal *journal, journal_tid_t tid)
{
    return journal == NULL ? OSKIT_SUCCESS : journal_commit(journal, tid);
}

journal_tid_t journal_tid_latest(struct journal *journal)
{
    if (journal == NULL)
        return 0;
    env_spin_lock(&journal->lock);
    journal_tid_t tid = journal->next_tid - 1;
    env_spin_unlock(&journal->lock);
    return tid;
}

oskit_error_t journal_fsync(struct journal *journal, journal_tid_t tid)
{
    if (journal == NULL)
        return OSKIT_SUCCESS;
    oskit_error_t error = journal_commit_wait(journal, tid);
    return OSKIT_FAILED(error) ? error : buffer_flush(journal->cache);
}

oskit_error_t journal_sync(struct journal *journal, bool wait)
{
    if (journal == NULL || journal->read_only)
        return OSKIT_SUCCESS;
    env_spin_lock(&journal->lock);
    bool any = journal->running != NULL || journal->committing != NULL;
    journal_tid_t tid = journal->next_tid - 1;
    env_spin_unlock(&journal->lock);
    if (!any)
        return wait ? journal_error(journal) : OSKIT_SUCCESS;
    if (wait)
        return journal_commit(journal, tid);
    periodic_kick(&journal->ticker);
    return OSKIT_SUCCESS;
}

oskit_error_t journal_checkpoint(struct journal *journal)
{
    oskit_error_t error = journal_sync(journal, true);

    if (journal == NULL || journal->read_only || OSKIT_FAILED(error))
        return error;
    return journal_make_room(journal, UINT32_MAX);
}

void journal_totals(struct journal *journal, struct journal_totals *out)
{
    oskit_u32_t ring = journal->blocks - journal->first;

    env_spin_lock(&journal->lock);
    *out = journal->totals;
    out->log_blocks = ring;
    out->log_used = (journal->head + ring - journal->tail) % ring;
    env_spin_unlock(&journal->lock);
}
