/*
 * A disk that fails under a file system: whoever asked is told EIO, and every other open file once,
 * at its next fsync; what could not be written is not called written.
 */
#include "harness.h"

#include <stdio.h>
#include <oskit/io/absio.h>
#include <sluice/faultdisk.h>
#include <sluice/pagecache.h>
#include <sluice/sync.h>
#include <sluice/uio.h>
#include <sluice/vecio.h>
#include "ext2_image.h"

#define BLOCK 4096u

struct rig {
    struct ext2_image image;
    struct faultdisk *disk;
    sluice_blockqueue_t *queue;
};

/* What a descriptor is to the system calls. */
struct opened {
    oskit_file_t *file;
    oskit_absio_t *io;
    sluice_absvec_t *vec;
    sluice_sync_t *sync;
    oskit_u32_t seen;
};

static void rig_mount(struct rig *rig)
{
    struct ext2_options options = {.name = "errors"};

    assert_int_equal(ext2_mount(rig->queue, &options, &rig->image.fs), 0);
    assert_int_equal(oskit_filesystem_getroot(rig->image.fs, &rig->image.root), 0);
}

static void rig_start(struct rig *rig, const char *options)
{
    ext2_image_make(&rig->image, options, 16384, NULL);
    assert_int_equal(faultdisk_create(rig->image.queue, &rig->disk, &rig->queue), 0);
    rig_mount(rig);
}

static void rig_end(struct rig *rig)
{
    ext2_image_unmount(&rig->image);
    sluice_blockqueue_release(rig->queue);
    assert_true(ext2_image_clean(&rig->image));
    ext2_image_free(&rig->image);
}

static struct opened open_file(struct rig *rig, const char *name)
{
    struct opened o = {.file = NULL};
    oskit_iunknown_t *object;

    assert_int_equal(oskit_dir_create(rig->image.root, name, 0, 0644, &o.file), 0);
    sluice_filex_t *filex = sluice_query_face(o.file, &sluice_filex_iid);
    assert_int_equal(sluice_filex_open(filex, OSKIT_O_RDWR, &object), 0);
    o.io = sluice_query_face(object, &oskit_absio_iid);
    o.vec = sluice_query_face(object, &sluice_absvec_iid);
    o.sync = sluice_query_face(object, &sluice_sync_iid);
    o.seen = sluice_sync_errors(o.sync);
    oskit_iunknown_release(object);
    sluice_filex_release(filex);
    return o;
}

static void close_file(struct opened *o)
{
    o->sync->ops->release(o->sync);
    o->vec->ops->release(o->vec);
    oskit_absio_release(o->io);
    oskit_file_release(o->file);
}

static void write_block(struct opened *o, char letter, unsigned index)
{
    char block[BLOCK];
    oskit_size_t moved;

    memset(block, letter, sizeof block);
    assert_int_equal(oskit_absio_write(o->io, block, index * BLOCK, BLOCK, &moved), 0);
    assert_int_equal(moved, BLOCK);
}

static oskit_error_t fsync_of(struct opened *o)
{
    return sluice_sync_sync(o->sync, 0, 0, UINT64_MAX, &o->seen);
}

static void schedule(struct rig *rig, struct faultdisk_schedule when)
{
    faultdisk_schedule(rig->disk, &when);
}

/* ---- Contents ---- */

/* The file has its blocks already, so the first write is of contents. */
static void each_descriptor_is_told_once(const char *options)
{
    struct rig rig;

    rig_start(&rig, options);
    struct opened one = open_file(&rig, "file"), two = open_file(&rig, "file");
    write_block(&one, 'a', 0);
    assert_int_equal(fsync_of(&one), 0);
    schedule(&rig, (struct faultdisk_schedule){.write_error = 1});
    write_block(&one, 'b', 0);
    assert_int_equal(fsync_of(&one), OSKIT_EIO);
    struct opened late = open_file(&rig, "file");
    assert_int_equal(fsync_of(&two), OSKIT_EIO);
    assert_int_equal(fsync_of(&one), 0);
    assert_int_equal(fsync_of(&two), 0);
    assert_int_equal(fsync_of(&late), 0);

    schedule(&rig, (struct faultdisk_schedule){.write_error = 1});
    write_block(&two, 'c', 0);
    assert_int_equal(sluice_sync_sync(two.sync, SYNC_DATA, 0, UINT64_MAX, &two.seen), OSKIT_EIO);
    assert_int_equal(fsync_of(&late), OSKIT_EIO);
    write_block(&two, 'd', 0);
    assert_int_equal(fsync_of(&two), 0);
    close_file(&one);
    close_file(&two);
    close_file(&late);
    rig_end(&rig);
}

static void test_each_descriptor_is_told_once(void **state)
{
    (void)state;
    each_descriptor_is_told_once("-t ext2 -b 4096");
    each_descriptor_is_told_once("-t ext3 -b 1024");
}

/* Written by a sync of everything, which answers for no file. */
static void test_errors_that_nobody_waited_for(void **state)
{
    struct rig rig;

    (void)state;
    rig_start(&rig, "-t ext3 -b 4096");
    struct opened one = open_file(&rig, "file"), two = open_file(&rig, "file");
    struct opened other = open_file(&rig, "other");
    write_block(&one, 'a', 0);
    assert_int_equal(fsync_of(&one), 0);
    schedule(&rig, (struct faultdisk_schedule){.write_error = 1});
    write_block(&one, 'b', 0);
    pagecache_sync(rig.queue, true);
    schedule(&rig, (struct faultdisk_schedule){0});
    assert_int_equal(fsync_of(&other), 0);
    assert_int_equal(fsync_of(&two), OSKIT_EIO);
    assert_int_equal(fsync_of(&two), 0);
    assert_int_equal(sluice_sync_sync(one.sync, SYNC_RANGE, 0, UINT64_MAX, &one.seen), OSKIT_EIO);
    assert_int_equal(fsync_of(&one), 0);
    close_file(&one);
    close_file(&two);
    close_file(&other);
    rig_end(&rig);
}

static void test_a_synchronous_write_tells(void **state)
{
    static _Alignas(BLOCK) char block[BLOCK] = {1};
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t moved;
    struct rig rig;

    (void)state;
    rig_start(&rig, "-t ext3 -b 4096");
    struct opened one = open_file(&rig, "file");
    write_block(&one, 'a', 0);
    assert_int_equal(fsync_of(&one), 0);
    schedule(&rig, (struct faultdisk_schedule){.write_error = 1});
    uio_init_kernel(&uio, &segment, block, sizeof block);
    assert_int_equal(one.vec->ops->pwritev(one.vec, &uio, 0, VECIO_SYNC, &moved, NULL), OSKIT_EIO);
    schedule(&rig, (struct faultdisk_schedule){.write_error = 1});
    uio_init_kernel(&uio, &segment, block, sizeof block);
    assert_int_equal(one.vec->ops->pwritev(one.vec, &uio, 0, VECIO_DIRECT, &moved, NULL),
                     OSKIT_EIO);
    close_file(&one);
    rig_end(&rig);
}

static void test_a_read_tells_and_the_next_tries_again(void **state)
{
    char block[BLOCK];
    oskit_size_t moved;
    struct rig rig;

    (void)state;
    rig_start(&rig, "-t ext3 -b 4096");
    struct opened one = open_file(&rig, "file");
    write_block(&one, 'a', 0);
    assert_int_equal(fsync_of(&one), 0);
    assert_int_equal(sluice_sync_advise(one.sync, ADVICE_DONTNEED, 0, UINT64_MAX), 0);
    schedule(&rig, (struct faultdisk_schedule){.read_error = 1});
    assert_int_equal(oskit_absio_read(one.io, block, 0, BLOCK, &moved), OSKIT_EIO);
    assert_int_equal(oskit_absio_read(one.io, block, 0, BLOCK, &moved), 0);
    assert_int_equal(moved, BLOCK);
    assert_int_equal(block[7], 'a');
    close_file(&one);
    rig_end(&rig);
}

/* ---- Metadata, the log, the device's cache ---- */

static void test_metadata_without_a_journal(void **state)
{
    struct rig rig;

    (void)state;
    rig_start(&rig, "-t ext2 -b 4096");
    struct opened one = open_file(&rig, "file");
    write_block(&one, 'a', 0);
    schedule(&rig, (struct faultdisk_schedule){.write_error = 2, .lasting = true});
    assert_int_equal(fsync_of(&one), OSKIT_EIO);
    assert_int_equal(fsync_of(&one), OSKIT_EIO); /* it still isn't there */
    schedule(&rig, (struct faultdisk_schedule){0});
    assert_int_equal(fsync_of(&one), 0);
    close_file(&one);
    rig_end(&rig);
}

/* The log takes no more: nothing is changed from then on, and the next mount goes on from what the
 * last commit left. */
static void log_fails(struct faultdisk_schedule when)
{
    char block[BLOCK];
    oskit_size_t moved;
    struct rig rig;

    rig_start(&rig, "-t ext3 -b 4096");
    struct opened one = open_file(&rig, "file"), two = open_file(&rig, "file");
    write_block(&one, 'a', 0);
    assert_int_equal(fsync_of(&one), 0);
    write_block(&one, 'b', 1);
    schedule(&rig, when);
    assert_int_equal(fsync_of(&one), OSKIT_EIO);
    assert_true(OSKIT_FAILED(fsync_of(&two)));
    schedule(&rig, (struct faultdisk_schedule){0});
    memset(block, 'c', sizeof block);
    assert_int_equal(oskit_absio_write(one.io, block, 2 * BLOCK, BLOCK, &moved), OSKIT_EROFS);
    assert_int_equal(oskit_dir_mkdir(rig.image.root, "dir", 0755), OSKIT_EROFS);
    assert_int_equal(oskit_absio_read(one.io, block, 0, BLOCK, &moved), 0);
    assert_int_equal(block[0], 'a');
    close_file(&one);
    close_file(&two);
    ext2_image_unmount(&rig.image);

    rig_mount(&rig);
    one = open_file(&rig, "file");
    assert_int_equal(oskit_absio_read(one.io, block, 0, BLOCK, &moved), 0);
    assert_int_equal(block[0], 'a');
    write_block(&one, 'd', 1);
    assert_int_equal(fsync_of(&one), 0);
    close_file(&one);
    rig_end(&rig);
}

static void test_the_log_fails(void **state)
{
    (void)state;
    log_fails((struct faultdisk_schedule){.write_error = 2, .lasting = true});
    log_fails((struct faultdisk_schedule){.torn_write = 2, .lasting = true});
    log_fails((struct faultdisk_schedule){.flush_error = 1, .lasting = true});
}

static void test_the_devices_cache_fails(void **state)
{
    struct rig rig;

    (void)state;
    rig_start(&rig, "-t ext2 -b 4096");
    struct opened one = open_file(&rig, "file");
    write_block(&one, 'a', 0);
    schedule(&rig, (struct faultdisk_schedule){.flush_error = 1});
    assert_int_equal(fsync_of(&one), OSKIT_EIO);
    assert_int_equal(fsync_of(&one), 0);
    close_file(&one);
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_each_descriptor_is_told_once),
        HARNESS_TEST(test_errors_that_nobody_waited_for),
        HARNESS_TEST(test_a_synchronous_write_tells),
        HARNESS_TEST(test_a_read_tells_and_the_next_tries_again),
        HARNESS_TEST(test_metadata_without_a_journal),
        HARNESS_TEST(test_the_log_fails),
        HARNESS_TEST(test_the_devices_cache_fails),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2 errors", tests, NULL, NULL);
}
