/* Block devices: one cache for all opens, transfers past it, ioctls, claims, read-only devices. */
#include "harness.h"

#include <oskit/fs/file.h>
#include <oskit/io/absio.h>
#include <sluice/block.h>
#include <sluice/blockdev.h>
#include <sluice/pagecache.h>
#include <sluice/sync.h>
#include <sluice/vecio.h>

#include "cache_file.h"

#define SIZE ((1u << 20) + 512u)

struct fixture {
    struct cache_disk *disk;
    struct blockdev *dev;
    oskit_iunknown_t *open[2];
    sluice_absvec_t *absvec[2];
    sluice_control_t *control;
};

static void fixture_open(struct fixture *f, const struct blockdev_hooks *hooks)
{
    f->disk = cache_disk_create(SIZE, CACHE_DISK_AT_ONCE);
    assert_int_equal(blockdev_create(cache_disk_queue(f->disk), hooks, &f->dev), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(blockdev_open(f->dev, OSKIT_O_RDWR, &f->open[i]), 0);
        f->absvec[i] = sluice_query_face(f->open[i], &sluice_absvec_iid);
    }
    f->control = sluice_query_face(f->open[0], &sluice_control_iid);
}

static void fixture_close(struct fixture *f)
{
    f->control->ops->release(f->control);
    for (int i = 0; i < 2; i++) {
        f->absvec[i]->ops->release(f->absvec[i]);
        oskit_iunknown_release(f->open[i]);
    }
    assert_int_equal(blockdev_opens(f->dev), 0);
    blockdev_unref(f->dev);
    cache_disk_destroy(f->disk);
}

static oskit_error_t put(sluice_absvec_t *to, const void *bytes, size_t size, oskit_off_t at,
                         oskit_u32_t flags, size_t *moved)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_off_t end;

    uio_init_user(&uio, &segment, (void *)bytes, size);
    oskit_error_t err = to->ops->pwritev(to, &uio, at, flags, moved, &end);
    assert_int_equal(uio.left, size - *moved);
    return err;
}

static oskit_error_t get(sluice_absvec_t *from, void *bytes, size_t size, oskit_off_t at,
                         oskit_u32_t flags, size_t *moved)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_user(&uio, &segment, bytes, size);
    return from->ops->preadv(from, &uio, at, flags, moved);
}

static void test_one_cache(void **state)
{
    char bytes[100], got[100];
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(put(f.absvec[0], bytes, 100, 5000, 0, &moved), 0);
    assert_int_equal(get(f.absvec[1], got, 100, 5000, 0, &moved), 0);
    assert_int_equal(moved, 100);
    assert_memory_equal(got, bytes, 100);
    assert_int_equal(cache_disk_bytes(f.disk)[5000], 0xbb);
    assert_int_equal(put(f.absvec[0], bytes, 100, 6000, VECIO_SYNC, &moved), 0);
    assert_int_equal(cache_disk_bytes(f.disk)[6000], 'x');
    fixture_close(&f);
}

/* The last open's release writes back. */
static void test_last_close(void **state)
{
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    assert_int_equal(put(f.absvec[0], "abc", 3, 9000, 0, &moved), 0);
    for (int i = 0; i < 2; i++)
        f.absvec[i]->ops->release(f.absvec[i]);
    f.control->ops->release(f.control);
    oskit_iunknown_release(f.open[0]);
    assert_int_equal(cache_disk_bytes(f.disk)[9000], 0xbb);
    oskit_iunknown_release(f.open[1]);
    assert_memory_equal(cache_disk_bytes(f.disk) + 9000, "abc", 3);
    blockdev_unref(f.dev);
    cache_disk_destroy(f.disk);
}

static void test_ends(void **state)
{
    char bytes[1024] = {0};
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    assert_int_equal(get(f.absvec[0], bytes, 1024, SIZE - 10, 0, &moved), 0);
    assert_int_equal(moved, 10);
    assert_int_equal(get(f.absvec[0], bytes, 1024, SIZE, 0, &moved), 0);
    assert_int_equal(moved, 0);
    assert_int_equal(put(f.absvec[0], bytes, 1024, SIZE - 10, 0, &moved), 0);
    assert_int_equal(moved, 10);
    assert_int_equal(put(f.absvec[0], bytes, 1024, SIZE, 0, &moved), OSKIT_ENOSPC);
    assert_int_equal(put(f.absvec[0], bytes, 1, -1, 0, &moved), OSKIT_E_INVALIDARG);
    fixture_close(&f);
}

static void test_direct(void **state)
{
    unsigned char *page = aligned_alloc(4096, 8192);
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    assert_int_equal(put(f.absvec[0], "cached", 6, 4096, 0, &moved), 0);
    oskit_u64_t copied = pagecache_copied();
    assert_int_equal(get(f.absvec[1], page, 8192, 4096, VECIO_DIRECT, &moved), 0);
    assert_int_equal(moved, 8192);
    assert_memory_equal(page, "cached", 6);
    memset(page, 'd', 8192);
    assert_int_equal(put(f.absvec[1], page, 8192, 0, VECIO_DIRECT, &moved), 0);
    assert_int_equal(pagecache_copied(), copied);
    assert_int_equal(cache_disk_bytes(f.disk)[8191], 'd');
    assert_int_equal(get(f.absvec[0], page, 6, 4096, 0, &moved), 0);
    assert_memory_equal(page, "dddddd", 6);
    assert_int_equal(pagecache_copied(), copied + 6);
    assert_int_equal(get(f.absvec[1], page + 1, 512, 0, VECIO_DIRECT, &moved), OSKIT_E_INVALIDARG);
    assert_int_equal(get(f.absvec[1], page, 512, 100, VECIO_DIRECT, &moved), OSKIT_E_INVALIDARG);
    assert_int_equal(get(f.absvec[1], page, 100, 0, VECIO_DIRECT, &moved), OSKIT_E_INVALIDARG);
    env_test_bad_user(page, 8192);
    assert_int_equal(get(f.absvec[1], page, 512, 0, VECIO_DIRECT, &moved), OSKIT_EFAULT);
    env_test_bad_user(NULL, 0);
    fixture_close(&f);
    free(page);
}

/* ---- ioctl ---- */

static oskit_error_t ioctl_at(struct fixture *f, oskit_u32_t command, void *argument)
{
    oskit_s32_t result;

    return f->control->ops->ioctl(f->control, command, (uintptr_t)argument, &result);
}

static oskit_error_t count_rescan(void *arg)
{
    ++*(int *)arg;
    return OSKIT_SUCCESS;
}

static void test_questions(void **state)
{
    oskit_u64_t size = 0;
    oskit_u32_t word = 0;
    struct fixture f;
    (void)state;

    fixture_open(&f, NULL);
    assert_int_equal(ioctl_at(&f, 0x80081272, &size), 0);
    assert_int_equal(size, SIZE);
    assert_int_equal(ioctl_at(&f, 0x1260, &size), 0);
    assert_int_equal(size, SIZE / 512);
    assert_int_equal(ioctl_at(&f, 0x1268, &word), 0);
    assert_int_equal(word, 512);
    assert_int_equal(ioctl_at(&f, 0x1268, NULL), OSKIT_EFAULT);
    assert_int_equal(ioctl_at(&f, 0x5401, &word), OSKIT_ENOTTY);
    fixture_close(&f);
}

static void test_changes(void **state)
{
    int rescans = 0, yes = 1, no = 0;
    struct blockdev_hooks hooks = {.rescan = count_rescan, .arg = &rescans};
    oskit_iunknown_t *other;
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, &hooks);
    assert_int_equal(ioctl_at(&f, 0x125f, NULL), 0);
    assert_int_equal(rescans, 1);
    assert_int_equal(put(f.absvec[0], "abc", 3, 0, 0, &moved), 0);
    assert_int_equal(ioctl_at(&f, 0x1261, NULL), 0);
    assert_memory_equal(cache_disk_bytes(f.disk), "abc", 3);
    assert_int_equal(ioctl_at(&f, 0x125d, &yes), 0);
    assert_int_equal(put(f.absvec[0], "abc", 3, 0, 0, &moved), OSKIT_EPERM);
    assert_int_equal(blockdev_open(f.dev, OSKIT_O_RDWR, &other), OSKIT_EROFS);
    assert_int_equal(ioctl_at(&f, 0x125d, &no), 0);
    env_test_set_identity(1000, 1000, 022, false);
    assert_int_equal(ioctl_at(&f, 0x1261, NULL), OSKIT_EACCES);
    fixture_close(&f);
}

/* A partition tells its start, in sectors, and can't be written while its disk can't. */
static void test_partition(void **state)
{
    struct {
        oskit_u8_t heads, sectors;
        oskit_u16_t cylinders;
        oskit_u64_t start;
    } geometry;
    int yes = 1, no = 0, told = 0;
    struct blockdev_hooks hooks = {.start = 2048 * 512};
    struct cache_disk *disk = cache_disk_create(SIZE, CACHE_DISK_AT_ONCE);
    oskit_iunknown_t *whole;
    struct fixture f;
    size_t moved;
    (void)state;

    assert_int_equal(blockdev_create(cache_disk_queue(disk), NULL, &hooks.whole), 0);
    assert_int_equal(blockdev_open(hooks.whole, OSKIT_O_RDWR, &whole), 0);
    sluice_control_t *control = sluice_query_face(whole, &sluice_control_iid);
    fixture_open(&f, &hooks);
    blockdev_unref(hooks.whole);
    assert_int_equal(ioctl_at(&f, 0x301, &geometry), 0);
    assert_int_equal(geometry.start, 2048);
    assert_int_equal(control->ops->ioctl(control, 0x301, (uintptr_t)&geometry, &told), 0);
    assert_int_equal(geometry.start, 0);
    assert_int_equal(control->ops->ioctl(control, 0x125d, (uintptr_t)&yes, &told), 0);
    assert_int_equal(ioctl_at(&f, 0x125e, &told), 0);
    assert_int_equal(told, 1);
    assert_true(blockdev_read_only(f.dev));
    assert_int_equal(put(f.absvec[0], "abc", 3, 0, 0, &moved), OSKIT_EPERM);
    assert_int_equal(ioctl_at(&f, 0x125d, &no), 0);
    assert_true(blockdev_read_only(f.dev));
    assert_int_equal(control->ops->ioctl(control, 0x125d, (uintptr_t)&no, &told), 0);
    assert_int_equal(ioctl_at(&f, 0x125d, &yes), 0);
    assert_int_equal(control->ops->ioctl(control, 0x125e, (uintptr_t)&told, &yes), 0);
    assert_int_equal(told, 0);
    control->ops->release(control);
    oskit_iunknown_release(whole);
    fixture_close(&f);
    cache_disk_destroy(disk);
}

static void test_zero_out(void **state)
{
    oskit_u64_t range[2] = {1024, 8192}, odd[2] = {100, 512}, beyond[2] = {0, SIZE + 512};
    unsigned char got[9000];
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    assert_int_equal(put(f.absvec[0], "abc", 3, 4096, 0, &moved), 0);
    assert_int_equal(ioctl_at(&f, 0x127f, range), 0);
    assert_int_equal(get(f.absvec[1], got, 9000, 1024, 0, &moved), 0);
    for (int i = 0; i < 8192; i++)
        assert_int_equal(got[i], 0);
    assert_int_equal(got[8192], 0xbb);
    assert_int_equal(ioctl_at(&f, 0x127f, odd), OSKIT_E_INVALIDARG);
    assert_int_equal(ioctl_at(&f, 0x127f, beyond), OSKIT_E_INVALIDARG);
    assert_int_equal(ioctl_at(&f, 0x1277, range), OSKIT_EOPNOTSUPP);
    fixture_close(&f);
}

static void test_claim(void **state)
{
    oskit_iunknown_t *claim, *second;
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    assert_int_equal(put(f.absvec[0], "abc", 3, 0, 0, &moved), 0);
    assert_int_equal(blockdev_open(f.dev, OSKIT_O_RDWR | OSKIT_O_EXCL, &claim), 0);
    assert_memory_equal(cache_disk_bytes(f.disk), "abc", 3);
    assert_int_equal(blockdev_open(f.dev, OSKIT_O_RDONLY | OSKIT_O_EXCL, &second), OSKIT_EBUSY);
    sluice_blockqueue_t *queue = sluice_query_face(claim, &sluice_blockqueue_iid);
    struct block_limits limits;
    sluice_blockqueue_get_limits(queue, &limits);
    assert_int_equal(limits.size, SIZE);
    sluice_blockqueue_release(queue);
    oskit_iunknown_release(claim);
    assert_int_equal(blockdev_open(f.dev, OSKIT_O_RDONLY | OSKIT_O_EXCL, &second), 0);
    oskit_iunknown_release(second);
    fixture_close(&f);
}

/* What the claim's holder writes past the cache is seen by who opens then, and by all when the
 * claim is over. */
static void test_reading_beside_a_claim(void **state)
{
    oskit_iunknown_t *claim, *other;
    char got[3];
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    assert_int_equal(blockdev_open(f.dev, OSKIT_O_RDWR | OSKIT_O_EXCL, &claim), 0);
    memcpy(cache_disk_bytes(f.disk), "one", 3);
    assert_int_equal(get(f.absvec[0], got, 3, 0, 0, &moved), 0);
    assert_memory_equal(got, "one", 3);
    memcpy(cache_disk_bytes(f.disk), "two", 3);
    assert_int_equal(get(f.absvec[0], got, 3, 0, 0, &moved), 0);
    assert_memory_equal(got, "one", 3);
    assert_int_equal(blockdev_open(f.dev, OSKIT_O_RDONLY, &other), 0);
    assert_int_equal(get(f.absvec[0], got, 3, 0, 0, &moved), 0);
    assert_memory_equal(got, "two", 3);
    oskit_iunknown_release(other);
    memcpy(cache_disk_bytes(f.disk), "six", 3);
    oskit_iunknown_release(claim);
    assert_int_equal(get(f.absvec[1], got, 3, 0, 0, &moved), 0);
    assert_memory_equal(got, "six", 3);
    fixture_close(&f);
}

/* ---- Errors ---- */

/* A write-back that fails is told once to each open file. */
static void test_error_once(void **state)
{
    struct fixture f;
    sluice_sync_t *sync[2];
    oskit_u32_t seen[2];
    size_t moved;
    (void)state;

    fixture_open(&f, NULL);
    for (int i = 0; i < 2; i++) {
        sync[i] = sluice_query_face(f.open[i], &sluice_sync_iid);
        seen[i] = sluice_sync_errors(sync[i]);
    }
    assert_int_equal(put(f.absvec[0], "abc", 3, 0, 0, &moved), 0);
    cache_disk_fail(f.disk, BLOCK_WRITE, 0, 4096);
    assert_int_equal(sluice_sync_sync(sync[0], 0, 0, UINT64_MAX, &seen[0]), OSKIT_EIO);
    assert_int_equal(sluice_sync_sync(sync[0], 0, 0, UINT64_MAX, &seen[0]), OSKIT_SUCCESS);
    cache_disk_fail(f.disk, BLOCK_WRITE, 0, 0);
    assert_int_equal(sluice_sync_sync(sync[1], SYNC_DATA, 0, UINT64_MAX, &seen[1]), OSKIT_EIO);
    assert_int_equal(sluice_sync_sync(sync[1], 0, 0, UINT64_MAX, &seen[1]), OSKIT_SUCCESS);
    for (int i = 0; i < 2; i++)
        sync[i]->ops->release(sync[i]);
    fixture_close(&f);
}

static void test_no_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        struct cache_disk *disk = cache_disk_create(SIZE, CACHE_DISK_AT_ONCE);
        oskit_iunknown_t *open = NULL;
        struct blockdev *dev = NULL;
        oskit_error_t err = blockdev_create(cache_disk_queue(disk), NULL, &dev);

        if (OSKIT_SUCCEEDED(err))
            err = blockdev_open(dev, OSKIT_O_RDWR, &open);
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : OSKIT_SUCCESS);
        if (open)
            oskit_iunknown_release(open);
        if (dev)
            blockdev_unref(dev);
        cache_disk_destroy(disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_one_cache),
        HARNESS_TEST(test_last_close),
        HARNESS_TEST(test_ends),
        HARNESS_TEST(test_direct),
        HARNESS_TEST(test_questions),
        HARNESS_TEST(test_changes),
        HARNESS_TEST(test_partition),
        HARNESS_TEST(test_zero_out),
        HARNESS_TEST(test_claim),
        HARNESS_TEST(test_error_once),
        HARNESS_TEST(test_reading_beside_a_claim),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("blockdev", tests, NULL, NULL);
}
