/* The disk in memory: holes, sizes, alignment, its other interfaces, no memory. */
#include "harness.h"

#include <pthread.h>
#include <oskit/io/absio.h>
#include <sluice/block.h>
#include <sluice/uio.h>
#include <sluice/vecio.h>

static void test_sizes_and_block_sizes(void **state)
{
    static const struct {
        oskit_off_t size;
        oskit_u32_t block;
        oskit_error_t answer;
    } cases[] = {
        {0, 512, 0},
        {512, 512, 0},
        {1LL << 40, 4096, 0},
        {7, 1, 0},
        {513, 512, OSKIT_E_INVALIDARG},
        {512, 0, OSKIT_E_INVALIDARG},
        {600, 3, OSKIT_E_INVALIDARG},
        {-512, 512, OSKIT_E_INVALIDARG},
    };
    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        oskit_blkio_t *disk = (void *)state;
        oskit_off_t size;
        assert_int_equal(ramdisk_create(cases[i].size, cases[i].block, &disk), cases[i].answer);
        assert_true((disk != NULL) == (cases[i].answer == 0));
        if (disk == NULL)
            continue;
        assert_int_equal(oskit_blkio_getsize(disk, &size), 0);
        assert_int_equal(size, cases[i].size);
        assert_int_equal(oskit_blkio_getblocksize(disk), cases[i].block);
        assert_int_equal(oskit_blkio_setsize(disk, 0), OSKIT_E_NOTIMPL);
        oskit_blkio_release(disk);
    }
}

static void test_holes_read_as_zeros_and_take_no_memory(void **state)
{
    oskit_blkio_t *disk;
    oskit_size_t actual;
    static char block[16384];

    (void)state;
    ramdisk_create(1LL << 40, 512, &disk);
    size_t before = env_test_memory().pages;
    memset(block, 1, sizeof block);
    assert_int_equal(oskit_blkio_read(disk, block, 1LL << 39, sizeof block, &actual), 0);
    assert_int_equal(actual, sizeof block);
    for (size_t i = 0; i < sizeof block; i++)
        assert_int_equal(block[i], 0);
    assert_int_equal(env_test_memory().pages, before);
    assert_int_equal(oskit_blkio_write(disk, block, (1LL << 40) - 512, 512, &actual), 0);
    assert_int_equal(env_test_memory().pages, before + 2);
    oskit_blkio_release(disk);
}

static void test_ends_and_alignment(void **state)
{
    oskit_blkio_t *disk;
    oskit_size_t actual;
    char block[2048] = {0};

    (void)state;
    ramdisk_create(4096, 512, &disk);
    assert_int_equal(oskit_blkio_read(disk, block, 3072, 2048, &actual), 0);
    assert_int_equal(actual, 1024);
    assert_int_equal(oskit_blkio_write(disk, block, 3072, 2048, &actual), 0);
    assert_int_equal(actual, 1024);
    assert_int_equal(oskit_blkio_read(disk, block, 4096, 512, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_blkio_write(disk, block, 4096, 512, &actual), OSKIT_ENOSPC);
    assert_int_equal(oskit_blkio_read(disk, block, 100, 512, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_read(disk, block, 512, 100, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_write(disk, block, -512, 512, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_read(disk, block, INT64_MAX - 511, 512, &actual), 0);
    assert_int_equal(actual, 0);
    assert_null(sluice_query_face(disk, &oskit_absio_iid));
    oskit_blkio_release(disk);
}

static void test_one_table_serves_both(void **state)
{
    oskit_blkio_t *disk;
    oskit_absio_t *bytes;
    oskit_size_t actual;
    char x = 0;

    (void)state;
    ramdisk_create(10000, 1, &disk);
    bytes = sluice_query_face(disk, &oskit_absio_iid);
    assert_ptr_equal(bytes, disk);
    assert_int_equal(oskit_absio_write(bytes, "xy", 4095, 2, &actual), 0);
    assert_int_equal(oskit_blkio_read(disk, &x, 4096, 1, &actual), 0);
    assert_int_equal(x, 'y');
    oskit_absio_release(bytes);
    oskit_blkio_release(disk);
}

static void test_against_an_array(void **state)
{
    enum { SIZE = 3 << 20 };
    static char model[SIZE], piece[40000], back[40000];
    oskit_blkio_t *disk;
    unsigned seed = 1;

    (void)state;
    memset(model, 0, sizeof model);
    ramdisk_create(SIZE, 1, &disk);
    for (int i = 0; i < 400; i++) {
        size_t at = (size_t)rand_r(&seed) % SIZE, n = (size_t)rand_r(&seed) % sizeof piece;
        oskit_size_t actual, expected = n < SIZE - at ? n : SIZE - at;
        memset(piece, rand_r(&seed), sizeof piece);
        if (i % 2) {
            assert_int_equal(oskit_blkio_write(disk, piece, (oskit_off_t)at, n, &actual), 0);
            memcpy(model + at, piece, expected);
        } else {
            assert_int_equal(oskit_blkio_read(disk, back, (oskit_off_t)at, n, &actual), 0);
            assert_memory_equal(back, model + at, expected);
        }
        assert_int_equal(actual, expected);
    }
    oskit_blkio_release(disk);
}

static void test_absvec_moves_bytes_whatever_the_block_size(void **state)
{
    oskit_blkio_t *disk;
    char user[6] = "abcdef";
    struct sluice_iovec iov = {user, 6};
    struct sluice_uio uio;
    oskit_size_t actual;
    oskit_off_t end;

    (void)state;
    ramdisk_create(8192, 4096, &disk);
    sluice_absvec_t *vec = sluice_query_face(disk, &sluice_absvec_iid);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 4093, 0, &actual, &end), 0);
    assert_int_equal(actual, 6);
    assert_int_equal(end, 4099);
    memset(user, 0, 6);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->preadv(vec, &uio, 4093, 0, &actual), 0);
    assert_memory_equal(user, "abcdef", 6);
    env_test_bad_user(user + 3, 1);
    uio_init(&uio, &iov, 1, true);
    assert_int_equal(vec->ops->preadv(vec, &uio, 0, 0, &actual), 0);
    assert_int_equal(actual, 3);
    assert_int_equal(vec->ops->preadv(vec, &uio, 0, 0, &actual), OSKIT_EFAULT);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 0, VECIO_APPEND, &actual, &end), OSKIT_ENOSPC);
    assert_int_equal(end, 8192);
    assert_int_equal(vec->ops->pwritev(vec, &uio, -1, 0, &actual, NULL), OSKIT_E_INVALIDARG);
    assert_int_equal(vec->ops->preadv(vec, &uio, -1, 0, &actual), OSKIT_E_INVALIDARG);
    vec->ops->release(vec);
    oskit_blkio_release(disk);
}

static void test_pager_shows_the_same_pages(void **state)
{
    oskit_blkio_t *disk;
    oskit_size_t actual;
    char *page, *same, byte = 'p';

    (void)state;
    ramdisk_create(6144, 512, &disk);
    sluice_pager_t *pager = sluice_query_face(disk, &sluice_pager_iid);
    assert_int_equal(pager->ops->getpage(pager, 1, 0, (void **)&page), 0); /* a hole */
    assert_int_equal(page[0], 0);
    env_page_unref(page);
    assert_int_equal(pager->ops->getpage(pager, 1, PAGER_WRITE, (void **)&page), 0);
    page[512] = byte;
    assert_int_equal(pager->ops->getpage(pager, 1, 0, (void **)&same), 0);
    assert_ptr_equal(page, same);
    char block[512];
    assert_int_equal(oskit_blkio_read(disk, block, 4608, 512, &actual), 0);
    assert_int_equal(block[0], 'p');
    assert_int_equal(pager->ops->getpage(pager, 2, 0, (void **)&same), OSKIT_E_INVALIDARG);
    assert_null(same);
    assert_int_equal(pager->ops->getpage(pager, UINT64_MAX, 0, (void **)&same), OSKIT_E_INVALIDARG);
    assert_int_equal(pager->ops->getpage(pager, 1ULL << 52, 0, (void **)&same), OSKIT_E_INVALIDARG);
    pager->ops->release(pager);
    oskit_blkio_release(disk);
    page[0] = 1; /* a mapping outlives the disk */
    env_page_unref(page);
    env_page_unref(page);
}

#define WRITERS 4

struct writer {
    oskit_blkio_t *disk;
    int number;
};

/* Each writes its own byte of every 512: all race for the same fresh pages. */
static void *write_stripe(void *arg)
{
    struct writer *w = arg;
    char byte = (char)(w->number + 1);
    oskit_size_t actual;

    for (oskit_off_t at = 0; at < 1 << 20; at += 512)
        oskit_blkio_write(w->disk, &byte, at + w->number, 1, &actual);
    return NULL;
}

static void test_writers_race_for_fresh_pages(void **state)
{
    oskit_blkio_t *disk;
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    oskit_size_t actual;
    char four[WRITERS];

    (void)state;
    ramdisk_create(1 << 20, 1, &disk);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){disk, i};
        pthread_create(&threads[i], NULL, write_stripe, &writers[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (oskit_off_t at = 0; at < 1 << 20; at += 512) {
        oskit_blkio_read(disk, four, at, WRITERS, &actual);
        assert_memory_equal(four, "\1\2\3\4", WRITERS);
    }
    oskit_blkio_release(disk);
}

static void test_no_memory(void **state)
{
    static char data[8192];

    (void)state;
    memset(data, 5, sizeof data);
    ENV_TEST_EACH_FAILURE
    {
        oskit_blkio_t *disk;
        oskit_size_t actual;
        oskit_error_t error = ramdisk_create(1 << 20, 512, &disk);
        if (error != 0) {
            assert_true(error == OSKIT_E_OUTOFMEMORY && env_test_failed() && disk == NULL);
            continue;
        }
        error = oskit_blkio_write(disk, data, 1024, sizeof data, &actual);
        if (!env_test_failed())
            assert_true(error == 0 && actual == sizeof data);
        else if (error == 0) /* some of it: whole blocks */
            assert_true(actual > 0 && actual < sizeof data && actual % 512 == 0);
        else
            assert_true(error == OSKIT_ENOSPC && actual == 0);
        oskit_blkio_release(disk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_sizes_and_block_sizes),
        HARNESS_TEST(test_holes_read_as_zeros_and_take_no_memory),
        HARNESS_TEST(test_ends_and_alignment),
        HARNESS_TEST(test_one_table_serves_both),
        HARNESS_TEST(test_against_an_array),
        HARNESS_TEST(test_absvec_moves_bytes_whatever_the_block_size),
        HARNESS_TEST(test_pager_shows_the_same_pages),
        HARNESS_TEST(test_writers_race_for_fresh_pages),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("ramdisk", tests, NULL, NULL);
}
