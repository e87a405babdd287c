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
        f.file.next = f.file.next > 6000 / (block / 512) ? f.file.next : f.file.next;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_write_read_back),
        HARNESS_TEST(test_walk),
    };
    return cmocka_run_group_tests_name("pagecache", tests, NULL, NULL);
}
