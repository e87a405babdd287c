/* Buffers in several pieces, and the wired pool. */
#include "harness.h"

#include <pthread.h>
#include <sluice/pool.h>
#include <sluice/sgbuf.h>

enum { PAGES = 5, FIRST = 100, SIZE = PAGES * ENV_PAGE_SIZE - FIRST - 50 };

/* Pages 1 and 2 are neighbours; with one reference each for the buffer. */
static oskit_bufio_t *pieces(void *pages[PAGES])
{
    oskit_bufio_t *io;

    for (int i = 0; i < PAGES; i++)
        pages[i] = env_page_alloc(0, ENV_ZERO);
    assert_int_equal(pagebuf_create(pages, FIRST, SIZE, &io), 0);
    return io;
}

static void test_read_and_write_cross_pages(void **state)
{
    static char out[SIZE], in[SIZE + 10];
    void *pages[PAGES];
    oskit_size_t actual;
    oskit_off_t size;

    (void)state;
    oskit_bufio_t *io = pieces(pages), *copy;
    for (size_t i = 0; i < SIZE; i++)
        out[i] = (char)(i * 7 + i / 251);
    assert_int_equal(oskit_bufio_getsize(io, &size), 0);
    assert_int_equal(size, SIZE);
    assert_int_equal(oskit_bufio_write(io, out, 0, SIZE, &actual), 0);
    assert_int_equal(actual, SIZE);
    assert_memory_equal((char *)pages[0] + FIRST, out, ENV_PAGE_SIZE - FIRST);
    assert_int_equal(oskit_bufio_read(io, in, 3000, sizeof in, &actual), 0);
    assert_int_equal(actual, SIZE - 3000);
    assert_memory_equal(in, out + 3000, SIZE - 3000);
    assert_int_equal(oskit_bufio_write(io, out, SIZE, 1, &actual), OSKIT_ENOSPC);
    assert_int_equal(oskit_bufio_read(io, in, -1, 1, &actual), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_copy(io, 5000, 6000, &copy), 0);
    assert_int_equal(oskit_bufio_read(copy, in, 0, 6000, &actual), 0);
    assert_memory_equal(in, out + 5000, 6000);
    oskit_bufio_release(copy);
    oskit_bufio_release(io);
}

static void test_map_and_wire_in_one_piece(void **state)
{
    void *pages[PAGES], *at;
    oskit_addr_t address;

    (void)state;
    oskit_bufio_t *io = pieces(pages);
    assert_int_equal(oskit_bufio_map(io, &at, 10, 200), 0);
    assert_ptr_equal(at, (char *)pages[0] + FIRST + 10);
    assert_int_equal(oskit_bufio_unmap(io, at, 10, 200), 0);
    assert_int_equal(oskit_bufio_unmap(io, at, 11, 200), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_map(io, &at, SIZE, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_wire(io, &address, 10, 200), 0);
    assert_int_equal(address, env_dma_address((char *)pages[0] + FIRST + 10));
    assert_int_equal(oskit_bufio_release(io), 1); /* the pin's */
    assert_int_equal(oskit_bufio_unwire(io, address + 1, 10, 200), OSKIT_E_INVALIDARG);
    assert_int_equal(oskit_bufio_unwire(io, address, 10, 200), 0);
}

/* Whatever way the range is cut, the segments are its bytes in order. */
static void test_segments_cover_the_range(void **state)
{
    void *pages[PAGES];
    struct sg_segment segments[PAGES];
    oskit_u32_t count;
    oskit_size_t bytes;

    (void)state;
    oskit_bufio_t *io = pieces(pages);
    sluice_sgbuf_t *sg = sluice_query_face(io, &sluice_sgbuf_iid);
    assert_non_null(sg);
    for (oskit_u32_t max = 1; max <= PAGES; max++) {
        oskit_off_t at = 0;
        while (at < SIZE) {
            assert_int_equal(sluice_sgbuf_wire(sg, at, (oskit_size_t)(SIZE - at), SGBUF_READ,
                                               segments, max, &count, &bytes),
                             0);
            assert_true(count >= 1 && count <= max && bytes > 0);
            oskit_size_t sum = 0;
            for (oskit_u32_t i = 0; i < count; i++) {
                size_t place = FIRST + (size_t)at + sum;
                assert_ptr_equal(segments[i].base,
                                 (char *)pages[place / ENV_PAGE_SIZE] + place % ENV_PAGE_SIZE);
                sum += segments[i].length;
            }
            assert_int_equal(sum, bytes);
            assert_int_equal(sluice_sgbuf_unwire(sg, at, bytes), 0);
            at += (oskit_off_t)bytes;
        }
    }
    assert_int_equal(sluice_sgbuf_unwire(sg, 0, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(sluice_sgbuf_wire(sg, 1, SIZE, SGBUF_READ, segments, 1, &count, &bytes),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(sluice_sgbuf_wire(sg, 0, SIZE, SGBUF_READ, segments, 0, &count, &bytes),
                     OSKIT_E_INVALIDARG);
    sluice_sgbuf_release(sg);
    oskit_bufio_release(io);
}

static void test_heap_buffer_is_one_segment(void **state)
{
    oskit_bufio_t *io = oskit_bufio_create(70000), *plain;
    sluice_sgbuf_t *sg = sluice_query_face(io, &sluice_sgbuf_iid);
    struct sg_segment segment;
    static char outside[100];
    oskit_u32_t count;
    oskit_size_t bytes;

    (void)state;
    assert_int_equal(sluice_sgbuf_wire(sg, 10, 69990, SGBUF_WRITE, &segment, 1, &count, &bytes), 0);
    assert_int_equal(count, 1);
    assert_int_equal(bytes, 69990);
    assert_int_equal(segment.length, 69990);
    sluice_sgbuf_release(sg);
    oskit_bufio_release(io);
    assert_int_equal(sluice_sgbuf_unwire(sg, 10, 69990), 0); /* ends it */
    plain = oskit_create_extern_bufio(outside, sizeof outside, NULL, NULL);
    sg = sluice_query_face(plain, &sluice_sgbuf_iid);
    assert_int_equal(sluice_sgbuf_wire(sg, 0, 10, SGBUF_READ, &segment, 1, &count, &bytes),
                     OSKIT_E_NOTIMPL);
    sluice_sgbuf_release(sg);
    oskit_bufio_release(plain);
}

static void test_pool_limits(void **state)
{
    enum { LIMIT = 40 };
    void *taken[LIMIT];
    struct pool pool;

    (void)state;
    assert_int_equal(pool_init(&pool, 0, 0, 1), OSKIT_E_INVALIDARG);
    assert_int_equal(pool_init(&pool, 64, 2, 1), OSKIT_E_INVALIDARG);
    for (oskit_u32_t size = 1; size <= 100000; size = size * 5 + 3) {
        assert_int_equal(pool_init(&pool, size, 3, LIMIT), 0);
        for (int i = 0; i < LIMIT; i++) {
            taken[i] = pool_take(&pool);
            assert_non_null(taken[i]);
            assert_int_equal((uintptr_t)taken[i] % 64, 0);
            memset(taken[i], i, size);
        }
        assert_null(pool_take(&pool));
        for (int i = 0; i < LIMIT; i++) {
            assert_int_equal(((unsigned char *)taken[i])[size - 1], i);
            pool_give(&pool, taken[i]);
        }
        assert_non_null(taken[0] = pool_take(&pool));
        pool_give(&pool, taken[0]);
        pool_fini(&pool);
    }
}

static void *take_and_give(void *arg)
{
    struct pool *pool = arg;

    for (int i = 0; i < 5000; i++) {
        unsigned char *piece = pool_take(pool);
        if (piece == NULL)
            continue;
        piece[0] = piece[63] = (unsigned char)i;
        assert_int_equal(piece[0], piece[63]);
        pool_give(pool, piece);
    }
    return NULL;
}

static void test_pool_shared(void **state)
{
    pthread_t threads[4];
    struct pool pool;

    (void)state;
    assert_int_equal(pool_init(&pool, 64, 0, 3), 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, take_and_give, &pool);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(pool.free_count, pool.count);
    assert_true(pool.count <= 3);
    pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_read_and_write_cross_pages),
        HARNESS_TEST(test_map_and_wire_in_one_piece),
        HARNESS_TEST(test_segments_cover_the_range),
        HARNESS_TEST(test_heap_buffer_is_one_segment),
        HARNESS_TEST(test_pool_limits),
        HARNESS_TEST(test_pool_shared),
    };
    return cmocka_run_group_tests_name("sgbuf", tests, NULL, NULL);
}
