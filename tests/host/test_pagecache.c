/* The page cache over a disk that the test runs: bytes, blocks, read-ahead, write-back, errors. */
#include "harness.h"

#include <sluice/sync.h>
#include "cache_file.h"

#define PAGE    ENV_PAGE_SIZE
#define DISK_MB (8u << 20)

struct fixture {
    struct cache_disk *disk;
    struct cache_file file;
};

static void fixture_open(struct fixture *f, oskit_u32_t block, enum cache_disk_mode mode)
{
    f->disk = cache_disk_create(DISK_MB, mode);
    cache_file_init(&f->file, f->disk, block);
}

static void fixture_close(struct fixture *f)
{
    cache_file_fini(&f->file);
    cache_disk_destroy(f->disk);
}

static void fill(unsigned char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(seed + i * 7 + (i >> 9));
}

static void write_all(struct fixture *f, const void *bytes, size_t size, oskit_u64_t offset)
{
    size_t moved;

    assert_int_equal(cache_file_write(&f->file, bytes, size, offset, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, size);
}

static void expect_read(struct fixture *f, const unsigned char *bytes, size_t size,
                        oskit_u64_t offset)
{
    unsigned char *got = malloc(size + 1);
    size_t moved;

    assert_int_equal(cache_file_read(&f->file, NULL, got, size, offset, &moved), OSKIT_SUCCESS);
    assert_int_equal(moved, size);
    assert_memory_equal(got, bytes, size);
    free(got);
}

/* ---- Bytes ---- */

static void test_write_read_back(void **state)
{
    static unsigned char bytes[300000];
    struct fixture f;
    (void)state;

    fill(bytes, sizeof bytes, 1);
    for (oskit_u32_t block = 512; block <= PAGE; block *= 2) {
        fixture_open(&f, block, CACHE_DISK_AT_ONCE);
        write_all(&f, bytes, 1000, 0);
        write_all(&f, bytes + 1000, sizeof bytes - 1000, 1000);
        assert_int_equal(f.file.cache.size, sizeof bytes);
        expect_read(&f, bytes, sizeof bytes, 0);
        assert_int_equal(cache_disk_counts(f.disk).writes, 0);
        assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), OSKIT_SUCCESS);
        assert_int_equal(f.file.cache.dirty_count, 0);
        cache_file_remount(&f.file);
        expect_read(&f, bytes, sizeof bytes, 0);
        assert_true(cache_disk_counts(f.disk).reads > 0);
        fixture_close(&f);
    }
}

/* A model in plain memory, and every operation against it at random. */
#define MODEL_SIZE (40u * PAGE)

struct model {
    unsigned char bytes[MODEL_SIZE + PAGE];
    size_t size;
};

static void model_write(struct model *m, const unsigned char *bytes, size_t size, size_t at)
{
    if (at > m->size)
        memset(m->bytes + m->size, 0, at - m->size);
    memcpy(m->bytes + at, bytes, size);
    if (at + size > m->size)
        m->size = at + size;
}

static void model_truncate(struct model *m, size_t size)
{
    if (size > m->size)
        memset(m->bytes + m->size, 0, size - m->size);
    m->size = size;
}

static void model_check(struct fixture *f, const struct model *m)
{
    assert_int_equal(f->file.cache.size, m->size);
    if (m->size > 0)
        expect_read(f, m->bytes, m->size, 0);
}

static void walk_transfer(struct fixture *f, struct model *m, bool direct)
{
    static unsigned char bytes[12 * PAGE] __attribute__((aligned(4096)));
    size_t grain = direct ? 512 : 1, moved;
    size_t at = (size_t)rand() % (MODEL_SIZE - sizeof bytes) / grain * grain;
    size_t size = ((size_t)rand() % (rand() % 4 ? 2 * PAGE : sizeof bytes)) / grain * grain;

    if (size == 0)
        return;
    fill(bytes, size, (unsigned)rand());
    if (direct && rand() % 2) {
        size_t within = m->size > at ? m->size - at : 0;
        assert_int_equal(cache_file_direct(&f->file, false, bytes, size, at, &moved), 0);
        assert_int_equal(moved, within < size ? within : size);
        assert_memory_equal(bytes, m->bytes + at, moved);
        return;
    }
    if (direct)
        assert_int_equal(cache_file_direct(&f->file, true, bytes, size, at, &moved), 0);
    else
        assert_int_equal(cache_file_write(&f->file, bytes, size, at, &moved), 0);
    assert_int_equal(moved, size);
    model_write(m, bytes, size, at);
}

/* A store through a mapping, behind the end of the file, too. */
static void walk_store(struct fixture *f, struct model *m)
{
    oskit_u64_t index = (size_t)rand() % (MODEL_SIZE / PAGE);
    size_t at = (size_t)rand() % PAGE;
    void *page;
    oskit_error_t err = pagecache_getpage(&f->file.cache, index, PAGER_WRITE, &page);

    if (index >= (m->size + PAGE - 1) / PAGE) {
        assert_int_equal(err, OSKIT_E_INVALIDARG);
        return;
    }
    assert_int_equal(err, OSKIT_SUCCESS);
    ((unsigned char *)page)[at] ^= 0x5a;
    if (index * PAGE + at < m->size)
        m->bytes[index * PAGE + at] ^= 0x5a;
    env_page_unref(page);
}

static void walk_shape(struct fixture *f, struct model *m)
{
    size_t at = (size_t)rand() % MODEL_SIZE;

    if (rand() % 2) {
        assert_int_equal(cache_file_truncate(&f->file, at), OSKIT_SUCCESS);
        model_truncate(m, at);
    } else {
        size_t last = at + (size_t)rand() % (6 * PAGE);

        assert_int_equal(cache_file_punch(&f->file, at, last), OSKIT_SUCCESS);
        if (at < m->size)
            memset(m->bytes + at, 0, (last + 1 < m->size ? last + 1 : m->size) - at);
    }
}

static void walk_step(struct fixture *f, struct model *m)
{
    switch (rand() % 10) {
    case 0:
        walk_shape(f, m);
        break;
    case 1:
        walk_store(f, m);
        break;
    case 2:
        pagecache_drop(&f->file.cache, (size_t)rand() % MODEL_SIZE, (size_t)rand() % MODEL_SIZE);
        break;
    case 3:
        assert_int_equal(pagecache_writeback(&f->file.cache, (size_t)rand() % MODEL_SIZE,
                                             rand() % 2 ? UINT64_MAX : MODEL_SIZE, rand() % 2),
                         OSKIT_SUCCESS);
        break;
    case 4:
        pagecache_prefetch(&f->file.cache, 0, (size_t)rand() % MODEL_SIZE);
        break;
    case 5:
    case 6:
        walk_transfer(f, m, true);
        break;
    default:
        walk_transfer(f, m, false);
        break;
    }
}

static void walk(oskit_u32_t block, unsigned seed, unsigned steps)
{
    static struct model m;
    struct fixture f;

    memset(&m, 0, sizeof m);
    srand(seed);
    fixture_open(&f, block, seed % 2 ? CACHE_DISK_THREAD : CACHE_DISK_AT_ONCE);
    for (unsigned i = 0; i < steps; i++) {
        walk_step(&f, &m);
        if (i % 8 == 0)
            model_check(&f, &m);
        if (i % 50 == 49) {
            assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
            cache_file_remount(&f.file);
            model_check(&f, &m);
        }
        if (f.file.next + 400 > f.file.limit) { /* the disk never gives blocks back */
            break;
        }
    }
    fixture_close(&f);
}

static void test_walk(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++)
        for (oskit_u32_t block = 512; block <= PAGE; block *= 2)
            walk(block, seed, 400);
}

/* ---- Reading ---- */

/* A steady reader is read for in ever larger requests; each read after the first is a hit by then.
 */
static void test_read_ahead(void **state)
{
    static unsigned char bytes[2u << 20];
    struct pagecache_reader reader = {0};
    struct cache_disk_counts before, after;
    unsigned char got[PAGE];
    struct fixture f;
    size_t moved;
    (void)state;

    fill(bytes, sizeof bytes, 3);
    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    write_all(&f, bytes, sizeof bytes, 0);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    cache_file_remount(&f.file);
    before = cache_disk_counts(f.disk);
    for (size_t at = 0; at < sizeof bytes; at += PAGE) {
        assert_int_equal(cache_file_read(&f.file, &reader, got, PAGE, at, &moved), 0);
        assert_memory_equal(got, bytes + at, PAGE);
    }
    after = cache_disk_counts(f.disk);
    assert_int_equal(after.read_bytes - before.read_bytes, sizeof bytes);
    assert_true(after.reads - before.reads < 20);
    fixture_close(&f);
}

/* One who reads here and there gets what it asks for and no more. */
static void test_random_reads(void **state)
{
    static unsigned char bytes[1u << 20];
    struct pagecache_reader reader = {0};
    unsigned char got[PAGE];
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    write_all(&f, bytes, sizeof bytes, 0);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    cache_file_remount(&f.file);
    oskit_u64_t before = cache_disk_counts(f.disk).read_bytes;
    for (unsigned i = 1; i <= 20; i++)
        assert_int_equal(
            cache_file_read(&f.file, &reader, got, PAGE, (i * 37 % 250) * PAGE, &moved), 0);
    assert_int_equal(cache_disk_counts(f.disk).read_bytes - before, 20 * PAGE);
    fixture_close(&f);
}

/* A large write and its read make few requests. */
static void test_merging(void **state)
{
    static unsigned char bytes[64 * PAGE];
    struct fixture f;
    (void)state;

    fixture_open(&f, 1024, CACHE_DISK_AT_ONCE);
    write_all(&f, bytes, sizeof bytes, 0);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    assert_int_equal(cache_disk_counts(f.disk).writes, 1);
    assert_int_equal(cache_disk_counts(f.disk).notifications, 1);
    cache_file_remount(&f.file);
    expect_read(&f, bytes, sizeof bytes, 0);
    assert_int_equal(cache_disk_counts(f.disk).reads, 1);
    fixture_close(&f);
}

/* Runs apart from each other go to the device, and come back, with one notification a pass. */
static void test_gathering(void **state)
{
    enum { RUNS = 20 };
    static unsigned char bytes[PAGE];
    struct fixture f;
    (void)state;

    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    fill(bytes, sizeof bytes, 5);
    for (unsigned i = RUNS; i > 0; i--) /* no two are neighbours anywhere */
        write_all(&f, bytes, PAGE, 2 * i * PAGE);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    assert_int_equal(cache_disk_counts(f.disk).writes, RUNS);
    assert_int_equal(cache_disk_counts(f.disk).notifications, 1);
    cache_file_remount(&f.file);
    pagecache_prefetch(&f.file.cache, 0, (2 * RUNS + 1) * PAGE - 1);
    assert_int_equal(cache_disk_counts(f.disk).reads, RUNS);
    assert_int_equal(cache_disk_counts(f.disk).notifications, 2);
    for (unsigned i = 1; i <= RUNS; i++)
        expect_read(&f, bytes, PAGE, 2 * i * PAGE);
    fixture_close(&f);
}

/* A large pass doesn't keep the device waiting till its end. */
static void test_gathering_much(void **state)
{
    static unsigned char bytes[256 * PAGE];
    struct fixture f;
    (void)state;

    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    write_all(&f, bytes, sizeof bytes, 0);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    assert_int_equal(cache_disk_counts(f.disk).writes, 4);
    assert_int_equal(cache_disk_counts(f.disk).notifications, 2);
    fixture_close(&f);
}

static void test_small_limits(void **state)
{
    static unsigned char bytes[64 * PAGE];
    struct fixture f;
    (void)state;

    fill(bytes, sizeof bytes, 5);
    fixture_open(&f, 1024, CACHE_DISK_AT_ONCE);
    cache_disk_set_limits(f.disk, 3, 1024, 8192);
    cache_file_remount(&f.file);
    write_all(&f, bytes, sizeof bytes, 0);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    cache_file_remount(&f.file);
    expect_read(&f, bytes, sizeof bytes, 0);
    fixture_close(&f);
}

/* ---- Errors ---- */

static void test_read_error(void **state)
{
    static unsigned char bytes[16 * PAGE], got[16 * PAGE];
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    write_all(&f, bytes, sizeof bytes, 0);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    cache_file_remount(&f.file);
    cache_disk_fail(f.disk, BLOCK_READ, 8 * PAGE, 9 * PAGE); /* the file's page 7 */
    assert_int_equal(cache_file_read(&f.file, NULL, got, PAGE, 7 * PAGE, &moved), OSKIT_EIO);
    void *page;
    assert_int_equal(pagecache_getpage(&f.file.cache, 7, 0, &page), OSKIT_EIO);
    assert_int_equal(pagecache_getpage(&f.file.cache, 6, 0, &page), OSKIT_SUCCESS);
    env_page_unref(page);
    cache_disk_fail(f.disk, BLOCK_READ, 0, 0);
    expect_read(&f, bytes, sizeof bytes, 0);
    fixture_close(&f);
}

static void test_write_error(void **state)
{
    unsigned char bytes[PAGE] = {1};
    oskit_u32_t first = 0, second = 0;
    struct fixture f;
    (void)state;

    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    write_all(&f, bytes, PAGE, 0);
    cache_disk_fail(f.disk, BLOCK_WRITE, 0, DISK_MB);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), OSKIT_EIO);
    assert_int_equal(pagecache_error(&f.file.cache, &first), OSKIT_EIO);
    assert_int_equal(pagecache_error(&f.file.cache, &first), OSKIT_SUCCESS);
    assert_int_equal(pagecache_error(&f.file.cache, &second), OSKIT_EIO);
    fixture_close(&f);
}

/* A full disk: what had room is there, and nothing else. */
static void test_no_space(void **state)
{
    static unsigned char bytes[8 * PAGE];
    struct fixture f;
    size_t moved;
    (void)state;

    fill(bytes, sizeof bytes, 9);
    fixture_open(&f, 1024, CACHE_DISK_AT_ONCE);
    f.file.limit = 1 + 5 * 4 + 2;
    assert_int_equal(cache_file_write(&f.file, bytes, sizeof bytes, 0, &moved), OSKIT_ENOSPC);
    assert_int_equal(moved, 5 * PAGE + 2048);
    assert_int_equal(f.file.cache.size, moved);
    expect_read(&f, bytes, moved, 0);
    assert_int_equal(cache_file_write(&f.file, bytes, 10, moved, &moved), OSKIT_ENOSPC);
    assert_int_equal(moved, 0);
    fixture_close(&f);
}

static void test_bad_memory(void **state)
{
    static unsigned char bytes[8 * PAGE];
    struct fixture f;
    size_t moved;
    (void)state;

    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    env_test_bad_user(bytes + 5000, 100);
    assert_int_equal(cache_file_write(&f.file, bytes, sizeof bytes, 0, &moved), OSKIT_EFAULT);
    assert_int_equal(moved, 5000);
    assert_int_equal(f.file.cache.size, 5000);
    env_test_bad_user(NULL, 0);
    expect_read(&f, bytes, 5000, 0);
    fixture_close(&f);
}

static void test_no_memory(void **state)
{
    static unsigned char bytes[6 * PAGE], got[6 * PAGE];
    (void)state;

    fill(bytes, sizeof bytes, 2);
    ENV_TEST_EACH_FAILURE
    {
        struct fixture f;
        size_t moved;

        fixture_open(&f, 1024, CACHE_DISK_AT_ONCE);
        oskit_error_t err = cache_file_write(&f.file, bytes, sizeof bytes, 100, &moved);
        if (moved == sizeof bytes) /* write-back makes progress without memory */
            assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
        cache_file_remount(&f.file);
        if (moved == sizeof bytes)
            err = cache_file_read(&f.file, NULL, got, sizeof got, 100, &moved);
        if (OSKIT_FAILED(err))
            assert_int_equal(err, OSKIT_ENOMEM);
        else if (moved == sizeof bytes)
            assert_memory_equal(got, bytes, sizeof got);
        fixture_close(&f);
    }
}

/* ---- Memory ---- */

/* A file larger than memory can be written and read. */
static void test_reclaim(void **state)
{
    static unsigned char bytes[4u << 20];
    struct fixture f;
    (void)state;

    fill(bytes, sizeof bytes, 7);
    fixture_open(&f, PAGE, CACHE_DISK_THREAD);
    assert_int_equal(pagecache_start(), OSKIT_SUCCESS);
    env_test_page_limit(env_test_memory().pages + 300);
    for (size_t at = 0; at < sizeof bytes; at += 65536)
        write_all(&f, bytes + at, 65536, at);
    for (size_t at = 0; at < sizeof bytes; at += 65536)
        expect_read(&f, bytes + at, 65536, at);
    assert_true(f.file.cache.page_count <= 300);
    env_test_page_limit(0);
    pagecache_stop();
    fixture_close(&f);
}

/* A page that a mapping shows is not dropped. */
static void test_drop_spares_mapped(void **state)
{
    static unsigned char bytes[4 * PAGE];
    struct fixture f;
    void *page;
    (void)state;

    fixture_open(&f, PAGE, CACHE_DISK_AT_ONCE);
    write_all(&f, bytes, sizeof bytes, 0);
    assert_int_equal(pagecache_writeback(&f.file.cache, 0, UINT64_MAX, true), 0);
    assert_int_equal(pagecache_getpage(&f.file.cache, 2, 0, &page), 0);
    assert_int_equal(pagecache_drop_all(), 3);
    assert_int_equal(f.file.cache.page_count, 1);
    env_page_unref(page);
    assert_int_equal(pagecache_drop_all(), 1);
    fixture_close(&f);
}

/* ---- All at once ---- */

#define CROWD_PAGES 48u

struct crowd {
    struct fixture f;
    atomic_int errors;
    atomic_bool stop;
};

/* Writers write whole pages of one byte's repetition, so a reader can tell a torn page's halves
 * from rubbish: each byte must be one that somebody wrote there, or zero. */
static void crowd_writer(void *arg)
{
    struct crowd *c = arg;
    unsigned char bytes[2 * PAGE];
    unsigned seed = 17;
    size_t moved;

    for (unsigned i = 0; i < 150; i++) {
        seed = seed * 1103515245 + 12345;
        memset(bytes, 0x40 + (seed >> 16) % 16, sizeof bytes);
        if (cache_file_write(&c->f.file, bytes, sizeof bytes,
                             (oskit_u64_t)((seed >> 8) % CROWD_PAGES) * PAGE, &moved))
            atomic_fetch_add(&c->errors, 1);
        if (i % 20 == 19 && cache_file_truncate(&c->f.file, (seed >> 4) % (CROWD_PAGES * PAGE)))
            atomic_fetch_add(&c->errors, 1);
    }
    atomic_store(&c->stop, true);
}

static void crowd_reader(void *arg)
{
    struct crowd *c = arg;
    struct pagecache_reader reader = {0};
    unsigned char got[PAGE];
    oskit_u64_t at = 0;
    size_t moved;

    while (!atomic_load(&c->stop)) {
        if (cache_file_read(&c->f.file, &reader, got, PAGE, at, &moved))
            atomic_fetch_add(&c->errors, 1);
        for (size_t i = 0; i < moved; i++)
            if (got[i] != 0 && (got[i] < 0x40 || got[i] >= 0x50))
                atomic_fetch_add(&c->errors, 1);
        at = (at + PAGE) % (CROWD_PAGES * PAGE);
    }
}

static void crowd_keeper(void *arg)
{
    struct crowd *c = arg;
    void *page;

    while (!atomic_load(&c->stop)) {
        (void)pagecache_writeback(&c->f.file.cache, 0, UINT64_MAX, true);
        (void)env_test_reclaim(8);
        pagecache_drop(&c->f.file.cache, 0, 10 * PAGE);
        (void)pagecache_order(&c->f.file.cache);
        if (pagecache_getpage(&c->f.file.cache, 5, PAGER_WRITE, &page) == OSKIT_SUCCESS)
            env_page_unref(page);
        pagecache_sync(NULL, true);
    }
}

static void test_crowd(void **state)
{
    static struct crowd c;
    (void)state;

    memset(&c, 0, sizeof c);
    fixture_open(&c.f, 1024, CACHE_DISK_THREAD);
    env_test_user_races(true);
    assert_int_equal(env_thread_start("reader", crowd_reader, &c), 0);
    assert_int_equal(env_thread_start("reader", crowd_reader, &c), 0);
    assert_int_equal(env_thread_start("keeper", crowd_keeper, &c), 0);
    crowd_writer(&c);
    env_test_join_threads();
    env_test_user_races(false);
    assert_int_equal(atomic_load(&c.errors), 0);
    fixture_close(&c.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_write_read_back),
        HARNESS_TEST(test_walk),
        HARNESS_TEST(test_read_ahead),
        HARNESS_TEST(test_random_reads),
        HARNESS_TEST(test_merging),
        HARNESS_TEST(test_gathering),
        HARNESS_TEST(test_gathering_much),
        HARNESS_TEST(test_small_limits),
        HARNESS_TEST(test_read_error),
        HARNESS_TEST(test_write_error),
        HARNESS_TEST(test_no_space),
        HARNESS_TEST(test_bad_memory),
        HARNESS_TEST(test_no_memory),
        HARNESS_TEST(test_reclaim),
        HARNESS_TEST(test_drop_spares_mapped),
        HARNESS_TEST(test_crowd),
    };
    return cmocka_run_group_tests_name("pagecache", tests, NULL, NULL);
}
