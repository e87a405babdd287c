/* Queues of block requests: the RAM disk's, slices, queues over a blkio and blkio over queues. */
#include "harness.h"

#include <pthread.h>
#include <sluice/block.h>

struct told {
    struct block_request request;
    struct env_sleep sleep;
    oskit_error_t status;
    int times;
};

static void told_done(struct block_request *request, oskit_error_t status)
{
    struct told *t = request->arg;

    t->status = status;
    t->times++;
    env_wakeup(&t->sleep);
}

static void told_submit(struct told *t, sluice_blockqueue_t *queue)
{
    struct block_request *request = &t->request;

    env_sleep_init(&t->sleep);
    t->times = 0;
    request->done = told_done;
    request->arg = t;
    sluice_blockqueue_submit(queue, &request, 1);
}

static oskit_error_t told_wait(struct told *t, sluice_blockqueue_t *queue)
{
    told_submit(t, queue);
    assert_true(env_sleep(&t->sleep, ENV_FOREVER));
    assert_int_equal(t->times, 1);
    return t->status;
}

static oskit_error_t transfer(sluice_blockqueue_t *queue, enum block_op op, oskit_u64_t offset,
                              const struct sg_segment *segments, oskit_u32_t count)
{
    struct told t = {.request = {.op = op, .offset = offset, .segments = segments}};

    t.request.segment_count = count;
    for (oskit_u32_t i = 0; i < count; i++)
        t.request.length += segments[i].length;
    return told_wait(&t, queue);
}

static sluice_blockqueue_t *ramdisk_queue(oskit_off_t size, oskit_u32_t block)
{
    oskit_blkio_t *disk;

    assert_int_equal(ramdisk_create(size, block, &disk), 0);
    sluice_blockqueue_t *queue = sluice_query_face(disk, &sluice_blockqueue_iid);
    assert_non_null(queue);
    oskit_blkio_release(disk);
    return queue;
}

/* A blkio without a queue: a slice of a RAM disk. */
static oskit_blkio_t *plain_blkio(oskit_off_t size, oskit_u32_t block)
{
    oskit_blkio_t *disk, *slice;

    assert_int_equal(ramdisk_create(size, block, &disk), 0);
    assert_int_equal(oskit_blkio_subset(disk, 0, size, &slice), 0);
    oskit_blkio_release(disk);
    assert_null(sluice_query_face(slice, &sluice_blockqueue_iid));
    return slice;
}

static void fill(char *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)((seed = seed * 1103515245u + 12345u) >> 16);
}

static void check_read_write(sluice_blockqueue_t *queue)
{
    char *a = env_page_alloc(0, 0), *b = env_page_alloc(0, 0), *c = env_page_alloc(1, 0);
    struct sg_segment out[] = {{a, 4096}, {b, 1024}}, in[] = {{c, 512}, {c + 512, 4608}};

    fill(a, 4096, 1);
    fill(b, 4096, 2);
    assert_int_equal(transfer(queue, BLOCK_WRITE, 1024, out, 2), 0);
    assert_int_equal(transfer(queue, BLOCK_READ, 1024, in, 2), 0);
    assert_memory_equal(c, a, 4096);
    assert_memory_equal(c + 4096, b, 1024);
    struct told zero = {.request = {.op = BLOCK_WRITE_ZEROES, .offset = 1536, .length = 512}};
    assert_int_equal(told_wait(&zero, queue), 0);
    assert_int_equal(transfer(queue, BLOCK_READ, 1024, in, 2), 0);
    memset(a + 512, 0, 512);
    assert_memory_equal(c, a, 4096);
    struct told flush = {.request = {.op = BLOCK_FLUSH}};
    assert_int_equal(told_wait(&flush, queue), 0);
    env_page_unref(a);
    env_page_unref(b);
    env_page_unref(c);
}

static void check_refusals(sluice_blockqueue_t *queue, oskit_u64_t size)
{
    char *page = env_page_alloc(0, 0);
    struct sg_segment one[] = {{page, 512}}, odd[] = {{page, 100}}, none[] = {{page, 0}};

    assert_int_equal(transfer(queue, BLOCK_READ, size, one, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(transfer(queue, BLOCK_READ, UINT64_MAX - 511, one, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(transfer(queue, BLOCK_READ, 100, one, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, odd, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, none, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(transfer(queue, BLOCK_READ, 0, one, 0), OSKIT_E_INVALIDARG);
    assert_int_equal(transfer(queue, (enum block_op)17, 0, one, 1), OSKIT_E_INVALIDARG);
    struct told t = {.request = {.op = BLOCK_WRITE, .segments = one, .segment_count = 1}};
    t.request.length = 1024;
    assert_int_equal(told_wait(&t, queue), OSKIT_E_INVALIDARG);
    env_page_unref(page);
}

static void test_ramdisk(void **state)
{
    sluice_blockqueue_t *queue = ramdisk_queue(1 << 20, 512);
    struct block_statistics s;

    (void)state;
    check_read_write(queue);
    sluice_blockqueue_get_statistics(queue, &s);
    assert_int_equal(s.op[BLOCK_READ].requests, 2);
    assert_int_equal(s.op[BLOCK_READ].bytes, 2 * 5120);
    assert_int_equal(s.op[BLOCK_WRITE].bytes, 5120);
    assert_int_equal(s.op[BLOCK_FLUSH].requests, 1);
    assert_int_equal(s.in_flight, 0);
    oskit_u64_t in_buckets = 0;
    for (unsigned i = 0; i < BLOCK_LATENCY_BUCKETS; i++)
        in_buckets += s.op[BLOCK_READ].latency[i];
    assert_int_equal(in_buckets, 2);
    check_refusals(queue, 1 << 20);
    sluice_blockqueue_get_statistics(queue, &s);
    assert_true(s.op[BLOCK_READ].errors >= 5);
    sluice_blockqueue_release(queue);
}

static void test_slice(void **state)
{
    sluice_blockqueue_t *disk = ramdisk_queue(1 << 20, 512), *outer, *inner, *none;
    char *page = env_page_alloc(0, 0), *back = env_page_alloc(0, 0);
    struct sg_segment out = {page, 512}, in = {back, 512};
    struct block_statistics s;

    (void)state;
    assert_int_equal(blockqueue_slice(disk, 100, 512, &none), OSKIT_E_INVALIDARG);
    assert_int_equal(blockqueue_slice(disk, 1 << 20, 512, &none), OSKIT_E_INVALIDARG);
    assert_int_equal(blockqueue_slice(disk, 512, UINT64_MAX - 511, &none), OSKIT_E_INVALIDARG);
    assert_int_equal(blockqueue_slice(disk, 65536, 65536, &outer), 0);
    assert_int_equal(blockqueue_slice(outer, 4096, 8192, &inner), 0);
    check_read_write(inner);
    check_refusals(inner, 8192);
    fill(page, 512, 3);
    struct told t = {.request = {.op = BLOCK_WRITE, .offset = 7680, .length = 512}};
    t.request.segments = &out;
    t.request.segment_count = 1;
    assert_int_equal(told_wait(&t, inner), 0);
    assert_int_equal(t.request.offset, 7680); /* as the submitter left it */
    assert_int_equal(transfer(disk, BLOCK_READ, 65536 + 4096 + 7680, &in, 1), 0);
    assert_memory_equal(page, back, 512);
    sluice_blockqueue_get_statistics(inner, &s);
    assert_int_equal(s.op[BLOCK_WRITE].requests, 2);
    assert_int_equal(s.in_flight, 0);
    sluice_blockqueue_release(outer);
    sluice_blockqueue_release(disk);
    assert_int_equal(transfer(inner, BLOCK_READ, 7680, &in, 1), 0);
    sluice_blockqueue_release(inner);
    env_page_unref(page);
    env_page_unref(back);
}

static void test_over_blkio(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 4; workers += 3) {
        oskit_blkio_t *io = plain_blkio(1 << 20, 512);
        sluice_blockqueue_t *queue;
        assert_int_equal(blkio_blockqueue(io, 0, &queue), OSKIT_E_INVALIDARG);
        assert_int_equal(blkio_blockqueue(io, workers, &queue), 0);
        oskit_blkio_release(io);
        check_read_write(queue);
        check_refusals(queue, 1 << 20);
        sluice_blockqueue_release(queue);
    }
}

/* Many requests at once, some given up: each is told once, and those done have their bytes. */
static void test_over_blkio_many(void **state)
{
    enum { COUNT = 64 };
    oskit_blkio_t *io = plain_blkio(1 << 20, 512);
    static struct told t[COUNT];
    struct sg_segment segments[COUNT];
    sluice_blockqueue_t *queue;
    int given_up = 0;

    (void)state;
    assert_int_equal(blkio_blockqueue(io, 3, &queue), 0);
    oskit_blkio_release(io);
    for (unsigned i = 0; i < COUNT; i++) {
        segments[i] = (struct sg_segment){env_page_alloc(0, 0), 4096};
        fill(segments[i].base, 4096, i);
        t[i].request = (struct block_request){.op = BLOCK_WRITE, .offset = i * 4096ull};
        t[i].request.length = 4096;
        t[i].request.segments = &segments[i];
        t[i].request.segment_count = 1;
        told_submit(&t[i], queue);
    }
    for (unsigned i = 0; i < COUNT; i += 5)
        given_up += sluice_blockqueue_cancel(queue, &t[i].request) == 0;
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(env_sleep(&t[i].sleep, ENV_FOREVER));
        assert_int_equal(t[i].times, 1);
        given_up -= t[i].status == OSKIT_ECANCELED;
        assert_true(t[i].status == 0 || (i % 5 == 0 && t[i].status == OSKIT_ECANCELED));
    }
    assert_int_equal(given_up, 0);
    char *back = env_page_alloc(0, 0);
    for (unsigned i = 1; i < COUNT; i += 5) {
        struct sg_segment in = {back, 4096};
        assert_int_equal(transfer(queue, BLOCK_READ, i * 4096ull, &in, 1), 0);
        assert_memory_equal(back, segments[i].base, 4096);
    }
    for (unsigned i = 0; i < COUNT; i++)
        env_page_unref(segments[i].base);
    env_page_unref(back);
    sluice_blockqueue_release(queue);
}

/* The seed's calls over a queue: unaligned memory, ends, and more than one request takes. */
static void test_blkio_over_queue(void **state)
{
    enum { SIZE = 600 * 1024 };
    sluice_blockqueue_t *queue = ramdisk_queue(1 << 20, 512), *same;
    static char out[SIZE + 1], in[SIZE + 1];
    oskit_size_t actual;
    oskit_blkio_t *io;

    (void)state;
    assert_int_equal(blockqueue_blkio(queue, &io), 0);
    sluice_blockqueue_release(queue);
    assert_int_equal(oskit_blkio_getblocksize(io), 512);
    fill(out, sizeof out, 9);
    assert_int_equal(oskit_blkio_write(io, out + 1, 512, SIZE, &actual), 0);
    assert_int_equal(actual, SIZE);
    assert_int_equal(oskit_blkio_read(io, in + 1, 512, SIZE, &actual), 0);
    assert_int_equal(actual, SIZE);
    assert_memory_equal(in + 1, out + 1, SIZE);
    assert_int_equal(oskit_blkio_read(io, in, (1 << 20) - 512, 4096, &actual), 0);
    assert_int_equal(actual, 512);
    assert_int_equal(oskit_blkio_read(io, in, 1 << 20, 512, &actual), 0);
    assert_int_equal(actual, 0);
    assert_int_equal(oskit_blkio_write(io, in, 1 << 20, 512, &actual), OSKIT_ENOSPC);
    assert_int_equal(oskit_blkio_read(io, in, 1, 512, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(blkio_blockqueue(io, 1, &same), 0); /* found by query */
    check_read_write(same);
    sluice_blockqueue_release(same);
    oskit_blkio_release(io);
}

/* One transfer longer than a request may be, from odd segments. */
static void test_transfer_splits(void **state)
{
    enum { PAGES = 600 };
    oskit_blkio_t *io = plain_blkio(4 << 20, 512);
    static struct sg_segment segments[PAGES];
    sluice_blockqueue_t *queue;

    (void)state;
    assert_int_equal(blkio_blockqueue(io, 2, &queue), 0);
    oskit_blkio_release(io);
    struct block_request request = {.op = BLOCK_WRITE, .segments = segments};
    for (unsigned i = 0; i < PAGES; i++) {
        segments[i] = (struct sg_segment){env_page_alloc(0, 0), 512u * (1 + i % 8)};
        fill(segments[i].base, 4096, i);
        request.length += segments[i].length;
    }
    request.segment_count = PAGES;
    assert_int_equal(block_transfer(queue, &request), 0);
    char *back = env_page_alloc(0, 0);
    oskit_u64_t offset = 0;
    for (unsigned i = 0; i < PAGES; i++) {
        struct sg_segment in = {back, segments[i].length};
        assert_int_equal(transfer(queue, BLOCK_READ, offset, &in, 1), 0);
        assert_memory_equal(back, segments[i].base, segments[i].length);
        offset += segments[i].length;
        env_page_unref(segments[i].base);
    }
    env_page_unref(back);
    request = (struct block_request){.op = BLOCK_DISCARD, .length = 4096};
    assert_int_equal(block_transfer(queue, &request), OSKIT_EOPNOTSUPP);
    sluice_blockqueue_release(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_ramdisk),          HARNESS_TEST(test_slice),
        HARNESS_TEST(test_over_blkio),       HARNESS_TEST(test_over_blkio_many),
        HARNESS_TEST(test_blkio_over_queue), HARNESS_TEST(test_transfer_splits),
    };
    return cmocka_run_group_tests_name("blockqueue", tests, NULL, NULL);
}
