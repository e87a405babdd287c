/*
 * The journal with raw buffers: what handles promise, what is freed when, what an fsync costs, and
 * what an I/O error does. Cuts of power are in test_powercut.c.
 */
#include "harness.h"

#include <stdatomic.h>
#include <unistd.h>
#include <sluice/block.h>
#include <sluice/faultdisk.h>
#include "io/fs/ext2/journal.h"
#include "io/fs/ext2/journal_format.h"

#define BLOCK       1024u
#define DISK_BLOCKS 512u
#define LOG_AT      300u
#define LOG_BLOCKS  200u

struct rig {
    oskit_blkio_t *ram;
    sluice_blockqueue_t *below, *queue;
    struct faultdisk *disk;
    struct buffer_cache *cache;
    struct journal *journal;
    struct journal_replay replay;
    bool sums_up;
    _Atomic bool enough;
};

static oskit_error_t map(void *arg, oskit_u32_t logical, oskit_u64_t *out)
{
    (void)arg;
    *out = LOG_AT + logical;
    return OSKIT_SUCCESS;
}

/* What ext2 does at the end of each transaction: counts go into one more block. */
static void sum_up(void *arg)
{
    struct rig *rig = arg;
    struct journal_handle handle;
    struct buffer *buffer;

    assert_int_equal(journal_begin(rig->journal, 1, &handle), 0);
    assert_int_equal(buffer_get(rig->cache, 10, &buffer), 0);
    assert_int_equal(journal_access(&handle, buffer), 0);
    journal_dirty(&handle, buffer);
    buffer_put(buffer);
    journal_end(&handle);
}

static oskit_error_t rig_mount(struct rig *rig)
{
    assert_int_equal(buffer_cache_create(rig->queue, BLOCK, DISK_BLOCKS, &rig->cache), 0);
    const struct journal_config config = {.cache = rig->cache,
                                          .map = map,
                                          .blocks = LOG_BLOCKS,
                                          .first_block = 1,
                                          .end_block = DISK_BLOCKS,
                                          .name = "rig",
                                          .closing = rig->sums_up ? sum_up : NULL,
                                          .closing_arg = rig};
    oskit_error_t error = journal_open(&config, &rig->replay, &rig->journal);
    if (OSKIT_FAILED(error))
        buffer_cache_destroy(rig->cache);
    return error;
}

static void rig_begin(struct rig *rig)
{
    uint8_t bytes[BLOCK] = {0};
    struct jbd_super *super = (struct jbd_super *)bytes;
    oskit_size_t moved;

    assert_int_equal(ramdisk_create(DISK_BLOCKS * BLOCK, 512, &rig->ram), 0);
    *super = (struct jbd_super){
        .header = {jbd_32(JBD_MAGIC), jbd_32(JBD_SUPER_V2), 0},
        .block_size = jbd_32(BLOCK),
        .blocks = jbd_32(LOG_BLOCKS),
        .first = jbd_32(1),
        .sequence = jbd_32(UINT32_MAX - 2), /* the tids wrap soon */
    };
    oskit_blkio_write(rig->ram, bytes, LOG_AT * BLOCK, BLOCK, &moved);
    rig->below = sluice_query_face(rig->ram, &sluice_blockqueue_iid);
    assert_int_equal(faultdisk_create(rig->below, &rig->disk, &rig->queue), 0);
    rig->sums_up = false;
    assert_int_equal(rig_mount(rig), 0);
}

static void rig_end(struct rig *rig)
{
    sluice_blockqueue_release(rig->queue);
    sluice_blockqueue_release(rig->below);
    oskit_blkio_release(rig->ram);
}

static void rig_finish(struct rig *rig)
{
    assert_int_equal(journal_close(rig->journal), 0);
    buffer_cache_destroy(rig->cache);
    rig_end(rig);
}

/* Power off and on again. */
static void rig_crash(struct rig *rig)
{
    journal_drop(rig->journal);
    buffer_cache_destroy(rig->cache);
    assert_int_equal(rig_mount(rig), 0);
}

static oskit_error_t fill(struct rig *rig, struct journal_handle *handle, oskit_u64_t block,
                          int byte)
{
    struct buffer *buffer;

    assert_int_equal(buffer_get(rig->cache, block, &buffer), 0);
    oskit_error_t error = journal_access(handle, buffer);
    if (error == 0) {
        memset(buffer->data, byte, BLOCK);
        journal_dirty(handle, buffer);
    }
    buffer_put(buffer);
    return error;
}

/* One transaction's worth: BLOCK becomes all BYTE; its tid. */
static journal_tid_t change(struct rig *rig, oskit_u64_t block, int byte)
{
    struct journal_handle handle;

    assert_int_equal(journal_begin(rig->journal, 1, &handle), 0);
    assert_int_equal(fill(rig, &handle, block, byte), 0);
    journal_tid_t tid = journal_tid(&handle);
    journal_end(&handle);
    return tid;
}

static int byte_of(struct rig *rig, oskit_u64_t block)
{
    struct buffer *buffer;

    assert_int_equal(buffer_get(rig->cache, block, &buffer), 0);
    int byte = ((uint8_t *)buffer->data)[BLOCK - 1];
    buffer_put(buffer);
    return byte;
}

static void test_what_was_committed_is_replayed_and_nothing_else(void **state)
{
    struct rig rig;

    (void)state;
    rig_begin(&rig);
    for (unsigned i = 0; i < 6; i++) /* past the wrap of tids */
        assert_int_equal(journal_fsync(rig.journal, change(&rig, 20 + i, (int)i + 1)), 0);
    change(&rig, 20, 99);
    rig_crash(&rig);
    assert_int_equal(rig.replay.transactions, 6);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(byte_of(&rig, 20 + i), (int)i + 1);
    rig_finish(&rig);
}

static void test_the_log_goes_around_many_times(void **state)
{
    struct rig rig;
    uint8_t model[40] = {0};

    (void)state;
    rig_begin(&rig);
    for (unsigned i = 0; i < 1000; i++) {
        model[i * 7 % 40] = (uint8_t)(i % 250 + 1);
        journal_tid_t tid = change(&rig, 20 + i * 7 % 40, model[i * 7 % 40]);
        if (i % 3 == 0)
            assert_int_equal(journal_commit_wait(rig.journal, tid), 0);
    }
    assert_int_equal(journal_sync(rig.journal, true), 0);
    rig_crash(&rig);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(byte_of(&rig, 20 + i), model[i]);
    rig_finish(&rig);
}

static void test_a_copy_that_looks_like_the_log_is_escaped(void **state)
{
    struct rig rig;
    struct journal_handle handle;
    struct buffer *buffer;
    const uint32_t magic = jbd_32(JBD_MAGIC);

    (void)state;
    rig_begin(&rig);
    assert_int_equal(journal_begin(rig.journal, 20, &handle), 0);
    for (unsigned i = 0; i < 20; i++) { /* more than the committer has spare blocks */
        assert_int_equal(fill(&rig, &handle, 20 + i, 7), 0);
        assert_int_equal(buffer_get(rig.cache, 20 + i, &buffer), 0);
        memcpy(buffer->data, &magic, sizeof magic);
        buffer_put(buffer);
    }
    journal_end(&handle);
    assert_int_equal(journal_sync(rig.journal, true), 0);
    rig_crash(&rig);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(buffer_get(rig.cache, 20 + i, &buffer), 0);
        assert_memory_equal(buffer->data, &magic, sizeof magic);
        assert_int_equal(((uint8_t *)buffer->data)[BLOCK - 1], 7);
        buffer_put(buffer);
    }
    rig_finish(&rig);
}

static void test_a_freed_block_is_not_replayed_over_its_next_use(void **state)
{
    struct rig rig;
    struct journal_handle handle;
    struct buffer *buffer;
    uint8_t data[BLOCK];
    oskit_size_t moved;

    (void)state;
    rig_begin(&rig);
    journal_commit_wait(rig.journal, change(&rig, 30, 1));
    assert_int_equal(journal_begin(rig.journal, 1, &handle), 0);
    assert_int_equal(buffer_get(rig.cache, 30, &buffer), 0);
    assert_int_equal(journal_forget(&handle, buffer), 0);
    journal_tid_t tid = journal_tid(&handle);
    journal_end(&handle);
    assert_int_equal(journal_commit_wait(rig.journal, tid), 0);
    memset(data, 2, sizeof data); /* a file's, now */
    oskit_blkio_write(rig.ram, data, 30 * BLOCK, BLOCK, &moved);
    assert_int_equal(journal_checkpoint(rig.journal), 0);
    oskit_blkio_read(rig.ram, data, 30 * BLOCK, BLOCK, &moved);
    assert_int_equal(data[5], 2);
    rig_crash(&rig);
    assert_int_equal(byte_of(&rig, 30), 2);
    rig_finish(&rig);
}

static void test_freed_bits_are_busy_until_the_commit(void **state)
{
    struct rig rig;
    struct journal_handle handle;
    struct journal_busy busy;
    struct buffer *bitmap;

    (void)state;
    rig_begin(&rig);
    assert_int_equal(buffer_get(rig.cache, 40, &bitmap), 0);
    journal_busy(rig.journal, bitmap, &busy);
    assert_true(busy.bits[0] == NULL && busy.bits[1] == NULL);
    assert_false(journal_wait_free(rig.journal));
    assert_int_equal(journal_begin(rig.journal, 1, &handle), 0);
    assert_int_equal(journal_access(&handle, bitmap), 0);
    assert_int_equal(journal_free_bits(&handle, bitmap, 9, 2), 0);
    assert_int_equal(journal_free_bits(&handle, bitmap, 8 * BLOCK - 1, 2), OSKIT_E_INVALIDARG);
    journal_dirty(&handle, bitmap);
    unsigned side = journal_tid(&handle) & 1;
    journal_end(&handle);
    journal_busy(rig.journal, bitmap, &busy);
    assert_int_equal(busy.bits[side][1], 6);
    assert_true(journal_wait_free(rig.journal));
    journal_busy(rig.journal, bitmap, &busy);
    assert_true(busy.bits[0] == NULL && busy.bits[1] == NULL);
    buffer_put(bitmap);
    rig_finish(&rig);
}

static void test_credits(void **state)
{
    struct rig rig;
    struct journal_handle outer, inner;

    (void)state;
    rig_begin(&rig);
    oskit_u32_t most = journal_credits_max(rig.journal);
    assert_int_equal(journal_begin(rig.journal, most + 1, &outer), OSKIT_ENOSPC);
    assert_int_equal(journal_begin(rig.journal, most, &outer), 0);
    assert_int_equal(journal_begin(rig.journal, 1, &inner), 0);
    assert_int_equal(journal_restart(&inner, 1), OSKIT_EBUSY);
    for (unsigned i = 0; i < 24; i++) /* each twice: costs one */
        assert_int_equal(fill(&rig, &inner, 20 + i / 2, 1), 0);
    journal_end(&inner);
    assert_int_equal(journal_credits(&outer), most - 12);
    assert_int_equal(journal_extend(&outer, most), OSKIT_EAGAIN);
    journal_tid_t tid = journal_tid(&outer);
    assert_int_equal(journal_restart(&outer, most), 0); /* doesn't fit in besides */
    assert_int_not_equal(journal_tid(&outer), tid);
    journal_end(&outer);
    rig_finish(&rig);
}

static void test_a_clean_fsync_asks_nothing_of_the_device(void **state)
{
    struct rig rig;
    struct block_statistics before, after;

    (void)state;
    rig_begin(&rig);
    journal_tid_t tid = change(&rig, 20, 1);
    assert_int_equal(journal_fsync(rig.journal, tid), 0);
    sluice_blockqueue_get_statistics(rig.queue, &before);
    assert_int_equal(journal_fsync(rig.journal, tid), 0);
    sluice_blockqueue_get_statistics(rig.queue, &after);
    assert_int_equal(before.op[BLOCK_FLUSH].requests, after.op[BLOCK_FLUSH].requests);
    assert_int_equal(before.op[BLOCK_WRITE].requests, after.op[BLOCK_WRITE].requests);
    rig_finish(&rig);
}

static void test_an_error_of_the_log_makes_it_read_only_in_one_line(void **state)
{
    static const struct faultdisk_schedule schedules[] = {
        {.write_error = 1, .lasting = true},
        {.torn_write = 1, .lasting = true},
        {.write_error = 3, .lasting = true},
        {.flush_error = 1, .lasting = true},
    };

    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(schedules); i++) {
        struct rig rig;
        struct journal_handle handle;

        rig_begin(&rig);
        env_test_log_clear();
        journal_tid_t tid = change(&rig, 20, 1);
        faultdisk_schedule(rig.disk, &schedules[i]);
        assert_true(OSKIT_FAILED(journal_fsync(rig.journal, tid)));
        assert_true(OSKIT_FAILED(journal_fsync(rig.journal, tid)));
        assert_int_equal(journal_begin(rig.journal, 1, &handle), OSKIT_EROFS);
        assert_non_null(strstr(env_test_log(), "journal given up"));
        assert_null(strchr(strchr(env_test_log(), '\n') + 1, '\n'));
        assert_true(OSKIT_FAILED(journal_close(rig.journal)));
        buffer_cache_destroy(rig.cache);
        faultdisk_schedule(rig.disk, &(struct faultdisk_schedule){0});
        assert_int_equal(rig_mount(&rig), 0); /* what is on the disk is whole */
        int byte = byte_of(&rig, 20);
        assert_true(byte == 0 || byte == 1);
        rig_finish(&rig);
    }
}

/* ---- Many at once ---- */

struct worker {
    struct rig *rig;
    unsigned number;
    oskit_error_t error;
    _Atomic bool done;
};

static void worker_run(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < 60 && w->error == 0; i++) {
        struct journal_handle handle;
        struct buffer *buffer;
        w->error = journal_begin(w->rig->journal, 4, &handle);
        if (w->error != 0)
            break;
        for (unsigned b = 0; b < 4 && w->error == 0; b++) { /* its own byte of shared blocks */
            w->error = buffer_get(w->rig->cache, 20 + (i + b) % 8, &buffer);
            if (w->error == 0)
                w->error = journal_access(&handle, buffer);
            if (w->error == 0) {
                ((uint8_t *)buffer->data)[w->number * 64] = (uint8_t)i;
                journal_dirty(&handle, buffer);
            }
            buffer_put(buffer);
        }
        journal_tid_t tid = journal_tid(&handle);
        journal_end(&handle);
        if (w->error == 0 && i % 4 == 0)
            w->error = journal_fsync(w->rig->journal, tid);
    }
    atomic_store(&w->done, true);
}

static void test_threads_share_transactions(void **state)
{
    struct rig rig;
    struct worker workers[4];
    struct journal_totals totals;

    (void)state;
    rig_begin(&rig);
    for (unsigned i = 0; i < 4; i++) {
        workers[i] = (struct worker){.rig = &rig, .number = i};
        assert_int_equal(env_thread_start("worker", worker_run, &workers[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        while (!atomic_load(&workers[i].done))
            usleep(1000);
    }
    assert_int_equal(journal_sync(rig.journal, true), 0);
    journal_totals(rig.journal, &totals);
    assert_true(totals.commits > 0 && totals.commits < 120);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(workers[i].error, 0);
    rig_finish(&rig);
}

static void sync_often(void *arg)
{
    struct worker *w = arg;

    while (!atomic_load(&w->rig->enough))
        w->error = journal_sync(w->rig->journal, true);
    atomic_store(&w->done, true);
}

/*
 * A begin opens a transaction and then waits for room in the log. Who commits that empty one would
 * take blocks that nobody promised, and write over the log's oldest part.
 */
static void test_a_commit_of_nothing_takes_no_log(void **state)
{
    struct rig rig;
    struct worker syncer = {.rig = &rig};
    oskit_error_t error = 0;

    (void)state;
    rig_begin(&rig);
    assert_int_equal(journal_close(rig.journal), 0);
    buffer_cache_destroy(rig.cache);
    rig.sums_up = true;
    atomic_store(&rig.enough, false);
    assert_int_equal(rig_mount(&rig), 0);
    assert_int_equal(env_thread_start("syncer", sync_often, &syncer), 0);
    for (unsigned i = 0; i < 5000 && error == 0; i++)
        error = journal_fsync(rig.journal, change(&rig, 20 + i % 4, (int)(i & 0x7f)));
    atomic_store(&rig.enough, true);
    while (!atomic_load(&syncer.done))
        usleep(1000);
    assert_int_equal(error, 0);
    assert_int_equal(syncer.error, 0);
    rig_finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_what_was_committed_is_replayed_and_nothing_else),
        HARNESS_TEST(test_the_log_goes_around_many_times),
        HARNESS_TEST(test_a_copy_that_looks_like_the_log_is_escaped),
        HARNESS_TEST(test_a_freed_block_is_not_replayed_over_its_next_use),
        HARNESS_TEST(test_freed_bits_are_busy_until_the_commit),
        HARNESS_TEST(test_credits),
        HARNESS_TEST(test_a_clean_fsync_asks_nothing_of_the_device),
        HARNESS_TEST(test_an_error_of_the_log_makes_it_read_only_in_one_line),
        HARNESS_TEST(test_threads_share_transactions),
        HARNESS_TEST(test_a_commit_of_nothing_takes_no_log),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
