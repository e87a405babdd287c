/* Adapters of block objects: slices, bytes over blocks, blocks over bytes. */
#include "harness.h"

#include <pthread.h>
#include <oskit/io/absio.h>
#include <oskit/io/bufio.h>
#include <sluice/block.h>
#include <sluice/uio.h>
#include <sluice/vecio.h>

/* ---- Slices ------------------------------------------------------------------------------ */

static void test_slice_bounds(void **state)
{
    static const struct {
        oskit_off_t offset, size, expected; /* expected < 0: refused */
    } cases[] = {
        {0, 8192, 8192},
        {512, 1024, 1024},
        {4096, 8192, 4096},
        {8192, 512, 0},
        {INT64_MAX - 511, 512, 0},
        {512, INT64_MAX - 511, 7680},
        {0, 0, 0},
        {100, 512, -1},
        {512, 100, -1},
        {-512, 512, -1},
        {512, -512, -1},
    };
    oskit_blkio_t *disk;

    (void)state;
    ramdisk_create(8192, 512, &disk);
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        oskit_blkio_t *slice = disk;
        oskit_error_t error = oskit_blkio_subset(disk, cases[i].offset, cases[i].size, &slice);
        if (cases[i].expected < 0) {
            assert_int_equal(error, OSKIT_E_INVALIDARG);
            assert_null(slice);
            continue;
        }
        oskit_off_t size;
        assert_int_equal(error, 0);
        assert_int_equal(oskit_blkio_getsize(slice, &size), 0);
        assert_int_equal(size, cases[i].expected);
        assert_int_equal(oskit_blkio_getblocksize(slice), 512);
        oskit_blkio_release(slice);
    }
    assert_int_equal(oskit_blkio_release(disk), 0);
}

static void test_slice_moves_its_own_bytes_only(void **state)
{
    oskit_blkio_t *disk, *slice, *inner;
    oskit_size_t actual;
    char block[2048], back[8192];

    (void)state;
    ramdisk_create(8192, 512, &disk);
    oskit_blkio_subset(disk, 1024, 4096, &slice);
    oskit_blkio_subset(slice, 3072, 4096, &inner); /* clipped to 1024 */
    assert_true(oskit_blkio_release(disk) > 0);
    oskit_blkio_release(slice);
    memset(block, 7, sizeof block);
    assert_int_equal(oskit_blkio_write(inner, block, 512, 2048, &actual), 0);
    assert_int_equal(actual, 512);
    assert_int_equal(oskit_blkio_write(inner, block, 1024, 512, &actual), OSKIT_ENOSPC);
    assert_int_equal(oskit_blkio_write(inner, block, 1024, 0, &actual), 0);
    assert_int_equal(oskit_blkio_read(inner, block, 1024, 512, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_blkio_read(inner, block, -512, 512, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_read(inner, block, 3, 512, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_write(inner, block, 0, 3, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_setsize(inner, 512), OSKIT_E_NOTIMPL);
    assert_int_equal(oskit_blkio_read(disk, back, 0, 8192, &actual), 0); /* INNER keeps it alive */
    for (int i = 0; i < 8192; i++)
        assert_int_equal(back[i], i >= 4608 && i < 5120 ? 7 : 0);
    assert_int_equal(oskit_blkio_release(inner), 0);
}

static void test_slice_offers_what_the_whole_does(void **state)
{
    oskit_blkio_t *disk, *bytes, *slice, *plain;
    oskit_bufio_t *buffer = oskit_bufio_create(100);
    oskit_absio_t *absio;

    (void)state;
    ramdisk_create(8192, 512, &disk);
    oskit_blkio_subset(disk, 0, 512, &slice);
    assert_null(sluice_query_face(slice, &oskit_absio_iid));
    sluice_absvec_t *vec = sluice_query_face(slice, &sluice_absvec_iid);
    assert_non_null(vec);
    vec->ops->release(vec);
    oskit_blkio_release(slice);
    bytes = sluice_query_face(buffer, &oskit_blkio_iid);
    oskit_blkio_subset(bytes, 10, 20, &slice);
    absio = sluice_query_face(slice, &oskit_absio_iid);
    assert_ptr_equal(absio, slice);
    oskit_absio_release(absio);
    oskit_blkio_release(slice);
    /* One without absvec: blocks over bytes has none. */
    absio_blkio((oskit_absio_t *)bytes, 1, &plain);
    oskit_blkio_subset(plain, 10, 20, &slice);
    assert_null(sluice_query_face(slice, &sluice_absvec_iid));
    absio = sluice_query_face(slice, &oskit_absio_iid);
    assert_non_null(absio);
    oskit_absio_release(absio);
    oskit_blkio_release(slice);
    oskit_blkio_release(plain);
    oskit_blkio_release(bytes);
    oskit_bufio_release(buffer);
    oskit_blkio_release(disk);
}

static void test_slice_absvec_is_clipped_and_leaves_the_rest(void **state)
{
    oskit_blkio_t *disk, *slice;
    char data[600], back[600];
    struct sluice_iovec iov = {data, sizeof data};
    struct sluice_uio uio;
    oskit_size_t actual;
    oskit_off_t end;

    (void)state;
    ramdisk_create(8192, 512, &disk);
    oskit_blkio_subset(disk, 512, 512, &slice);
    sluice_absvec_t *vec = sluice_query_face(slice, &sluice_absvec_iid);
    memset(data, 9, sizeof data);
    uio_init(&uio, &iov, 1, false);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 100, 0, &actual, &end), 0);
    assert_int_equal(actual, 412);
    assert_int_equal(end, 512);
    assert_int_equal(uio.left, 600 - 412);
    assert_int_equal(vec->ops->pwritev(vec, &uio, 0, VECIO_APPEND, &actual, &end), OSKIT_ENOSPC);
    assert_int_equal(vec->ops->pwritev(vec, &uio, -1, 0, &actual, &end), OSKIT_E_INVALIDARG);
    iov = (struct sluice_iovec){back, sizeof back};
    uio_init(&uio, &iov, 1, false);
    assert_int_equal(vec->ops->preadv(vec, &uio, 100, 0, &actual), 0);
    assert_int_equal(actual, 412);
    assert_memory_equal(back, data, 412);
    assert_int_equal(vec->ops->preadv(vec, &uio, 512, 0, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(vec->ops->preadv(vec, &uio, -1, 0, &actual), OSKIT_E_INVALIDARG);
    oskit_blkio_read(disk, data, 1024, 512, &actual);
    assert_int_equal(data[0], 0);
    vec->ops->release(vec);
    oskit_blkio_release(slice);
    oskit_blkio_release(disk);
}

/* ---- A disk that misbehaves on demand ---------------------------------------------------- */

struct faulty {
    struct sluice_object object;
    SLUICE_FACE(oskit_blkio_t) blkio;
    oskit_blkio_t *disk;
    int reads_left, writes_left; /* till one fails; negative: never */
    oskit_size_t short_by;       /* transfers come out that much shorter */
    int reads, writes;
};

static struct faulty *faulty_of(oskit_blkio_t *self)
{
    return (struct faulty *)SLUICE_OBJECT(self);
}

static oskit_u32_t faulty_getblocksize(oskit_blkio_t *self)
{
    return oskit_blkio_getblocksize(faulty_of(self)->disk);
}

static oskit_error_t faulty_read(oskit_blkio_t *self, void *buf, oskit_off_t offset,
                                 oskit_size_t amount, oskit_size_t *out_actual)
{
    struct faulty *f = faulty_of(self);

    f->reads++;
    if (f->reads_left-- == 0)
        return OSKIT_EIO;
    oskit_error_t error = oskit_blkio_read(f->disk, buf, offset, amount, out_actual);
    *out_actual -= f->short_by < *out_actual ? f->short_by : *out_actual;
    return error;
}

static oskit_error_t faulty_write(oskit_blkio_t *self, const void *buf, oskit_off_t offset,
                                  oskit_size_t amount, oskit_size_t *out_actual)
{
    struct faulty *f = faulty_of(self);

    f->writes++;
    if (f->writes_left-- == 0)
        return OSKIT_EIO;
    if (f->short_by >= amount) {
        *out_actual = 0;
        return 0;
    }
    return oskit_blkio_write(f->disk, buf, offset, amount - f->short_by, out_actual);
}

static oskit_error_t faulty_getsize(oskit_blkio_t *self, oskit_off_t *out_size)
{
    return oskit_blkio_getsize(faulty_of(self)->disk, out_size);
}

static oskit_error_t faulty_setsize(oskit_blkio_t *self, oskit_off_t new_size)
{
    (void)self;
    return new_size > 65536 ? OSKIT_ENOSPC : 0;
}

static void faulty_destroy(struct sluice_object *object)
{
    struct faulty *f = (struct faulty *)object;
    oskit_blkio_release(f->disk);
    sluice_object_fini(object);
    env_free(f, sizeof *f);
}

static const struct oskit_blkio_ops faulty_ops = {
    SLUICE_IUNKNOWN_SLOTS, .getblocksize = faulty_getblocksize, .read = faulty_read,
    .write = faulty_write, .getsize = faulty_getsize,           .setsize = faulty_setsize,
};
static const struct sluice_interface faulty_interfaces[] = {
    {&oskit_blkio_iid, offsetof(struct faulty, blkio), &faulty_ops},
};
static const struct sluice_class faulty_class = {"faulty disk", faulty_interfaces, 1,
                                                 faulty_destroy};

static struct faulty *faulty_create(oskit_off_t size, oskit_u32_t block_size)
{
    struct faulty *f = env_alloc(sizeof *f, ENV_ZERO);
    sluice_object_init(&f->object, &faulty_class);
    assert_int_equal(ramdisk_create(size, block_size, &f->disk), 0);
    f->reads_left = f->writes_left = -1;
    return f;
}

/* A view on a faulty disk; the view holds the only reference. */
static oskit_absio_t *faulty_bytes(oskit_off_t size, oskit_u32_t block_size, struct faulty **out)
{
    oskit_absio_t *bytes;

    *out = faulty_create(size, block_size);
    assert_int_equal(blkio_absio(&(*out)->blkio.i, &bytes), 0);
    sluice_object_release(&(*out)->object);
    return bytes;
}

/* ---- Bytes over blocks ------------------------------------------------------------------- */

static void test_bytes_against_an_array(void **state)
{
    enum { SIZE = 64 << 10, BLOCK = 1024 };
    static char model[SIZE], piece[5000], back[5000];
    struct faulty *f;
    oskit_absio_t *bytes = faulty_bytes(SIZE, BLOCK, &f);
    unsigned seed = 3;

    (void)state;
    memset(model, 0, sizeof model);
    for (int i = 0; i < 1000; i++) {
        size_t at = (size_t)rand_r(&seed) % SIZE, n = (size_t)rand_r(&seed) % sizeof piece;
        oskit_size_t actual, expected = n < SIZE - at ? n : SIZE - at;
        memset(piece, rand_r(&seed), sizeof piece);
        if (i % 2) {
            assert_int_equal(oskit_absio_write(bytes, piece, (oskit_off_t)at, n, &actual), 0);
            memcpy(model + at, piece, expected);
        } else {
            assert_int_equal(oskit_absio_read(bytes, back, (oskit_off_t)at, n, &actual), 0);
            assert_memory_equal(back, model + at, expected);
        }
        assert_int_equal(actual, expected);
    }
    oskit_absio_release(bytes);
}

static void test_bytes_costs(void **state)
{
    struct faulty *f;
    oskit_absio_t *bytes = faulty_bytes(65536, 512, &f);
    static char buf[8192];
    oskit_size_t actual;

    (void)state;
    oskit_absio_read(bytes, buf, 512, 4096, &actual); /* whole blocks: straight through */
    assert_int_equal(f->reads, 1);
    oskit_absio_write(bytes, buf, 512, 4096, &actual);
    assert_int_equal(f->reads, 1);
    assert_int_equal(f->writes, 1);
    oskit_absio_write(bytes, buf, 500, 4096, &actual); /* head, whole, tail */
    assert_int_equal(f->reads, 3);
    assert_int_equal(f->writes, 4);
    oskit_absio_release(bytes);
}

static void test_bytes_ends(void **state)
{
    struct faulty *f;
    oskit_absio_t *bytes = faulty_bytes(2048, 512, &f);
    char buf[100] = {0};
    oskit_size_t actual;
    oskit_off_t size;

    (void)state;
    assert_int_equal(oskit_absio_getsize(bytes, &size), 0);
    assert_int_equal(size, 2048);
    assert_int_equal(oskit_absio_read(bytes, buf, 2000, 100, &actual), 0);
    assert_int_equal(actual, 48);
    assert_int_equal(oskit_absio_write(bytes, buf, 2000, 100, &actual), 0);
    assert_int_equal(actual, 48);
    assert_int_equal(oskit_absio_read(bytes, buf, 2048, 1, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_absio_write(bytes, buf, 2048, 1, &actual), OSKIT_ENOSPC);
    assert_int_equal(oskit_absio_write(bytes, buf, 5000, 0, &actual), 0);
    assert_int_equal(oskit_absio_write(bytes, buf, -1, 1, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_absio_read(bytes, buf, -1, 1, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_absio_setsize(bytes, 100), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_absio_setsize(bytes, -512), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_absio_setsize(bytes, 1024), 0);
    assert_int_equal(oskit_absio_setsize(bytes, 131072), OSKIT_ENOSPC);
    oskit_blkio_t *as_blocks = sluice_query_face(bytes, &oskit_blkio_iid);
    assert_int_equal(oskit_blkio_getblocksize(as_blocks), 1);
    oskit_blkio_release(as_blocks);
    oskit_absio_release(bytes);
}

static void test_bytes_pass_errors_on_after_what_moved(void **state)
{
    struct faulty *f;
    oskit_absio_t *bytes = faulty_bytes(4096, 512, &f);
    char buf[1500] = {0};
    oskit_size_t actual;

    (void)state;
    f->reads_left = 0;
    assert_int_equal(oskit_absio_read(bytes, buf, 10, 10, &actual), OSKIT_EIO);
    assert_int_equal(actual, 0);
    f->reads_left = 1;
    assert_int_equal(oskit_absio_read(bytes, buf, 500, 1500, &actual), 0);
    assert_int_equal(actual, 12);
    f->reads_left = 0;
    assert_int_equal(oskit_absio_write(bytes, buf, 10, 10, &actual), OSKIT_EIO);
    f->reads_left = -1;
    f->writes_left = 0;
    assert_int_equal(oskit_absio_write(bytes, buf, 10, 10, &actual), OSKIT_EIO);
    f->writes_left = 2;
    assert_int_equal(oskit_absio_write(bytes, buf, 500, 1500, &actual), 0);
    assert_int_equal(actual, 12 + 1024);
    oskit_absio_release(bytes);
}

static void test_bytes_over_a_disk_that_falls_short(void **state)
{
    struct faulty *f;
    oskit_absio_t *bytes = faulty_bytes(4096, 512, &f);
    char buf[1500] = {0};
    oskit_size_t actual;

    (void)state;
    f->short_by = 512;
    assert_int_equal(oskit_absio_read(bytes, buf, 0, 1024, &actual), 0);
    assert_int_equal(actual, 512);
    assert_int_equal(oskit_absio_read(bytes, buf, 10, 10, &actual), OSKIT_EIO);
    assert_int_equal(oskit_absio_write(bytes, buf, 0, 1024, &actual), 0);
    assert_int_equal(actual, 512);
    oskit_absio_release(bytes);
}

static void test_bytes_of_what_has_bytes_is_itself(void **state)
{
    oskit_blkio_t *disk, *odd;
    oskit_absio_t *bytes;

    (void)state;
    ramdisk_create(100, 1, &disk);
    assert_int_equal(blkio_absio(disk, &bytes), 0);
    assert_ptr_equal(bytes, disk);
    oskit_absio_release(bytes);
    oskit_blkio_release(disk);
    ramdisk_create(1 << 22, 1 << 21, &odd); /* too large a block to keep */
    assert_int_equal(blkio_absio(odd, &bytes), OSKIT_E_INVALIDARG);
    assert_null(bytes);
    oskit_blkio_release(odd);
}

#define WRITERS 4

struct writer {
    oskit_absio_t *bytes;
    int number;
};

static void *write_stripe(void *arg)
{
    struct writer *w = arg;
    char byte = (char)(w->number + 1);
    oskit_size_t actual;

    for (oskit_off_t at = 0; at < 4096; at += WRITERS)
        oskit_absio_write(w->bytes, &byte, at + w->number, 1, &actual);
    return NULL;
}

static void test_writers_of_one_block_dont_lose_each_other(void **state)
{
    struct faulty *f;
    oskit_absio_t *bytes = faulty_bytes(4096, 4096, &f);
    pthread_t threads[WRITERS];
    struct writer writers[WRITERS];
    char back[4096];
    oskit_size_t actual;

    (void)state;
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){bytes, i};
        pthread_create(&threads[i], NULL, write_stripe, &writers[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    oskit_absio_read(bytes, back, 0, 4096, &actual);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(back[i], i % WRITERS + 1);
    oskit_absio_release(bytes);
}

/* ---- Blocks over bytes ------------------------------------------------------------------- */

static void test_blocks_over_bytes(void **state)
{
    oskit_bufio_t *buffer = oskit_bufio_create(1000);
    oskit_absio_t *bytes = sluice_query_face(buffer, &oskit_absio_iid);
    oskit_blkio_t *blocks;
    oskit_size_t actual;
    oskit_off_t size;
    char data[1024] = "data";

    (void)state;
    assert_int_equal(absio_blkio(bytes, 256, &blocks), 0);
    assert_int_equal(oskit_blkio_getblocksize(blocks), 256);
    assert_int_equal(oskit_blkio_getsize(blocks, &size), 0);
    assert_int_equal(size, 768);
    assert_int_equal(oskit_blkio_write(blocks, data, 512, 256, &actual), 0);
    assert_int_equal(oskit_blkio_read(blocks, data, 0, 1024, &actual), 0);
    assert_int_equal(actual, 768);
    assert_memory_equal(data + 512, "data", 4);
    assert_int_equal(oskit_blkio_write(blocks, data, 0, 1024, &actual), 0);
    assert_int_equal(actual, 768);
    assert_int_equal(oskit_blkio_read(blocks, data, 1, 256, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_read(blocks, data, -256, 256, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_write(blocks, data, 0, 255, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_setsize(blocks, 100), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_blkio_setsize(blocks, 256), OSKIT_E_NOTIMPL);
    oskit_blkio_release(blocks);
    assert_int_equal(absio_blkio(bytes, 3, &blocks), OSKIT_E_INVALIDARG);
    assert_null(blocks);
    assert_int_equal(absio_blkio(bytes, 0, &blocks), OSKIT_E_INVALIDARG);
    assert_int_equal(absio_blkio(bytes, 2 * BLOCK_SIZE_MAX, &blocks), OSKIT_E_INVALIDARG);
    oskit_absio_release(bytes);
    oskit_bufio_release(buffer);
}

static void test_no_memory(void **state)
{
    struct faulty *f = faulty_create(4096, 512);
    oskit_blkio_t *disk = &f->blkio.i;

    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_blkio_t *slice = NULL, *blocks = NULL;
        oskit_absio_t *bytes = NULL;
        oskit_error_t error = oskit_blkio_subset(disk, 0, 512, &slice);
        if (error == 0)
            error = blkio_absio(slice, &bytes);
        if (error == 0)
            error = absio_blkio(bytes, 512, &blocks);
        assert_int_equal(error, env_test_failed() ? OSKIT_E_OUTOFMEMORY : 0);
        if (blocks != NULL)
            oskit_blkio_release(blocks);
        if (bytes != NULL)
            oskit_absio_release(bytes);
        if (slice != NULL)
            oskit_blkio_release(slice);
    }
    assert_int_equal(oskit_blkio_release(disk), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_slice_bounds),
        HARNESS_TEST(test_slice_moves_its_own_bytes_only),
        HARNESS_TEST(test_slice_offers_what_the_whole_does),
        HARNESS_TEST(test_slice_absvec_is_clipped_and_leaves_the_rest),
        HARNESS_TEST(test_bytes_against_an_array),
        HARNESS_TEST(test_bytes_costs),
        HARNESS_TEST(test_bytes_ends),
        HARNESS_TEST(test_bytes_pass_errors_on_after_what_moved),
        HARNESS_TEST(test_bytes_over_a_disk_that_falls_short),
        HARNESS_TEST(test_bytes_of_what_has_bytes_is_itself),
        HARNESS_TEST(test_writers_of_one_block_dont_lose_each_other),
        HARNESS_TEST(test_blocks_over_bytes),
        HARNESS_TEST(test_no_memory),
    };
    return cmocka_run_group_tests_name("blkio", tests, NULL, NULL);
}
