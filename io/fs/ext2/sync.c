/* From memory to the disk: sync, and the beginning and end of writing. */
#include "ext2.h"

/* ---- Handles, and the gate before them ---- */

/*
 * Who is between enter and leave keeps the journal from being closed. Who stops the writing sets
 * read_only first and then waits for the count, who enters counts first and then looks at
 * read_only: so one of the two sees the other.
 */
void ext2_enter(struct ext2 *fs)
{
    atomic_fetch_add(&fs->inside, 1);
}

void ext2_leave(struct ext2 *fs)
{
    atomic_fetch_sub(&fs->inside, 1);
}

static bool ext2_is_open(struct ext2 *fs)
{
    return !atomic_load(&fs->read_only) || atomic_load(&fs->stopper) == env_context();
}

oskit_error_t ext2_begin(struct ext2 *fs, oskit_u32_t credits, struct journal_handle *handle)
{
    ext2_enter(fs);
    oskit_u32_t most = journal_credits_max(fs->journal);
    oskit_error_t err = ext2_is_open(fs) ? OSKIT_SUCCESS : OSKIT_EROFS;

    if (OSKIT_SUCCEEDED(err))
        err = journal_begin(fs->journal, credits < most ? credits : most, handle);
    if (OSKIT_FAILED(err))
        ext2_leave(fs);
    return err;
}

void ext2_end(struct ext2 *fs, struct journal_handle *handle)
{
    journal_end(handle);
    ext2_leave(fs);
}

oskit_error_t ext2_restart(struct ext2 *fs, struct journal_handle *handle, oskit_u32_t credits)
{
    oskit_error_t err = journal_restart(handle, credits);

    if (OSKIT_FAILED(err))
        ext2_leave(fs);
    return err;
}

bool ext2_wait_free(struct ext2 *fs)
{
    ext2_enter(fs);
    bool freed = ext2_is_open(fs) && journal_wait_free(fs->journal);
    ext2_leave(fs);
    return freed;
}

#define EXT2_DRAIN_STEP 1000000 /* nanoseconds */

static void ext2_drain(struct ext2 *fs)
{
    struct env_sleep sleep;

    while (atomic_load(&fs->inside) > 0) {
        env_sleep_init(&sleep);
        env_sleep(&sleep, env_time_monotonic() + EXT2_DRAIN_STEP);
    }
}

/* ---- The superblock ---- */

/* With the superblock's buffer ours to change. */
static void ext2_super_counts(struct ext2 *fs)
{
    struct ext2_super_block *super = fs->super;

    env_mutex_lock(&fs->alloc_mutex);
    super->free_blocks_count_lo = (oskit_u32_t)fs->free_blocks;
    if (fs->g.incompat & EXT2_INCOMPAT_64BIT)
        super->free_blocks_count_hi = (oskit_u32_t)(fs->free_blocks >> 32);
    super->free_inodes_count = (oskit_u32_t)fs->free_inodes;
    super->wtime = (oskit_u32_t)(env_time_real() / 1000000000);
    env_mutex_unlock(&fs->alloc_mutex);
}

/* Past the journal: nothing of it is under way. */
static oskit_error_t ext2_super_write(struct ext2 *fs, oskit_u16_t state, bool recover)
{
    if (atomic_load(&fs->damaged))
        state = (state | EXT2_STATE_ERRORS) & ~EXT2_STATE_CLEAN;
    fs->super->state = state;
    if (recover)
        fs->super->feature_incompat |= EXT2_INCOMPAT_RECOVER;
    else
        fs->super->feature_incompat &= ~EXT2_INCOMPAT_RECOVER;
    ext2_super_counts(fs);
    oskit_error_t err = buffer_write(fs->super_block);
    oskit_error_t flushed = buffer_flush(fs->buffers);
    return OSKIT_FAILED(err) ? err : flushed;
}

oskit_error_t ext2_super_log(struct ext2 *fs)
{
    struct journal_handle handle;
    oskit_error_t err = ext2_begin(fs, 1, &handle);

    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&fs->orphan_mutex); /* the other who changes the superblock */
    err = journal_access(&handle, fs->super_block);
    if (OSKIT_SUCCEEDED(err)) {
        ext2_super_counts(fs);
        journal_dirty(&handle, fs->super_block);
    }
    env_mutex_unlock(&fs->orphan_mutex);
    ext2_end(fs, &handle);
    return err;
}

static void ext2_first_error(oskit_error_t *first, oskit_error_t err)
{
    if (OSKIT_SUCCEEDED(*first))
        *first = err;
}

static oskit_error_t ext2_write_all(struct ext2 *fs, bool wait)
{
    oskit_error_t err = OSKIT_SUCCESS;

    pagecache_sync(fs->device, wait);
    ext2_first_error(&err, ext2_nodes_flush(fs));
    ext2_first_error(&err, ext2_super_log(fs));
    if (fs->journal)
        ext2_first_error(&err, journal_sync(fs->journal, wait));
    else if (wait)
        ext2_first_error(&err, buffer_sync(fs->buffers));
    if (wait)
        ext2_first_error(&err, buffer_flush(fs->buffers));
    return err;
}

oskit_error_t ext2_sync(struct ext2 *fs, bool wait)
{
    ext2_enter(fs);
    oskit_error_t err = ext2_is_open(fs) ? ext2_write_all(fs, wait) : OSKIT_SUCCESS;
    ext2_leave(fs);
    return err;
}

/* ---- The beginning and the end of writing ---- */

oskit_error_t ext2_start_writing(struct ext2 *fs)
{
    if (fs->never_write)
        return OSKIT_EROFS;
    oskit_error_t err = journal_error(fs->journal);
    if (OSKIT_SUCCEEDED(err) && !fs->journal)
        err = ext2_journal_open(fs, false);
    if (OSKIT_FAILED(err))
        return err;
    fs->super->mnt_count++;
    fs->super->mtime = (oskit_u32_t)(env_time_real() / 1000000000);
    /* A journal makes the state on the disk true at any time; without one it is "in use". */
    oskit_u16_t state = fs->journal ? fs->state : fs->state & ~EXT2_STATE_CLEAN;
    err = ext2_super_write(fs, state, fs->journal != NULL);
    if (OSKIT_SUCCEEDED(err))
        err = journal_error_clear(fs->journal);
    if (OSKIT_FAILED(err))
        return err;
    atomic_store(&fs->read_only, false);
    ext2_orphans_recover(fs);
    return OSKIT_SUCCESS;
}

/* What all have changed is written, by this thread alone; then the journal is closed with nothing
 * in it. */
static oskit_error_t ext2_stop(struct ext2 *fs)
{
    oskit_error_t err = ext2_write_all(fs, true);
    struct journal *journal = fs->journal;

    fs->journal = NULL;
    ext2_drain(fs); /* of those who only look at it */
    if (journal)
        ext2_first_error(&err, journal_close(journal));
    else
        ext2_first_error(&err, buffer_sync(fs->buffers));
    return OSKIT_SUCCEEDED(err) ? ext2_super_write(fs, fs->state, false) : err;
}

oskit_error_t ext2_stop_writing(struct ext2 *fs)
{
    ext2_sync(fs, true); /* most of it while others go on */
    env_mutex_lock(&fs->rename_mutex);
    oskit_error_t err = OSKIT_SUCCESS;
    if (!atomic_exchange(&fs->read_only, true)) {
        ext2_drain(fs);
        atomic_store(&fs->stopper, env_context());
        err = ext2_stop(fs);
        atomic_store(&fs->stopper, 0);
    }
    env_mutex_unlock(&fs->rename_mutex);
    return err;
}

static oskit_error_t ext2_close(struct ext2 *fs)
{
    bool writing = !atomic_load(&fs->read_only);
    oskit_error_t err = fs->journal ? journal_close(fs->journal) : buffer_sync(fs->buffers);

    fs->journal = NULL;
    return OSKIT_SUCCEEDED(err) && writing ? ext2_super_write(fs, fs->state, false) : err;
}

void ext2_finish(struct ext2 *fs)
{
    oskit_error_t err = fs->buffers ? ext2_close(fs) : OSKIT_SUCCESS;

    if (OSKIT_FAILED(err))
        env_log(ENV_LOG_ERROR, "ext2: %s: not all could be written (%#x)", fs->name, err);
    buffer_put(fs->super_block);
    ext2_groups_free(fs);
    buffer_cache_destroy(fs->buffers);
    sluice_blockqueue_release(fs->device);
    if (fs->claim)
        oskit_iunknown_release(fs->claim);
    env_free(fs, sizeof *fs);
}
